"""How a cloud is laid out over its vCenters: which switches, clusters, networks and ports concern which of them. Pure.

How Nova finds the port group of a port (34.0.0, nova/virt/vmwareapi/vif.py, get_network_ref; network_util.py,
_get_network_obj; nova/network/neutron.py): by ``pg_id`` in the binding's details, else by the first port group of the
cluster whose name *contains* ``dvs_port_group_name`` of the details, else the network's id. networking-vsphere names
the group ``<switch>-<network id>`` (networking_vsphere/utils/dvs_util.py, _get_net_name).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from exporter.drift.model import World
from exporter.drift.site import Cluster, Group, Site, Switch
from exporter.openstack.model import Hypervisor
from exporter.openstack.networkmodel import TUNNELS, Network, Port, Segment
from exporter.openstack.services import VMWARE
from exporter.vcenter.atlas import display_name

DVS = "dvs"
"""``binding:vif_type`` of a port on a distributed port group (nova/network/model.py, VIF_TYPE_DVS)."""

PHYSICAL = frozenset({"vlan", "flat"})
"""Types of network whose frames are on a physical network as they are."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Use:
    """A network with its ports that are bound to distributed port groups of one vCenter."""

    network: Network
    ports: tuple[Port, ...]

    def wanted(self) -> Mapping[str, bool]:
        """What Nova looks for, and whether that is an id of a port group; else it is a part of its name."""
        found: dict[str, bool] = {}
        for port in self.ports:
            key, name = port.details.get("pg_id"), port.details.get("dvs_port_group_name")
            if isinstance(key, str) and key and port.details.get("dvs_id"):
                found[key] = True
            else:
                found[display_name(name) if isinstance(name, str) and name else self.network.id] = False
        return found


class Plan:
    """A world, looked at from all sides once. What is unknown of it must not be asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mapping = world.mapping
        self._uses: dict[str, tuple[Use, ...]] = {}
        self._groups: dict[str, Mapping[str, Group]] = {}

    @cached_property
    def switches(self) -> Mapping[str, tuple[str, ...]]:
        """The switches of each physical network: the mapping's, else those that Neutron's agents on VMware tell."""
        if self.mapping.physical_networks:
            return self.mapping.physical_networks
        told: dict[str, tuple[str, ...]] = {}
        hosts = {node.service_host for node in self.nodes}
        for agent in (self.world.networks.agents.value or ()) if self.world.networks else ():
            for physical, switch in agent.switches.items() if agent.host in hosts else ():
                told[physical] = tuple(dict.fromkeys((*told.get(physical, ()), switch)))
        return told

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """All networks."""
        found = self.world.networks.networks.value if self.world.networks else None
        return found or ()

    @cached_property
    def ports(self) -> tuple[Port, ...]:
        """The ports on hosts of VMware."""
        found = self.world.networks.ports.value if self.world.networks else None
        return found or ()

    @cached_property
    def is_vmware_alone(self) -> bool:
        """Whether every hypervisor is VMware's, so that every network is for it."""
        nodes = (self.world.hypervisors or {}).values()
        return bool(nodes) and all(node.type == VMWARE for node in nodes)

    @cached_property
    def nodes(self) -> tuple[Hypervisor, ...]:
        """The hypervisors on VMware."""
        return tuple(node for node in (self.world.hypervisors or {}).values() if node.type == VMWARE)

    def clusters(self, site: Site) -> tuple[Cluster, ...]:
        """The clusters of a vCenter that this cloud uses: those of its hypervisors, and those that it names."""
        names = {cluster.name for cluster in self.mapping.clusters}
        nodes = {node.hostname for node in self.nodes}
        return tuple(one for one in site.clusters if one.name in names or f"{one.moid}.{site.uuid}" in nodes)

    def mapped(self, site: Site) -> Mapping[str, Switch]:
        """The switch of each physical network in a vCenter, where it is there."""
        there = {switch.name: switch for switch in site.switches}
        found: dict[str, Switch] = {}
        for physical, names in self.switches.items():
            switch = next((there[name] for name in map(display_name, names) if name in there), None)
            if switch is not None:
                found[physical] = switch
        return found

    def uses(self, site: Site) -> tuple[Use, ...]:
        """The networks whose ports are on distributed port groups of a vCenter."""
        if site.name not in self._uses:
            self._uses[site.name] = self._find_uses(site)
        return self._uses[site.name]

    def _find_uses(self, site: Site) -> tuple[Use, ...]:
        hosts = {node.service_host for node in self.nodes if node.hostname.rpartition(".")[2] == site.uuid}
        ports: dict[str, list[Port]] = {}
        for port in self.ports:
            if port.vif_type == DVS and port.host in hosts:
                ports.setdefault(port.network, []).append(port)
        return tuple(Use(one, tuple(ports[one.id])) for one in self.networks if one.id in ports)

    def groups(self, site: Site) -> Mapping[str, Group]:
        """The port group of each network that has one in a vCenter, by the network's id."""
        if site.name not in self._groups:
            self._groups[site.name] = self._find_groups(site)
        return self._groups[site.name]

    def _find_groups(self, site: Site) -> Mapping[str, Group]:
        names = Names(site)
        found = names.by_network()
        for use in self.uses(site):
            groups = (names.group(name, is_id=is_id) for name, is_id in use.wanted().items())
            group = next((group for group in groups if group is not None), None)
            if group is not None:
                found[use.network.id] = group
        return found


class Names:
    """The port groups of a vCenter, to be found as Nova finds them."""

    def __init__(self, site: Site) -> None:
        self._groups = site.groups
        self._by_moid = {group.moid: group for group in site.groups}
        self._by_name = {group.name: group for group in reversed(site.groups)}
        self._by_uuid = {uuid: group for group in reversed(site.groups) for uuid in _UUID.findall(group.name)}

    def group(self, wanted: str, *, is_id: bool) -> Group | None:
        """That with this id, or with this in its name; of several the one that has no other name."""
        if is_id:
            return self._by_moid.get(wanted)
        known = self._by_name.get(wanted) or self._by_uuid.get(wanted)
        return known or next((group for group in self._groups if wanted in group.name), None)

    def by_network(self) -> dict[str, Group]:
        """Those that have a UUID in their name, by it."""
        return dict(self._by_uuid)


def physical_segments(network: Network) -> Iterator[Segment]:
    """The segments of a network that are on a physical network."""
    return (one for one in network.segments or () if one.type in PHYSICAL and one.physical is not None)


def is_tunnelled(network: Network) -> bool:
    """Whether all that a network has is carried in tunnels."""
    segments = network.segments or ()
    return bool(segments) and all(one.type in TUNNELS for one in segments)
