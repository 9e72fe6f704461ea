"""Which samples have been seen: a high-water mark per entity, the gaps behind it, and what of them is lost. Pure.

A sample is one interval of one entity, with all its counters. Times are epoch seconds of vCenter's clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.model import Completeness

RETENTION = 3600
"""Seconds that vCenter keeps 20 s samples (vSphere Web Services SDK guide, "Performance Intervals")."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time: after ``start``, up to and including ``end``."""

    start: int
    end: int


class Marks:
    """High-water marks of the entities of one kind.

    ``refill`` says whether a gap is asked for again; otherwise its samples are missing at once, as with rollups, which
    are always asked for from the mark on.
    """

    def __init__(self, interval: int, *, retention: int = RETENTION, refill: bool = True) -> None:
        self._interval = interval
        self._retention = retention
        self._refill = refill
        self._marks: dict[str, int] = {}
        self._gaps: dict[str, list[Window]] = {}
        self._expected = self._received = self._late = self._missing = 0

    @property
    def totals(self) -> Completeness:
        """The running totals."""
        return Completeness(self._expected, self._received, self._late, self._missing)

    def mark(self, moid: str) -> int | None:
        """The time of the newest sample seen of an entity."""
        return self._marks.get(moid)

    def take(self, moid: str, times: tuple[int, ...]) -> bool:
        """Counts samples of the newest, in order of time, and moves the mark. True where at least one was new.

        Intervals between the old mark and the first new sample become a gap, to be asked for again; intervals between
        new samples are what vCenter does not have, and missing.
        """
        mark = self._marks.get(moid)
        if not times or (mark is not None and times[-1] <= mark):
            return False
        self._marks[moid] = times[-1]
        if mark is not None and len(times) == 1 and times[0] - mark == self._interval:
            # The steady case, once per entity and cycle.
            self._expected += 1
            self._received += 1
            return True
        return self._take_irregular(moid, times, mark)

    def _take_irregular(self, moid: str, times: tuple[int, ...], mark: int | None) -> bool:
        fresh = times if mark is None else [time for time in times if time > mark]
        holes = max(0, self._intervals(fresh[-1] - fresh[0]) + 1 - len(fresh))
        skipped = 0 if mark is None else max(0, self._intervals(fresh[0] - mark) - 1)
        self._expected += len(fresh) + holes + skipped
        self._received += len(fresh)
        if mark is not None and skipped and self._refill:
            self._gaps.setdefault(moid, []).append(Window(mark, fresh[0] - self._interval))
            skipped = 0
        self._missing += holes + skipped
        return True

    def gaps(self, now: int) -> Iterator[tuple[str, Window]]:
        """The oldest gap of each entity, oldest first; what vCenter no longer keeps is given up as missing."""
        horizon = now - self._retention
        for moid, windows in list(self._gaps.items()):
            if windows[0].start < horizon:
                self._expire(moid, horizon)
        yield from sorted(((moid, windows[0]) for moid, windows in self._gaps.items()), key=lambda gap: gap[1].start)

    def _expire(self, moid: str, horizon: int) -> None:
        kept = []
        for window in self._gaps.pop(moid):
            owed = self._intervals(window.end - window.start)
            lost = min(owed, max(0, (horizon - window.start) // self._interval))
            self._missing += lost
            if lost < owed:
                kept.append(Window(window.start + lost * self._interval, window.end))
        if kept:
            self._gaps[moid] = kept

    def fill(self, moid: str, window: Window, times: Iterable[int]) -> int:
        """Closes a gap with the samples that came for it, and counts those that did not. Returns how many came."""
        windows = self._gaps.get(moid, [])
        if window not in windows:
            return 0
        windows.remove(window)
        if not windows:
            del self._gaps[moid]
        owed = self._intervals(window.end - window.start)
        got = min(owed, len({time for time in times if window.start < time <= window.end}))
        self._received += got
        self._late += got
        self._missing += owed - got
        return got

    def forget(self, moids: Iterable[str]) -> None:
        """Drops entities that are gone; what they still owed is missing."""
        for moid in moids:
            self._marks.pop(moid, None)
            for gap in self._gaps.pop(moid, ()):
                self._missing += self._intervals(gap.end - gap.start)

    def known(self) -> tuple[str, ...]:
        """Entities of which a sample has been seen."""
        return tuple(self._marks)

    def ages(self, now: float) -> list[float]:
        """Seconds since each entity's newest sample, in rising order."""
        return sorted(now - mark for mark in self._marks.values())

    def saved(self) -> dict[str, int]:
        """Per entity, the time up to which nothing is owed: what a restart goes on from."""
        return {moid: self._gaps[moid][0].start if moid in self._gaps else mark for moid, mark in self._marks.items()}

    def restore(self, saved: Mapping[str, int]) -> None:
        """Goes on from saved marks; marks that are already known are kept."""
        for moid, mark in saved.items():
            self._marks.setdefault(moid, mark)

    def _intervals(self, seconds: int) -> int:
        # Halves go up: then n intervals more are n more, which round() does not promise.
        return (2 * seconds + self._interval) // (2 * self._interval)


class Times:
    """sampleInfoCSV text -> times; many entities share a text, so each is read once."""

    def __init__(self, *, limit: int = 4096) -> None:
        self._known: dict[bytes, tuple[int, ...]] = {}
        self._limit = limit

    def read(self, text: bytes) -> tuple[int, ...]:
        """Epoch seconds of ``20,2026-11-22T10:00:20Z,20,...``, oldest first.

        (vSphere API reference, PerfEntityMetricCSV.sampleInfoCSV: interval and time by turns.) A time without a zone
        is UTC, as all times of vCenter are. Raises ValueError.
        """
        known = self._known.get(text)
        if known is None:
            known = tuple(sorted(_seconds(part) for part in text.decode().split(",")[1::2]))
            if len(self._known) >= self._limit:
                self._known.clear()
            self._known[text] = known
        return known


def _seconds(text: str) -> int:
    time = datetime.fromisoformat(text)
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
