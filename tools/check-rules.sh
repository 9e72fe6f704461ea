#!/bin/sh
# tools/check-rules.sh: what promtool, amtool and pint say of alerts/: rules, their tests, both configurations, and that the
# rules are what `novacenter rules` writes.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
PATH="$root/.build/prometheus/usr/bin:$root/.build/alertmanager/usr/bin:$PATH"
cd "$root/alerts"

quietly() {
    if ! said=$("$@" 2>&1); then
        printf '%s:\n%s\n' "$*" "$said" >&2
        exit 1
    fi
}

quietly "$root/.venv/bin/novacenter" rules --output . --check
quietly promtool check rules --lint=all --lint-fatal ./*.rules.yml
quietly promtool check config --lint=all --lint-fatal prometheus.yml
quietly promtool test rules tests/*.yml
quietly amtool check-config alertmanager.yml
quietly "$root/.build/pint" --offline --config .pint.hcl lint --min-severity=info --fail-on=warning ./*.rules.yml
