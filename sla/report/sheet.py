"""The document laid out for reading: headlines, then tables of finished cells. Text, HTML and PDF all print this. Pure.

Since the words are chosen here, the three cannot say different numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sla.report import incidentsheet
from sla.report.document import Document
from sla.report.layout import Column, Row, Section, Table, named
from sla.report.words import NONE, Clockface, duration, interval, limit, line, minutes, percent

_Class: TypeAlias = Mapping[str, Any]
_METHODS = {"incident_time": "incident time", "timeslices": "timeslices of looks"}
NOTES = """\
An incident begins with the first failed observation and ends with the first good one of its recovery. It counts once, \
in the period in which it is decided: missed when the limit is reached, within target when it is resolved.
Share: those within target, of those decided. 95 % interval: Wilson's score interval of that share; with few incidents \
it is wide. Open: neither within nor missed at the end of the period.
Maintenance that was announced before it began is not charged. What was announced afterwards is charged; adjusted \
numbers are those without the part of it that was approved.
Incident time: share of the observed time in which no incident of the class lasted on any resource. Timeslices: share \
of up-time in the slices between the agent's own looks, all resources added up, whole UTC days of the period. Time \
unknown and announced maintenance are in neither.
Median, 90th percentile (nearest rank) and maximum are by the clock, from the first failed observation. Between \
failures: observed up-time by incident time, per incident that began in the period.
Shares and durations are cut off, not rounded. The JSON form has the exact numbers.
"""


@dataclass(frozen=True, slots=True)
class Headline:
    """What was promised of a class, and whether it was kept."""

    title: str
    kept: bool
    verdict: str
    sentence: str
    details: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A report, ready to print."""

    title: str
    period: str
    facts: tuple[str, ...]
    kept: bool
    headlines: tuple[Headline, ...]
    before: tuple[Section, ...]
    after: tuple[Section, ...]


def sheet(made: Document) -> Sheet:
    """The layout of a document; the timeline goes between ``before`` and ``after``."""
    clock, period, classes = Clockface(made["period"]), made["period"], made["classes"]
    facts = [f"{clock.edge(period['start'])} to {clock.edge(period['end'])} ({period['zone']})"]
    if period["until_at"] != period["end"]:
        facts.append(f"not over yet: as far as {clock.edge(period['until_at'])}")
    facts += [f"only {what} {', '.join(map(named, made[key]))}" for key, what in _ONLY if made[key]]
    facts.append(f"made {clock.edge(made['generated_at'])}")
    return Sheet(
        title="Service level report",
        period=line(period["label"]),
        facts=tuple(map(line, facts)),
        kept=made["kept"],
        headlines=tuple(map(_headline, classes)),
        before=(
            _targets(classes),
            _availability(classes),
            _budgets(classes, clock),
            _times(classes),
            _seconds(classes),
        ),
        after=(
            *incidentsheet.sections(made, clock),
            _resources(classes),
            incidentsheet.windows(made["windows"], clock),
            incidentsheet.late(made["late_notices"], clock),
            incidentsheet.quality(made["quality"], clock),
            Section("How to read this", tables=(), notes=tuple(NOTES.splitlines())),
        ),
    )


_ONLY = (("only_classes", "class"), ("only_sites", "site"))


def _headline(one: _Class) -> Headline:
    tally = one["tally"]
    decided = tally["met"] + tally["breached"]
    details = []
    details += [f"{tally['breached']} missed"] if tally["breached"] else []
    if tally["breached_approved"] < tally["breached"]:
        details.append(f"{tally['breached_approved']} if maintenance approved afterwards is excluded")
    if tally["breached_possible"]:
        details.append(f"{tally['breached_possible']} of the missed not for certain, since nobody could look")
    details += [f"{tally['undecided']} open at the end"] if tally["undecided"] else []
    details += [f"{tally['provisional']} may still re-open"] if tally["provisional"] else []
    details += [f"{one['cancelled']} cancelled, not counted"] if one["cancelled"] else []
    promises = ", ".join(
        f"{line(target['target'])} within {limit(target['limit_seconds'])}" for target in one["targets"]
    )
    return Headline(
        title=line(one["description"] or one["class"]),
        kept=one["kept"],
        verdict="kept" if one["kept"] else "broken",
        sentence=f"{tally['met']} of {decided} incidents within target" if decided else "no incident was decided",
        details=f"{line(one['class'])}: {promises}" + "".join(f"; {detail}" for detail in details),
    )


def _targets(classes: Iterable[_Class]) -> Section:
    columns = (
        Column("Class", weight=21, fold=True),
        Column("Target", weight=12, fold=True),
        Column("Limit", right=True, weight=8),
        Column("Site", weight=11, fold=True),
        Column("Incidents", right=True, weight=10),
        Column("Within", right=True, weight=8),
        Column("Missed", right=True, weight=8),
        Column("Open", right=True, weight=7),
        Column("Share", right=True, weight=9),
        Column("95 % interval", right=True, weight=17),
        Column("Adjusted", right=True, weight=10),
    )
    rows = [row for one in classes for target in one["targets"] for row in _target_rows(one, target)]
    return Section("Targets", tables=(Table(columns, tuple(rows)),))


def _target_rows(one: _Class, target: Mapping[str, Any]) -> Iterator[Row]:
    head = (line(one["class"]), line(target["target"]), limit(target["limit_seconds"]))
    yield Row((*head, "all", *_tally(target["total"])), tone="bad" if target["total"]["breached"] else "")
    sites = target["sites"]
    if [site["site"] for site in sites] not in ([], [""]):
        for site in sites:
            yield Row(("", "", "", named(site["site"]), *_tally(site["tally"])))


