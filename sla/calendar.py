"""Business calendars: the hours in which a clock runs, in the wall-clock time of a zone.

An instant is open if the zone's wall clock then shows a time within the hours of that weekday, and the date is no
holiday. So on the day that summer time begins the missing hour is not charged, and on the day that it ends the hour
that comes twice is charged twice. Zones and their rules are the IANA database's (``zoneinfo``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sla.intervals import Interval, Intervals, subtract, union

Hours: TypeAlias = tuple[tuple[int, int], ...]
"""Open intervals of one day in minutes since midnight, up to 1440."""

DAY = 86400
_DAYS_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Calendar:
    """Weekly hours in a zone. ``week`` has seven entries, Monday first; on ``holidays`` nothing is open."""

    name: str
    zone: str
    week: tuple[Hours, ...]
    holidays: frozenset[date] = frozenset()


def closed(calendar: Calendar | None, start: float, end: float) -> Intervals:
    """The stretches of ``start`` to ``end`` (both finite) in which the calendar is closed; None is never closed."""
    if calendar is None or start >= end:
        return ()
    days = range(int(start // DAY), int(-(-end // DAY)))
    return subtract(((start, end),), [hours for day in days for hours in _open(calendar, day)])


@lru_cache(maxsize=_DAYS_KEPT)
def _open(calendar: Calendar, day: int) -> Intervals:
    """The open intervals of one UTC day, counted since the epoch."""
    zone = ZoneInfo(calendar.zone)
    found: list[Interval] = []
    for start, end, offset in _segments(zone, float(day * DAY), float((day + 1) * DAY)):
        first, last = (datetime.fromtimestamp(at + offset, UTC).date() for at in (start, end - 1))
        for local in (first, last) if first != last else (first,):
            if local in calendar.holidays:
                continue
            midnight = datetime(local.year, local.month, local.day, tzinfo=UTC).timestamp() - offset
            found += [
                (max(start, midnight + opens * 60), min(end, midnight + closes * 60))
                for opens, closes in calendar.week[local.weekday()]
            ]
    return union(found)


def _segments(zone: ZoneInfo, start: float, end: float) -> Iterator[tuple[float, float, float]]:
    """``start`` to ``end`` in pieces of one offset from UTC each: start, end, offset. At most a day, whole seconds."""
    at = start
    while at < end:
        offset = _offset(zone, at)
        change = end
        if _offset(zone, end - 1) != offset:
            low, high = int(at), int(end) - 1
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            change = float(high)
        yield at, change, offset
        at = change


def _offset(zone: ZoneInfo, at: float) -> float:
    return (datetime.fromtimestamp(at, zone).utcoffset() or timedelta()).total_seconds()
