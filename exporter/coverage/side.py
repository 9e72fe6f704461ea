"""The slow look at what a cloud offers on VMware."""

from collections import deque
from collections.abc import Mapping

from exporter.cloudsides import Rows, Seen
from exporter.coverage import reading
from exporter.coverage.catalog import rows
from exporter.coverage.features import catalogue
from exporter.coverage.judge import judged
from exporter.coverage.model import Coverage, Outcomes
from exporter.coverage.reading import LATELY

PERIOD = 3600.0
"""Seconds between two looks: what a cloud offers changes with its configuration and its releases."""

AT_ONCE, SOON = 5.0, 60.0
PATIENCE = 10
"""After the start the first look waits for the cloud's first readings, PATIENCE times AT_ONCE for its servers; further
looks follow after SOON, PATIENCE times at most, until both sides have been read."""


class CoverageSide:
    """Keeps ``coverage``, the table as it was judged last; None before the first look."""

    name = "coverage"

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._catalogue = catalogue()
        self._looks = self._waits = 0
        self._before: deque[tuple[float, Mapping[str, Outcomes]]] = deque()
        self.coverage: Coverage | None = None

    @property
    def interval(self) -> float:
        """Seconds until the next look."""
        if not self._looks:
            return AT_ONCE
        return PERIOD if self._looks >= PATIENCE or self._is_whole() else SOON

    async def look(self) -> Rows | None:
        """Judges anew. What cannot be read is unknown, and no failure of the look."""
        if self._seen.services is None or (self._seen.snapshot is None and self._waits < PATIENCE):
            self._waits += 1
            return None
        self._looks += 1
        self.coverage = await self._judged()
        return rows(self.coverage)

    async def _judged(self) -> Coverage:
        hosts = reading.vmware_hosts(self._seen)
        done = self._lately(reading.done_on(hosts, self._seen.ended))
        return judged(self._seen.name, await reading.read(self._seen, done), self._catalogue)

    def _lately(self, whole: Mapping[str, Outcomes]) -> Mapping[str, Outcomes]:
        """What ended since the oldest look that is not older than LATELY; of what did not, all that was counted."""
        now = self._seen.clock.now()
        while self._before and self._before[0][0] < now - LATELY:
            self._before.popleft()
        self._before.append((now, whole))
        base = self._before[0][1]
        found = dict(whole)
        for name, outcomes in whole.items():
            old = base.get(name, Outcomes())
            fresh = Outcomes(outcomes.ok - old.ok, outcomes.failed - old.failed)
            if fresh != Outcomes():
                found[name] = fresh
        return found

    def _is_whole(self) -> bool:
        """Whether all that a look stands on was read once."""
        pollers = self._seen.vcenters.values()
        listed = all(poller.inventory is not None and poller.inventory.complete for poller in pollers)
        return self._seen.snapshot is not None and listed


def coverage_of(side: object) -> Coverage | None:
    """What a side of this kind saw last: for whoever has sides by name."""
    return side.coverage if isinstance(side, CoverageSide) else None
