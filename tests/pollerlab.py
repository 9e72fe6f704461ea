"""One poller against one simulated vCenter, cycle by cycle, on a clock that stands still between cycles."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.clock import Clock
from exporter.config import Secret, Timeouts, VCenter
from exporter.config import Tls as Trust
from exporter.configfile import DEFAULT_COUNTERS, DEFAULT_INSTANCES
from exporter.late import LateSeries
from exporter.model import Family
from exporter.poller import Poller
from exporter.surroundings import Surroundings
from exporter.telemetry import Telemetry
from simulator.inventory import Size, build
from simulator.model import Model
from simulator.vcenter import Server, Tls, serve

NOON = 1_795_348_805.0
"""2026-11-22 12:00:05 UTC: five seconds after a sample."""


@dataclass(slots=True)
class Hands:
    """The hands of the clock: seconds since the epoch."""

    seconds: float = NOON

    def __call__(self) -> float:
        """Now."""
        return self.seconds


@dataclass(slots=True)
class Lab:
    """What a test moves and looks at. ``pages`` are rendered families by part; ``late`` what came too late for them."""

    hands: Hands
    model: Model
    server: Server
    vcenter: VCenter
    telemetry: Telemetry = field(default_factory=Telemetry)
    pages: dict[str, Mapping[Family, bytes]] = field(default_factory=dict)
    late: list[LateSeries] = field(default_factory=list)
    poller: Poller = field(init=False)

    def __post_init__(self) -> None:
        self.poller = self.new_poller({})

    def new_poller(self, marks: Mapping[str, Mapping[str, int]]) -> Poller:
        """A poller that remembers nothing but marks."""
        world = Surroundings(
            clock=Clock(now=self.hands, monotonic=self.hands),
            rng=random.Random(1),
            telemetry=self.telemetry,
            publish=self._publish,
            late=lambda _, series: self.late.extend(series),
        )
        return Poller(self.vcenter, world, marks=marks)

    async def cycle(self, *, seconds: float = 20.0) -> None:
        """Lets time pass and runs one realtime cycle."""
        self.hands.seconds += seconds
        await self.poller.realtime_cycle()

    def value(self, name: str, **labels: str) -> float:
        """A metric of the agent itself; 0 where it has no such series."""
        return self.telemetry.registry.get_sample_value(name, {"vcenter": "vc1", **labels}) or 0.0

    def owed(self) -> tuple[float, float]:
        """Samples of VMs and hosts that are expected but not received, and those given up."""
        kinds = ("vm", "host")
        expected = sum(self.value("novacenter_samples_expected_total", kind=kind) for kind in kinds)
        received = sum(self.value("novacenter_samples_received_total", kind=kind) for kind in kinds)
        return expected - received, sum(self.value("novacenter_samples_missing_total", kind=kind) for kind in kinds)

    def entities(self) -> set[str]:
        """Managed object ids that have performance series on the page."""
        text = b"".join(self.pages.get("realtime", {}).values()).decode()
        return {line.partition('moid="')[2].partition('"')[0] for line in text.splitlines()}

    def _publish(
        self, _source: str, part: str, families: Mapping[Family, bytes], _series: Mapping[Family, int]
    ) -> None:
        self.pages[part] = families


@asynccontextmanager
async def lab(*, size: Size | None = None, **settings: Any) -> AsyncIterator[Lab]:
    """A vCenter over TLS whose inventory is listed, and one good cycle done."""
    hands = Hands()
    model = build(size or Size(hosts=4, vms=12), now=hands)
    async with serve(model, tls=Tls()) as server:
        vcenter = VCenter(
            name="vc1",
            url=server.url,
            username=model.accounts.user,
            password=Secret(model.accounts.password),
            tls=Trust(thumbprint=server.thumbprint),
            timeouts=Timeouts(connect=1.0, read=0.4, total=0.8),
            counters=DEFAULT_COUNTERS,
            instances=DEFAULT_INSTANCES,
        )
        made = Lab(hands, model, server, replace(vcenter, **settings))
        try:
            await made.poller.list_inventory()
            await made.cycle()
            yield made
        finally:
            await made.poller.close()
