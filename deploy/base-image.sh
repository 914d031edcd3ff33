#!/usr/bin/env bash
# Make the base of difpeer's images where no registry can be reached: Debian with Python, from a package mirror.
#
#   deploy/base-image.sh NAME [MIRROR]       such as: deploy/base-image.sh difpeer-base:bookworm
#   docker build --build-arg BASE_IMAGE=NAME …
#
# NAME is the image to make, MIRROR a Debian mirror such as that of an air-gapped site; without one debootstrap takes
# its own.
# The certificate authorities of this machine are taken along, so that what this machine trusts the image trusts.
# Needs root, debootstrap and docker.
set -euo pipefail

SUITE=bookworm
PACKAGES=python3,python3-venv,ca-certificates,iproute2
CA_BUNDLE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
SITE_CA=/usr/local/share/ca-certificates

fail() { # problem, mend, status
  echo "error: $1; $2" >&2
  exit "$3"
}

[[ $# -eq 1 || $# -eq 2 ]] || fail "give the name of the image to make" "such as: $0 difpeer-base:$SUITE" 2
name=$1
mirror=${2:-}
[[ $(id -u) -eq 0 ]] || fail "debootstrap needs root" "run it with sudo" 2
command -v debootstrap >/dev/null || fail "debootstrap is not installed" "apt-get install debootstrap" 2
command -v docker >/dev/null || fail "docker is not installed" "apt-get install docker.io" 2
docker version >/dev/null 2>&1 || fail "docker does not answer" "start its service, or see: docker version" 2

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
if ! debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$root" ${mirror:+"$mirror"} >"$work/log" 2>&1; then
  tail -n 20 "$work/log" "$root/debootstrap/debootstrap.log" >&2 2>/dev/null || true
  fail "debootstrap could not make $SUITE from ${mirror:-its own mirror}" "see the lines above; give a mirror that this machine reaches" 1
fi

# A site's own authorities: by Debian's mechanism where it used that, and as the bundle that its tools are pointed to.
if compgen -G "$SITE_CA/*.crt" >/dev/null; then
  cp "$SITE_CA"/*.crt "$root$SITE_CA/"
  chroot "$root" update-ca-certificates >/dev/null 2>&1
fi
if [[ -r $CA_BUNDLE ]]; then
  cp --dereference "$CA_BUNDLE" "$root/etc/ssl/certs/ca-certificates.crt"
fi

# Nothing of this is needed in a container, and each container would carry it.
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/{doc,man,info}/* \
  "$root"/usr/share/locale/* "$root"/tmp/* "$root"/etc/resolv.conf "$root"/etc/hostname

tar --create --numeric-owner --one-file-system --directory "$root" . |
  docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'CMD ["bash"]' - "$name" >/dev/null
echo "made $name: $(docker image inspect --format '{{.Size}}' "$name") bytes"
