#!/bin/sh
# Remove from an environment what no program runs: the packages' own tests, and what only a compiler reads. Then compile
# the rest, on all processors: a container cannot keep what Python compiles when it starts.
#
#   deploy/trim.sh ENVIRONMENT
set -eu
packages=$(echo "$1"/lib/python3.*/site-packages)
find "$packages" -type d -name tests -prune -exec rm -rf {} +
find "$packages" -type f \( -name '*.a' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.hpp' -o -name '*.pyi' \) -delete
# What does not compile is a template, or for another version of Python.
"$1/bin/python" -m compileall -q -j 0 "$packages" >/dev/null || true
