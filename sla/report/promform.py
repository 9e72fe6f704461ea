"""The report as a page for the node exporter's textfile collector (Prometheus text format 0.0.4)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sla.report.document import Document

_Sample: TypeAlias = tuple[dict[str, str], float | int]
_OUTCOMES = ("met", "breached", "undecided")
_EXCLUDED = ("announced", "approved", "requested")


def as_prom(made: Document) -> str:
    """Gauges of this one report; what there is no number for has no sample. Timestamps the collector refuses."""
    lines = []
    for name, text, samples in _families(made):
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(labels)} {value!r}" for labels, value in samples]
    return "".join(f"{line}\n" for line in lines)


def _families(made: Document) -> Iterator[tuple[str, str, Iterable[_Sample]]]:
    period, classes = made["period"], made["classes"]
    what = {"period": period["label"], "zone": period["zone"], "schema": made["schema"]}
    yield "sla_report_info", "What the report is about.", [(what, 1)]
    for name, instant in (
        ("generated", made["generated_at"]),
        ("start", period["start"]),
        ("end", period["end"]),
        ("until", period["until_at"]),
    ):
        text = f"Instant of the report: {name}."
        yield f"sla_report_{name}_timestamp_seconds", text, [({}, datetime.fromisoformat(instant).timestamp())]
    yield (
        "sla_report_incidents",
        "Incidents of a class by what became of them on all its targets.",
        [({"class": one["class"], "outcome": key}, one["tally"][key]) for one in classes for key in _OUTCOMES],
    )
    yield "sla_report_target_incidents", "Incidents by target, site and what became of them.", list(_by_site(classes))
    yield (
        "sla_report_within_ratio",
        "Share within target of the incidents decided.",
        _present(
            ({"class": one["class"], "target": target["target"]}, target["total"]["within_ratio"])
            for one in classes
            for target in one["targets"]
        ),
    )
    yield (
        "sla_report_availability_ratio",
        "Availability by a named method.",
        _present(
            ({"class": one["class"], "method": found["method"]}, found["ratio"])
            for one in classes
            for found in one["availability"]
        ),
    )
    yield from _seconds(classes)
    yield from _budgets(classes)
    yield from _whole(made)


def _whole(made: Document) -> Iterator[tuple[str, str, Iterable[_Sample]]]:
    quality = made["quality"]
    yield "sla_report_observed_seconds", "Time in which an agent looked.", [({}, quality["observed_seconds"])]
    yield "sla_report_unobserved_seconds", "Time in which none did.", [({}, quality["unobserved_seconds"])]
    yield "sla_report_late_notices", "Breaches that were noticed late.", [({}, len(made["late_notices"]))]
    yield "sla_report_kept", "1 if no target was missed in the period.", [({}, int(made["kept"]))]


def _by_site(classes: Iterable[Mapping[str, Any]]) -> Iterator[_Sample]:
    for one in classes:
        for target in one["targets"]:
            for site in target["sites"]:
                labels = {"class": one["class"], "target": target["target"], "site": site["site"]}
                for outcome in _OUTCOMES:
                    yield labels | {"outcome": outcome}, site["tally"][outcome]


def _seconds(classes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, Iterable[_Sample]]]:
    for name, text in (("down", "Time that incidents lasted."), ("unknown", "Time of it in which nobody could look.")):
        samples = [({"class": one["class"]}, one["seconds"][f"{name}_seconds"]) for one in classes]
        yield f"sla_report_{name}_seconds", text, samples
    yield (
        "sla_report_excluded_seconds",
        "Maintenance while incidents lasted; only what was announced is not charged.",
        [
            ({"class": one["class"], "kind": kind}, one["seconds"][f"excluded_{kind}_seconds"])
            for one in classes
            for kind in _EXCLUDED
        ],
    )
    yield (
        "sla_report_resolve_seconds",
        "Time from the first failed observation to the resolution.",
        _present(
            ({"class": one["class"], "statistic": key}, one["times"]["resolve"][f"{key}_seconds"])
            for one in classes
            for key in ("median", "p90", "max")
        ),
    )
    yield (
        "sla_report_between_failures_seconds",
        "Observed up-time per incident that began in the period.",
        _present(({"class": one["class"]}, one["mtbf_seconds"]) for one in classes),
    )


def _budgets(classes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, Iterable[_Sample]]]:
    having = [one for one in classes if one["budget"] is not None]
    for key, text in (
        ("objective_ratio", "Availability aimed at."),
        ("total_seconds", "Error budget of the period."),
        ("used_seconds", "Error budget used."),
        ("left_seconds", "Error budget left; below 0 it is overdrawn."),
        ("burn_rate", "Speed of use; at 1 the budget lasts just as long as the period."),
    ):
        yield (
            f"sla_report_budget_{key}",
            text,
            _present(({"class": one["class"]}, one["budget"][key]) for one in having),
        )


def _present(samples: Iterable[tuple[dict[str, str], float | int | None]]) -> list[_Sample]:
    return [(labels, value) for labels, value in samples if value is not None]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items())) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
