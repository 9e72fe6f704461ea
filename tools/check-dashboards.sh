#!/bin/sh
# tools/check-dashboards.sh: dashboards/*.json are as built, and of the types of npm's @grafana/schema (those of Grafana 13),
# which finds wrong types as well as unknown keys. Without npm the types are not checked, but in CI it must be there.
set -eu

cd "$(dirname "$0")/.."
.venv/bin/python -m tools.dashboards --check

if ! command -v npm >/dev/null; then
    echo "npm is missing: the dashboards are not checked against Grafana's types" >&2
    [ "${NOVACENTER_REQUIRE_EXTERNAL:-}" != 1 ]
    exit
fi
types=.build/dashboard-types
if ! cmp -s tools/dashboard-types/package-lock.json "$types/installed"; then
    rm -rf "$types"
    mkdir -p "$types"
    cp tools/dashboard-types/package.json tools/dashboard-types/package-lock.json "$types"
    (cd "$types" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp tools/dashboard-types/package-lock.json "$types/installed"
fi

# A module for each file, so that a fault names it.
rm -f "$types"/*.ts
for file in dashboards/*.json; do
    name=$(basename "$file" .json)
    {
        cat tools/dashboard-types/delivered.ts
        printf '\n('
        cat "$file"
        printf ') satisfies Written<Delivered>;\n'
    } >"$types/$name.ts"
done
cd "$types"
node_modules/.bin/tsc --noEmit --strict --skipLibCheck --moduleResolution bundler --module esnext --target es2022 ./*.ts
