"""``novacenter once``: one cycle of every source, and the exposition on standard output."""

import asyncio
from collections.abc import Mapping
from typing import BinaryIO, TextIO

from exporter import exposition, progress, survey
from exporter.clock import Clock
from exporter.config import Config
from exporter.errors import SourceError
from exporter.exposition import Format
from exporter.model import Family
from exporter.poller import Poller
from exporter.survey import Sources
from exporter.trust import service as trust
from exporter.trust.edges import endpoints


async def run(config: Config, *, out: BinaryIO, err: TextIO) -> int:
    """Writes the page of one cycle. Returns 1 if a source failed, and says which and why. Raises ConfigError."""
    pages: dict[tuple[str, str], Mapping[Family, bytes]] = {}

    def publish(source: str, part: str, families: Mapping[Family, bytes], _: Mapping[Family, int]) -> None:
        pages[source, part] = families

    async with (
        survey.opened(config, publish, clock=Clock()) as sources,
        progress.shown(lambda: [poller.listing() for poller in sources.vcenters], err),
    ):
        failures = await _cycle(sources)
    for chunk in exposition.page([pages[key] for key in sorted(pages)], Format.TEXT):
        out.write(chunk)
    trust.Metrics(sources.telemetry.registry).show(await trust.survey(config, endpoints(sources.clouds)))
    out.write(sources.telemetry.text())
    out.flush()
    for name, error in failures.items():
        err.write(f"{name}: {error}\n")
    return 1 if failures else 0


async def _cycle(sources: Sources) -> dict[str, SourceError]:
    """Samples after the survey, for it tells what VMs are labelled with; what failed, by source."""
    failures = {f"vCenter {name}": error for name, error in (await sources.survey()).items()}
    sampled = [poller for poller in sources.vcenters if f"vCenter {poller.name}" not in failures]
    for poller, error in zip(sampled, await asyncio.gather(*map(_sample, sampled)), strict=True):
        if error := error or poller.last_error:
            failures[f"vCenter {poller.name}"] = error
    for cloud in sources.clouds:
        if cloud.last_error is not None:
            failures[f"cloud {cloud.name}"] = cloud.last_error
    return failures


async def _sample(poller: Poller) -> SourceError | None:
    try:
        await poller.realtime_cycle()
        await poller.historical_cycle()
    except SourceError as error:
        return error
    return None
