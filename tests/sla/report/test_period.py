"""Periods from words: months of a zone, rolling ones, from and to."""

from datetime import UTC, datetime

import pytest
from slareportlab import berlin

from sla.report.period import Period, PeriodError, between, instant, last, month

NOW = datetime(2026, 11, 2, 7, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "hours"), [("2026-01", 744), ("2026-02", 672), ("2026-03", 743), ("2026-10", 745), ("2028-02", 696)]
)
def test_month_of_a_zone(text: str, hours: int) -> None:
    """A month is from local midnight to local midnight, so with the changes of summer time it is an hour off."""
    found = month(text, "Europe/Berlin")
    assert (found.start, found.end - found.start) == (berlin(f"{text}-01"), hours * 3600)


def test_rolling() -> None:
    """Days are of 24 hours, back from now to the second."""
    assert last("30d", "UTC", now=NOW) == Period(NOW - 30 * 86400, NOW, "UTC", "last 30 days")
    assert last("2w", "UTC", now=NOW).start == NOW - 14 * 86400
    assert last("36h", "UTC", now=NOW).start == NOW - 36 * 3600


def test_between() -> None:
    """Dates and times are local to the zone, unless they bring their offset."""
    found = between("2026-10-24", "2026-10-26T12:00", "Europe/Berlin")
    assert (found.start, found.end) == (berlin("2026-10-24"), berlin("2026-10-26 12:00"))
    assert between("2026-10-24T00:00:00Z", "2026-10-25T00:00:00+02:00", "Europe/Berlin").end == berlin("2026-10-25")


def test_instants() -> None:
    """Now may be told in seconds, or as a time that has its offset."""
    assert instant("1793602800.5") == 1793602800.5
    assert instant("2026-11-02T08:00:00+01:00") == NOW


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: month("2026-13", "UTC"), "month '2026-13': write year and month such as 2026-10"),
        (lambda: month("2026-10", "Europe/Bonn"), "zone 'Europe/Bonn': is not in the time zone database"),
        (lambda: month("2026-10", "../etc/passwd"), "zone '../etc/passwd': is not in the time zone database"),
        (lambda: last("30", "UTC", now=NOW), "last '30': write hours, days or weeks"),
        (lambda: last("0d", "UTC", now=NOW), "last '0d'"),
        (lambda: last("99999w", "UTC", now=NOW), "last '99999w'"),
        (lambda: between("2026-10-02", "2026-10-01", "UTC"), "the end must come after the start"),
        (lambda: between("yesterday", "2026-10-01", "UTC"), "time 'yesterday': write a date"),
        (lambda: between("0001-01-01", "2026-10-01", "Europe/Berlin"), "time '0001-01-01'"),
        (lambda: instant("2026-11-02"), "time '2026-11-02': write seconds since the epoch"),
        (lambda: instant("nan"), "time 'nan'"),
    ],
)
def test_what_names_no_period(make: object, message: str) -> None:
    """Each is refused in a sentence that says what to write."""
    assert callable(make)
    with pytest.raises(PeriodError) as caught:
        make()
    assert str(caught.value).startswith(message) or message in str(caught.value)
