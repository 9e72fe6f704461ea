"""A small world to choose canary units from: two clusters of one vCenter, a nova-compute for each, and one of KVM."""

from collections.abc import Mapping

from exporter.canary.units import Look
from exporter.model import Entity, Kind
from exporter.openstack.model import Hypervisor, ServiceState
from exporter.openstack.services import VMWARE
from exporter.vcenter.facts import ClusterFacts, Facts, HostFacts
from exporter.vcenter.inventory import Inventory

CLOUD = "cloud"
UUID = "11111111-2222-3333-4444-555555555555"
NODES: Mapping[str, Hypervisor] = {
    **{
        f"domain-c{number}.{UUID}": Hypervisor(
            hostname=f"domain-c{number}.{UUID}",
            type=VMWARE,
            service_host=f"nova-c{number}",
            up=True,
            enabled=True,
            version=8000002,
            vcpus=64,
        )
        for number in (1, 2)
    },
    "kvm1": Hypervisor(hostname="kvm1", type="QEMU", service_host="kvm1", up=True, enabled=True, vcpus=16),
}


def hosts(count: int, *, build: str = "22380479") -> Inventory:
    """An inventory of so many hosts, the odd ones in cluster c1, the others in c2."""
    entities: dict[str, Entity] = {}
    facts: dict[str, Facts] = {}
    parents = {}
    for number in (1, 2):
        moid = f"domain-c{number}"
        entities[moid] = Entity(moid, Kind.CLUSTER, "ClusterComputeResource", f"c{number}")
        facts[moid] = ClusterFacts(cpu_cores=16)
    for number in range(1, count + 1):
        moid, cluster = f"host-{number}", number % 2 or 2
        entities[moid] = Entity(moid, Kind.HOST, "HostSystem", f"esx{number}", labels={"cluster": f"c{cluster}"})
        facts[moid] = HostFacts(version="8.0.2", build=build, cpu_cores=8)
        parents[moid] = f"domain-c{cluster}"
    return Inventory(entities, facts, parents, complete=True)


def look(inventory: Inventory, *, hypervisors: Mapping[str, Hypervisor] = NODES) -> Look:
    """What the sources said."""
    names = ("nova-c1", "nova-c2", "kvm1")
    services = tuple(ServiceState(binary="nova-compute", host=name, up=True, enabled=True) for name in names)
    homes = {name: "vc1" for name in hypervisors if UUID in name}
    return Look(
        inventories={"vc1": inventory}, computes={CLOUD: services}, hypervisors={CLOUD: hypervisors}, homes=homes
    )


LOOK = look(hosts(4))
