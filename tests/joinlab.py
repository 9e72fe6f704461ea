"""Small worlds for the join: a vCenter and a cloud of a few servers, written in a line each."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.joinmodel import CloudView, VCenterView
from exporter.model import Entity, Kind
from exporter.openstack.cloud import CloudSnapshot
from exporter.openstack.model import Action, Hypervisor, Server
from exporter.openstack.services import VMWARE
from exporter.vcenter.facts import VmFacts
from exporter.vcenter.inventory import Inventory

UUIDS = {"vc1": "9d51f082-58a4-4449-beed-6fd205a5726b", "vc2": "11111111-58a4-4449-beed-6fd205a5726b"}
NOW = 1_800_000_000.0


def uid(number: int) -> str:
    """A server's id."""
    return f"00000000-0000-4000-8000-{number:012x}"


def node(vcenter: str = "vc1", cluster: str = "domain-c1") -> str:
    """A hypervisor's hostname."""
    return f"{cluster}.{UUIDS.get(vcenter, vcenter)}"


def server(number: int, status: str = "ACTIVE", **more: object) -> Server:
    """A server at rest that was launched long ago, as Nova shows it."""
    power = {"ACTIVE": 1, "SHUTOFF": 4}.get(status)
    base = Server(
        id=uid(number),
        name=f"srv-{number}",
        project="p1",
        status=status,
        power_state=power,
        host="compute-1",
        hypervisor=node(),
        availability_zone="nova",
        flavor="m1.small",
        launched=NOW - 86400,
    )
    return replace(base, **more)  # type: ignore[arg-type]


def vm(number: int, moid: str = "", /, *, name: str = "", **more: object) -> tuple[Entity, VmFacts]:
    """The VM that Nova makes for a server."""
    moid = moid or f"vm-{number}"
    facts = VmFacts(
        power_state="poweredOn",
        connection_state="connected",
        host="host-1",
        instance_uuid=uid(number),
        template=False,
        managed_by=("org.openstack.compute", "instance"),
        options={"nvp.vm-uuid": uid(number)},
    )
    name = name or f"srv-{number} ({uid(number)})"
    return Entity(moid, Kind.VM, "VirtualMachine", name), replace(facts, **more)  # type: ignore[arg-type]


def vcenter(
    *vms: tuple[Entity, VmFacts], name: str = "vc1", complete: bool = True, all_vms: bool = True
) -> VCenterView:
    """A vCenter with two clusters and these VMs."""
    return VCenterView(
        name=name,
        inventory=Inventory(
            entities=MappingProxyType({entity.moid: entity for entity, _ in vms}),
            facts=MappingProxyType({entity.moid: facts for entity, facts in vms}),
            parents={"host-1": "domain-c1", "host-2": "domain-c2", "domain-c1": "group-h1", "domain-c2": "group-h1"},
            complete=complete,
        ),
        instance_uuid=UUIDS.get(name),
        all_vms=all_vms,
    )


def hypervisor(hostname: str = "", kind: str = VMWARE) -> Hypervisor:
    """A hypervisor."""
    return Hypervisor(hostname=hostname or node(), type=kind, service_host="compute-1", up=True, enabled=True)


def cloud(
    *servers: Server,
    name: str = "c1",
    vcenters: tuple[str, ...] = ("vc1",),
    hypervisors: Iterable[Hypervisor] = (hypervisor(),),
    actions: Mapping[str, tuple[Action, ...]] = MappingProxyType({}),
) -> CloudView:
    """A cloud of these servers."""
    snapshot = CloudSnapshot(
        now=NOW, mark=NOW, skew=0.0, servers={server.id: server for server in servers}, actions=actions
    )
    return CloudView(
        name=name,
        vcenters=vcenters,
        snapshot=snapshot,
        hypervisors={str(number): one for number, one in enumerate(hypervisors)},
    )
