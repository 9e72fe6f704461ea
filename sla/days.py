"""The measured record: what was measured on one day (UTC), as one distribution per measure and set of labels. Pure.

A count (failures, timeouts) is a distribution of ones, so its ``count`` is the number; a state of 0 or 1 has its share
as ``mean``; seconds that add up are a ``total``. Where a thing could not be measured, there is no day of it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sla.sketch import Sketch

RETENTION_DAYS = 400
"""Days that are kept: a year, and the month that it is compared with."""

GREATEST_BAND = 65_536


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What was measured. ``source`` is a vCenter's or a cloud's name; ``labels`` are in order of name."""

    source: str
    measure: str
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, source: str, measure: str, **labels: str) -> "Key":
        """With labels in any order."""
        return cls(source, measure, tuple(sorted(labels.items())))

    def label(self, name: str) -> str:
        """The value of a label, empty where there is none."""
        return next((value for key, value in self.labels if key == name), "")


@dataclass(frozen=True, slots=True)
class Day:
    """What one key brought on ``date`` (``2026-11-23``, UTC)."""

    date: str
    key: Key
    sketch: Sketch


class Measure(StrEnum):
    """Every name of a measure."""

    VCENTER_API_SECONDS = "vcenter_api_seconds"
    VCENTER_API_FAILURES = "vcenter_api_failures"
    VCENTER_HOSTS = "vcenter_hosts"
    VCENTER_VMS = "vcenter_vms"
    DISK_IOPS = "disk_iops"
    DISK_THROUGHPUT = "disk_throughput_bytes"
    DISK_LATENCY = "disk_latency_seconds"
    BUSY_DISK_IOPS = "busy_disk_iops"
    BUSY_DISK_LATENCY = "busy_disk_latency_seconds"
    OPENSTACK_API_SECONDS = "openstack_api_seconds"
    OPENSTACK_API_FAILURES = "openstack_api_failures"
    BUILD_SECONDS = "build_seconds"
    BUILD_FAILURES = "build_failures"
    BUILDS_LAST_HOUR = "builds_last_hour"
    TASK_TIMEOUTS = "task_timeouts"
    OBJECTIVE_VALUE = "objective_value"
    UNIT_OBSERVED = "unit_observed_seconds"
    UNIT_UP = "unit_up"
    UNIT_MAINTENANCE = "unit_maintenance"
    UNIT_CPU_USAGE = "unit_cpu_usage_ratio"
    UNIT_CPU_READY = "unit_cpu_ready_ratio"
    UNIT_MEMORY_USAGE = "unit_memory_usage_ratio"
    UNIT_DATASTORE_LATENCY = "unit_datastore_latency_seconds"
    UNIT_BUILD_SECONDS = "unit_build_seconds"
    UNIT_BUILD_FAILURES = "unit_build_failures"
    UNIT_OPERATIONS = "unit_operations"
    UNIT_OPERATION_FAILURES = "unit_operation_failures"
    UNIT_TASK_TIMEOUTS = "unit_task_timeouts"


@dataclass(frozen=True, slots=True)
class Definition:
    """What one value of a measure is. ``unit`` is ``seconds``, ``ratio``, ``count``, ``per second`` or the like."""

    labels: tuple[str, ...]
    unit: str
    help: str


_DISK = ("backing", "vm", "moid", "disk", "device", "datastore", "direction")
UNIT = ("unit_kind", "unit", "name", "cluster")
"""The labels of every measure of a unit. ``unit_kind`` is host, cluster or service; ``unit`` its steady id."""

