"""The lists of a report laid out: incidents, windows, late notices, quality of the data. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from sla.report.document import Document
from sla.report.layout import Column, Row, Section, Table
from sla.report.words import NONE, Clockface, count, duration, limit, line

_Part: TypeAlias = Mapping[str, Any]
_LISTED = 20


def sections(made: Document, clock: Clockface) -> tuple[Section, ...]:
    """The incidents of each class that has any."""
    found = []
    for one in made["classes"]:
        incidents = [incident for incident in made["incidents"] if incident["class"] == one["class"]]
        table = Table(_columns(), tuple(row for incident in incidents for row in _rows(incident, clock)), "no incident")
        found.append(Section(f"Incidents: {line(one['description'] or one['class'])}", tables=(table,)))
    return tuple(found)


def _columns() -> tuple[Column, ...]:
    return (
        Column("Began", weight=15),
        Column("Resource", weight=26, fold=True),
        Column("Resolved", weight=15),
        Column("Charged", right=True, weight=10),
        Column("Limit", right=True, weight=8),
        Column("Result", weight=16),
        Column("Course", weight=29, fold=True),
    )


def _rows(incident: _Part, clock: Clockface) -> Iterator[Row]:
    start = incident["start"]
    where = line(incident["resource"]) + (f"\n{line(incident['site'])}" if incident["site"] else "")
    end = incident["resolved_at"]
    resolved = incident["state"] if end is None else _broken(clock.short(end, start))
    several = len(incident["timers"]) > 1
    for number, timer in enumerate(incident["timers"]):
        head = ("", "", "") if number else (_broken(clock.full(start)), where, resolved)
        course = [*([f"target {line(timer['target'])}"] if several else []), *_course(timer, clock, start)]
        course += [] if number else _remarks(incident, clock)
        cells = (
            *head,
            duration(timer["elapsed_seconds"]),
            limit(timer["limit_seconds"]),
            _result(timer),
            _listed(course) if course else NONE,
        )
        yield Row(cells, tone={"breached": "bad", "void": "muted", "earlier": "muted"}.get(timer["outcome"], ""))


def _broken(moment: str) -> str:
    """Date and time on lines of their own."""
    date, _, time = moment.partition(" ")
    return f"{date}\n{time}" if date.count("-") == 2 else moment


def _result(timer: _Part) -> str:
    match timer["outcome"]:
        case "met":
            return "within so far" if timer["provisional"] else "within"
        case "breached":
            return "missed" if timer["breach_certain"] else "possibly missed"
        case "undecided":
            return "open at the end"
        case "earlier":
            return "missed before" if timer["breached_at"] is not None else "within before"
        case _:
            return "cancelled"


def _course(timer: _Part, clock: Clockface, start: str) -> Iterator[str]:
    several = len({crossing["cycle"] for crossing in timer["crossings"]}) > 1
    for crossing in timer["crossings"]:
        cycle = f" (cycle {crossing['cycle']})" if several else ""
        yield f"{crossing['percent']} % at {clock.short(crossing['at'], start)}{cycle}"
    if timer["breached_at"] is not None and timer["elapsed_approved_seconds"] != timer["elapsed_seconds"]:
        still = "still missed" if timer["breached_approved"] else "within"
        yield f"adjusted {duration(timer['elapsed_approved_seconds'])}, {still}"
    if timer["breach_certain"] is False:
        yield f"down for certain {duration(timer['elapsed_certain_seconds'])}"


def _remarks(incident: _Part, clock: Clockface) -> Iterator[str]:
    start, seconds = incident["start"], incident["seconds"]
    if incident["cancelled_because"]:
        yield f"not counted: {line(incident['cancelled_because']).replace('_', ' ')}"
    if incident["acked_at"] is not None:
        by = f" by {line(incident['acked_by'])}" if incident["acked_by"] else ""
        yield f"acknowledged {clock.short(incident['acked_at'], start)}{by}"
    for key, text in _TOLD_APART:
        if seconds[key]:
            yield f"{text} {duration(seconds[key])}"
    if incident["reopens"]:
        yield f"re-opened {count(incident['reopens'], 'time')}"
    if incident["flaps"]:
        yield f"flapped {count(incident['flaps'], 'time')}"


_TOLD_APART = (
    ("excluded_announced_seconds", "maintenance announced"),
    ("excluded_approved_seconds", "maintenance approved"),
    ("excluded_requested_seconds", "maintenance requested"),
    ("unknown_seconds", "unknown for"),
)


def windows(found: Iterable[_Part], clock: Clockface) -> Section:
    """The maintenance windows that touch the period."""
    columns = (
        Column("Window", weight=14, fold=True),
        Column("From", weight=15),
        Column("To", weight=15),
        Column("Announced", weight=24),
        Column("For", weight=26, fold=True),
        Column("Comment", weight=24, fold=True),
    )
    rows = [
        Row(
            (
                line(one["id"]),
                _broken(clock.full(one["start"])),
                _broken(clock.short(one["end"], one["start"])),
                clock.full(one["announced_at"]) + ("" if one["announced"] else "\ntoo late: charged"),
                "\n".join(line(part) for part in (one["class"], one["resource"]) if part) or "everything",
                line(one["comment"]) or NONE,
            )
        )
        for one in found
    ]
    return Section("Maintenance windows", tables=(Table(columns, tuple(rows)),))


def late(found: Iterable[_Part], clock: Clockface) -> Section:
    """Breaches that were noticed late."""
    columns = (
        Column("Resource", weight=36, fold=True),
        Column("Target", weight=16),
        Column("Limit reached", weight=24),
        Column("Noticed", weight=24),
        Column("Late by", right=True, weight=12),
    )
    rows = [
        Row(
            (
                line(one["resource"]),
                line(one["target"]),
                clock.full(one["breached_at"]),
                clock.short(one["noticed_at"], one["breached_at"]),
                duration(one["delay_seconds"]),
            )
        )
        for one in found
    ]
    return Section("Late notices", tables=(Table(columns, tuple(rows)),))


def quality(found: _Part, clock: Clockface) -> Section:
    """How good the data is."""
    rows = [
        ("observed", duration(found["observed_seconds"])),
        ("not observed", _unobserved(found, clock)),
        (
            "clock jumps",
            _listed(
                f"{one['delta_seconds']:+g} s ({one['kind']}) {clock.full(one['at'])}" for one in found["clock_jumps"]
            ),
        ),
        (
            "leader changes",
            _listed(f"epoch {one['epoch']} since {clock.full(one['at'])}" for one in found["leader_changes"]),
        ),
        ("policies", _listed(f"{one['version']} since {clock.full(one['at'])}" for one in found["policies"])),
    ]
    columns = (Column("What", weight=18), Column("Found", weight=90, fold=True))
    return Section("Quality of the data", tables=(Table(columns, tuple(Row(row) for row in rows)),))


def _unobserved(found: _Part, clock: Clockface) -> str:
    stretches = [
        f"{clock.full(one['start'])} to {clock.short(one['end'], one['start'])}" for one in found["unobserved"]
    ]
    more = [f"{found['unobserved_left_out']} shorter ones"] if found["unobserved_left_out"] else []
    return _listed([duration(found["unobserved_seconds"]), *stretches, *more])


def _listed(found: Iterable[str]) -> str:
    """The first of them, and how many more; the JSON form has all."""
    every = list(found)
    more = [f"and {len(every) - _LISTED} more"] if len(every) > _LISTED else []
    return "\n".join([*every[:_LISTED], *more]) or "none"
