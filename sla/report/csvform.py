"""The report as CSV (RFC 4180): a row for each incident and target, instants in UTC, durations in seconds."""

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from sla.report.document import Document

_INCIDENT = (
    "id",
    "class",
    "resource",
    "site",
    "state",
    "start",
    "opened_at",
    "noticed_at",
    "acked_at",
    "acked_by",
    "resolved_at",
    "cancelled_because",
    "reopens",
    "flaps",
    "during_maintenance",
    "policy",
)
_TIMER = (
    "target",
    "limit_seconds",
    "outcome",
    "decided_at",
    "provisional",
    "cycle",
    "cycles",
    "elapsed_seconds",
    "elapsed_approved_seconds",
    "elapsed_certain_seconds",
    "paused_seconds",
    "gaps_seconds",
    "breached_at",
    "breach_certain",
    "breached_approved",
)
_SECONDS = (
    "down_seconds",
    "excluded_announced_seconds",
    "excluded_approved_seconds",
    "excluded_requested_seconds",
    "unknown_seconds",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(made: Document) -> str:
    """With a head, lines end in CR LF. What is not there is empty.

    ``crossings`` are ``cycle/percent/instant``, separated by spaces. A text that a spreadsheet would take for a formula
    begins with an apostrophe (OWASP, "CSV Injection"): others choose the names of resources.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow((*_INCIDENT, *_TIMER, *_SECONDS, "crossings"))
    writer.writerows(list(row) for incident in made["incidents"] for row in _rows(incident))
    return text.getvalue()


def _rows(incident: Mapping[str, Any]) -> Iterator[Iterator[object]]:
    for timer in incident["timers"]:
        yield map(_cell, _values(incident, timer))


def _values(incident: Mapping[str, Any], timer: Mapping[str, Any]) -> Iterator[object]:
    yield from (incident[key] for key in _INCIDENT)
    yield from (timer[key] for key in _TIMER)
    yield from (incident["seconds"][key] for key in _SECONDS)
    yield " ".join(f"{one['cycle']}/{one['percent']}/{one['at']}" for one in timer["crossings"])


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
