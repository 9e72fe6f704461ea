#!/bin/sh
# tools/alertmanager.sh DIRECTORY: puts alertmanager into DIRECTORY: that of this machine, else Debian's package
# prometheus-alertmanager, unpacked there. Nothing is installed and no service starts.
set -eu

rm -rf "$1"
mkdir -p "$1"
cd "$1"
if [ -z "${NOVACENTER_UNPACK:-}" ]; then
    # Debian calls it prometheus-alertmanager.
    found=$(command -v prometheus-alertmanager || command -v alertmanager || true)
    if [ -n "$found" ]; then
        ln -s "$found" alertmanager
        exit 0
    fi
fi
if ! command -v apt-get >/dev/null; then
    echo "alertmanager is not on PATH, and this is not Debian. Get it from https://prometheus.io/download/" >&2
    exit 1
fi
# apt drops to the user _apt, who may not be allowed to write here.
download() {
    apt-get download -qq -o APT::Sandbox::User=root prometheus-alertmanager
}
if ! download; then
    if [ "$(id -u)" != 0 ]; then
        echo "The package lists do not know prometheus-alertmanager. Run as root: apt-get update (or apt-get install it)" >&2
        exit 1
    fi
    apt-get update -qq
    download
fi
dpkg-deb -x prometheus-alertmanager_*.deb .
rm prometheus-alertmanager_*.deb
ln -s usr/bin/prometheus-alertmanager alertmanager
