"""What one vCenter can be asked: its counters, its limits, its sampling periods. Talks; read once per session."""

from dataclasses import dataclass
from typing import Any, Protocol

from pyVmomi import vim, vmodl

from exporter.errors import Fault
from exporter.model import Counter
from exporter.vcenter import typed

MAX_QUERY_METRICS = "config.vpxd.stats.maxQueryMetrics"
"""The option that bounds a historical query (VMware KB 2107096); -1 is no bound."""

DEFAULT_MAX_QUERY_METRICS = 256
"""vCenter's own value of it since 6.5, taken where the option is absent or may not be read."""

DEFAULT_REFRESH = 20
"""Seconds between realtime samples (vSphere Web Services SDK guide, "Performance Intervals")."""


class Caller(Protocol):
    """What makes typed calls: a Session."""

    @property
    def content(self) -> Any:
        """vim.ServiceInstanceContent."""

    async def call(self, mo: Any, method: str, /, **arguments: Any) -> Any:
        """The result of a method; raises SourceError."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """The counters of a vCenter, the id of its PerformanceManager, and its limit of pairs per historical query."""

    manager: str
    counters: tuple[Counter, ...]
    max_query_metrics: int | None


async def abilities(session: Caller) -> Abilities:
    """Asks for what ``Abilities`` holds. Raises SourceError."""
    manager = session.content.perfManager
    return Abilities(
        manager=manager._moId,  # noqa: SLF001 - pyVmomi's only name for a managed object id
        counters=await counters(session),
        max_query_metrics=await max_query_metrics(session),
    )


async def counters(session: Caller) -> tuple[Counter, ...]:
    """All counters: PerformanceManager.perfCounter (vSphere API reference, PerfCounterInfo)."""
    collector = vmodl.query.PropertyCollector
    content = session.content
    spec = collector.FilterSpec(
        propSet=[collector.PropertySpec(type=vim.PerformanceManager, pathSet=["perfCounter"])],
        objectSet=[collector.ObjectSpec(obj=content.perfManager)],
    )
    found = await session.call(content.propertyCollector, "RetrieveProperties", specSet=[spec])
    return tuple(_counter(info) for item in found for change in item.propSet for info in change.val)


def _counter(info: Any) -> Counter:
    return Counter(
        id=info.key,
        name=f"{info.groupInfo.key}.{info.nameInfo.key}.{info.rollupType}",
        unit=info.unitInfo.key,
        stats=str(info.statsType),
        level=info.level or 0,
        summary=info.nameInfo.summary or info.nameInfo.label or "",
    )


async def max_query_metrics(session: Caller) -> int | None:
    """Most entity x counter pairs in a historical query; None where vCenter sets no limit."""
    setting = session.content.setting
    if setting is None:
        return DEFAULT_MAX_QUERY_METRICS
    try:
        options = await session.call(setting, "QueryOptions", name=MAX_QUERY_METRICS)
        value = int(options[0].value)
    except (Fault, IndexError, TypeError, ValueError):
        return DEFAULT_MAX_QUERY_METRICS
    return value if value > 0 else None


async def refresh_rate(session: Caller, type_name: str, moid: str) -> int:
    """Seconds between realtime samples of an entity (PerfProviderSummary.refreshRate)."""
    entity = typed.reference(type_name, moid)
    summary = await session.call(session.content.perfManager, "QueryPerfProviderSummary", entity=entity)
    supported = summary.currentSupported and summary.refreshRate and summary.refreshRate > 0
    return int(summary.refreshRate) if supported else DEFAULT_REFRESH
