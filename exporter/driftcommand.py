"""``novacenter drift``: what does not fit between OpenStack's mapping and vSphere, once."""

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from exporter import survey
from exporter.clock import Clock
from exporter.config import Config
from exporter.drift import table
from exporter.drift.model import Compared
from exporter.drift.side import MappingSide
from exporter.errors import ConfigError
from exporter.survey import Sources

TEXT = "what does not fit between OpenStack's networks, clusters and datastores and vSphere's"
DRIFTED = 10
"""Exit code where something graver than a note was found."""
WIDTH = 120
"""Columns of the text where the output is no terminal."""


def add(parser: argparse.ArgumentParser, load: Callable[[argparse.Namespace], Config]) -> None:
    """The options; ``load`` reads the configuration that they name."""

    async def command(options: argparse.Namespace) -> int:
        return await run(load(options), form=options.format, out=sys.stdout, err=sys.stderr)

    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(command=command)


async def run(config: Config, *, form: str, out: TextIO, err: TextIO, clock: Clock | None = None) -> int:
    """Asks every source once, and writes what does not fit. Raises ConfigError.

    Returns 1 if a source failed, for the list is not whole then, else 10 if anything graver than a note was found.
    """
    if not config.clouds:
        raise ConfigError("the configuration names no cloud; write at least one entry under clouds")
    async with survey.opened(config, lambda *_: None, clock=clock or Clock()) as sources:
        failed = {f"vCenter {name}": str(error) for name, error in (await sources.survey()).items()}
        compared = comparisons(sources)
        failed |= _failed(sources)
    if form == "json":
        written = table.as_json(compared, failed)
    else:
        written = table.text(compared, width=shutil.get_terminal_size((WIDTH, 0)).columns if out.isatty() else WIDTH)
    encoding = out.encoding or "utf-8"
    out.write(written.encode(encoding, "backslashreplace").decode(encoding))
    for name, error in failed.items():
        err.write(f"{name}: {error}\n")
    if failed:
        return 1
    return DRIFTED if any(one.is_drifted for one in compared.values()) else 0


def comparisons(sources: Sources) -> Mapping[str, Compared]:
    """The comparison of each cloud by name, of those that were made."""
    found = {}
    for cloud in sources.clouds:
        side = cloud.sides.by_name.get(MappingSide.name)
        if isinstance(side, MappingSide) and side.compared is not None:
            found[cloud.name] = side.compared
    return found


def _failed(sources: Sources) -> Mapping[str, str]:
    found = {}
    for cloud in sources.clouds:
        side = cloud.sides.by_name.get(MappingSide.name)
        failure = side.failure if isinstance(side, MappingSide) else None
        error = cloud.last_error or failure
        if error is not None:
            found[f"cloud {cloud.name}"] = str(error)
    return found
