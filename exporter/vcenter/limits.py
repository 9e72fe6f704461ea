"""What one vCenter can be asked: its counters, its limits, its sampling periods. Talks; read once per session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pyVmomi import vmodl

from exporter.errors import BadReply, Fault, NotAuthenticated
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
    performance = manager(session, "perfManager")
    return Abilities(
        manager=performance._moId,  # noqa: SLF001 - pyVmomi's only name for a managed object id
        counters=await counters(session),
        max_query_metrics=await max_query_metrics(session),
    )


def manager(session: Caller, name: str) -> Any:
    """A manager by its name in vim.ServiceInstanceContent. Fault NotSupported where the server has none."""
    found = getattr(session.content, name)
    if found is None:
        raise Fault("NotSupported", f"the server has no {name}")
    return found


async def read(session: Caller, mo: Any, path: str) -> Any:
    """One property of a managed object, None where it is unset. Raises the Fault by which vCenter withholds it."""
    collector = vmodl.query.PropertyCollector
    spec = collector.FilterSpec(
        propSet=[collector.PropertySpec(type=type(mo), pathSet=[path])],
        objectSet=[collector.ObjectSpec(obj=mo)],
    )
    found = await session.call(session.content.propertyCollector, "RetrieveProperties", specSet=[spec])
    for withheld in (missing for item in found for missing in item.missingSet):
        name = type(withheld.fault).__name__.rpartition(".")[2]
        raise Fault(name, withheld.fault.msg or f"{path} is withheld")
    values = [change.val for item in found for change in item.propSet]
    return values[0] if values else None


async def counters(session: Caller) -> tuple[Counter, ...]:
    """All counters: PerformanceManager.perfCounter (vSphere API reference, PerfCounterInfo)."""
    infos = await read(session, manager(session, "perfManager"), "perfCounter")
    return tuple(_counter(info) for info in infos or ())


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
    try:
        return await stated_max_query_metrics(session)
    except NotAuthenticated:
        raise
    except (Fault, BadReply):
        return DEFAULT_MAX_QUERY_METRICS


async def stated_max_query_metrics(session: Caller) -> int | None:
    """Like ``max_query_metrics``, without a default: Fault InvalidName where unset, BadReply where it is no number."""
    options = await session.call(manager(session, "setting"), "QueryOptions", name=MAX_QUERY_METRICS)
    try:
        value = int(options[0].value)
    except (IndexError, TypeError, ValueError) as error:
        raise BadReply(f"{MAX_QUERY_METRICS} is no number") from error
    return value if value > 0 else None


async def refresh_rate(session: Caller, type_name: str, moid: str) -> int:
    """Seconds between realtime samples of an entity; DEFAULT_REFRESH where vCenter does not say."""
    return await stated_refresh_rate(session, type_name, moid) or DEFAULT_REFRESH


async def stated_refresh_rate(session: Caller, type_name: str, moid: str) -> int | None:
    """PerfProviderSummary.refreshRate of an entity, None where it has no realtime samples."""
    entity = typed.reference(type_name, moid)
    summary = await session.call(manager(session, "perfManager"), "QueryPerfProviderSummary", entity=entity)
    supported = summary.currentSupported and summary.refreshRate and summary.refreshRate > 0
    return int(summary.refreshRate) if supported else None


async def statistics_levels(session: Caller) -> Mapping[int, int]:
    """Seconds between historical samples -> statistics level at which they are kept (PerfInterval, enabled ones)."""
    intervals = await read(session, manager(session, "perfManager"), "historicalInterval")
    return {one.samplingPeriod: one.level or 1 for one in intervals or () if one.enabled}
