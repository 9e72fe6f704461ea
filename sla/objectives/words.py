"""Values of an assessment as people read them, each in the unit of its objective."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sla.objectives.model import Bound, Measurement, Objective, State
from sla.report.words import NONE

STATES: Mapping[State, str] = {
    State.MISSED: "missed",
    State.NOT_MEASURABLE: "not measurable",
    State.MET: "met",
}
"""The states as people say them, worst first."""


def seconds(value: float) -> str:
    """``142 ms``, ``125 s``, ``35 min``, ``2 h 5 min``."""
    if value < 0.9995:
        return f"{value * 1000:.3g} ms" if value else "0 s"
    if value < 300:
        return f"{value:.3g} s"
    whole = round(value / 60)
    hours, minutes = divmod(whole, 60)
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"


def number(value: float) -> str:
    """Three digits that count, whole above that, thousands apart."""
    if value >= 100 or value == round(value):
        return f"{round(value):,}"
    return f"{value:.3g}"


def percent(value: float) -> str:
    """A share in percent."""
    return f"{value * 100:.3g} %" if value < 1 else "100 %" if value == 1 else f"{value * 100:.0f} %"


def money(value: float) -> str:
    """Three digits that count, however small."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 9)}f}"


_TOLD: Mapping[str, Callable[[float], str]] = {
    "seconds": seconds,
    "days": lambda value: f"{math.floor(value):,} d",
    "ratio": percent,
    "factor": lambda value: f"{value:.3g} x",
    "iops": lambda value: f"{number(value)}/s",
    "bytes": lambda value: f"{value / 1e6:.3g} MB/s",
    "per_hour": lambda value: f"{number(value)}/h",
    "points": lambda value: f"{value * 100:.0f} of 100",
    "currency": money,
    "verdict": lambda value: "passed" if value >= 1 else "failed",
}


def told(value: float | None, unit: str) -> str:
    """The value with its unit; ``-`` where there is none."""
    return NONE if value is None else _TOLD.get(unit, number)(value)


def target(objective: Objective) -> str:
    """``at most 250 ms``."""
    if objective.target is None:
        return NONE
    if objective.unit == "verdict":
        return told(objective.target, objective.unit)
    side = "at most" if objective.bound is Bound.AT_MOST else "at least"
    return f"{side} {told(objective.target, objective.unit)}"


def evidence(found: Measurement, unit: str) -> str:
    """The interval and the number of samples: ``95 %: 130 ms to 150 ms; n 4,200``."""
    interval = f"95 %: {told(found.low, unit)} to {told(found.high, unit)}; " if found.low is not None else ""
    return f"{interval}n {found.n:,}"


def day(at: float) -> str:
    """The date, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def instant(at: float) -> str:
    """Date and time, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def span(length: float) -> str:
    """The length of a window: ``30 days``, ``5 hours``."""
    if length >= 2 * 86400:
        return f"{length / 86400:.3g} days"
    if length >= 2 * 3600:
        return f"{length / 3600:.3g} hours"
    return f"{length / 60:.3g} minutes"
