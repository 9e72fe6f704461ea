"""Which VM is which server: Nova's UUIDs found on vCenter's side, and hypervisors found as clusters. Pure.

A server's VM is the one whose ``config.instanceUuid`` is the server's id, then one whose ``nvp.vm-uuid`` is
(nova/virt/vmwareapi/vm_util.py, search_vm_ref_by_identifier). A hypervisor's hostname is ``<managed object id of the
cluster>.<instance UUID of the vCenter>`` (nova/virt/vmwareapi/driver.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from exporter.joinmodel import CloudView, VCenterView, Vm
from exporter.model import Entity, Kind
from exporter.openstack.model import Server
from exporter.vcenter.facts import VmFacts
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.openstackmarks import SNAPSHOT_CLONE, is_helper, is_servers, server_ids, uuid_in_name

DOWN = "UNKNOWN"
"""Status of a server whose cell is down (Compute API guide, since 2.69): what is known of it is of before."""
DELETED = "DELETED"


class Known(NamedTuple):
    """A server, and the cloud that knows it."""

    cloud: str
    server: Server


class Machine(NamedTuple):
    """A VM. ``server`` is the id of the server that it is or claims to be, empty where it claims none."""

    vm: Vm
    entity: Entity
    facts: VmFacts
    server: str

    @property
    def vcenter(self) -> str:
        """The vCenter's name."""
        return self.vm[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Both sides, laid beside each other.

    ``servers`` exist, ``deleted`` did a short while ago. ``machines`` are the VMs of each server, the one that Nova
    uses first; ``strangers`` are of no server that exists, but Nova made them for one; ``clones`` are the temporary
    ones that Nova makes of a server for an image. ``possible`` are ids in the names of VMs that tell nothing else.
    ``unsure`` are clouds with a cell that is down.
    """

    views: Mapping[str, VCenterView]
    clouds: Mapping[str, CloudView]
    servers: Mapping[str, Known]
    deleted: Mapping[str, Server]
    clusters: Mapping[str, Vm]
    machines: Mapping[str, tuple[Machine, ...]]
    strangers: tuple[Machine, ...]
    clones: tuple[Machine, ...]
    possible: frozenset[str]
    unsure: frozenset[str]


def match(vcenters: Iterable[VCenterView], clouds: Iterable[CloudView]) -> Match:
    """Finds each server's VMs and each hypervisor's cluster. The order of the arguments makes no difference."""
    views = {view.name: view for view in sorted(vcenters, key=lambda view: view.name)}
    by_name = {cloud.name: cloud for cloud in sorted(clouds, key=lambda cloud: cloud.name)}
    fleet = _Fleet(by_name.values())
    clusters = _clusters(views, by_name.values())
    return _Matching(fleet.servers, clusters).of(
        views, clouds=by_name, deleted=fleet.deleted, unsure=frozenset(fleet.unsure)
    )


def listed(view: VCenterView | None) -> Inventory | None:
    """The inventory, if all that is needed to tell who is who was read."""
    return view.inventory if view is not None and view.inventory is not None and view.inventory.complete else None


class _Fleet:
    """The servers of all clouds."""

    def __init__(self, clouds: Iterable[CloudView]) -> None:
        self.servers: dict[str, Known] = {}
        self.deleted: dict[str, Server] = {}
        self.unsure: set[str] = set()
        for cloud in clouds:
            if cloud.snapshot is not None:
                self._take(cloud.name, cloud.snapshot.servers.values())

    def _take(self, cloud: str, servers: Iterable[Server]) -> None:
        for server in servers:
            if server.status == DELETED:
                self.deleted[server.id] = server
                continue
            if server.status == DOWN:
                self.unsure.add(cloud)
            self.servers[server.id] = Known(cloud, server)


class _Matching:
    """The VMs of all vCenters being gone through."""

    def __init__(self, servers: Mapping[str, Known], clusters: Mapping[str, Vm]) -> None:
        self._servers = servers
        self._clusters = clusters
        self._machines: dict[str, list[Machine]] = {}
        self._strangers: list[Machine] = []
        self._clones: list[Machine] = []
        self._possible: set[str] = set()

    def of(
        self,
        views: Mapping[str, VCenterView],
        *,
        clouds: Mapping[str, CloudView],
        deleted: Mapping[str, Server],
        unsure: frozenset[str],
    ) -> Match:
        """The whole match."""
        for name, view in views.items():
            inventory = listed(view)
            if inventory is not None:
                self._take(name, inventory)
        return Match(
            views=views,
            clouds=clouds,
            servers=self._servers,
            deleted=deleted,
            clusters=self._clusters,
            machines={server: self._chosen(server, found) for server, found in self._machines.items()},
            strangers=tuple(sorted(self._strangers, key=_by_id)),
            clones=tuple(sorted(self._clones, key=_by_id)),
            possible=frozenset(self._possible),
            unsure=unsure,
        )

    def _take(self, vcenter: str, inventory: Inventory) -> None:
        servers, machines = self._servers, self._machines
        for moid, entity in inventory.entities.items():
            facts = inventory.facts[moid]
            if entity.kind is not Kind.VM or not isinstance(facts, VmFacts):
                continue
            instance, mark = server_ids(facts)
            if is_helper(entity, facts):
                if entity.name.startswith(SNAPSHOT_CLONE):
                    self._clones.append(Machine((vcenter, moid), entity, facts, mark))
            elif instance in servers:
                machines.setdefault(instance, []).append(Machine((vcenter, moid), entity, facts, instance))
            elif mark in servers:
                machines.setdefault(mark, []).append(Machine((vcenter, moid), entity, facts, mark))
            elif is_servers(entity, facts):
                claim = mark or instance or uuid_in_name(entity.name)
                self._strangers.append(Machine((vcenter, moid), entity, facts, claim))
            elif not instance:
                # Its configuration cannot be read, so that Nova does not find it either.
                self._possible.add(uuid_in_name(entity.name))

    def _chosen(self, server: str, found: list[Machine]) -> tuple[Machine, ...]:
        """The VMs of a server, the one that Nova uses first: Nova looks in the vCenter of the server's hypervisor."""
        if len(found) == 1:
            return (found[0],)
        home = self._clusters.get(self._servers[server].server.hypervisor or "", ("", ""))[0]

        def rank(machine: Machine) -> tuple[bool, bool, Vm]:
            return machine.vcenter != home, server_ids(machine.facts)[0] != server, machine.vm

        return tuple(sorted(found, key=rank))


def _by_id(machine: Machine) -> Vm:
    return machine.vm


def _clusters(views: Mapping[str, VCenterView], clouds: Iterable[CloudView]) -> Mapping[str, Vm]:
    uuids = {view.instance_uuid.lower(): view for view in reversed(tuple(views.values())) if view.instance_uuid}
    return MappingProxyType(dict(_found(uuids, clouds)))


def _found(uuids: Mapping[str, VCenterView], clouds: Iterable[CloudView]) -> Iterator[tuple[str, Vm]]:
    for cloud in clouds:
        for hypervisor in (cloud.hypervisors or {}).values():
            moid, _, uuid = hypervisor.hostname.partition(".")
            view = uuids.get(uuid.lower())
            if view is None or view.name not in cloud.vcenters:
                continue
            inventory = listed(view)
            if inventory is None or moid in inventory.parents:
                yield hypervisor.hostname, (view.name, moid)
