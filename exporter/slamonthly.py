"""The monthly report of the SLA as files: that of the last complete month, once, by the agent that judges."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from exporter.config import MonthlyReport
from exporter.errors import NovacenterError
from exporter.replacement import replaced
from exporter.slarunner import Runner
from sla.report import period
from sla.report.document import document
from sla.report.make import Request, make
from sla.report.material import gather
from sla.report.render import render
from sla.store.base import Aggregate, Heartbeat, Store, Stored
from sla.store.errors import StoreError

PERIOD = 3600.0
"""Seconds between two lookings for a report that is due."""
SETTLED = 300.0
"""Seconds after the end of a month until its last sums and messages are in the store, too."""
_SUFFIXES = {"text": "txt"}


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the store has; the log is not older than the heartbeat."""

    heartbeat: Heartbeat
    log: tuple[Stored, ...]
    aggregates: tuple[Aggregate, ...]


def last_month(now: float, zone: str) -> str:
    """The last calendar month of the zone that was over ``SETTLED`` seconds before ``now``: ``2026-10``."""
    local = datetime.fromtimestamp(now - SETTLED, ZoneInfo(zone))
    return f"{local.date().replace(day=1) - timedelta(days=1):%Y-%m}"


async def write(runner: Runner, wanted: MonthlyReport) -> None:
    """Writes the files of the last complete month that are not there yet; none where another agent judges.

    A month is complete when the store has all that was seen in it, by effective time. Where nothing was promised before
    its end there is no file. While the store does not answer, which the runner says, nothing is written. Raises
    NovacenterError where a file cannot be written, and ValueError where the log is damaged.
    """
    with suppress(StoreError):
        heartbeat = await runner.read(lambda store: store.heartbeat())
        if heartbeat is None:
            return
        month = last_month(heartbeat.at, wanted.zone)
        missing = await asyncio.to_thread(_missing, wanted, month)
        kept = await runner.read(lambda store: _read(store, heartbeat)) if missing else None
        if kept is not None:
            request = Request(period=period.month(month, wanted.zone), now=heartbeat.at)
            # Not in the runner's own call of the store: judging goes on beside it.
            await asyncio.to_thread(_write, kept, request, missing)


def _missing(wanted: MonthlyReport, month: str) -> Mapping[str, Path]:
    names = {form: f"novacenter-sla-{month}.{_SUFFIXES.get(form, form)}" for form in wanted.formats}
    return {form: path for form, name in names.items() if not (path := wanted.directory / name).exists()}


def _read(store: Store, heartbeat: Heartbeat) -> _Kept:
    return _Kept(heartbeat, tuple(store.read()), tuple(store.aggregates("", "~")))


def _write(kept: _Kept, request: Request, paths: Mapping[str, Path]) -> None:
    material = gather(kept.log, until=request.until, heartbeat=kept.heartbeat.at, aggregates=kept.aggregates)
    made = document(make(material, request))
    if not made["classes"]:
        return
    for form, path in paths.items():
        content = render(made, form)
        try:
            replaced(path, content)
        except OSError as error:
            raise NovacenterError(
                f"sla.report: {path}: cannot be written ({error.strerror}); make the directory, or room in it, and let "
                "the agent write there"
            ) from error
