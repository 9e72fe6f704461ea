"""Pollers put rendered families in, scrapes take finished pages out; neither waits for the other.

All calls belong to one event loop. Compression, the only long step, runs in a worker thread.
"""

import asyncio
import logging
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from isal import isal_zlib
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.budget import within
from exporter.clock import Clock
from exporter.exposition import Format, page
from exporter.model import Family

_log = logging.getLogger("novacenter.publisher")

Variant = tuple[Format, bool]
"""A format, and whether it is compressed by gzip."""

RENDER_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_PIECE = 128 * 1024
_GZIP = 31
"""zlib's window bits for a gzip member with the largest window (zlib manual, deflateInit2)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A finished answer. ``encoding`` is ``gzip`` or ``identity``, ``made_at`` seconds since the epoch."""

    chunks: tuple[bytes, ...]
    content_type: str
    encoding: str
    made_at: float

    @property
    def size(self) -> int:
        """Bytes of the whole page."""
        return sum(map(len, self.chunks))


def pieces(chunks: Iterable[bytes]) -> Iterator[memoryview]:
    """The same bytes in pieces of at most 128 KiB, without a copy."""
    for chunk in chunks:
        view = memoryview(chunk)
        for start in range(0, len(view), _PIECE):
            yield view[start : start + _PIECE]