def _tally(tally: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(tally["incidents"]),
        str(tally["met"]),
        str(tally["breached"]),
        str(tally["undecided"]),
        percent(tally["within_ratio"]),
        interval(tally["within_low_ratio"], tally["within_high_ratio"]),
        percent(tally["within_approved_ratio"]),
    )


def _availability(classes: Iterable[_Class]) -> Section:
    columns = (
        Column("Class", weight=22, fold=True),
        Column("Method", weight=22),
        Column("Availability", right=True, weight=14),
        Column("Adjusted", right=True, weight=14),
        Column("Down", right=True, weight=12),
        Column("Observed", right=True, weight=13),
        Column("Unknown", right=True, weight=12),
    )
    rows = []
    for one in classes:
        for number, found in enumerate(one["availability"]):
            head = ("" if number else line(one["class"]), _METHODS[found["method"]])
            if not found["recorded"]:
                rows.append(Row((*head, "not recorded", *[NONE] * 4), tone="muted"))
                continue
            rows.append(
                Row(
                    (
                        *head,
                        percent(found["ratio"], 3),
                        percent(found["approved_ratio"], 3),
                        duration(found["down_seconds"]),
                        duration(found["observed_seconds"]),
                        duration(found["unknown_seconds"]),
                    )
                )
            )
    return Section("Availability", tables=(Table(columns, tuple(rows)),))


def _budgets(classes: Iterable[_Class], clock: Clockface) -> Section:
    columns = (
        Column("Class", weight=22, fold=True),
        Column("Objective", right=True, weight=12),
        Column("Budget", right=True, weight=13),
        Column("Used", right=True, weight=13),
        Column("Left", right=True, weight=13),
        Column("Share", right=True, weight=10),
        Column("Burn rate", right=True, weight=10),
        Column("Exhausted", weight=24),
    )
    rows = []
    for one in classes:
        if (found := one["budget"]) is not None:
            cells = (
                line(one["class"]),
                percent(found["objective_ratio"], 3),
                minutes(found["total_seconds"]),
                minutes(found["used_seconds"]),
                minutes(found["left_seconds"]),
                percent(found["used_ratio"]),
                NONE if found["burn_rate"] is None else f"{found['burn_rate']:.2f}",
                _exhausted(found, clock),
            )
            rows.append(Row(cells, tone="bad" if found["left_seconds"] <= 0 else ""))
    return Section("Error budget (by incident time)", tables=(Table(columns, tuple(rows), "no objective was given"),))


def _exhausted(budget: Mapping[str, Any], clock: Clockface) -> str:
    if budget["exhausted_at"] is not None:
        return clock.full(budget["exhausted_at"])
    if budget["projected_at"] is not None:
        return f"expected {clock.full(budget['projected_at'])}"
    return "not in this period"


def _times(classes: Iterable[_Class]) -> Section:
    columns = (
        Column("Class", weight=22, fold=True),
        Column("Time to", weight=16),
        Column("n", right=True, weight=6),
        Column("Median", right=True, weight=12),
        Column("90th percentile", right=True, weight=16),
        Column("Maximum", right=True, weight=12),
    )
    rows = []
    for one in classes:
        for number, name in enumerate(("detect", "acknowledge", "resolve")):
            found = one["times"][name]
            keys = ("median_seconds", "p90_seconds", "max_seconds")
            cells = (
                "" if number else line(one["class"]),
                name,
                str(found["n"]),
                *(duration(found[key]) for key in keys),
            )
            rows.append(Row(cells))
    return Section("Times from the first failed observation", tables=(Table(columns, tuple(rows)),))


def _seconds(classes: Iterable[_Class]) -> Section:
    columns = (
        Column("Class", weight=22, fold=True),
        Column("Down", right=True, weight=11),
        Column("Announced", right=True, weight=12),
        Column("Approved", right=True, weight=11),
        Column("Requested", right=True, weight=12),
        Column("Unknown", right=True, weight=11),
        Column("Re-opened", right=True, weight=11),
        Column("Flaps", right=True, weight=7),
        Column("Between failures", right=True, weight=15),
    )
    keys = ("announced", "approved", "requested")
    rows = [
        Row(
            (
                line(one["class"]),
                duration(one["seconds"]["down_seconds"]),
                *(duration(one["seconds"][f"excluded_{key}_seconds"]) for key in keys),
                duration(one["seconds"]["unknown_seconds"]),
                str(one["reopens"]),
                str(one["flaps"]),
                duration(one["mtbf_seconds"]),
            )
        )
        for one in classes
    ]
    note = (
        "Of the time that incidents lasted, all resources added up: maintenance announced (not charged), approved "
        "afterwards and only requested (both charged), and unknown."
    )
    return Section("Down-time told apart", tables=(Table(columns, tuple(rows)),), notes=(note,))


def _resources(classes: Iterable[_Class]) -> Section:
    columns = (
        Column("Class", weight=22, fold=True),
        Column("Resource", weight=40, fold=True),
        Column("Site", weight=14, fold=True),
        Column("Incidents", right=True, weight=10),
        Column("Missed", right=True, weight=10),
        Column("Down", right=True, weight=12),
    )
    rows, notes = [], []
    for one in classes:
        for number, found in enumerate(one["resources"]):
            cells = (
                "" if number else line(one["class"]),
                line(found["resource"]),
                named(found["site"]),
                str(found["incidents"]),
                str(found["breached"]),
                duration(found["down_seconds"]),
            )
            rows.append(Row(cells))
        if one["resources_left_out"]:
            notes.append(f"{line(one['class'])}: {one['resources_left_out']} more are not shown.")
    return Section("Resources that were down longest", tables=(Table(columns, tuple(rows)),), notes=tuple(notes))
