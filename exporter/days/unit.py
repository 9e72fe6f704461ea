"""One thing that is measured again and again (a host, a service, a disk): where its numbers go, and for what time."""

from collections.abc import Mapping

from exporter.days.book import Page
from sla.days import Key
from sla.sketch import Gathering


class Lines:
    """The measures of one thing on today's page. ``labels`` are the same for all of them."""

    __slots__ = ("_labels", "_lines", "_source", "labels", "page")

    def __init__(self, source: str, labels: Mapping[str, str]) -> None:
        self.labels = labels
        self.page: Page | None = None
        self._source = source
        self._labels = tuple(sorted(labels.items()))
        self._lines: dict[str, Gathering] = {}

    def on(self, page: Page) -> "Lines":
        """The same on this page."""
        if page is not self.page:
            self.page = page
            self._lines = {}
        return self

    def add(self, measure: str, value: float) -> None:
        """Adds one number."""
        line = self._lines.get(measure)
        if line is None:
            if self.page is None:
                raise RuntimeError("lines belong to a page")
            line = self._lines[measure] = self.page.gathering(Key(self._source, measure, self._labels))
        line.add(value)

    def drop(self) -> None:
        """Takes what was added off the page."""
        for measure in self._lines:
            if self.page is not None:
                self.page.drop(Key(self._source, measure, self._labels))
        self._lines = {}


class Looks:
    """What time each look stands for: what has passed since the last, but twice the interval at most.

    The first one stands for no time: nobody knows what was before.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last: float | None = None

    def seconds(self, now: float) -> float:
        """The time that a look stands for now; ``now`` is monotonic."""
        elapsed = 0.0 if self._last is None else now - self._last
        self._last = now
        return max(0.0, min(elapsed, 2 * self._interval))
