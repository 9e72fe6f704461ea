"""The period of a report, from the words of the command line. Pure: what time it is now is an argument."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LAST = re.compile(r"(\d{1,5})(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_LONGEST = 3653 * 86400.0


class PeriodError(ValueError):
    """The words name no period. The message says which, and what to write."""


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` to before ``end``, epoch seconds; dates are those of ``zone`` (an IANA name)."""

    start: float
    end: float
    zone: str
    label: str


def month(text: str, zone: str) -> Period:
    """A calendar month of the zone, ``2026-10``. With its changes of summer time, it is not always whole days long."""
    found = _MONTH.fullmatch(text)
    if not found or not 1970 <= int(found[1]) < 9999:
        raise PeriodError(f"month {text!r}: write year and month such as 2026-10")
    first = datetime(int(found[1]), int(found[2]), 1, tzinfo=_zone(zone))
    after = (first + timedelta(days=32)).replace(day=1)
    return Period(first.timestamp(), after.timestamp(), zone, f"{first:%B %Y}")


def last(text: str, zone: str, *, now: float) -> Period:
    """So many hours, days (of 24 hours) or weeks before ``now``: ``30d``."""
    _zone(zone)
    found = _LAST.fullmatch(text)
    hours = int(found[1]) * _HOURS[found[2]] if found else 0
    if not found or not 0 < hours * 3600 <= min(_LONGEST, now):
        raise PeriodError(f"last {text!r}: write hours, days or weeks such as 24h, 30d or 4w, ten years at most")
    unit = {"h": "hours", "d": "days", "w": "weeks"}[found[2]]
    return Period(now - hours * 3600, now, zone, f"last {int(found[1])} {unit}")


def between(start: str, end: str, zone: str) -> Period:
    """From one date or time to before another; without an offset, they are local to the zone."""
    found = Period(_instant(start, zone), _instant(end, zone), zone, f"{start} to {end}")
    if not 0 < found.end - found.start <= _LONGEST:
        raise PeriodError(f"from {start} to {end}: the end must come after the start, by ten years at most")
    return found


def instant(text: str) -> float:
    """The instant that ``text`` names: epoch seconds, or a time with its offset."""
    try:
        return float(text) if re.fullmatch(r"\d{1,11}(\.\d{1,6})?", text) else _aware(text)
    except (ValueError, OverflowError):
        raise PeriodError(
            f"time {text!r}: write seconds since the epoch, or a time with its offset such as 2026-10-01T08:00:00Z"
        ) from None


def _aware(text: str) -> float:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.timestamp()


def _instant(text: str, zone: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo else moment.replace(tzinfo=_zone(zone))
        if local.astimezone(UTC).year < 1970:
            raise ValueError(text)
    except PeriodError:
        raise
    except (ValueError, OverflowError):
        raise PeriodError(
            f"time {text!r}: write a date such as 2026-10-01, or a time such as 2026-10-01T08:00"
        ) from None
    return local.timestamp()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PeriodError(
            f"zone {name!r}: is not in the time zone database; write a name such as Europe/Berlin"
        ) from None
