"""``novacenter sla report``: was the contract kept, over a period, in the form that is asked for.

Exit codes: 0 all targets met; 10 one missed in the period; 1 the report could not be made; 2 the command line or the
configuration cannot be used.
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from exporter import slastores
from exporter.clock import Clock
from exporter.configfile import load
from exporter.errors import ConfigError
from exporter.replacement import replaced
from sla.report import period
from sla.report.document import Document, document
from sla.report.make import Request, UnknownNameError, make
from sla.report.material import gather
from sla.report.period import Period, PeriodError
from sla.report.render import FORMATS, NARROWEST, WIDTH, MissingLibraryError, render
from sla.store.base import Store
from sla.store.errors import StoreError

MISSED = 10
"""Exit code: a target was missed."""
_CONFIG = Path("/etc/novacenter/novacenter.yml")
_OBJECTIVE = re.compile(r"(?:([^=]+)=)?(\d{1,2}(?:\.\d{1,9})?)%?")


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a report goes that has no file: ``colour`` and ``width`` are for text."""

    out: BinaryIO
    err: TextIO
    colour: bool = False
    width: int = WIDTH
    encoding: str = "utf-8"
    shown: bool = False


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The subcommand ``report``; it sets ``command``, a coroutine function of the options."""
    text = "was the contract kept: numbers, timeline and incidents of a period"
    made = commands.add_parser("report", help=text, description=f"{text}; exit 10 if a target was missed.")
    made.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE", help=f"default: {_CONFIG}")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--month", metavar="2026-10", help="a calendar month of the zone")
    which.add_argument("--last", metavar="30d", help="hours, days or weeks before now; default: 30d")
    which.add_argument("--from", dest="start", metavar="TIME", help="a date or a time of the zone; needs --to")
    made.add_argument("--to", dest="end", metavar="TIME", help="the report ends before it")
    made.add_argument("--zone", default="UTC", metavar="NAME", help="such as Europe/Berlin; default: UTC")
    made.add_argument("--class", dest="classes", action="append", default=[], metavar="NAME", help="only this class")
    made.add_argument("--site", dest="sites", action="append", default=[], metavar="NAME", help="only this site")
    made.add_argument(
        "--objective",
        dest="objectives",
        action="append",
        default=[],
        metavar="[CLASS=]99.9",
        help="availability in percent: tells the error budget",
    )
    made.add_argument("--format", dest="form", choices=FORMATS, default="text")
    made.add_argument("--output", type=Path, metavar="FILE", help="replaced at once, when the report is complete")
    made.add_argument("--font", type=Path, metavar="FILE.ttf", help="for PDF, where names are not in Latin letters")
    made.add_argument("--now", metavar="TIME", help="when the report is made: the same time gives the same bytes")
    made.set_defaults(command=_report)


async def _report(options: argparse.Namespace) -> int:
    shown = sys.stdout.isatty()
    terminal = Terminal(
        out=sys.stdout.buffer,
        err=sys.stderr,
        colour=shown and not os.environ.get("NO_COLOR"),
        width=min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if shown else WIDTH,
        encoding=sys.stdout.encoding or "utf-8",
        shown=shown,
    )
    clock = Clock()
    config = load(options.config, environ=os.environ)
    store = slastores.opened(config.state, monotonic=clock.monotonic, exclusive=False)
    try:
        return run(options, store, terminal, clock=clock)
    finally:
        store.close()


def run(options: argparse.Namespace, store: Store, terminal: Terminal, *, clock: Clock) -> int:
    """Writes the report and returns the exit code. Raises ConfigError where the options cannot be used."""
    if options.form == "pdf" and options.output is None and terminal.shown:
        raise ConfigError("--format pdf: a terminal cannot show it; name a file with --output")
    try:
        request = _request(options, clock)
        made = _made(store, request)
        content = render(
            made,
            options.form,
            width=max(NARROWEST, terminal.width),
            colour=_coloured(options, terminal),
            font=options.font,
        )
    except (PeriodError, UnknownNameError, MissingLibraryError) as error:
        raise ConfigError(str(error)) from error
    except (StoreError, ValueError, OSError) as error:
        terminal.err.write(f"novacenter: report: {error}\n")
        return 1
    if not made["classes"]:
        terminal.err.write(
            "novacenter: report: no policy was in force before the end of the period, so nothing was promised; "
            "choose a later period, or start the agent\n"
        )
        return 1
    if not _put(content, options, terminal):
        return 1
    return 0 if made["kept"] else MISSED


def _request(options: argparse.Namespace, clock: Clock) -> Request:
    now = clock.now() if options.now is None else period.instant(options.now)
    return Request(
        period=_period(options, now),
        now=now,
        classes=tuple(options.classes),
        sites=tuple(options.sites),
        objectives=_objectives(options.objectives),
    )


def _period(options: argparse.Namespace, now: float) -> Period:
    if (options.start is None) is not (options.end is None):
        raise PeriodError("--from and --to belong together; write both, or --month, or --last")
    if options.start is not None:
        return period.between(options.start, options.end, options.zone)
    if options.month is not None:
        return period.month(options.month, options.zone)
    return period.last(options.last or "30d", options.zone, now=now)


def _objectives(texts: Sequence[str]) -> Mapping[str, float]:
    found = {}
    for text in texts:
        match = _OBJECTIVE.fullmatch(text)
        if not match or not 0 < float(match[2]) < 100:
            raise ConfigError(f"--objective {text!r}: write a percentage below 100, such as 99.9 or CLASS=99.9")
        found[match[1] or ""] = float(match[2]) / 100
    return found


def _made(store: Store, request: Request) -> Document:
    heartbeat = store.heartbeat()
    material = gather(
        store.read(),
        until=request.until,
        heartbeat=heartbeat.at if heartbeat else None,
        aggregates=store.aggregates("", "~"),
    )
    return document(make(material, request))


def _coloured(options: argparse.Namespace, terminal: Terminal) -> bool:
    return terminal.colour and options.output is None


def _put(content: bytes, options: argparse.Namespace, terminal: Terminal) -> bool:
    if options.output is not None:
        return _replace(options.output, content, terminal.err)
    if options.form == "text":
        content = content.decode().encode(terminal.encoding, "backslashreplace")
    with suppress(BrokenPipeError):
        terminal.out.write(content)
        terminal.out.flush()
    return True


def _replace(path: Path, content: bytes, err: TextIO) -> bool:
    try:
        replaced(path, content)
    except OSError as error:
        err.write(f"novacenter: {path}: cannot be written ({error.strerror}); name another file, or make room\n")
        return False
    return True
