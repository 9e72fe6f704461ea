"""The names of all series that the agent can export, as its code lists them."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from exporter import catalog, cloudcatalog, driftcatalog, joincatalog, publisher, slacatalog, web
from exporter.alertmanager.metrics import Metrics as AlertmanagerMetrics
from exporter.assess import catalog as assesscatalog
from exporter.canary import catalog as canarycatalog
from exporter.coverage import catalog as coveragecatalog
from exporter.days.metrics import Metrics as DaysMetrics
from exporter.model import HISTORICAL_KINDS, REALTIME_KINDS, Counter
from exporter.notifications import NotificationCounters
from exporter.telemetry import Telemetry
from exporter.trust import gate, service
from exporter.vcenter.counters import family
from exporter.ways import catalog as wayscatalog
from simulator import counters as vcenter

OTHERS = frozenset(
    {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "up",
        "ALERTS",
    }
)
"""What prometheus_client adds of the process, and Prometheus itself of targets and alerts."""


def fixed() -> dict[str, str]:
    """Families that are listed in the code, with their kinds; not the performance counters."""
    rooms = (
        *(assesscatalog, canarycatalog, catalog, cloudcatalog, coveragecatalog),
        *(driftcatalog, joincatalog, slacatalog, wayscatalog),
    )
    found = {one.name: one.kind for room in rooms for one in room.every_family()}
    return {**found, **dict(_instruments())}


def registry() -> CollectorRegistry:
    """With all that an agent counts of itself."""
    made: CollectorRegistry = Telemetry().registry
    for add in (NotificationCounters, AlertmanagerMetrics, DaysMetrics, publisher._Metrics, web._Metrics):
        add(made)
    for add_of_trust in (gate.Metrics, service.Metrics):
        add_of_trust(made)
    return made


def _instruments() -> Iterator[tuple[str, str]]:
    for collector in registry()._collector_to_names:
        if isinstance(collector, MetricWrapperBase):
            for metric in collector.describe():
                yield metric.name + ("_total" if metric.type == "counter" else ""), metric.type


def counters() -> frozenset[str]:
    """Performance counters of every kind of entity, of the vCenter that the simulator was recorded from."""
    rows = vcenter.load().values()
    known = [Counter(row.key, row.full_name, row.unit, row.stats, row.level, row.summary) for row in rows]
    return frozenset(family(kind, one).name for kind in (*REALTIME_KINDS, *HISTORICAL_KINDS) for one in known)


def family_of(series: str) -> str:
    """The family of a series: a histogram's without its end."""
    for end in ("_bucket", "_sum", "_count"):
        base = series.removesuffix(end)
        if base != series and fixed().get(base) == "histogram":
            return base
    return series
