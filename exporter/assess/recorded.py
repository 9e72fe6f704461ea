"""The days of the record as the parts of an assessment. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sla.days import Day, Measure, merged
from sla.objectives.measured import RDM, Builds, BusyDisk, Calls, DiskLatency, DiskLoad, Hours
from sla.objectives.model import Past
from sla.sketch import Sketch

OWN = "assessment"
"""The source of what an assessment writes down itself."""
LIGHT = frozenset({"CurrentTime", "RetrieveServiceContent", "QueryPerfProviderSummary", "QueryOptions"})
"""Calls of vCenter whose cost does not depend on how much is asked for: what they take, vCenter takes."""
MEASURES = frozenset(
    {
        Measure.VCENTER_API_SECONDS,
        Measure.VCENTER_HOSTS,
        Measure.VCENTER_VMS,
        Measure.BUILD_SECONDS,
        Measure.BUILDS_LAST_HOUR,
        Measure.DISK_IOPS,
        Measure.DISK_THROUGHPUT,
        Measure.DISK_LATENCY,
        Measure.BUSY_DISK_IOPS,
        Measure.BUSY_DISK_LATENCY,
        Measure.UNIT_CPU_USAGE,
        Measure.OBJECTIVE_VALUE,
    }
)
"""What is read of the record."""


def parts(rows: Sequence[Day], *, today: str) -> dict[str, Any]:
    """The fields of ``Measured`` that come from the record; ``today`` is the date that no earlier assessment is of."""
    by_measure: dict[str, list[Day]] = {}
    for day in rows:
        by_measure.setdefault(day.key.measure, []).append(day)

    def of(measure: Measure) -> list[Day]:
        return by_measure.get(measure, [])

    return {
        "days": len({day.date for day in rows if day.key.source != OWN}),
        "calls": tuple(
            Calls(vcenter, operation, operation in LIGHT, seconds)
            for (vcenter, operation), seconds in merged(of(Measure.VCENTER_API_SECONDS), "source", "operation").items()
        ),
        "hosts": _by_source(of(Measure.VCENTER_HOSTS)),
        "builds": tuple(
            Builds(cloud, kind, flavor, seconds)
            for (cloud, kind, flavor), seconds in merged(of(Measure.BUILD_SECONDS), "source", "kind", "flavor").items()
        ),
        "hours": tuple(
            Hours(cloud, date, builds)
            for (cloud, date, kind), builds in merged(of(Measure.BUILDS_LAST_HOUR), "source", "date", "kind").items()
            if kind == "vmware"
        ),
        "disks": _loads(of(Measure.DISK_IOPS), of(Measure.DISK_THROUGHPUT)),
        "latencies": _latencies(of(Measure.DISK_LATENCY)),
        "busy": _busy(of(Measure.BUSY_DISK_IOPS), of(Measure.BUSY_DISK_LATENCY)),
        "cpu": _by_source(day for day in of(Measure.UNIT_CPU_USAGE) if day.key.label("unit_kind") == "host"),
        "before": _before(of(Measure.OBJECTIVE_VALUE), today),
    }


def machines(rows: Iterable[Day]) -> float | None:
    """How many machines there were on average, those that were off included; None where nobody counted."""
    found = merged((day for day in rows if day.key.measure == Measure.VCENTER_VMS), "source", "power")
    return sum(sketch.mean or 0.0 for sketch in found.values()) if found else None


def _by_source(rows: Iterable[Day]) -> Mapping[str, Sketch]:
    return {source: sketch for (source,), sketch in merged(rows, "source").items()}


def _kind(backing: str) -> str:
    """Both modes of raw device mapping are one."""
    return RDM if backing.startswith(RDM) else backing


def _loads(iops: Iterable[Day], bytes_: Iterable[Day]) -> tuple[DiskLoad, ...]:
    by = ("source", "backing", "direction")
    done, moved = _joined(merged(iops, *by)), _joined(merged(bytes_, *by))
    return tuple(DiskLoad(*key, done.get(key, Sketch()), moved.get(key, Sketch())) for key in sorted({*done, *moved}))


def _joined(found: Mapping[tuple[str, ...], Sketch]) -> dict[tuple[str, str, str], Sketch]:
    joined: dict[tuple[str, str, str], Sketch] = {}
    for (source, backing, direction), sketch in found.items():
        key = (source, _kind(backing), direction)
        joined[key] = joined.get(key, Sketch()).plus(sketch)
    return joined


def _latencies(rows: Iterable[Day]) -> tuple[DiskLatency, ...]:
    found = merged(rows, "source", "backing", "direction", "load").items()
    return tuple(
        DiskLatency(source, _kind(backing), direction, load, seconds)
        for (source, backing, direction, load), seconds in found
    )


def _busy(iops: Iterable[Day], latencies: Iterable[Day]) -> tuple[BusyDisk, ...]:
    by = ("source", "backing", "vm", "moid", "disk", "device")
    done, took = (
        merged((day for day in rows if day.key.label("direction") == "read"), *by) for rows in (iops, latencies)
    )
    return tuple(
        BusyDisk(key[0], _kind(key[1]), key[2], key[4] or key[5], done[key], took[key])
        for key in sorted(done.keys() & took.keys())
    )


def _before(rows: Iterable[Day], today: str) -> Mapping[tuple[str, str], Past]:
    """The newest value of each objective from before today: the median of that day's."""
    found: dict[tuple[str, str], Past] = {}
    for (date, objective, scope), sketch in merged(rows, "date", "objective", "scope").items():
        value = sketch.quantile(0.5) if sketch.count != 1 else sketch.total
        if date < today and value is not None:
            found[objective, scope] = Past(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp(), value)
    return found