class _Metrics:
    """What the publisher says of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.series = Gauge("novacenter_series", "Series of all sources, dropped ones included.", registry=registry)
        self.budget = Gauge("novacenter_series_budget", "Most series that the page may have.", registry=registry)
        self.dropped = Gauge(
            "novacenter_family_dropped", "1: the budget keeps this family off the page.", ["family"], registry=registry
        )
        self.bytes = Gauge(
            "novacenter_page_bytes",
            "Size of the newest page, for what was scraped lately.",
            ["format", "encoding"],
            registry=registry,
        )
        self.seconds = Histogram(
            "novacenter_render_seconds",
            "Time to make the pages that were scraped lately, compression included.",
            registry=registry,
            buckets=RENDER_BUCKETS,
        )
        self.failures = Counter(
            "novacenter_render_failures_total",
            "Pages that could not be made; the one before is still served. Each is a bug.",
            registry=registry,
        )


class _Edition:
    """One picture of all sources, and the pages made of it so far: each at most once."""

    def __init__(self, sources: Sequence[Mapping[Family, bytes]], registry: CollectorRegistry, made_at: float) -> None:
        self._sources = sources
        self._registry = registry
        self._made_at = made_at
        self._plain: dict[Format, Page] = {}
        self._gzipped: dict[Format, asyncio.Task[Page]] = {}

    async def page(self, variant: Variant) -> Page:
        """The page in one variant. Whoever asks first makes it, the others wait for the same one."""
        form, gzip = variant
        if not gzip:
            return self._identity(form)
        task = self._gzipped.get(form)
        if task is None:
            task = self._gzipped[form] = asyncio.create_task(self._gzip(form))
        # A client that hangs up must not take the page away from the others.
        return await asyncio.shield(task)

    def _identity(self, form: Format) -> Page:
        """Cheap: the bodies of the families are referred to, not copied."""
        made = self._plain.get(form)
        if made is None:
            generate = generate_openmetrics if form is Format.OPENMETRICS else generate_latest
            # The agent's own metrics come last: client_python writes the end mark of OpenMetrics behind them.
            chunks = (*page(self._sources, form), generate(self._registry))
            made = self._plain[form] = Page(chunks, form.value, "identity", self._made_at)
        return made

    async def _gzip(self, form: Format) -> Page:
        plain = self._identity(form)
        return Page((await asyncio.to_thread(_compressed, plain),), form.value, "gzip", self._made_at)


def _compressed(plain: Page) -> bytes:
    """One gzip member. isal releases the interpreter lock while it works."""
    compressor = isal_zlib.compressobj(level=1, wbits=_GZIP)
    return b"".join([*map(compressor.compress, pieces(plain.chunks)), compressor.flush()])


class Publisher:
    """The page of everything that the sources have, and of the agent's own metrics on ``registry``.

    ``budget`` is the most series of all sources together. A page is made at most every ``pause`` seconds and at least
    every ``refresh`` seconds; a variant is made ahead of its scrapes for ``warm`` seconds after the last one.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        clock: Clock,
        *,
        budget: int,
        pause: float = 0.5,
        refresh: float = 15.0,
        warm: float = 300.0,
    ) -> None:
        self.registry = registry
        self.budget = budget
        self.dropped: tuple[str, ...] = ()
        self.series = 0
        self._clock = clock
        self._pause = pause
        self._refresh = refresh
        self._warm = warm
        self._metrics = _Metrics(registry)
        self._parts: dict[tuple[str, str], tuple[Mapping[Family, bytes], Mapping[Family, int]]] = {}
        self._asked: dict[Variant, float] = {}
        self._dirty = asyncio.Event()
        self._edition = _Edition((), registry, clock.now())

    def put(  # noqa: PLR0917 - handed on as a callback, whose type cannot name its arguments
        self, source: str, part: str, families: Mapping[Family, bytes], series: Mapping[Family, int]
    ) -> None:
        """Replaces a part of a source (``inventory``, ``realtime``) whole: rendered lines and number of series.

        The mappings are kept: they must not be changed afterwards.
        """
        self._parts[source, part] = (families, series)
        self._dirty.set()

    def remove(self, source: str, part: str | None = None) -> None:
        """Takes a part of a source off the page, or all of it."""
        for key in [key for key in self._parts if key[0] == source and part in {None, key[1]}]:
            del self._parts[key]
        self._dirty.set()

    def parts(self) -> Mapping[tuple[str, str], Mapping[Family, bytes]]:
        """The rendered lines of each part of each source as they are now, those off the page too."""
        return {key: families for key, (families, _) in self._parts.items()}

    def set_budget(self, budget: int) -> None:
        """Changes the series budget from the next page on."""
        self.budget = budget
        self._dirty.set()

    async def variant(self, form: Format, gzip: bool) -> Page:
        """The newest complete page. Only the first scrape of a variant that nobody asked for lately waits for it."""
        self._asked[form, gzip] = self._clock.monotonic()
        return await self._edition.page((form, gzip))

    async def run(self) -> None:
        """Keeps the page new until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._refresh):
                    await self._dirty.wait()
            except TimeoutError:
                pass
            try:
                await self.build()
            except Exception:  # noqa: BLE001 - the top of a loop
                # The one place of this loop: a page that cannot be made must not end the ones after it.
                _log.exception("the page could not be made; the one before is still served. Please report it")
                self._metrics.failures.inc()
            await asyncio.sleep(self._pause)

    async def build(self) -> None:
        """Makes the page of what the sources have now; scrapes get the one before until it is complete."""
        self._dirty.clear()
        began = self._clock.monotonic()
        edition = _Edition(self._within_budget(), self.registry, self._clock.now())
        self._asked = {variant: asked for variant, asked in self._asked.items() if began - asked <= self._warm}
        pages = [await edition.page(variant) for variant in list(self._asked)]
        self._edition = edition
        self._metrics.seconds.observe(self._clock.monotonic() - began)
        self._metrics.bytes.clear()
        for made in pages:
            form = Format(made.content_type).name.lower()
            self._metrics.bytes.labels(form, made.encoding).set(made.size)

    def _within_budget(self) -> list[Mapping[Family, bytes]]:
        """The parts in a steady order, without the families that the budget does not allow."""
        tally: Tally[str] = Tally()
        for _, series in self._parts.values():
            for family, count in series.items():
                tally[family.name] += count
        self.series = tally.total()
        self._metrics.series.set(self.series)
        self._metrics.budget.set(self.budget)
        self._drop(within(tally, self.budget))
        parts = [families for _, (families, _) in sorted(self._parts.items(), key=lambda item: item[0])]
        if not self.dropped:
            return parts
        gone = set(self.dropped)
        return [{family: body for family, body in part.items() if family.name not in gone} for part in parts]

    def _drop(self, dropped: tuple[str, ...]) -> None:
        if dropped == self.dropped:
            return
        self.dropped = dropped
        self._metrics.dropped.clear()
        for name in dropped:
            self._metrics.dropped.labels(name).set(1)
        if dropped:
            _log.warning(
                "%d series exceed the budget of %d; left out, the least important first: %s. "
                "Raise series_budget, or exclude counters, instances or objects",
                *(self.series, self.budget, ", ".join(dropped)),
            )
        else:
            _log.info("%d series fit the budget of %d again; no family is left out", self.series, self.budget)
