"""Performance samples: who has which series, and the value of each at each instant.

A value is a pure function of (entity, counter, instance, instant): a day's slow wave with noise, within the range that
``data/counters.csv`` gives. Semantics of queries as the vSphere API reference (PerfQuerySpec) has them: samples on a
grid, oldest first, start exclusive, end inclusive, one hour of real-time samples.
"""

import functools
import math
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from pyVmomi import vim, vmodl

from simulator.counters import KIND_COLUMNS, Range
from simulator.facts import Cluster, Datastore, Host, Pool, Vm
from simulator.model import LIMIT_TEXT, Model
from simulator.store import Node, is_sampled, not_found, vim_class

REALTIME = 20
"""Seconds between real-time samples (SDK guide, Performance Intervals)."""

RETENTION = {20: 180, 300: 288, 1800: 336, 7200: 372, 86400: 365}
"""Interval -> samples kept: an hour, a day, a week, a month, a year (vCenter's default historical intervals)."""

REALTIME_KINDS = frozenset({"VirtualMachine", "HostSystem", "ResourcePool", "VirtualApp"})
"""Kinds with a real-time provider, as a vCenter's QueryPerfProviderSummary says."""

LOADED = frozenset(
    {"cpu.usage.average", "cpu.usagemhz.average", "cpu.utilization.average", "cpu.coreUtilization.average"}
)
"""The counters of a host that say how busy its CPU is."""

DAY = 86400 // REALTIME
"""Ticks of a day, after which values repeat."""

Metric = tuple[int, str]
"""Counter id and instance; the instance ``""`` is the aggregate, ``*`` in a query all of them."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One PerfQuerySpec. ``start`` and ``end`` are seconds since the epoch."""

    moid: str
    kind: str
    start: float | None = None
    end: float | None = None
    max_sample: int | None = None
    metrics: tuple[Metric, ...] | None = None
    interval: int | None = None
    csv: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One series: ``low`` + wave of ``span`` at ``phase``; a negative phase means seconds since the instant ``low``.

    ``label`` is its PerfMetricId as XML, shared between entities.
    """

    metric: Metric
    label: str
    low: int
    span: int
    phase: int

    def values(self, ticks: range) -> list[int]:
        """The values at these ticks of 20 s since the epoch."""
        if self.phase < 0:
            return [max(0, tick * REALTIME - self.low) for tick in ticks]
        low, span, phase, levels = self.low, self.span, self.phase, wave()
        if ticks.step == 1 and len(ticks) <= DAY:
            first = (ticks.start + phase) % DAY
            return [low + (span * level >> 16) for level in levels[first : first + len(ticks)]]
        return [low + (span * levels[(tick + phase) % DAY] >> 16) for tick in ticks]


@dataclass(frozen=True, slots=True)
class Ordered(Series):
    """A series that is ``steps`` by order: values and since when, seconds since the epoch; None is the wave."""

    steps: tuple[tuple[float, int | None], ...] = ()

    def values(self, ticks: range) -> list[int]:
        """The values at these ticks of 20 s since the epoch."""
        return [
            own if (order := self._order(tick * REALTIME)) is None else order
            for tick, own in zip(ticks, Series.values(self, ticks), strict=True)
        ]

    def _order(self, second: int) -> int | None:
        return next((value for since, value in reversed(self.steps) if since < second), None)


@functools.cache
def wave() -> tuple[int, ...]:
    """Two equal days of ticks, each 0..65535: slow over the day, livelier over ten minutes, with noise."""
    chance = random.Random(20)  # noqa: S311  repeatable, not secret
    levels = []
    for tick in range(DAY):
        daily = math.sin(2 * math.pi * tick / DAY)
        short = math.sin(2 * math.pi * tick / 30)
        level = 0.45 + 0.3 * daily + 0.08 * short + 0.15 * (chance.random() - 0.5)
        levels.append(int(65535 * min(1.0, max(0.0, level))))
    return tuple(levels * 2)


@functools.cache
def _label(metric: Metric) -> str:
    return f"<id><counterId>{metric[0]}</counterId><instance>{escape(metric[1])}</instance></id>"


def instances(model: Model, node: Node) -> dict[str, tuple[str, ...]]:
    """An entity's instances by the words of the counter table; ``-`` is the aggregate, which everything has."""
    facts = node.facts
    if isinstance(facts, Vm):
        host: Host = model.get(facts.host).facts
        luns = dict(zip(host.datastores, host.luns, strict=False))
        return {
            "-": ("",),
            "cpu": tuple(map(str, range(facts.cpus))),
            "nic": tuple(str(nic.key) for nic in facts.nics),
            "vdisk": tuple(disk.instance for disk in facts.disks),
            "lun": tuple(luns[moid].name for moid in facts.datastores if moid in luns),
            "ds": tuple(_volume(model, moid) for moid in facts.datastores),
        }
    if isinstance(facts, Host):
        paths = range(len(facts.luns))
        return {
            "-": ("",),
            "cpu": tuple(map(str, range(facts.cores))),
            "nic": facts.nics,
            "hba": facts.hbas,
            "lun": tuple(lun.name for lun in facts.luns),
            "ds": tuple(_volume(model, moid) for moid in facts.datastores),
            "path": tuple(f"{hba}:C0:T0:L{number}" for number in paths for hba in facts.hbas),
            "sys": ("host/system", "host/vim", "host/vim/vmvisor/hostd"),
        }
    return {"-": ("",)}


