"""The table of performance counters: names, units and levels as a vCenter lists them, and who has which.

``data/counters.csv`` holds the names, units, rollups, levels and texts of a real vCenter's ``perfCounter``, as captured
by govmomi (Apache-2.0). The columns per kind are ours: ``instances low high [scale]``, where instances is ``-`` for the
aggregate or a word of ``simulator.perf.instances``, and scale names what the range is a fraction of.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

KIND_COLUMNS: Mapping[str, str] = {
    "VirtualMachine": "vm",
    "HostSystem": "host",
    "ClusterComputeResource": "cluster",
    "Datastore": "datastore",
    "ResourcePool": "pool",
    "VirtualApp": "pool",
    "Datacenter": "datacenter",
}
"""vSphere type -> column of the table. Other types have no performance provider."""


@dataclass(frozen=True, slots=True)
class Range:
    """Where a kind's values of one counter lie: ``low`` to ``high``, times the entity's ``scale`` if it names one."""

    instances: tuple[str, ...]
    low: float
    high: float
    scale: str


@dataclass(frozen=True, slots=True)
class Counter:
    """One row of the table. ``ranges`` is by column of ``KIND_COLUMNS``."""

    key: int
    group: str
    name: str
    rollup: str
    stats: str
    unit: str
    level: int
    device_level: int
    group_label: str
    label: str
    summary: str
    ranges: Mapping[str, Range]

    @property
    def full_name(self) -> str:
        """``group.name.rollup``, the name that is the same on every vCenter."""
        return f"{self.group}.{self.name}.{self.rollup}"


def _range(text: str) -> Range:
    instances, low, high, *scale = text.split()
    return Range(tuple(instances.split(",")), float(low), float(high), scale[0] if scale else "")


def _counter(row: Mapping[str, str], shift: int) -> Counter:
    columns = dict.fromkeys(KIND_COLUMNS.values())
    return Counter(
        key=int(row["id"]) + shift,
        group=row["group"],
        name=row["name"],
        rollup=row["rollup"],
        stats=row["stats"],
        unit=row["unit"],
        level=int(row["level"]),
        device_level=int(row["device_level"]),
        group_label=row["group_label"],
        label=row["label"],
        summary=row["summary"],
        ranges={column: _range(row[column]) for column in columns if row[column]},
    )


def load(shift: int = 0) -> dict[int, Counter]:
    """The counters by id. ``shift`` is added to every id: counter ids differ between vCenters, names do not."""
    text = files("simulator").joinpath("data/counters.csv").read_text(encoding="utf-8")
    counters = (_counter(row, shift) for row in csv.DictReader(text.splitlines()))
    return {counter.key: counter for counter in counters}
