"""``novacenter ways``: every virtual machine with who governs it, and the rule that decided."""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from exporter import survey, wayrule
from exporter.clock import Clock
from exporter.config import Config
from exporter.errors import ConfigError
from exporter.ways import table
from exporter.ways.model import Governed, shares

TEXT = "who governs each VM: Nova, another tool, or somebody by hand"
WIDTH = 120
"""Columns of the table where the output is no terminal."""


def add(parser: argparse.ArgumentParser, load: Callable[[argparse.Namespace], Config]) -> None:
    """The options; ``load`` reads the configuration that they name."""

    async def command(options: argparse.Namespace) -> int:
        return await run(load(options), options, out=sys.stdout, err=sys.stderr)

    parser.add_argument("--way", metavar="WAY", help="only machines of this way, such as hand")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(command=command)


async def run(config: Config, options: argparse.Namespace, *, out: TextIO, err: TextIO) -> int:
    """Asks every source once, and writes the list. Returns 1 if a vCenter could not be read. Raises ConfigError."""
    if not config.vcenters:
        raise ConfigError("the configuration names no vCenter; write at least one entry under vcenters")
    known = {*wayrule.BUILT_IN, *(rule.way for rule in config.ways)}
    if options.way is not None and options.way not in known:
        raise ConfigError(f"--way: there is no such way; use one of: {', '.join(sorted(known))}")
    async with survey.opened(config, lambda *_: None, clock=Clock()) as sources:
        failures = {name: str(error) for name, error in (await sources.survey()).items()}
        failed = {f"cloud {cloud.name}": str(cloud.last_error) for cloud in sources.clouds if cloud.last_error}
        failed |= {f"tags of vCenter {name}": str(error) for name, error in sources.ways.book.errors.items()}
        governed = sources.ways.governed
    if options.format == "json":
        _write_json(governed, failures | failed, way=options.way, out=out)
    else:
        terminal = out.isatty()
        width = shutil.get_terminal_size((WIDTH, 0)).columns if terminal else WIDTH
        text = table.render(governed, way=options.way, width=width, colour=terminal)
        encoding = out.encoding or "utf-8"
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    for name, error in {**{f"vCenter {name}": error for name, error in failures.items()}, **failed}.items():
        err.write(f"{name}: {error}\n")
    return 1 if failures or failed else 0


def _write_json(governed: Iterable[Governed], failed: Mapping[str, str], *, way: str | None, out: TextIO) -> None:
    whole = list(governed)
    content = {
        "shares": shares(whole),
        "vcenters": [_vcenter(one, way) for one in whole],
        "failed": dict(failed),
    }
    json.dump(content, out, indent=1)
    out.write("\n")


def _vcenter(governed: Governed, way: str | None) -> dict[str, Any]:
    tallies = governed.tallies.items()
    return {
        "name": governed.vcenter,
        "ways": {
            name: {"vms": tally.vms, "vcpus": tally.vcpus, "memory_bytes": tally.memory_bytes}
            for name, tally in tallies
        },
        "vms": [
            {
                "moid": one.moid,
                "name": one.name,
                "path": one.path,
                "way": one.verdict.way,
                "rule": one.verdict.rule,
                "note": one.verdict.note,
            }
            for one in governed.machines
            if way in {None, one.verdict.way}
        ],
    }
