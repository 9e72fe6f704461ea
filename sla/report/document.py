"""The report as JSON, schema ``novacenter/sla-report/1`` (docs/sla-report.md). Every other form is made from it."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeAlias

from sla.report.model import Report

SCHEMA = "novacenter/sla-report/1"
"""Its number rises when a key changes its meaning or goes away; new keys may come without that."""

_INSTANTS = frozenset({"at", "start", "end"})

Document: TypeAlias = Mapping[str, Any]


def document(report: Report) -> dict[str, Any]:
    """Instants are RFC 3339 in UTC, durations seconds, shares 0 to 1, None what there is no number for."""
    found: dict[str, Any] = {"schema": SCHEMA}
    found |= _plain(report, "")
    return found


def as_json(made: Document) -> str:
    """The text, indented, one form for one value."""
    return json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any, key: str) -> Any:
    if is_dataclass(value):
        names = [one.name for one in fields(value)]
        return {name.rstrip("_"): _plain(getattr(value, name), name) for name in names}
    if isinstance(value, tuple):
        return [_plain(item, key) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int | float) and (key in _INSTANTS or key.endswith("_at")):
        return _instant(value)
    if isinstance(value, float):
        return _number(value, 12 if key.endswith("_ratio") or key == "ratio" else 6)
    return value


def _instant(at: float) -> str:
    return datetime.fromtimestamp(round(at, 6), UTC).isoformat().replace("+00:00", "Z")


def _number(value: float, digits: int) -> float | int:
    """Without the noise of sums of fractions, and whole where it is."""
    rounded = round(value, digits)
    return int(rounded) if rounded.is_integer() else rounded
