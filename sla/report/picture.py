"""The timeline as a drawing: lanes, bars and days, all places as shares of the width. SVG, PDF and text draw it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sla.report.document import Document
from sla.report.words import line

_TICKS = 34
_DAYS = (1, 2, 7, 14, 28)
KINDS = {
    "down": "down, charged",
    "over": "down beyond the limit",
    "excluded": "announced maintenance",
    "unknown": "unknown: nobody could look",
}
"""What bars there are, and what they mean."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from ``left`` to ``right``, shares of the width."""

    kind: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One resource: its bars, and where limits were reached."""

    name: str
    bars: tuple[Bar, ...]
    breaches: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The lanes of one class."""

    name: str
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line at ``place``, with or without words."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it; ``known`` is the place up to which anything can be known."""

    groups: tuple[Group, ...]
    ticks: tuple[Tick, ...]
    known: float
    left_out: int


def picture(made: Document) -> Picture:
    """The drawing of a document's timeline."""
    period, lanes = made["period"], made["timeline"]["lanes"]
    start, end = (datetime.fromisoformat(period[key]).timestamp() for key in ("start", "end"))

    def place(instant: str) -> float:
        return (datetime.fromisoformat(instant).timestamp() - start) / (end - start)

    def lane(found: Mapping[str, Any]) -> Lane:
        bars = tuple(Bar(bar["kind"], place(bar["start"]), place(bar["end"])) for bar in found["bars"])
        site = f" ({line(found['site'])})" if found["site"] else ""
        return Lane(line(found["resource"]) + site, bars, tuple(map(place, found["breaches_at"])))

    titles = {one["class"]: line(one["description"] or one["class"]) for one in made["classes"]}
    return Picture(
        groups=tuple(
            Group(titles[name], tuple(map(lane, found)))
            for name, found in groupby(lanes, key=lambda one: str(one["class"]))
        ),
        ticks=tuple(Tick((at - start) / (end - start), label) for at, label in _ticks(start, end, period["zone"])),
        known=place(period["until_at"]),
        left_out=made["timeline"]["left_out"],
    )


def _ticks(start: float, end: float, zone: str) -> Iterator[tuple[float, str]]:
    """Midnights of the zone; hours where there are less than three of them, months where there are very many."""
    days = (end - start) / 86400
    first = datetime.fromtimestamp(start, ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    if days <= 3:
        yield from _hours(start, end, zone)
        return
    step = next((step for step in _DAYS if days / step <= _TICKS), 0)
    moment, number, long = first, 0, False
    while moment.timestamp() < end:
        wanted = moment.day == 1 and (moment.month % (3 if days > 1200 else 1) == 1 % (3 if days > 1200 else 1))
        if moment.timestamp() >= start and (number % step == 0 if step else wanted):
            whole = f"{moment:%b %Y}" if not step else f"{moment:%b} {moment.day}"
            short = step == 1 and moment.day != 1
            yield moment.timestamp(), ("" if long else str(moment.day)) if short else whole
            long = step == 1 and not short
        moment, number = moment + timedelta(days=1), number + 1


def _hours(start: float, end: float, zone: str) -> Iterator[tuple[float, str]]:
    step = next(hours for hours in (1, 2, 3, 6) if (end - start) / 3600 / hours <= 24 or hours == 6)
    at = math.ceil(start / 3600) * 3600
    while at < end:
        moment = datetime.fromtimestamp(at, ZoneInfo(zone))
        if moment.minute == 0 and moment.hour % step == 0:
            yield float(at), f"{moment:%b} {moment.day}" if moment.hour == 0 else f"{moment:%H:%M}"
        at += 3600


def as_lines(drawn: Picture, width: int) -> str:
    """The drawing in characters, one for each share of the width: the worst that happened in it."""
    names = [lane.name for group in drawn.groups for lane in group.lanes]
    if not names:
        return " nothing was down"
    left = min(max(map(len, names)), width // 3) + 2
    room = width - left
    lines = [" " * left + _scale(drawn, room)]
    for group in drawn.groups:
        lines.append(group.name)
        lines += [f" {_cut(lane.name, left - 2):<{left - 1}}{_drawn(lane, room)}" for lane in group.lanes]
    lines.append(" ".join(f"{sign} {KINDS[kind]};" for kind, sign in _SIGNS.items()).rstrip(";"))
    return "\n".join(lines + ([f"{drawn.left_out} more resources are not shown"] if drawn.left_out else []))


_SIGNS = {"excluded": "m", "unknown": "?", "down": "o", "over": "X"}
"""The later ones cover the earlier."""


def _drawn(lane: Lane, room: int) -> str:
    cells = ["."] * room
    for kind, sign in _SIGNS.items():
        for bar in (bar for bar in lane.bars if bar.kind == kind):
            for cell in range(int(bar.left * room), max(int(bar.left * room) + 1, math.ceil(bar.right * room - 1e-9))):
                if cell < room:
                    cells[cell] = sign
    for breach in lane.breaches:
        cells[min(int(breach * room), room - 1)] = _SIGNS["over"]
    return "".join(cells)


def _scale(drawn: Picture, room: int) -> str:
    cells = [" "] * room
    longest = max((len(tick.label) for tick in drawn.ticks), default=0)
    step = math.ceil((longest + 1) * len(drawn.ticks) / room)
    for tick in drawn.ticks[:: max(1, step)]:
        at = int(tick.place * room)
        if at + len(tick.label) <= room:
            cells[at : at + len(tick.label)] = tick.label
    return "".join(cells)


def _cut(name: str, room: int) -> str:
    if len(name) <= room:
        return name
    return f"{name[: room // 2 - 1]}..{name[len(name) - (room - room // 2 - 1) :]}"
