#!/bin/sh
# Make what the peers of the compose file need, once: the network's keys, and to each peer its own key and data.
#
#   init.sh PEER …      with volumes at /made/network, /made/operator and /made/PEER
set -eu
MADE=/made
sleep_as_nobody() { exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all sleep infinity; }

if [ -e $MADE/network/complete ]; then
  echo "keys and data are there already"
  sleep_as_nobody
fi

work=$(mktemp -d)
quietly() { "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }; }
cp /compose/network.yaml "$work/"
quietly difpeer keys init --network "$work/network.yaml"
quietly difpeer data synth --network "$work/network.yaml" --tasks 60 --dim 60 --samples 30 --rank 3 --out "$work/data"
for peer in "$@"; do
  home=$MADE/$peer
  rm -rf "$home/keys" "$home/data" "$home/state"
  mkdir -p "$home/keys" "$home/data" "$home/state"
  cp "$work/keys/$peer.key" "$home/keys/"
  cp -r "$work/data/$peer" "$home/data/"
  chown -R 10001:10001 "$home"
  chmod 700 "$home"
done
cp "$work/keys/operator.key" $MADE/operator/
rm -rf $MADE/network/certs
cp -r "$work/certs" "$work/network.yaml" $MADE/network/
chmod -R a+rX $MADE/network
rm -rf "$work"
touch $MADE/network/complete # at last: what was interrupted is made anew
echo "made keys and data of $*"
sleep_as_nobody
