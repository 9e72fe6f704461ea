"""Performance counters: which to ask for, what each is called in Prometheus, and how its wire value is scaled. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType

from exporter.config import Globs
from exporter.model import Counter, Family, Kind


@dataclass(frozen=True, slots=True)
class Unit:
    """The base unit of a vSphere unit: its suffix in the metric name; the value is wire value x multiply / divide."""

    suffix: str
    multiply: int = 1
    divide: int = 1


UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        # A percentage is on the wire in 1/100 of a percent (vSphere API reference, PerformanceManagerUnit.percent).
        "percent": Unit("ratio", divide=10_000),
        "kiloBytes": Unit("bytes", multiply=1024),
        "megaBytes": Unit("bytes", multiply=1024**2),
        "gigaBytes": Unit("bytes", multiply=1024**3),
        "teraBytes": Unit("bytes", multiply=1024**4),
        "kiloBytesPerSecond": Unit("bytes_per_second", multiply=1024),
        "megaBytesPerSecond": Unit("bytes_per_second", multiply=1024**2),
        "megaHertz": Unit("hertz", multiply=1_000_000),
        "nanosecond": Unit("seconds", divide=1_000_000_000),
        "microsecond": Unit("seconds", divide=1_000_000),
        "millisecond": Unit("seconds", divide=1_000),
        "second": Unit("seconds"),
        "watt": Unit("watts"),
        "joule": Unit("joules"),
        "celsius": Unit("celsius"),
        "number": Unit(""),
    }
)
"""vSphere unit key -> base unit. A key that is not here keeps its value and its snake-cased name."""

_ABBREVIATIONS: Mapping[str, str] = MappingProxyType({"sec": "second", "us": ""})
"""Units that vSphere abbreviates within a name, where Prometheus wants them in full (as ``promtool check metrics``
says): ``packetsPerSec``; and ``readLatencyUS``, which is no longer in microseconds, as the end of the name states."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def snake(name: str) -> str:
    """``maxTotalLatency`` -> ``max_total_latency``; letters and digits stay together (``actav15`` -> ``actav15``)."""
    words = [word.lower() for word in _join_digits(_WORD.findall(name))]
    return "_".join(filter(None, (_ABBREVIATIONS.get(word, word) for word in words)))


def _join_digits(words: Iterable[str]) -> list[str]:
    out: list[str] = []
    for word in words:
        if out and word.isdigit():
            out[-1] += word
        else:
            out.append(word)
    return out


def unit_of(key: str) -> Unit:
    """The base unit for a vSphere unit key."""
    return UNITS.get(key) or Unit(snake(key))


def family(kind: Kind, counter: Counter) -> Family:
    """The metric family of a counter: vSphere's own name in snake case, and the base unit at its end."""
    unit = unit_of(counter.unit).suffix
    words = ["vsphere", kind.value, *map(snake, counter.name.split(".")), unit]
    name = "_".join(word for word in words if word)
    summary = " ".join(counter.summary.split()).rstrip(".") or counter.name
    return Family(
        name=name,
        kind="gauge",
        help=f"{summary} (vSphere {counter.name}, newest sample).",
        unit=unit,
        source=f"PerformanceManager {counter.name}",
    )


@dataclass(frozen=True, slots=True)
class Selected:
    """The counters to ask for one kind, and the patterns of the configuration that no counter of this vCenter meets."""

    counters: tuple[Counter, ...]
    missing: tuple[str, ...]


def select(available: Iterable[Counter], globs: Globs) -> Selected:
    """Counters whose name meets an include pattern and no exclude pattern, in order of id.

    Two counters can carry one name (vSphere has had such pairs); the first by id is kept.
    """
    named: dict[str, Counter] = {}
    for counter in sorted(available, key=lambda c: c.id):
        named.setdefault(counter.name, counter)
    found = [c for c in named.values() if _meets(c.name, globs.include) and not _meets(c.name, globs.exclude)]
    missing = tuple(p for p in globs.include if not any(fnmatchcase(name, p) for name in named))
    return Selected(tuple(found), missing)


def _meets(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
