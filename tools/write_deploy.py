"""Writes what in deploy/ follows from alerts/; with --check it only says whether the committed files are up to date.

The rules as PrometheusRule objects, and the configurations of Prometheus and Alertmanager with the names of services in
place of loopback addresses.
"""

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALERTS = ROOT / "alerts"
DEPLOY = ROOT / "deploy"

_HEAD = "# Written by tools/write_deploy.py from alerts/{source}; do not edit.\n"
_RULE = """\
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: novacenter-{name}
  labels:
    app.kubernetes.io/name: novacenter
spec:
"""
_SERVICES = {
    "127.0.0.1:9272": "agent:9272",
    "127.0.0.1:9090": "prometheus:9090",
    "127.0.0.1:9093": "alertmanager:9093",
    "/etc/alertmanager/novacenter.token": "/run/secrets/webhook_token",
}
_STORAGE = """
# What /late delivers is older than the newest sample.
storage:
  tsdb:
    out_of_order_time_window: 1h
"""


def prometheus_rules() -> str:
    """Each file of rules as a PrometheusRule."""
    parts = [_HEAD.format(source="*.rules.yml")]
    for file in sorted(ALERTS.glob("*.rules.yml")):
        head = _RULE.format(name=file.name.removesuffix(".rules.yml"))
        parts.append(head + textwrap.indent(file.read_text(encoding="utf-8"), "  "))
    return "".join(parts)


def for_services(name: str) -> str:
    """A configuration of alerts/ with the names of compose.yaml's services and secrets."""
    text = (ALERTS / name).read_text(encoding="utf-8")
    for loopback, service in _SERVICES.items():
        text = text.replace(loopback, service)
    return _HEAD.format(source=name) + text


def written() -> Mapping[Path, str]:
    """Every file and its text."""
    return {
        DEPLOY / "kubernetes" / "prometheusrule.yaml": prometheus_rules(),
        DEPLOY / "compose" / "prometheus.yml": for_services("prometheus.yml") + _STORAGE,
        DEPLOY / "compose" / "alertmanager.yml": for_services("alertmanager.yml"),
    }


def main(arguments: list[str]) -> int:
    """0, or with --check 1 where a committed file is another."""
    late = 0
    for file, text in written().items():
        if arguments != ["--check"]:
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            print(f"{file.relative_to(ROOT)} is out of date; run `python tools/write_deploy.py`")
            late = 1
    return late


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
