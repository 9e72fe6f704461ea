"""Availability by named methods, and the error budget. Pure.

``incident_time``: the class is down while an incident of it lasts, on whatever resource; the observed time in which it
is not, as a share of the observed time. Announced maintenance and time in which nobody could look are in neither.
``timeslices``: a slice is from one look of the agent at a resource to the next, and counts as that look found it; the
share of up-time among the slices of all resources. They are summed up by UTC day, so the period's edges may lack.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sla.intervals import Interval, Intervals, crossing, intersect, length, subtract, union
from sla.report.material import Usage
from sla.report.model import Availability, Budget
from sla.report.verdict import Part

INCIDENT_TIME = "incident_time"
TIMESLICES = "timeslices"


@dataclass(frozen=True, slots=True)
class Basis:
    """What the method incident_time stands on: disjoint ``down`` and ``up``, together all that counts.

    ``down_approved`` is ``down`` less what was granted afterwards; in ``unknown`` nobody could look.
    """

    down: Intervals
    down_approved: Intervals
    up: Intervals
    unknown: Intervals

    @property
    def observed(self) -> float:
        """Seconds that count."""
        return length(self.down) + length(self.up)


def basis(parts: Sequence[Part], unobserved: Intervals, span: Interval) -> Basis:
    """Of one class in the period. Down on one resource is down, though another be in maintenance or unseen."""
    down, granted, excluded, unknown = (list[Interval]() for _ in range(4))
    unknown += unobserved
    for part in parts:
        charged = subtract(part.down, (*part.announced, *part.unknown, *unobserved))
        down += charged
        granted += subtract(charged, part.approved)
        excluded += part.announced
        unknown += part.unknown
    return Basis(
        down=union(down),
        down_approved=union(granted),
        up=subtract((span,), (*down, *excluded, *unknown)),
        unknown=subtract(intersect((span,), unknown), (*down, *excluded)),
    )


def incident_time(found: Basis, span: Interval) -> Availability:
    """Availability by incidents."""
    observed, down = found.observed, length(found.down)
    return Availability(
        method=INCIDENT_TIME,
        recorded=True,
        ratio=(observed - down) / observed if observed else None,
        approved_ratio=(observed - length(found.down_approved)) / observed if observed else None,
        observed_seconds=observed,
        down_seconds=down,
        unknown_seconds=length(found.unknown),
        start=span[0],
        end=span[1],
    )


def timeslices(usage: Iterable[Usage], span: Interval) -> Availability:
    """Availability by the agent's looks; a day that reaches beyond the period is left out, not split."""
    within = [one for one in usage if one.start >= span[0] and one.end <= span[1]]
    if not within:
        return Availability(TIMESLICES, recorded=False)
    observed = sum(one.observed - one.excluded for one in within)
    down = sum(one.down for one in within)
    return Availability(
        method=TIMESLICES,
        recorded=True,
        ratio=(observed - down) / observed if observed else None,
        observed_seconds=observed,
        down_seconds=down,
        unknown_seconds=sum(one.unknown for one in within),
        start=min(one.start for one in within),
        end=max(one.end for one in within),
    )


def budget(found: Basis, objective: float, period: Interval, *, until: float) -> Budget:
    """What ``objective`` (a share below 1) allows in the whole period, and what is left of it at ``until``."""
    total = (1 - objective) * (period[1] - period[0])
    used = length(found.down)
    left = total - used
    observed = found.observed
    projected = until + left * observed / used if used and left > 0 else math.inf
    return Budget(
        objective_ratio=objective,
        total_seconds=total,
        used_seconds=used,
        left_seconds=left,
        used_ratio=used / total,
        burn_rate=used / observed / (1 - objective) if observed else None,
        exhausted_at=crossing(found.down, total) if left <= 0 else None,
        projected_at=projected if projected < period[1] else None,
    )
