"""What there is to choose canary units from, and by which names others know them. Pure, but for ``look``."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporter.cloudpoller import CloudPoller
from exporter.model import Entity, Kind
from exporter.openstack.model import Hypervisor, ServiceState
from exporter.openstack.services import VMWARE
from exporter.poller import Poller
from exporter.vcenter.facts import ClusterFacts, HostFacts
from exporter.vcenter.inventory import Inventory
from sla.canary.model import Unit, UnitKind

COMPUTE = "nova-compute"

Name = tuple[str, str]
"""A source (vCenter or cloud) and the name of a host there, as incidents and windows label it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What all sources said last. A vCenter whose inventory is not complete, or not believed, is left out.

    ``homes`` are the vCenters of hypervisors by hostname.
    """

    inventories: Mapping[str, Inventory] = field(default_factory=dict)
    computes: Mapping[str, tuple[ServiceState, ...]] = field(default_factory=dict)
    hypervisors: Mapping[str, Mapping[str, Hypervisor]] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)


def look(vcenters: Iterable[Poller], clouds: Iterable[CloudPoller], *, home: Callable[[str], str]) -> Look:
    """What the pollers know now; ``home`` tells the vCenter of a hypervisor."""
    inventories = {}
    for poller in vcenters:
        believed = poller.health is None or poller.health.up
        if poller.inventory is not None and poller.inventory.complete and believed:
            inventories[poller.name] = poller.inventory
    computes, hypervisors = {}, {}
    for cloud in clouds:
        if cloud.services is not None and cloud.services.computes.value is not None:
            services = cloud.services.computes.value.services
            computes[cloud.name] = tuple(one for one in services if one.binary == COMPUTE)
            hypervisors[cloud.name] = cloud.hypervisors or {}
    names = {node.hostname for nodes in hypervisors.values() for node in nodes.values()}
    homes = {name: found for name in sorted(names) if (found := home(name))}
    return Look(inventories=inventories, computes=computes, hypervisors=hypervisors, homes=homes)


def sources(kind: UnitKind, seen: Look) -> frozenset[str]:
    """The sources whose units of this kind are known now, all of them."""
    return frozenset(seen.computes if kind is UnitKind.SERVICE else seen.inventories)


def units(kind: UnitKind, seen: Look) -> tuple[Unit, ...]:
    """All units of a kind, by id. A host's stratum is its cluster, that of a cluster or service its vCenter.

    ``size`` is CPU cores, of a service the virtual CPUs of its hypervisors; 1 where that is not known.
    """
    found = {UnitKind.HOST: _hosts, UnitKind.CLUSTER: _clusters, UnitKind.SERVICE: _services}[kind](seen)
    return tuple(sorted(found, key=lambda unit: unit.id))


def _entities(seen: Look, kind: Kind) -> Iterator[tuple[str, Entity]]:
    for source, inventory in seen.inventories.items():
        for entity in inventory.entities.values():
            if entity.kind is kind:
                yield source, entity


def _hosts(seen: Look) -> Iterator[Unit]:
    for source, entity in _entities(seen, Kind.HOST):
        facts = seen.inventories[source].facts.get(entity.moid)
        cores = facts.cpu_cores if isinstance(facts, HostFacts) else None
        stratum = f"{source}/{entity.labels.get('cluster', '')}"
        yield Unit(f"{source}/{entity.moid}", stratum, entity.name, float(cores or 1))


def _clusters(seen: Look) -> Iterator[Unit]:
    for source, entity in _entities(seen, Kind.CLUSTER):
        facts = seen.inventories[source].facts.get(entity.moid)
        cores = facts.cpu_cores if isinstance(facts, ClusterFacts) else None
        yield Unit(f"{source}/{entity.moid}", source, entity.name, float(cores or 1))


def _services(seen: Look) -> Iterator[Unit]:
    """Those of VMware where it is known which these are: a release of the integration is about no others."""
    for cloud, computes in seen.computes.items():
        nodes = [node for node in seen.hypervisors.get(cloud, {}).values() if node.type == VMWARE]
        of_vmware = {node.service_host for node in nodes}
        for service in computes:
            if of_vmware and service.host not in of_vmware:
                continue
            own = [node for node in nodes if node.service_host == service.host]
            homes = sorted({seen.homes.get(node.hostname, "") for node in own} - {""})
            size = float(sum(node.vcpus or 0 for node in own) or 1)
            yield Unit(f"{cloud}/{service.host}", "+".join(homes) or cloud, service.host, size)


def versions(kind: UnitKind, seen: Look) -> Mapping[str, str]:
    """What runs on each unit, where that can be seen: a host's version and build, those of a cluster's hosts.

    Nova does not tell the version of a nova-compute service; its hypervisor's stands for what it talks to.
    """
    if kind is UnitKind.SERVICE:
        return dict(_service_versions(seen))
    hosts = {(source, entity.moid): _build(seen, source, entity) for source, entity in _entities(seen, Kind.HOST)}
    if kind is UnitKind.HOST:
        return {f"{source}/{moid}": build for (source, moid), build in hosts.items() if build}
    found: dict[str, set[str]] = {}
    for (source, moid), build in hosts.items():
        above = seen.inventories[source].parents.get(moid)
        if above and build:
            found.setdefault(f"{source}/{above}", set()).add(build)
    return {unit: ", ".join(sorted(builds)) for unit, builds in found.items()}


def _build(seen: Look, source: str, entity: Entity) -> str:
    facts = seen.inventories[source].facts.get(entity.moid)
    known = (facts.version, facts.build) if isinstance(facts, HostFacts) else ()
    return " ".join(part for part in known if part)


def _service_versions(seen: Look) -> Iterator[tuple[str, str]]:
    for cloud, nodes in seen.hypervisors.items():
        by_host: dict[str, set[str]] = {}
        for node in nodes.values():
            if node.version is not None:
                by_host.setdefault(node.service_host, set()).add(f"{node.type} {node.version}")
        for host, found in by_host.items():
            yield f"{cloud}/{host}", ", ".join(sorted(found))


def places(kind: UnitKind, seen: Look) -> Mapping[Name, str]:
    """The unit that an incident on a host is of, by the labels ``vcenter`` or ``cloud`` and ``host``.

    An ESXi host is of its cluster and of the nova-compute for that, and a nova-compute of its cluster.
    """
    clusters = {
        (source, entity.name): (source, seen.inventories[source].parents.get(entity.moid, ""))
        for source, entity in _entities(seen, Kind.HOST)
    }
    services = dict(_homes(seen))
    if kind is UnitKind.HOST:
        return {(source, entity.name): f"{source}/{entity.moid}" for source, entity in _entities(seen, Kind.HOST)}
    if kind is UnitKind.CLUSTER:
        found = {name: "/".join(cluster) for name, cluster in clusters.items() if cluster[1]}
        return {**found, **{service: "/".join(cluster) for cluster, service in services.items()}}
    own = {(cloud, one.host): f"{cloud}/{one.host}" for cloud, computes in seen.computes.items() for one in computes}
    return {**{name: "/".join(services[cluster]) for name, cluster in clusters.items() if cluster in services}, **own}


def _homes(seen: Look) -> Iterator[tuple[tuple[str, str], Name]]:
    """The service of each cluster: Nova names a VMware hypervisor ``<cluster moid>.<vCenter instance UUID>``."""
    for cloud, nodes in seen.hypervisors.items():
        for node in nodes.values():
            if node.type == VMWARE and (home := seen.homes.get(node.hostname)):
                yield (home, node.hostname.partition(".")[0]), (cloud, node.service_host)