def _volume(model: Model, moid: str) -> str:
    """A datastore's name as a counter instance: the last part of its URL."""
    return str(model.get(moid).facts.url).rstrip("/").rsplit("/", 1)[-1]


def scale(model: Model, node: Node, word: str) -> float:
    """What a range of the counter table is multiplied by: MHz, memory (KB or MB), capacity (KB), or 1/100 %."""
    if word in {"", "percent"}:
        return 10_000 if word else 1
    facts = node.facts
    if isinstance(facts, Vm):
        mhz, memory = facts.cpus * 2600, facts.memory_mb * 1024
    elif isinstance(facts, Host):
        mhz, memory = facts.cores * facts.mhz, facts.memory // 1024
    elif isinstance(facts, Datastore):
        return facts.capacity / 1024
    elif isinstance(facts, Cluster | Pool):
        owner = node.moid if isinstance(facts, Cluster) else facts.owner
        hosts = [child.facts for child in model.related("child", owner) if child.kind == "HostSystem"]
        mhz, memory = sum(h.cores * h.mhz for h in hosts), sum(h.memory for h in hosts) // 1024
    else:
        return 1
    return {"mhz": mhz, "mem": memory, "memmb": memory // 1024}[word]


def is_loaded(node: Node) -> bool:
    """Whether some of its series are, or were, by order."""
    return isinstance(node.facts, Host) and bool(node.facts.loads)


def _booted(node: Node) -> float:
    return float(node.facts.started if isinstance(node.facts, Vm) else node.facts.booted)


class Engine:
    """Answers what there is to query, and turns query specs into series and windows."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._available: dict[tuple[object, ...], tuple[Metric, ...]] = {}
        self._wanted: dict[tuple[int, tuple[Metric, ...]], list[Metric]] = {}
        self._series: dict[tuple[str, tuple[Metric, ...] | None, bool], tuple[object, tuple[Series, ...]]] = {}

    def available(self, node: Node, *, realtime: bool) -> tuple[Metric, ...]:
        """Every (counter, instance) of an entity, without the counters that the model lacks.

        Historical series exist up to the statistics level, which is lower for instances (PerfCounterInfo.level).
        """
        column = KIND_COLUMNS.get(node.kind)
        if column is None or (realtime and node.kind not in REALTIME_KINDS):
            return ()
        shape = instances(self.model, node)
        key = (column, realtime, *shape.values(), self._generation())
        if key not in self._available:
            self._available[key] = tuple(self._metrics(column, shape, realtime=realtime))
        return self._available[key]

    def _metrics(self, column: str, shape: dict[str, tuple[str, ...]], *, realtime: bool) -> list[Metric]:
        metrics: list[Metric] = []
        for counter in self.model.counters.values():
            if column not in counter.ranges or counter.full_name in self.model.missing_counters:
                continue
            for word in counter.ranges[column].instances:
                level = counter.level if word == "-" else counter.device_level
                if realtime or level <= self.model.stats_level:
                    metrics.extend((counter.key, instance) for instance in shape.get(word, ()))
        return metrics

    def _generation(self) -> object:
        """Changes whenever the answer to "which counters are there" does."""
        return (next(iter(self.model.counters)), self.model.missing_counters, self.model.stats_level)

    def series(self, spec: Spec) -> tuple[Series, ...]:
        """The series that a spec asks for, in the order asked. What the entity does not have is left out."""
        node = self.model.get(spec.moid)
        if not is_sampled(self.model, node):
            return ()
        key = (spec.moid, spec.metrics, spec.interval in {REALTIME, None})
        stamp = (node.epoch, self._generation())
        found = self._series.get(key)
        if found is None or found[0] != stamp:
            if len(self._series) > 100_000:
                self._series.clear()
            found = self._series[key] = (stamp, self._expand(node, spec))
        return found[1]

    def _expand(self, node: Node, spec: Spec) -> tuple[Series, ...]:
        realtime = spec.interval in {REALTIME, None} and node.kind in REALTIME_KINDS
        available = self.available(node, realtime=realtime)
        if spec.metrics is None:
            return tuple(self.one(node, metric) for metric in available)
        key = (id(available), spec.metrics)
        if key not in self._wanted:
            self._wanted[key] = _select(available, spec.metrics)
        return tuple([self.one(node, metric) for metric in self._wanted[key]])

    def one(self, node: Node, metric: Metric) -> Series:
        """The series of one metric of an entity. Raises KeyError where its kind has no such counter."""
        counter = self.model.counters[metric[0]]
        limits: Range = counter.ranges[KIND_COLUMNS[node.kind]]
        if limits.scale == "uptime":
            return Series(metric, _label(metric), int(_booted(node) - limits.low), 0, -1)
        factor = scale(self.model, node, limits.scale)
        if metric[1] and limits.scale in {"mhz", "mem"}:
            factor /= 4
        low, high = round(limits.low * factor), round(limits.high * factor)
        name = f"{self.model.seed}/{node.moid}/{counter.full_name}/{metric[1]}"
        phase = zlib.crc32(name.encode()) % DAY
        if is_loaded(node) and counter.full_name in LOADED:
            steps = tuple((at, None if ratio is None else round(ratio * factor)) for at, ratio in node.facts.loads)
            return Ordered(metric, _label(metric), low, high - low + 1, phase, steps)
        return Series(metric, _label(metric), low, high - low + 1, phase)

    def window(self, spec: Spec, now: float) -> tuple[int, range]:
        """The interval of a spec and the instants, in intervals since the epoch, at which it has samples."""
        interval = spec.interval or (REALTIME if spec.kind in REALTIME_KINDS else 300)
        last = int(now // interval)
        first = last - RETENTION[interval] + 1
        node = self.model.get(spec.moid)
        if isinstance(node.facts, Vm | Host):
            first = max(first, int(_booted(node) // interval) + 1)
        if spec.start is not None:
            first = max(first, int(spec.start // interval) + 1)
        if spec.end is not None:
            last = min(last, int(spec.end // interval))
        if interval == REALTIME and spec.max_sample and spec.max_sample > 0:
            first = max(first, last - spec.max_sample + 1)
        return interval, range(first, last + 1)


def _select(available: Sequence[Metric], wanted: Sequence[Metric]) -> list[Metric]:
    """What there is of what is wanted, in that order, with ``*`` expanded."""
    by_counter: dict[int, list[Metric]] = {}
    for metric in available:
        by_counter.setdefault(metric[0], []).append(metric)
    return [one for key, instance in wanted for one in by_counter.get(key, ()) if instance in {"*", one[1]}]


def check(engine: Engine, specs: Sequence[Spec], *, poison: frozenset[str], limit: int | None) -> None:
    """Raise the fault that vCenter answers these specs with, if any.

    One spec of a deleted entity fails the whole call (ManagedObjectNotFound), as does an interval that the entity has
    no provider for (InvalidArgument). More than ``limit`` metrics that are not real-time raise
    RestrictedByAdministrator. An entity in ``poison`` raises a bare SystemError.
    """
    total = 0
    for spec in specs:
        node = engine.model.nodes.get(spec.moid)
        if node is None or node.kind != spec.kind:
            raise _gone(spec)
        if spec.moid in poison:
            raise vmodl.fault.SystemError(
                msg="A general system error occurred: Internal error", reason="Internal error"
            )
        known = spec.interval is None or spec.interval in RETENTION
        if not known or (spec.interval == REALTIME and node.kind not in REALTIME_KINDS):
            name = "querySpec.interval"
            raise vmodl.fault.InvalidArgument(
                msg=f"A specified parameter was not correct: {name}", invalidProperty=name
            )
        if spec.interval != REALTIME and limit is not None:
            total += len(engine.series(spec))
    if limit is not None and total > limit:
        raise restricted()


def restricted() -> Any:
    """vCenter's fault for a query over the limit of metrics."""
    return vim.fault.RestrictedByAdministrator(msg=LIMIT_TEXT, details="vpxd.stats.maxQueryMetrics")


def _gone(spec: Spec) -> Exception:
    return not_found(vim_class(spec.kind)(spec.moid))
