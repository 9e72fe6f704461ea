#!/bin/sh
# tools/pint.sh FILE: builds cloudflare's pint, which checks Prometheus rules, from the Go module proxy; tools/pint/go.mod
# pins it by checksum. (The package pint of PyPI is about physical units.)
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
case $1 in
    /*) out=$1 ;;
    *) out=$PWD/$1 ;;
esac
cd "$root/tools/pint"
GO_MODULE=$PWD/go.mod exec "$root/tools/go.sh" build -o "$out" github.com/cloudflare/pint/cmd/pint
