"""When each resource was down, as pieces that do not overlap: what the picture of a report shows. Pure."""

import math
from collections.abc import Iterable

from sla.intervals import Interval, Intervals, intersect, length, subtract
from sla.report.model import Bar, Lane, Outcome, Timeline
from sla.report.verdict import Part, overall, verdict

_LANES = 24


def timeline(parts: Iterable[Part]) -> Timeline:
    """The lanes of the resources that were down longest, by class; cancelled incidents are not in them."""
    grouped: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        incident = part.case.incident
        if overall(part.case).outcome is not Outcome.VOID and part.down:
            grouped.setdefault((incident.class_, incident.resource, part.case.site), []).append(part)
    ordered = sorted(grouped, key=lambda key: (-sum(length(part.down) for part in grouped[key]), key))
    shown = sorted(ordered[:_LANES], key=lambda key: (key[0], ordered.index(key)))
    return Timeline(tuple(_lane(key, grouped[key]) for key in shown), len(ordered) - len(shown))


def _lane(key: tuple[str, str, str], parts: Iterable[Part]) -> Lane:
    bars: list[Bar] = []
    breaches: list[float] = []
    for part in parts:
        found = _breaches(part)
        breaches += [at for at in found if part.span[0] <= at < part.span[1]]
        for kind, pieces in _pieces(part, min(found, default=math.inf)):
            bars += [Bar(kind, start, end) for start, end in pieces]
    ordered = sorted(bars, key=lambda bar: (bar.start, bar.end, bar.kind))
    return Lane(key[0], key[1], key[2], tuple(ordered), tuple(sorted(breaches)))


def _breaches(part: Part) -> list[float]:
    found = [verdict(part.case, target) for target in part.case.terms.class_.targets]
    return [one.at for one in found if one.outcome is Outcome.BREACHED and one.at is not None]


def _pieces(part: Part, breach: float) -> Iterable[tuple[str, Intervals]]:
    over: Interval = (breach, math.inf)
    unknown = subtract(part.unknown, part.announced)
    charged = subtract(part.down, (*part.announced, *unknown))
    yield "excluded", part.announced
    yield "unknown", unknown
    yield "over", intersect(charged, (over,))
    yield "down", subtract(charged, (over,))
