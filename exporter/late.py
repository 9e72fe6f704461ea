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
MOST = 2_000_000
"""Most samples kept, which bounds memory at about 300 MB in the worst case; the oldest go first."""


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
        self._count = 0

    def add(self, series: LateSeries) -> None:
        """Offers a series' late samples from now on."""
        self._kept.append((self._clock.monotonic(), series))
        self._count += len(series.times)
        self._trim()

    def page(self) -> Iterator[bytes]:
        """The OpenMetrics page: each family once, the samples of a series together and in order of time."""
        self._trim()
        families: dict[str, Family] = {}
        found: dict[str, dict[bytes, dict[int, bytes]]] = {}
        for _, series in self._kept:
            families.setdefault(series.family.name, series.family)
            samples = found.setdefault(series.family.name, {}).setdefault(series.before, {})
            samples.update(zip(series.times, series.values, strict=True))
        for name in sorted(families):
            yield header(families[name], Format.OPENMETRICS)
            for before, samples in found[name].items():
                yield b"".join([b"%s%s %d\n" % (before, samples[time], time) for time in sorted(samples)])
        yield b"# EOF\n"

    def _trim(self) -> None:
        horizon = self._clock.monotonic() - self._keep
        while self._kept and (self._kept[0][0] < horizon or self._count > self._most):
            self._count -= len(self._kept.popleft()[1].times)
