"""How a line stands beside the assessment before. Pure."""

from sla.objectives.model import Bound, Line
from sla.objectives.words import day, told

SAME = 0.02
"""Share of the value before within which nothing has changed: twice the error of a sketch."""


def direction(line: Line) -> str:
    """``better``, ``worse`` or ``same``; empty without an earlier value or one of now."""
    if line.before is None or line.measurement is None:
        return ""
    now, then = line.measurement.value, line.before.value
    if abs(now - then) <= SAME * max(abs(then), abs(now)):
        return "same"
    lower_is_better = line.objective.bound is Bound.AT_MOST
    return "better" if (now < then) is lower_is_better else "worse"


def told_trend(line: Line) -> str:
    """``worse than 131 ms of 2026-11-22``; empty where there is nothing to compare."""
    found = direction(line)
    if not found or line.before is None:
        return ""
    then = f"{told(line.before.value, line.objective.unit)} of {day(line.before.at)}"
    return f"as before ({then})" if found == "same" else f"{found} than {then}"
