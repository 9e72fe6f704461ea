"""``novacenter once``: one cycle of every vCenter, and the exposition on standard output."""

import asyncio
import random
from collections.abc import Mapping
from typing import BinaryIO, TextIO

from exporter import exposition, progress
from exporter.clock import Clock
from exporter.config import Config
from exporter.errors import SourceError
from exporter.exposition import Format
from exporter.model import Family
from exporter.poller import Poller, Surroundings
from exporter.telemetry import Telemetry


async def run(config: Config, *, out: BinaryIO, err: TextIO) -> int:
    """Writes the page of one cycle. Returns 1 if a vCenter failed, and says which and why."""
    telemetry = Telemetry()
    pages: dict[tuple[str, str], Mapping[Family, bytes]] = {}

    def publish(source: str, part: str, families: Mapping[Family, bytes], _: Mapping[Family, int]) -> None:
        pages[source, part] = families

    world = Surroundings(
        clock=Clock(),
        rng=random.Random(),  # noqa: S311 - spreads retries over time, keeps no secret
        telemetry=telemetry,
        publish=publish,
        labels=config.labels,
    )
    pollers = [Poller(vcenter, world, marks={}) for vcenter in config.vcenters]
    async with progress.shown(lambda: [poller.listing() for poller in pollers], err):
        failures = await asyncio.gather(*map(_cycle, pollers))
    for chunk in exposition.page([pages[key] for key in sorted(pages)], Format.TEXT):
        out.write(chunk)
    out.write(telemetry.text())
    out.flush()
    found = [(vcenter.name, error) for vcenter, error in zip(config.vcenters, failures, strict=True) if error]
    for name, error in found:
        err.write(f"vCenter {name}: {error}\n")
    return 1 if found else 0


async def _cycle(poller: Poller) -> SourceError | None:
    try:
        await poller.session.login()
        await poller.list_inventory()
        await poller.realtime_cycle()
        await poller.historical_cycle()
        await poller.read_certificates()
    except SourceError as error:
        return error
    finally:
        await poller.close()
    return poller.last_error
