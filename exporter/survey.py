"""Every source of a configuration, asked once: what ``once`` and ``check`` begin with."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.cloudpoller import CloudPoller
from exporter.clouds import Clouds
from exporter.config import Config
from exporter.errors import SourceError
from exporter.identity import Identity
from exporter.joinmodel import FindingKind
from exporter.poller import SIDES, Poller
from exporter.surroundings import Publish, Surroundings
from exporter.telemetry import Telemetry
from exporter.wayrule import WayRule
from exporter.ways.service import Ways


@dataclass(frozen=True, slots=True)
class Sources:
    """The pollers of a configuration, none of which runs; ``telemetry`` is theirs, ``identity`` joins them.

    ``ways`` knows who governs each VM, by ``rules`` and the built-in ones.
    """

    vcenters: tuple[Poller, ...]
    clouds: tuple[CloudPoller, ...]
    identity: Identity
    telemetry: Telemetry
    ways: Ways
    rules: tuple[WayRule, ...] = ()

    async def survey(self) -> dict[str, SourceError]:
        """Lists every vCenter, then asks every cloud, and joins them. What failed, by vCenter."""
        errors = await asyncio.gather(*map(_list, self.vcenters))
        await asyncio.gather(*map(_ask, self.clouds))
        await self.ways.book.cycle(self.rules)
        await self.ways.cycle(self.rules)
        return {poller.name: error for poller, error in zip(self.vcenters, errors, strict=True) if error is not None}


@asynccontextmanager
async def opened(config: Config, publish: Publish, *, clock: Clock) -> AsyncIterator[Sources]:
    """The sources, closed in the end. Raises ConfigError where one cannot be made."""
    telemetry = Telemetry()
    world = Surroundings(
        clock=clock,
        rng=random.Random(),  # noqa: S311 - spreads retries over time, keeps no secret
        telemetry=telemetry,
        publish=publish,
        labels=config.labels,
    )
    vcenters = {vcenter.name: Poller(vcenter, world, marks={}) for vcenter in config.vcenters}
    clouds = Clouds(
        clock=clock,
        telemetry=telemetry,
        publish=publish,
        remove=lambda _: None,
        state=None,
        vcenters=lambda: vcenters,
        # There is no second look that could confirm the first.
        holds=dict.fromkeys(FindingKind, 0.0),
    )
    made = await clouds.prepare(config.clouds)
    pollers = tuple(clouds.make(name, cloud, session) for name, (cloud, session) in made.items())
    try:
        ways = Ways(clock=clock, publish=publish, vcenters=lambda: vcenters, identity=clouds.identity)
        yield Sources(tuple(vcenters.values()), pollers, clouds.identity, telemetry, ways, config.ways)
    finally:
        sessions = (poller.session.close() for poller in pollers)
        await asyncio.gather(*(poller.close() for poller in vcenters.values()), *sessions)


async def _list(poller: Poller) -> SourceError | None:
    try:
        await poller.session.login()
        await poller.list_inventory()
        await poller.keep_alive()
        for side in SIDES:
            await poller.side_cycle(side)
    except SourceError as error:
        return error
    return None


async def _ask(cloud: CloudPoller) -> None:
    await cloud.services_cycle()
    await cloud.probes_cycle()
    await cloud.operations_cycle()
    await cloud.sides.look_at_all()
