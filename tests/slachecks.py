"""Properties of the interval arithmetic and the calendars, as plain functions: tests run them, and so do mutants."""

import math
from collections.abc import Sequence
from datetime import datetime
from types import ModuleType
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

Spans: TypeAlias = list[tuple[int, int]]
LAST = 24
SPANS = st.lists(st.tuples(st.integers(0, LAST), st.integers(0, LAST)), max_size=8)
FEW = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
"""Which are the same each time, so that a mutant that is noticed once always is."""


def seconds(spans: Sequence[tuple[float, float]]) -> set[int]:
    """The whole seconds that the spans hold."""
    return {second for start, end in spans for second in range(int(start), int(min(end, LAST + 1)))}


def sorted_and_disjoint(spans: Sequence[tuple[float, float]]) -> bool:
    """Whether each span is not empty and ends before the next begins."""
    edges = [edge for span in spans for edge in span]
    return edges == sorted(set(edges))


def check_sets(intervals: ModuleType) -> None:
    """``union``, ``subtract`` and ``intersect`` hold the seconds that they should, sorted and disjoint."""

    @FEW
    @given(SPANS, SPANS)
    def check(one: Spans, other: Spans) -> None:
        for got, wanted in (
            (intervals.union(one), seconds(one)),
            (intervals.subtract(one, other), seconds(one) - seconds(other)),
            (intervals.intersect(one, other), seconds(one) & seconds(other)),
        ):
            assert seconds(got) == wanted
            assert sorted_and_disjoint(got)
            assert intervals.length(got) == len(wanted)

    check()


def check_elapsed(intervals: ModuleType) -> None:
    """``elapsed`` counts the seconds before the instant."""

    @FEW
    @given(SPANS, st.integers(-5, LAST + 5))
    def check(spans: Spans, at: int) -> None:
        counted = sum(second < at for second in seconds(spans))
        assert intervals.elapsed(intervals.union(spans), at) == counted

    check()


def check_crossing(intervals: ModuleType) -> None:
    """``crossing`` and ``deadline`` name the end of the second that makes enough of them."""

    @FEW
    @given(SPANS, st.integers(1, LAST), st.integers(0, LAST))
    def check(spans: Spans, need: int, start: int) -> None:
        counted = sorted(seconds(spans))
        assert intervals.crossing(intervals.union(spans), need) == (
            counted[need - 1] + 1 if len(counted) >= need else None
        )
        free = [second for second in range(start, 3 * LAST) if second not in set(counted)]
        assert intervals.deadline(start, need, spans) == free[need - 1] + 1
        assert intervals.deadline(start, 0, spans) == start
        assert intervals.deadline(start, need, [*spans, (LAST, math.inf)]) == (
            free[need - 1] + 1 if free[need - 1] < LAST else math.inf
        )

    check()


def check_order(intervals: ModuleType) -> None:
    """More needed is never reached earlier, and what is left of a set plus what was taken is the set."""

    @FEW
    @given(SPANS, SPANS, st.integers(1, LAST))
    def check(runs: Spans, holes: Spans, need: int) -> None:
        left = intervals.subtract(runs, holes)
        whole = intervals.length(intervals.union(runs))
        assert intervals.length(left) + intervals.length(intervals.intersect(runs, holes)) == whole
        first, second = intervals.crossing(left, need), intervals.crossing(left, need + 1)
        assert second is None or (first is not None and first < second)

    check()


ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca", "UTC")
"""Whole, half and quarter hours from UTC; summer time of an hour, of half an hour, and the other way round."""

_DAY_HOURS = st.lists(st.integers(0, 24), min_size=0, max_size=4, unique=True).map(sorted)


def check_calendar(calendar: ModuleType) -> None:
    """A minute is closed exactly if the zone's wall clock shows a time outside the hours of that day, or a holiday."""

    @settings(FEW, max_examples=40)
    @given(
        st.sampled_from(ZONES),
        st.lists(_DAY_HOURS, min_size=7, max_size=7),
        st.integers(0, 364 * 24 * 4),
        st.sets(st.integers(0, 3), max_size=2),
        st.booleans(),
    )
    def check(zone: str, hours: list[list[int]], quarter: int, holidays: set[int], near: bool) -> None:
        here = ZoneInfo(zone)
        # 2026 begins at 1767225600; the last Sundays of March and October are where most clocks change.
        start = (1774742400 if quarter % 2 else 1792886400) + quarter % 97 * 900 if near else 1767225600 + quarter * 900
        days = {datetime.fromtimestamp(start + day * 86400, here).date() for day in holidays}
        week = tuple(tuple((a * 60, b * 60) for a, b in zip(day[::2], day[1::2], strict=False)) for day in hours)
        made = calendar.Calendar("c", zone, week, frozenset(days))
        end = start + 40 * 3600
        closed = calendar.closed(made, float(start), float(end))
        assert sorted_and_disjoint(closed)
        for minute in range(start, end, 900):
            wall = datetime.fromtimestamp(minute, here)
            now = wall.hour * 60 + wall.minute
            is_open = wall.date() not in days and any(a <= now < b for a, b in week[wall.weekday()])
            assert is_open != any(a <= minute < b for a, b in closed), (made, minute)

    check()


CHECKS = (check_sets, check_elapsed, check_crossing, check_order)


def survives(source: str, checks: Sequence[Any], name: str) -> bool:
    """Whether a module with this source passes all checks, none of which may crash it differently."""
    mutant = ModuleType(name)
    exec(compile(source, name, "exec"), mutant.__dict__)  # noqa: S102 - our own source, changed by us
    try:
        for check in checks:
            check(mutant)
    except Exception:  # noqa: BLE001 - whatever it is, the mutant was noticed
        return False
    return True
