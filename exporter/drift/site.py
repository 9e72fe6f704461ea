"""A vCenter's inventory as a comparison needs it: switches, port groups, clusters with hosts, datastores. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from exporter.model import Entity, Kind
from exporter.vcenter.facts import ClusterFacts, DatastoreFacts, Facts, HostFacts, PortgroupFacts, SwitchFacts, VmFacts
from exporter.vcenter.inventory import Inventory

F = TypeVar("F", bound=Facts)


UPLINKS = "-DVUplinks-"
"""In the name that vCenter gives a port group of uplinks: for where DVSConfigInfo.uplinkPortgroup is empty."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A distributed switch."""

    moid: str
    name: str
    facts: SwitchFacts


@dataclass(frozen=True, slots=True)
class Group:
    """A distributed port group. ``uplink`` is one that a switch has for its physical NICs; ``used`` by a VM."""

    moid: str
    name: str
    facts: PortgroupFacts
    uplink: bool
    used: bool


@dataclass(frozen=True, slots=True)
class Host:
    """An ESXi host; ``connected`` where vCenter can say something of it."""

    moid: str
    name: str
    connected: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster with all its hosts."""

    moid: str
    name: str
    hosts: tuple[Host, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """A datastore. ``hosts`` are the names or ids of those that can use it now."""

    moid: str
    name: str
    usable: bool
    hosts: frozenset[str]

    def is_seen_by(self, host: Host) -> bool:
        """Whether a host can use it."""
        return host.moid in self.hosts or host.name in self.hosts


@dataclass(frozen=True, slots=True)
class Site:
    """One vCenter. ``uuid`` is its instance UUID, half of the name of each of its hypervisors in Nova.

    ``partial`` are the kinds of which the configuration leaves objects out.
    """

    name: str
    uuid: str
    partial: frozenset[Kind] = frozenset()
    switches: tuple[Switch, ...] = ()
    groups: tuple[Group, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    stores: tuple[Store, ...] = ()


def site(name: str, uuid: str, inventory: Inventory, *, partial: frozenset[Kind] = frozenset()) -> Site:
    """What a complete inventory holds."""
    return Site(
        name=name,
        uuid=uuid,
        partial=partial,
        switches=tuple(Switch(one.moid, one.name, facts) for one, facts in _each(inventory, SwitchFacts)),
        groups=tuple(_groups(inventory)),
        clusters=tuple(_clusters(inventory)),
        stores=tuple(_store(one, facts) for one, facts in _each(inventory, DatastoreFacts)),
    )


def _each(inventory: Inventory, kind: type[F]) -> Iterator[tuple[Entity, F]]:
    for moid, facts in inventory.facts.items():
        if isinstance(facts, kind):
            yield inventory.entities[moid], facts


def _groups(inventory: Inventory) -> Iterator[Group]:
    uplinks = {moid for _, facts in _each(inventory, SwitchFacts) for moid in facts.uplink_groups or ()}
    used = {nic.network for _, facts in _each(inventory, VmFacts) for nic in facts.nics or ()}
    for one, facts in _each(inventory, PortgroupFacts):
        uplink = one.moid in uplinks or UPLINKS in one.name
        yield Group(one.moid, one.name, facts, uplink=uplink, used=one.name in used)


def _clusters(inventory: Inventory) -> Iterator[Cluster]:
    hosts: dict[str, list[Host]] = {}
    for one, facts in _each(inventory, HostFacts):
        host = Host(one.moid, one.name, connected=(facts.connection_state or "connected") == "connected")
        hosts.setdefault(inventory.parents.get(one.moid, ""), []).append(host)
    for one, _ in _each(inventory, ClusterFacts):
        yield Cluster(one.moid, one.name, tuple(hosts.get(one.moid, ())))


def _store(one: Entity, facts: DatastoreFacts) -> Store:
    """What Nova would use (nova/virt/vmwareapi/ds_util.py, _is_datastore_valid): accessible, not in maintenance."""
    mounts = facts.mounts or ()
    return Store(
        one.moid,
        one.name,
        usable=facts.accessible is not False and (facts.maintenance_mode or "normal") == "normal",
        hosts=frozenset(mount.host for mount in mounts if mount.accessible is not False and mount.mounted is not False),
    )
