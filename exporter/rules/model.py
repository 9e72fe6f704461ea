"""Prometheus rules as values: alerts, recordings, groups, and how they are written as YAML. Pure.

All alerts are about what is seen, whoever sees it: expressions drop the labels in which replicas of the agent differ.
"""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

REPLICA = "instance, pod"
"""The labels in which two agents that look at the same things differ."""
JOB = "novacenter"
"""The name of the scrape job, as in alerts/prometheus.yml."""
MEMORY = "30m"
"""For how long a series may have been missing and still is not a new one."""
HEAD = "# Written by `make rules` from exporter/rules/ and exporter/thresholds.py; do not edit.\n"


@dataclass(frozen=True, slots=True)
class Opens:
    """The incident class that an alert opens, and the resource (a template) by which the SLA engine knows it.

    Only for what no condition of the policy sees: the agent looks at its own metrics sooner than an alert arrives.
    """

    class_: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert. ``hold`` and ``keep`` are seconds of ``for`` and ``keep_firing_for``.

    ``severity`` is critical (wakes somebody), warning (a ticket), info (to be seen beside others) or none.
    ``class_`` is the incident class that it is about.
    """

    name: str
    severity: str
    expr: str
    summary: str
    description: str
    hold: float = 0.0
    keep: float = 0.0
    class_: str = ""
    opens: Opens | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording rule."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated one after the other, every ``interval`` seconds (0: as Prometheus is configured)."""

    name: str
    rules: tuple[Alert | Recording, ...]
    interval: float = 0.0


def seen(expression: str, *without: str) -> str:
    """The expression as any replica sees it, the greatest value where they differ; ``without`` further labels."""
    return f"max without ({', '.join((REPLICA, *without))}) (\n{textwrap.indent(expression, '  ')}\n)"


def grew(selector: str, *, by: str, window: str, source: str, on: str) -> str:
    """By how much counters grew within ``window``, summed ``by`` labels; absent where they did not.

    A counter that appears with a value has no increase() (its first sample has none before it), so one that is new
    counts with its value. New is one that was not there in the MEMORY before the window while ``source``, matched
    ``on`` labels, was: otherwise nobody looked.
    """
    rows = (
        f"increase({selector}[{window}]) > 0",
        "or",
        "(",
        f"  {selector} > 0",
        f"  unless last_over_time({selector}[{MEMORY}] offset {window})",
        f"  and on ({on}) {source} offset {window}",
        ")",
    )
    return f"sum by ({by}) (\n{textwrap.indent(seen(chr(10).join(rows)), '  ')}\n)"


def duration(seconds: float) -> str:
    """Seconds as Prometheus writes a duration, in the largest unit that is whole."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.12g}{unit}"
    return f"{seconds:.12g}s" if seconds % 1 == 0 else f"{seconds * 1000:.12g}ms"


def percent(ratio: float) -> str:
    """A ratio as text: ``80 %``."""
    return f"{ratio * 100:.12g} %"


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """One scalar."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def text(groups: Iterable[Group], *, runbooks: str) -> str:
    """A rule file. ``runbooks`` is where the pages on alerts are: ``{runbooks}/{alert}.md``."""
    body = {"groups": [_group(group, runbooks) for group in groups]}
    return HEAD + yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)


def _group(group: Group, runbooks: str) -> dict[str, Any]:
    interval = {"interval": duration(group.interval)} if group.interval else {}
    rules = [_alert(rule, runbooks) if isinstance(rule, Alert) else _recording(rule) for rule in group.rules]
    return {"name": group.name, **interval, "rules": rules}


def _recording(rule: Recording) -> dict[str, Any]:
    labels = {"labels": dict(rule.labels)} if rule.labels else {}
    return {"record": rule.name, "expr": rule.expr, **labels}


def _alert(rule: Alert, runbooks: str) -> dict[str, Any]:
    made: dict[str, Any] = {"alert": rule.name, "expr": rule.expr}
    if rule.hold:
        made["for"] = duration(rule.hold)
    if rule.keep:
        made["keep_firing_for"] = duration(rule.keep)
    class_ = rule.opens.class_ if rule.opens else rule.class_
    made["labels"] = {"severity": rule.severity, **({"class": class_} if class_ else {}), **rule.labels}
    if rule.opens:
        made["labels"] |= {"sla_class": rule.opens.class_, "sla_resource": rule.opens.resource}
    made["annotations"] = {
        "summary": rule.summary,
        "description": rule.description,
        "runbook_url": f"{runbooks}/{rule.name}.md",
    }
    return made
