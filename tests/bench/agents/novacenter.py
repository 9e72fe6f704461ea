"""The product: its poller and its publisher, one cycle at a time."""

import asyncio
import gc
import random
from collections.abc import Mapping

from bench.agents.protocol import Answer, measured, memory, serve_async
from bench.agents.target import vcenter
from exporter.clock import Clock
from exporter.exposition import Format
from exporter.model import Family
from exporter.poller import Poller
from exporter.publisher import Publisher
from exporter.surroundings import Surroundings
from exporter.telemetry import Telemetry
from exporter.vcenter.sampler import Report


class Product:
    """Polls and publishes on demand.

    ``gzip`` says how the page is wanted, ``inventory`` whether the inventory's families are on it too, ``labels`` what
    is copied on to every series.
    """

    def __init__(self, clock: Clock = Clock()) -> None:  # noqa: B008 - a Clock has no state
        self.clock = clock
        self.poller: Poller
        self._performance: Mapping[Family, bytes] = {}
        self._frozen = False

    async def start(
        self, *, gzip: bool = False, inventory: bool = False, labels: tuple[str, ...] = (), **target
    ) -> Answer:
        """Lists the inventory."""
        telemetry = Telemetry()
        self._publisher = Publisher(telemetry.registry, self.clock, budget=2_000_000)
        self._variant = (Format.TEXT, gzip)
        self._inventory = inventory
        world = Surroundings(
            clock=self.clock,
            rng=random.Random(1),
            telemetry=telemetry,
            publish=self._publish,
            labels=tuple(labels),
            cycled=self._cycled,
        )
        self.poller = Poller(vcenter(**target), world, marks={})
        await self._publisher.variant(*self._variant)  # from now on this variant is made with every page
        spent: Answer = {}
        with measured(spent):
            await self.poller.list_inventory()
        assert self.poller.inventory is not None
        return spent | {"entities": len(self.poller.inventory.entities)} | memory()

    async def cycle(self) -> Answer:
        """One cycle: request, reply, decoding, rendering, and the page as it is handed out."""
        spent: Answer = {}
        with measured(spent):
            await self.work()
        return spent | self.outcome()

    async def work(self) -> None:
        """What a cycle costs."""
        await self.poller.realtime_cycle()
        await self._publisher.build()
        self._page = await self._publisher.variant(*self._variant)

    def outcome(self) -> Answer:
        """What the last cycle brought; ``received`` counts entities' samples since the start."""
        report = self.poller.reports["realtime"]
        if report.error:
            raise report.error
        return memory() | {
            "bytes": self._page.size,
            "series": sum(body.count(b"\n") for body in self._performance.values()),
            "received": sum(totals.received for totals in report.totals.values()),
            "reply_bytes": report.result.received,
            "requests": sum(report.result.outcomes.values()),
            "decode_wall": report.result.decode_seconds,
        }

    def bodies(self) -> bytes:
        """The performance families as they are on the page."""
        return b"".join(self._performance.values())

    def _publish(self, source: str, part: str, families: Mapping[Family, bytes], series: Mapping[Family, int]) -> None:
        if part == "realtime":
            self._performance = families
        if part == "realtime" or self._inventory:
            self._publisher.put(source, part, families, series)

    def _cycled(self, _: str, report: Report) -> None:
        # As exporter.app does after the first cycle.
        if report.result.decode_seconds and not self._frozen:
            self._frozen = True
            gc.freeze()


if __name__ == "__main__":
    product = Product()
    asyncio.run(serve_async({"start": product.start, "cycle": product.cycle}))
