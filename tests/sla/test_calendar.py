"""Business hours are those that the wall clock of the zone shows."""

from datetime import UTC, date, datetime

import pytest
from slachecks import check_calendar

from sla import calendar
from sla.calendar import Calendar, closed

OFFICE = Calendar("office", "Europe/Berlin", (((8 * 60, 18 * 60),),) * 5 + ((), ()), frozenset({date(2026, 12, 25)}))
NIGHT = Calendar("night", "Europe/Berlin", (((60, 240),),) * 7)


def at(text: str) -> float:
    """Seconds since the epoch of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_agrees_with_the_wall_clock() -> None:
    """In zones of all kinds, minute by minute, also when clocks change."""
    check_calendar(calendar)


@pytest.mark.parametrize(
    ("start", "end", "spans"),
    [
        # A Monday in winter: 08:00 is 07:00 UTC.
        ("2026-11-23", "2026-11-24", [("2026-11-23", "2026-11-23 07:00"), ("2026-11-23 17:00", "2026-11-24")]),
        # A Monday in summer: 06:00 UTC.
        ("2026-06-22", "2026-06-23", [("2026-06-22", "2026-06-22 06:00"), ("2026-06-22 16:00", "2026-06-23")]),
        # From Thursday evening over Christmas and the weekend to Monday.
        ("2026-12-24 12:00", "2026-12-28 08:00", [("2026-12-24 17:00", "2026-12-28 07:00")]),
    ],
)
def test_office(start: str, end: str, spans: list[tuple[str, str]]) -> None:
    """Nights, weekends and holidays are closed."""
    assert closed(OFFICE, at(start), at(end)) == tuple((at(a), at(b)) for a, b in spans)


def test_the_hour_that_is_missing_and_the_hour_that_comes_twice() -> None:
    """From 01:00 to 04:00 are two hours when summer time begins, and four when it ends."""
    for day, hours in (("2026-03-28 23:00", 2), ("2026-10-24 22:00", 4), ("2026-06-20 22:00", 3)):
        start = at(day)
        shut = sum(b - a for a, b in closed(NIGHT, start, start + 6 * 3600))
        assert 6 * 3600 - shut == hours * 3600


def test_no_calendar_is_never_closed() -> None:
    """24x7, and an empty stretch."""
    assert closed(None, 0.0, 1e9) == ()
    assert closed(OFFICE, 5.0, 5.0) == ()
