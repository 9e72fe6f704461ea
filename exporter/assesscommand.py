"""``novacenter assess``: how the integration stands, figure by figure, worst first.

Exit codes: 0 no objective missed; 10 one is missed; 1 a source failed and nothing could be said, or the page could not
be written; 2 the command line or the configuration cannot be used.
"""

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from exporter import slastores, survey
from exporter.assess import promises, recorded
from exporter.assess.gather import Material, assessed, date_of, measured
from exporter.assess.look import look
from exporter.assess.promises import Kept
from exporter.assess.seen import Seen
from exporter.canary.last import Last, last_verdict
from exporter.clock import Clock
from exporter.config import Config
from exporter.configobjectives import standard
from exporter.days.stores import DaysError, opened
from exporter.errors import ConfigError
from exporter.replacement import replaced
from exporter.trust import service as trust
from exporter.trust.edges import endpoints
from sla.days import Day
from sla.objectives.document import as_json, document
from sla.objectives.htmlform import as_html
from sla.objectives.model import Assessment
from sla.objectives.textform import as_text
from sla.report.period import PeriodError, last
from sla.store.errors import StoreError

TEXT = "how the integration stands: every reference figure with what was measured, worst first"
MISSED = 10
"""Exit code: an objective is missed."""
WIDTH = 100
"""Columns of the text where the output is no terminal."""


def add(parser: argparse.ArgumentParser, load: Callable[[argparse.Namespace], Config]) -> None:
    """The options; ``load`` reads the configuration that they name."""

    async def command(options: argparse.Namespace) -> int:
        return await run(load(options), options, out=sys.stdout.buffer, err=sys.stderr)

    parser.add_argument("--format", dest="form", choices=("text", "json", "html"), default="text")
    parser.add_argument(
        "--window", default="30d", metavar="30d", help="hours, days or weeks to look back; default: 30d"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="replaced at once, when the page is complete")
    parser.add_argument("--offline", action="store_true", help="only what is stored: no source is asked")
    parser.set_defaults(command=command)


async def run(
    config: Config, options: argparse.Namespace, *, out: BinaryIO, err: TextIO, clock: Clock | None = None
) -> int:
    """Writes the page and returns the exit code. Raises ConfigError where the options cannot be used."""
    watch = clock or Clock()
    now = watch.now()
    try:
        start = last(options.window, "UTC", now=now).start
    except PeriodError as error:
        raise ConfigError(f"--window: {error}") from error
    seen = Seen() if options.offline else await _look(config, watch)
    made = await asyncio.to_thread(_made, config, watch, of=(start, now, seen))
    for source, reason in made.failed:
        err.write(f"{source}: {reason}\n")
    if not _put(_form(made, options, out), options.output, out=out, err=err):
        return 1
    if made.missed:
        return MISSED
    return 1 if made.failed and not made.said else 0


def _made(config: Config, clock: Clock, *, of: tuple[float, float, Seen]) -> Assessment:
    start, now, seen = of
    why: dict[str, str] = {}
    days = _days(config, clock, window=(date_of(start), date_of(now)), why=why)
    kept = _kept(config, clock, why)
    gate = _gate(config, clock, why)
    looked = Seen(
        hosts=seen.hosts,
        covered=seen.covered,
        compared=seen.compared,
        governed=seen.governed,
        edges=seen.edges,
        gate=gate,
        failed=seen.failed,
    )
    material = Material(at=now, start=start, days=days, kept=kept, seen=looked, why=why)
    figures = standard()
    return assessed(measured(material, figures, config.objectives), figures, config.objectives)


async def _look(config: Config, clock: Clock) -> Seen:
    async with survey.opened(config, lambda *_: None, clock=clock) as sources:
        failed = [(f"vCenter {name}", str(error)) for name, error in (await sources.survey()).items()]
        failed += [(f"cloud {cloud.name}", str(cloud.last_error)) for cloud in sources.clouds if cloud.last_error]
        edges = await trust.survey(config, endpoints(sources.clouds))
        governed = sources.ways.governed
        return look(sources.vcenters, sources.clouds, governed=governed, edges=edges, gate=None, failed=failed)


def _days(config: Config, clock: Clock, *, window: tuple[str, str], why: dict[str, str]) -> Sequence[Day]:
    """What is stored; a state without a record yet is an empty one."""
    parts = ("calls", "builds", "hours", "disks", "rdm", "latencies", "busy", "cpu")
    try:
        store = opened(config.state, monotonic=clock.monotonic)
    except ConfigError as error:
        why.update(dict.fromkeys(parts, str(error)))
        return ()
    try:
        return store.rows(*window, measures=recorded.MEASURES)
    except DaysError as error:
        why.update(dict.fromkeys(parts, str(error)))
        return ()
    finally:
        store.close()


def _kept(config: Config, clock: Clock, why: dict[str, str]) -> Kept | None:
    try:
        store = slastores.opened(config.state, monotonic=clock.monotonic, exclusive=False)
        try:
            return promises.kept(store)
        finally:
            store.close()
    except (ConfigError, StoreError) as error:
        why["incidents"] = str(error)
        return None


def _gate(config: Config, clock: Clock, why: dict[str, str]) -> Last | None:
    try:
        return last_verdict(config.state, monotonic=clock.monotonic)
    except ConfigError as error:
        why["gate"] = str(error)
        return None


def _form(made: Assessment, options: argparse.Namespace, out: BinaryIO) -> bytes:
    if options.form == "json":
        return as_json(document(made)).encode()
    if options.form == "html":
        return as_html(made).encode()
    shown = options.output is None and out.isatty()
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if shown else WIDTH
    text = as_text(made, width=width, colour=shown and not os.environ.get("NO_COLOR"))
    return text.encode(sys.stdout.encoding or "utf-8", "backslashreplace") if options.output is None else text.encode()


def _put(content: bytes, path: Path | None, *, out: BinaryIO, err: TextIO) -> bool:
    if path is None:
        with suppress(BrokenPipeError):
            out.write(content)
            out.flush()
        return True
    try:
        replaced(path, content)
    except OSError as error:
        err.write(f"novacenter: {path}: cannot be written ({error.strerror}); name another file\n")
        return False
    return True
