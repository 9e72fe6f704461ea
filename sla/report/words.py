"""Numbers of the document as people read them. Shares and durations are cut off, not rounded: nothing looks better."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

NONE = "-"
"""What stands where there is no number."""


class Clockface:
    """Instants of a period in its zone; where summer time begins or ends in it, each says which it is."""

    def __init__(self, period: Mapping[str, Any]) -> None:
        self._zone = ZoneInfo(period["zone"])
        start, end = (self.at(period[key]) for key in ("start", "end"))
        self._names = " %Z" if start.utcoffset() != end.utcoffset() else ""

    def at(self, instant: str) -> datetime:
        """As a date and time of the zone."""
        return datetime.fromisoformat(instant).astimezone(self._zone)

    def full(self, instant: str | None) -> str:
        """Date and time, to the second."""
        return NONE if instant is None else self.at(instant).strftime(f"%Y-%m-%d %H:%M:%S{self._names}")

    def short(self, instant: str, beside: str) -> str:
        """Only the time, if it is of the same day as ``beside``."""
        same = self.at(instant).date() == self.at(beside).date()
        return self.at(instant).strftime(f"%H:%M:%S{self._names}") if same else self.full(instant)

    def edge(self, instant: str) -> str:
        """An end of the period, with its offset from UTC."""
        return self.at(instant).strftime("%Y-%m-%d %H:%M:%S %z")


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds: ``1:35:00``."""
    if seconds is None:
        return NONE
    whole = math.floor(abs(seconds) + 1e-6)
    text = f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"-{text}" if seconds < 0 and whole else text


def limit(seconds: float) -> str:
    """A limit in the unit it was given in: ``30 min``, ``2 h``."""
    for size, unit in ((3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def minutes(seconds: float) -> str:
    """Minutes with one digit, as budgets are told."""
    return f"{math.floor(seconds / 6 + 1e-6) / 10:.1f} min"


def percent(ratio: float | None, digits: int = 1) -> str:
    """A share in percent."""
    if ratio is None:
        return NONE
    return f"{math.floor(ratio * 10 ** (digits + 2) + 1e-6) / 10**digits:.{digits}f} %"


def interval(low: float | None, high: float | None) -> str:
    """The interval of a share, never narrower than it is."""
    if low is None or high is None:
        return NONE
    return f"{math.floor(low * 1000 + 1e-6) / 10:.1f} to {math.ceil(high * 1000 - 1e-6) / 10:.1f} %"


def count(number: int, one: str, many: str = "") -> str:
    """``1 incident``, ``2 incidents``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def line(text: str) -> str:
    """One line without control characters: others choose names, and a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
