"""Logs for reports: recorded observations go through the engine as the agent would run it; its facts become the log."""

import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from sla import policyfile
from sla.engine import Engine
from sla.facts import Fact, encode
from sla.model import PolicyChange, Tick
from sla.policy import Policy
from sla.replay import _records
from sla.report.document import document
from sla.report.make import Request, make
from sla.report.material import gather
from sla.report.period import Period
from sla.store.base import Aggregate, Stored

BERLIN = ZoneInfo("Europe/Berlin")
EVERY = 15.0
DELAY = 0.25
"""Seconds after a deadline at which the agent wakes."""


def berlin(text: str) -> float:
    """Epoch seconds of a local time; a ``+`` at its end means the second of two equal ones."""
    return datetime.fromisoformat(text.rstrip("+")).replace(tzinfo=BERLIN, fold=text.endswith("+")).timestamp()


def built_in() -> Policy:
    """The two classes that come with the product."""
    names = ("api_communication.yml", "storage_connection.yml")
    return policyfile.load([(name, files("sla").joinpath("data", name).read_text(encoding="utf-8")) for name in names])


def observed(class_: str, resource: str, health: str, *, span: tuple[float, float], site: str = "") -> Iterator[str]:
    """An observation every 15 s from the start of ``span`` to before its end."""
    made: dict[str, Any] = {"class": class_, "resource": resource, "health": health}
    if site:
        made["labels"] = {"site": site}
    at = span[0]
    while at < span[1]:
        yield json.dumps({"t": at, **made})
        at += EVERY


def outage(class_: str, resource: str, start: float, *, seconds: float, site: str = "") -> Iterator[str]:
    """Down from ``start`` for so many seconds, then up for three minutes."""
    end = start + seconds
    yield from observed(class_, resource, "down", span=(start, end), site=site)
    yield from observed(class_, resource, "up", span=(end, end + 180), site=site)


def line(at: float, **what: object) -> str:
    """Any other record."""
    return json.dumps({"t": at, **what})


def log(policy: Policy, lines: Iterable[str], *, epochs: Sequence[float] = ()) -> list[Stored]:
    """The log that the agent would have written, woken at every deadline; another leader from each of ``epochs`` on."""
    engine, number = Engine(), itertools.count(1)
    found: list[Stored] = []

    def keep(facts: Iterable[Fact], now: float) -> None:
        epoch = 1 + sum(now >= at for at in epochs)
        found.extend(Stored(next(number), epoch, encode(fact)) for fact in facts)

    records = _records(lines)
    if records:
        keep(engine.handle(PolicyChange(records[0][0], policy)), records[0][0])
    away = [(event.last_heartbeat, event.at) for *_, event in records if hasattr(event, "last_heartbeat")]
    for at, _, _, event in records:
        while (due := engine.next_deadline()) is not None and due + DELAY < at and not _asleep(due, away):
            keep(engine.handle(Tick(due + DELAY)), due + DELAY)
        keep(engine.handle(event), at)
    return found


def _asleep(at: float, away: Iterable[tuple[float | None, float]]) -> bool:
    return any(since is not None and since < at < until for since, until in away)


def report(
    stored: Iterable[Stored],
    period: Period,
    *,
    now: float,
    heartbeat: float | None = None,
    aggregates: Sequence[Aggregate] = (),
    **asked: Any,
) -> dict[str, Any]:
    """The document of a log."""
    request = Request(period=period, now=now, **asked)
    material = gather(stored, until=request.until, heartbeat=heartbeat, aggregates=aggregates)
    return document(make(material, request))


def pdf_lines(content: bytes) -> list[str]:
    """The words of a PDF with Latin fonts: a line for each height of a page, its parts between ``|``."""
    found: list[str] = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        height = ""
        try:
            drawn = zlib.decompress(stream)
        except zlib.error:
            continue
        for y, words in re.findall(rb" ([\d.]+) Td [^(\n]*\(((?:\\.|[^\\()])*)\) Tj", drawn):
            text = re.sub(r"\\(.)", r"\1", words.decode("latin-1")).strip()
            if found and y.decode() == height:
                found[-1] += f" | {text}"
            else:
                found.append(text)
            height = y.decode()
    return found
