#!/bin/sh
# Run a command of the operator as the user whose folder /runs is, so that what it writes there is theirs.
#
#   job.sh COMMAND …
set -eu
owner=$(stat -c %u:%g /runs)
if [ "${owner%%:*}" = 0 ]; then
  # Docker has made it just now, as root: it is for whoever has this project's files.
  owner=$(stat -c %u:%g /compose)
  chown "$owner" /runs
fi
install -o "${owner%%:*}" -g "${owner##*:}" -m 600 /made/operator/operator.key "$DIFPEER_KEY"
export HOME=/tmp
exec setpriv --reuid "${owner%%:*}" --regid "${owner##*:}" --clear-groups --inh-caps=-all --bounding-set=-all -- "$@"
