"""Hosts and clusters of one vCenter, at each look: seen, up, and how loaded; how many hosts and VMs there are."""

from collections import Counter
from collections.abc import Mapping

from exporter.days.book import Page
from exporter.days.reading import Places, number, totals
from exporter.days.unit import Lines
from exporter.model import Entity, Kind
from exporter.poller import Poller
from exporter.vcenter.facts import ClusterFacts, Facts, HostFacts, VmFacts
from exporter.vcenter.inventory import Inventory
from sla.days import Measure

_HOST: Mapping[str, str] = {
    Measure.UNIT_CPU_USAGE: "cpu.usage.average",
    Measure.UNIT_CPU_READY: "cpu.readiness.average",
    Measure.UNIT_MEMORY_USAGE: "mem.usage.average",
    Measure.UNIT_DATASTORE_LATENCY: "datastore.maxTotalLatency.latest",
}
_CLUSTER: Mapping[str, str] = {
    Measure.UNIT_CPU_USAGE: "cpu.usage.average",
    Measure.UNIT_MEMORY_USAGE: "mem.usage.average",
}
_DISKS = "disk.maxTotalLatency.latest"
"""Of a host whose datastore counters are not asked for."""

SCHEDULES: Mapping[str, Kind] = {"realtime": Kind.HOST, "historical": Kind.CLUSTER}

Found = tuple[tuple[str, int], ...]


class Units:
    """The hosts (realtime) or clusters (historical) of one vCenter."""

    def __init__(self, poller: Poller, schedule: str) -> None:
        self._poller = poller
        self._schedule = schedule
        self._kind = SCHEDULES[schedule]
        self._inventory: Inventory | None = None
        self._units: dict[str, tuple[Entity, str, Lines]] = {}
        self._ids: Mapping[str, int] = {}
        self._places: Places[Found] | None = None

    def look(self, inventory: Inventory, page: Page, seconds: float) -> None:
        """One look, which stands for so many seconds."""
        self._ask()
        if inventory is not self._inventory:
            self._list(inventory)
        for moid, (_, _, lines) in self._units.items():
            lines.on(page).add(Measure.UNIT_OBSERVED, seconds)
            _state(inventory.facts.get(moid), lines)
            newest = self._poller.newest(self._schedule, moid)
            if newest is None or self._places is None:
                continue
            for measure, place in self._places.of(newest.series):
                value = number(newest, place)
                if value is not None:
                    lines.add(measure, value)

    def _ask(self) -> None:
        ids = self._poller.asked.get(self._kind, {})
        if ids is not self._ids:
            self._ids = ids
            names = _HOST if self._kind is Kind.HOST else _CLUSTER
            if self._kind is Kind.HOST and names[Measure.UNIT_DATASTORE_LATENCY] not in ids:
                names = {**names, Measure.UNIT_DATASTORE_LATENCY: _DISKS}
            self._places = Places(totals(ids, names))

    def _list(self, inventory: Inventory) -> None:
        self._inventory = inventory
        units = {}
        for moid, entity in inventory.entities.items():
            if entity.kind is self._kind:
                cluster = entity.name if self._kind is Kind.CLUSTER else _cluster(inventory, moid)
                known = self._units.get(moid)
                same = known is not None and known[1] == cluster and known[0].name == entity.name
                units[moid] = known if known and same else (entity, cluster, self._lines(entity, cluster))
        self._units = units

    def _lines(self, entity: Entity, cluster: str) -> Lines:
        labels = {"unit_kind": self._kind.value, "unit": entity.moid, "name": entity.name, "cluster": cluster}
        return Lines(self._poller.name, labels)


class Census:
    """How many hosts and VMs one vCenter has."""

    def __init__(self, vcenter: str) -> None:
        self._inventory: Inventory | None = None
        self._hosts = 0
        self._vms: Counter[str] = Counter()
        self._all = Lines(vcenter, {})
        self._by_power = {power: Lines(vcenter, {"power": power}) for power in ("on", "off")}

    def look(self, inventory: Inventory, page: Page) -> None:
        """One look."""
        if inventory is not self._inventory:
            self._inventory = inventory
            self._count(inventory)
        self._all.on(page).add(Measure.VCENTER_HOSTS, self._hosts)
        for power, lines in self._by_power.items():
            if inventory.complete:
                lines.on(page).add(Measure.VCENTER_VMS, self._vms[power])

    def _count(self, inventory: Inventory) -> None:
        self._hosts = sum(entity.kind is Kind.HOST for entity in inventory.entities.values())
        vms = [facts for facts in inventory.facts.values() if isinstance(facts, VmFacts) and not facts.template]
        self._vms = Counter("on" if facts.power_state == "poweredOn" else "off" for facts in vms)


def _cluster(inventory: Inventory, moid: str) -> str:
    above = (inventory.entities.get(parent) for parent in inventory.ancestors(moid))
    return next((entity.name for entity in above if entity is not None and entity.kind is Kind.CLUSTER), "")


def _state(facts: Facts | None, lines: Lines) -> None:
    if isinstance(facts, HostFacts):
        if facts.connection_state is not None:
            lines.add(Measure.UNIT_UP, facts.connection_state == "connected")
        if facts.maintenance is not None:
            lines.add(Measure.UNIT_MAINTENANCE, facts.maintenance)
    elif isinstance(facts, ClusterFacts) and facts.effective_hosts is not None:
        lines.add(Measure.UNIT_UP, facts.effective_hosts > 0)
