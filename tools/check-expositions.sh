#!/bin/sh
# tools/check-expositions.sh DIRECTORY: `promtool check metrics` has nothing to say about any *.prom file there.
set -eu

PATH="$(cd "$(dirname "$0")/.." && pwd)/.build/prometheus/usr/bin:$PATH"
status=0
for file in "$1"/*.prom; do
    [ -e "$file" ] || continue
    # promtool takes days that are counted for a unit of time.
    said=$(promtool check metrics <"$file" 2>&1 | grep -v '^canary_valid_days use base unit' || true)
    if [ -n "$said" ]; then
        printf '%s:\n%s\n' "$file" "$said" >&2
        status=1
    fi
done
exit "$status"
