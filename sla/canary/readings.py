"""The measured record as the gate needs it. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from sla.canary.model import Reading, Unit
from sla.canary.spec import Spec, UnitKind
from sla.days import Day, Key, Measure
from sla.sketch import Sketch

_OF_UNITS = "unit_kind"


def readings_of(days: Iterable[Day], spec: Spec) -> tuple[Reading, ...]:
    """What the specification needs of these days, in order.

    Measures of units of its kind belong to the unit ``source/unit``; measures that are not of units belong to the
    installation as a whole (unit ``""``), merged over sources and labels.
    """
    wanted = spec.measures
    found: dict[tuple[str, str, str], Sketch] = {}
    for day in days:
        kind = day.key.label(_OF_UNITS)
        if day.key.measure not in wanted or kind not in {"", spec.unit}:
            continue
        key = (day.date, unit_id(day.key) if kind else "", day.key.measure)
        found[key] = found[key].plus(day.sketch) if key in found else day.sketch
    return tuple(Reading(*key, sketch) for key, sketch in sorted(found.items()))


def units_of(days: Iterable[Day], kind: UnitKind) -> tuple[Unit, ...]:
    """The units of a kind that these days know, in order of their ids; name and cluster as they were last.

    The load is the mean CPU usage (0..1). For services, which have none, it is the share of all operations.
    """
    latest: dict[str, tuple[str, Key]] = {}
    usage: dict[str, Sketch] = defaultdict(Sketch)
    operations: dict[str, Sketch] = defaultdict(Sketch)
    for day in days:
        if day.key.label(_OF_UNITS) != kind:
            continue
        unit = unit_id(day.key)
        latest[unit] = max(latest.get(unit, ("", day.key)), (day.date, day.key))
        if day.key.measure == Measure.UNIT_CPU_USAGE:
            usage[unit] = usage[unit].plus(day.sketch)
        if day.key.measure == Measure.UNIT_OPERATIONS:
            operations[unit] = operations[unit].plus(day.sketch)
    total = sum(sketch.count for sketch in operations.values())
    loads = {unit: sketch.count / total for unit, sketch in operations.items()}
    loads |= {unit: sketch.mean for unit, sketch in usage.items() if sketch.mean is not None}
    return tuple(
        Unit(unit, _cluster(key), key.label("name"), load=loads.get(unit)) for unit, (_, key) in sorted(latest.items())
    )


def unit_id(key: Key) -> str:
    """The id of the unit that a key belongs to: the same unit has the same one every day."""
    return f"{key.source}/{key.label('unit')}"


def _cluster(key: Key) -> str:
    return f"{key.source}/{key.label('cluster')}" if key.label("cluster") else ""