MEASURES: Mapping[str, Definition] = {
    Measure.VCENTER_API_SECONDS: Definition(
        ("operation",), "seconds", "A request of ours that vCenter answered well; waiting for updates is left out"
    ),
    Measure.VCENTER_API_FAILURES: Definition(
        ("operation", "outcome"), "count", "A request of ours that failed, by the class of what failed"
    ),
    Measure.VCENTER_HOSTS: Definition((), "hosts", "ESXi hosts in the inventory, at each look"),
    Measure.VCENTER_VMS: Definition(("power",), "VMs", "Virtual machines without templates, at each look"),
    Measure.DISK_IOPS: Definition(("backing", "direction"), "per second", "Operations of a virtual disk, at a look"),
    Measure.DISK_THROUGHPUT: Definition(
        ("backing", "direction"), "bytes per second", "Throughput of a virtual disk, at a look"
    ),
    Measure.DISK_LATENCY: Definition(
        ("backing", "direction", "load"), "seconds", "Latency of a virtual disk that works, by its operations a second"
    ),
    Measure.BUSY_DISK_IOPS: Definition(_DISK, "per second", "Operations of one of the busiest disks, at a look"),
    Measure.BUSY_DISK_LATENCY: Definition(_DISK, "seconds", "Latency of one of the busiest disks, at a look"),
    Measure.OPENSTACK_API_SECONDS: Definition(
        ("service", "operation"), "seconds", "A request of ours that the API answered well: a probe, or a read"
    ),
    Measure.OPENSTACK_API_FAILURES: Definition(
        ("service", "operation", "outcome"), "count", "A request of ours that failed, by the class of what failed"
    ),
    Measure.BUILD_SECONDS: Definition(
        ("kind", "flavor", "host"), "seconds", "A server that was made, from the request to its launch"
    ),
    Measure.BUILD_FAILURES: Definition(("kind", "flavor", "host", "reason"), "count", "A server that was not made"),
    Measure.BUILDS_LAST_HOUR: Definition(("kind",), "count", "Servers made within the hour before, at each look"),
    Measure.OBJECTIVE_VALUE: Definition(("objective", "scope"), "its own", "What an assessment measured"),
    Measure.TASK_TIMEOUTS: Definition(("operation", "host", "cause"), "count", "An operation beyond its limit"),
    Measure.UNIT_OBSERVED: Definition(UNIT, "seconds", "Time that a look stands for, twice the interval at most"),
    Measure.UNIT_UP: Definition(UNIT, "0 or 1", "Host connected; service up; a host of the cluster is effective"),
    Measure.UNIT_MAINTENANCE: Definition(UNIT, "0 or 1", "Host in maintenance mode; service disabled"),
    Measure.UNIT_CPU_USAGE: Definition(UNIT, "ratio", "Processor usage of a host or cluster"),
    Measure.UNIT_CPU_READY: Definition(UNIT, "ratio", "Time that a host's VMs wait for a processor"),
    Measure.UNIT_MEMORY_USAGE: Definition(UNIT, "ratio", "Memory usage of a host or cluster"),
    Measure.UNIT_DATASTORE_LATENCY: Definition(UNIT, "seconds", "The highest latency of a host's datastores"),
    Measure.UNIT_BUILD_SECONDS: Definition(UNIT, "seconds", "A server that a service made"),
    Measure.UNIT_BUILD_FAILURES: Definition(UNIT, "count", "A server that a service did not get made"),
    Measure.UNIT_OPERATIONS: Definition(UNIT, "count", "An operation of a service that ended"),
    Measure.UNIT_OPERATION_FAILURES: Definition(UNIT, "count", "An operation of a service that ended in an error"),
    Measure.UNIT_TASK_TIMEOUTS: Definition(UNIT, "count", "An operation of a service beyond its limit"),
}


def merged(days: Iterable[Day], *by: str) -> dict[tuple[str, ...], Sketch]:
    """The days together, one distribution for each combination of these labels, in order of them.

    ``source``, ``measure`` and ``date`` may be named as labels are.
    """
    found: dict[tuple[str, ...], Sketch] = {}
    for day in days:
        named = {**dict(day.key.labels), "source": day.key.source, "measure": day.key.measure, "date": day.date}
        key = tuple(named.get(name, "") for name in by)
        found[key] = found.get(key, Sketch()).plus(day.sketch)
    return dict(sorted(found.items()))


def load_band(iops: float) -> str:
    """The band of load that so many operations a second are in: the power of two that they reach, or 0 below one."""
    if iops < 1:
        return "0"
    return str(min(GREATEST_BAND, 1 << (math.frexp(iops)[1] - 1)))
