"""Interval arithmetic: what every timer is made of.

An interval ``(a, b)`` holds the instants ``a <= t < b``, in seconds; ``b`` may be infinite. A set of intervals is
sorted and disjoint where a function promises so. A timer is ``subtract(span, holes)``: what is left of the time from
start to end without maintenance, closed hours and the gaps between a resolution and a re-opening. Nothing is
accumulated, so nothing can drift.
"""

import math
from collections.abc import Iterable
from typing import TypeAlias

Interval: TypeAlias = tuple[float, float]
Intervals: TypeAlias = tuple[Interval, ...]


def union(intervals: Iterable[Interval]) -> Intervals:
    """The same instants, sorted, disjoint and not touching. Empty and reversed intervals hold nothing."""
    merged: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def subtract(runs: Iterable[Interval], holes: Iterable[Interval]) -> Intervals:
    """The instants in ``runs`` but not in ``holes``, sorted and disjoint."""
    cut = union(holes)
    left: list[Interval] = []
    for run_start, end in union(runs):
        start = run_start
        for hole_start, hole_end in cut:
            if hole_end <= start:
                continue
            if hole_start >= end:
                break
            if hole_start > start:
                left.append((start, hole_start))
            start = hole_end
        if start < end:
            left.append((start, end))
    return tuple(left)


def intersect(runs: Iterable[Interval], others: Iterable[Interval]) -> Intervals:
    """The instants in both, sorted and disjoint."""
    runs = union(runs)
    return subtract(runs, subtract(((-math.inf, math.inf),), others))


def elapsed(runs: Iterable[Interval], at: float) -> float:
    """Seconds of the disjoint ``runs`` that lie before ``at``."""
    return sum(min(end, at) - start for start, end in runs if start < at)


def length(runs: Iterable[Interval]) -> float:
    """Seconds of the disjoint ``runs``."""
    return sum(end - start for start, end in runs)


def crossing(runs: Iterable[Interval], need: float) -> float | None:
    """The instant at which ``need`` (> 0) seconds of the sorted, disjoint ``runs`` have passed; None if they never do.

    Where exactly ``need`` seconds are over when a run ends, it is the end of that run.
    """
    for start, end in runs:
        if need <= end - start:
            return start + need
        need -= end - start
    return None


def deadline(start: float, need: float, holes: Iterable[Interval] = ()) -> float:
    """The instant at which ``need`` seconds from ``start`` outside ``holes`` have passed; infinite if they never do."""
    found = crossing(subtract(((start, math.inf),), holes), need) if need > 0 else start
    return math.inf if found is None else found
