#!/bin/sh
# tools/prometheus.sh DIRECTORY: unpacks Debian's prometheus and promtool there. Nothing is installed and no service starts.
set -eu

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    echo "prometheus and promtool are on PATH"
    mkdir -p "$1"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "prometheus and promtool are not on PATH, and this is not Debian. Get both from https://prometheus.io/download/" >&2
    exit 1
fi
rm -rf "$1"
mkdir -p "$1"
cd "$1"
if ! apt-get download -qq prometheus; then
    if [ "$(id -u)" != 0 ]; then
        echo "The package lists do not know prometheus. Run as root: apt-get update (or apt-get install prometheus)" >&2
        exit 1
    fi
    apt-get update -qq
    apt-get download -qq prometheus
fi
dpkg-deb -x prometheus_*.deb .
rm prometheus_*.deb
