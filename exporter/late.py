"""Samples that came too late for ``/metrics``, which shows the newest only: kept for a while, with their times.

They are offered in OpenMetrics with timestamps, for a Prometheus with an out-of-order window or for
``promtool tsdb create-blocks-from openmetrics``.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.exposition import Format, header
from exporter.model import Family

KEEP = 900.0
"""Seconds that a late sample is offered: several scrapes of any sensible interval."""
MOST = 200_000
"""Most samples kept, which bounds memory: at worst, one a series, about 1.2 KB each; the oldest go first."""


@dataclass(frozen=True, slots=True)
class LateSeries:
    """Samples of one series: its family, the text of name and labels with a space after it, values and times."""

    family: Family
    before: bytes
    values: tuple[bytes, ...]
    times: tuple[int, ...]


class Late:
    """The late samples of all vCenters."""

    def __init__(self, clock: Clock, *, keep: float = KEEP, most: int = MOST) -> None:
        self._clock = clock
        self._keep = keep
        self._most = most
        self._kept: deque[tuple[float, LateSeries]] = deque()
        self._families: dict[str, Family] = {}
        self._index: dict[str, dict[bytes, deque[LateSeries]]] = {}
        self._count = 0

    def add(self, series: LateSeries) -> None:
        """Offers a series' late samples from now on."""
        self._kept.append((self._clock.monotonic(), series))
        self._families[series.family.name] = series.family
        self._index.setdefault(series.family.name, {}).setdefault(series.before, deque()).append(series)
        self._count += len(series.times)
        self._trim()

    def page(self) -> Iterator[bytes]:
        """The OpenMetrics page in small steps: each family once, the samples of a series together, in order of time."""
        self._trim()
        for name in sorted(self._index):
            found = list(self._index.get(name, {}).items())
            if found:
                yield header(self._families[name], Format.OPENMETRICS)
            for before, parts in found:
                samples = {time: value for part in parts for time, value in zip(part.times, part.values, strict=True)}
                yield b"".join([b"%s%s %d\n" % (before, samples[time], time) for time in sorted(samples)])
        yield b"# EOF\n"

    def _trim(self) -> None:
        horizon = self._clock.monotonic() - self._keep
        while self._kept and (self._kept[0][0] < horizon or self._count > self._most):
            series = self._kept.popleft()[1]
            self._count -= len(series.times)
            family = self._index[series.family.name]
            family[series.before].popleft()
            if not family[series.before]:
                del family[series.before]
