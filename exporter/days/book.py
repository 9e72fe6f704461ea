"""What is measured, gathered in memory: a page for each day, until it is written. Bounded."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sla.days import Day, Key
from sla.sketch import Gathering, Sketch

MOST_ROWS = 20_000
"""Rows of one day. What comes beyond is dropped and counted."""

MOST_PAGES = 3
"""Days in memory: today's, and those that could not be written yet."""

_DAY = 86_400


class _Sink(Gathering):
    """Takes what has no room."""

    __slots__ = ()

    def add(self, value: float, times: int = 1) -> None:
        del value
        self.count += times


class Page:
    """One day. ``base`` is what was stored of it before this process began to gather, None until that was read."""

    def __init__(self, date: str, *, most: int, sink: Gathering) -> None:
        self.date = date
        self.base: dict[Key, Sketch] | None = None
        self.gone: set[Key] = set()
        self._others: set[Key] = set()
        self._most = most
        self._sink = sink
        self._rows: dict[Key, Gathering] = {}
        self._written: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._rows) + len(self._others)

    def begin(self, base: dict[Key, Sketch]) -> None:
        """This was stored before."""
        self.base = base
        self._others = base.keys() - self._rows.keys()

    def gathering(self, key: Key) -> Gathering:
        """Where the numbers of a key go; the same one until the page is turned, so that it may be kept."""
        found = self._rows.get(key)
        if found is None:
            if key not in self._others and len(self) >= self._most:
                return self._sink
            found = self._rows[key] = Gathering()
            self._others.discard(key)
            self.gone.discard(key)
        return found

    def drop(self, key: Key) -> None:
        """Forgets a key, also where it was written already."""
        if self._rows.pop(key, None) is not None:
            self._written.pop(key, None)
            self.gone.add(key)

    def changed(self) -> list[tuple[Key, Gathering]]:
        """A copy of every key that has changed since it was last written."""
        written = self._written.get
        return [(key, one.copy()) for key, one in self._rows.items() if one.count != written(key, 0)]

    def wrote(self, rows: list[tuple[Key, Gathering]], gone: set[Key]) -> None:
        """These copies were written, and these keys taken away."""
        self._written.update((key, one.count) for key, one in rows if key in self._rows)
        self.gone -= gone
        if self.base is not None:
            for key in gone:
                self.base.pop(key, None)

    def days(self) -> Iterator[Day]:
        """What it holds, with its base."""
        base = self.base or {}
        for key, one in self._rows.items():
            yield Day(self.date, key, base.get(key, Sketch()).plus(one.sketch()))


class Book:
    """The pages. ``now`` gives epoch seconds. For one event loop."""

    def __init__(self, now: Callable[[], float], *, most: int = MOST_ROWS) -> None:
        self._now = now
        self._most = most
        self._sink = _Sink()
        self._pages: dict[str, Page] = {}
        self._day = -1
        self._open: Page | None = None
        self._lost = 0

    @property
    def dropped(self) -> int:
        """Numbers that had no room, and rows of days that could not be written in time; since the start."""
        return self._sink.count + self._lost

    @property
    def pages(self) -> tuple[Page, ...]:
        """All pages, the oldest first."""
        return tuple(self._pages[date] for date in sorted(self._pages))

    def page(self) -> Page:
        """Today's page."""
        day = int(self._now() // _DAY)
        if day != self._day or self._open is None:
            self._day = day
            date = date_of(day * _DAY)
            self._open = self._pages.get(date)
            if self._open is None:
                self._make_room()
                self._open = self._pages[date] = Page(date, most=self._most, sink=self._sink)
        return self._open

    def add(self, source: str, measure: str, value: float, **labels: str) -> None:
        """Adds one number."""
        self.page().gathering(Key.of(source, measure, **labels)).add(value)

    def days(self) -> tuple[Day, ...]:
        """What is in memory now."""
        return tuple(day for page in self.pages for day in page.days())

    def close(self, page: Page) -> None:
        """Lets go of a page of another day, which was written."""
        if page is not self._open:
            self._pages.pop(page.date, None)

    def clear(self) -> None:
        """Forgets everything."""
        self._pages, self._open = {}, None

    def _make_room(self) -> None:
        while len(self._pages) >= MOST_PAGES:
            self._lost += len(self._pages.pop(min(self._pages)))


def date_of(at: float) -> str:
    """The day (UTC) of an instant."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
