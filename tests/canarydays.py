"""Days of units as the agent would have measured them, for canary runs over time that does not pass."""

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from exporter.days import stores
from sla.canary.model import Unit, UnitKind
from sla.days import Day, Key
from sla.sketch import Gathering, Sketch

LOOKS = 4320
"""Looks a day: one every 20 s."""
VALUES = 24
"""Different values a day: one an hour."""


@dataclass(frozen=True)
class Weather:
    """How days go. ``worse`` multiplies the CPU usage of ``canaries``; of the dates ``blind`` half was not seen."""

    canaries: Collection[str] = ()
    worse: float = 1.0
    blind: Collection[str] = ()


def dates(first: str, count: int) -> list[str]:
    """``count`` days from the first on."""
    begin = date.fromisoformat(first)
    return [(begin + timedelta(days=number)).isoformat() for number in range(count)]


def units_in(plan: Mapping[str, object]) -> tuple[Unit, ...]:
    """The units of what ``canary start --format json`` says: canaries and controls."""
    arms = (plan["canary"], plan["control"])
    return tuple(Unit(one["id"], one["stratum"], one["name"]) for arm in arms for one in arm)  # type: ignore[attr-defined]


def measured(units: Iterable[Unit], days: Iterable[str], weather: Weather = Weather()) -> Iterator[Day]:
    """The rows of these units on these days; the same ones for the same arguments."""
    some = list(units)
    for day in days:
        yield Day(day, Key.of("vc1", "vcenter_api_seconds", operation="QueryPerf"), Sketch.of([0.1, 0.12, 0.14] * 100))
        for unit in some:
            yield from _unit(unit, day, weather)


def _unit(unit: Unit, day: str, weather: Weather) -> Iterator[Day]:
    source, _, moid = unit.id.rpartition("/")
    labels = {"unit_kind": UnitKind.HOST.value, "unit": moid, "name": unit.name, "cluster": unit.cluster}
    rng = random.Random(f"{unit.id} {day}")
    looks = LOOKS // VALUES // (2 if day in weather.blind else 1)
    factor = weather.worse if unit.id in weather.canaries else 1.0
    level = 0.40 + rng.uniform(-0.004, 0.004)
    values = {
        "unit_observed_seconds": [86400.0 / LOOKS] * VALUES,
        "unit_up": [1.0] * VALUES,
        "unit_maintenance": [0.0] * VALUES,
        "unit_cpu_usage_ratio": [factor * (level + rng.uniform(-0.05, 0.05)) for _ in range(VALUES)],
        "unit_cpu_ready_ratio": [0.01 + rng.uniform(0, 0.001) for _ in range(VALUES)],
        "unit_memory_usage_ratio": [0.6 + rng.uniform(-0.01, 0.01) for _ in range(VALUES)],
        "unit_datastore_latency_seconds": [0.004 + rng.uniform(0, 0.0005) for _ in range(VALUES)],
    }
    for measure, found in values.items():
        gathered = Gathering()
        for value in found:
            gathered.add(value, looks)
        yield Day(day, Key.of(source, measure, **labels), gathered.sketch())


def store(state: Path, rows: Iterable[Day]) -> None:
    """Writes rows as the agent does."""
    with closing(stores.opened(str(state), exclusive=True)) as days:
        days.claim(1)
        days.write(rows, epoch=1)
