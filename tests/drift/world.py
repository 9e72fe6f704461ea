"""A small world in which everything fits, and how to change one thing in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.config import CloudMapping, MappedBackend, MappedCluster
from exporter.drift.compare import compare
from exporter.drift.model import Compared, World
from exporter.drift.site import Cluster, Group, Host, Site, Store, Switch
from exporter.errors import SourceError
from exporter.openstack.model import Hypervisor
from exporter.openstack.networkmodel import Agent, Network, NetworkReading, Port, Segment
from exporter.openstack.services import VMWARE, Outcome, Reading
from exporter.vcenter.facts import PortgroupFacts, SwitchFacts
from exporter.vcenter.readers import Member, Vlan

WEB = "00000000-0000-4000-8000-000000000001"
DB = "00000000-0000-4000-8000-000000000002"


def group(moid: str, name: str, vlan: str, *, mode: str = "access", used: bool = True, **more: Any) -> Group:
    """A port group of the switch dvs-1, or of another."""
    facts = PortgroupFacts(switch="dvSwitch1", switch_moid=more.pop("switch", "dvs-1"), vlan=Vlan(mode, vlan))
    return Group(moid, name, facts, uplink=more.get("uplink", False), used=used)


def network(id_: str, name: str, vlan: int | None, **more: Any) -> Network:
    """A network on physnet1."""
    kind = more.pop("type", "flat" if vlan is None else "vlan")
    physical = more.pop("physical", "physnet1")
    return Network(id=id_, name=name, mtu=more.pop("mtu", 1500), segments=(Segment(kind, physical, vlan),))


def port(id_: str, on: str, **more: Any) -> Port:
    """A port of a server on the compute nova-a, filtered by its driver."""
    given = {"vif_type": "dvs", "host": "nova-a", "details": {"port_filter": True}, **more}
    return Port(id=id_, network=on, security_groups=("default",), **given)


def node(name: str = "domain-c1.uuid-1", host: str = "nova-a", kind: str = VMWARE) -> Hypervisor:
    """A hypervisor."""
    return Hypervisor(hostname=name, type=kind, service_host=host, up=True, enabled=True)


HOSTS = (Host("host-1", "esx1", connected=True), Host("host-2", "esx2", connected=True))
SITE = Site(
    "vc1",
    "uuid-1",
    switches=(
        Switch(
            "dvs-1",
            "dvSwitch1",
            SwitchFacts(mtu_bytes=9000, uplinks=2, members=(Member("host-1", 2), Member("host-2", 2))),
        ),
    ),
    groups=(
        group("pg-0", "dvSwitch1-DVUplinks-1", "0-4094", mode="trunk", uplink=True),
        group("pg-1", f"dvSwitch1-{WEB}", "100"),
        group("pg-2", "databases", "200"),
    ),
    clusters=(Cluster("domain-c1", "Prod A", HOSTS),),
    stores=(
        Store("ds-1", "nas-1", usable=True, hosts=frozenset({"esx1", "host-2"})),
        Store("ds-2", "local", usable=True, hosts=frozenset({"esx1"})),
    ),
)
MAPPING = CloudMapping(
    physical_networks={"physnet1": ("dvSwitch1",)},
    clusters=(MappedCluster("Prod A", "nas-.*"),),
    cinder_backends=(MappedBackend("vmdk", datastore_regex="nas"),),
)


@dataclass(frozen=True)
class Parts:
    """What a world is made of; ``world`` puts it together."""

    site: Site = SITE
    mapping: CloudMapping = MAPPING
    networks: tuple[Network, ...] = (network(WEB, "web", 100), network(DB, "db", 200))
    ports: tuple[Port, ...] = (
        port("p1", WEB),
        port("p2", DB, details={"dvs_port_group_name": "databases", "port_filter": True}),
    )
    nodes: tuple[Hypervisor, ...] = (node(),)
    agents: tuple[Agent, ...] = ()
    others: Mapping[str, Site | None] = field(default_factory=dict)

    def with_groups(self, *groups: Group) -> "Parts":
        """The uplinks and these port groups alone."""
        return replace(self, site=replace(self.site, groups=(SITE.groups[0], *groups)))

    def with_switch(self, **facts: Any) -> "Parts":
        """The switch with other facts."""
        (switch,) = self.site.switches
        changed = Switch(switch.moid, facts.pop("name", switch.name), replace(switch.facts, **facts))
        return replace(self, site=replace(self.site, switches=(changed,)))

    def with_stores(self, *stores: Store) -> "Parts":
        """Other datastores."""
        return replace(self, site=replace(self.site, stores=stores))

    def mapped(self, **changes: Any) -> "Parts":
        """Another mapping."""
        return replace(self, mapping=replace(self.mapping, **changes))

    @property
    def world(self) -> World:
        """All of it, read well."""
        return World(
            cloud="c1",
            mapping=self.mapping,
            sites={self.site.name: self.site, **self.others},
            hypervisors={one.hostname: one for one in self.nodes},
            networks=NetworkReading(
                networks=Reading(Outcome.OK, self.networks),
                ports=Reading(Outcome.OK, self.ports),
                agents=Reading(Outcome.OK, self.agents),
                extensions=Reading(Outcome.OK, frozenset()),
            ),
        )

    @property
    def compared(self) -> Compared:
        """What does not fit."""
        return compare(self.world)


def unread(error: str = "no answer") -> Reading[Any]:
    """A reading that failed."""
    return Reading(Outcome.FAILED, None, SourceError(error))


def found(compared: Compared) -> list[tuple[str, str, str]]:
    """Kind, subject and sentence of each drift."""
    return [(one.kind.value, one.subject, one.found) for one in compared.drifts]
