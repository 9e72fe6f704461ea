#!/bin/sh
# tools/venv.sh DIRECTORY: makes a virtual environment with the first Python >= 3.11 found (or $PYTHON).
set -eu

found=
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        found=$python
        break
    fi
done
if [ -z "$found" ]; then
    echo "No Python 3.11 or newer found. Install one, or say where it is: make PYTHON=/path/to/python3" >&2
    exit 1
fi

# Debian splits ensurepip off into python3-venv.
if ! "$found" -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends python3-venv
    else
        echo "$found cannot make virtual environments. Run as root: apt-get install python3-venv" >&2
        exit 1
    fi
fi
"$found" -m venv "$1"
