"""Nova's computes against clusters, and what guards their ports. Pure."""

from collections import Counter

from exporter.drift.checks import CloudCheck, Found, Founds, Needs, SiteCheck
from exporter.drift.plan import DVS, Plan
from exporter.drift.site import Site
from exporter.drift.words import counted
from exporter.driftkinds import DriftKind
from exporter.model import Kind
from exporter.openstack.networkmodel import Port


def _clusters(plan: Plan) -> Founds:
    sites = [site for site in plan.world.sites.values() if site is not None]
    there = {cluster.name for site in sites for cluster in site.clusters}
    for cluster in plan.mapping.clusters:
        if cluster.name not in there:
            said = f"no vCenter of the cloud ({', '.join(site.name for site in sites)}) has a cluster of this name"
            yield Found(DriftKind.CLUSTER_MISSING, cluster.name, said)


def _hypervisors(plan: Plan) -> Founds:
    sites = {site.uuid: site for site in plan.world.sites.values() if site is not None}
    for node in plan.nodes:
        moid, _, uuid = node.hostname.partition(".")
        site = sites.get(uuid)
        if site is None:
            said = "Nova's hypervisor is of a vCenter that is none of the cloud's here"
            yield Found(DriftKind.HYPERVISOR_UNMATCHED, node.hostname, said)
        elif all(cluster.moid != moid for cluster in site.clusters):
            said = f"Nova's hypervisor of {node.service_host} is a cluster that {site.name} does not have"
            yield Found(DriftKind.HYPERVISOR_UNMATCHED, node.hostname, said)


def _without(plan: Plan, site: Site) -> Founds:
    names = {cluster.name for cluster in plan.mapping.clusters}
    nodes = {node.hostname for node in plan.nodes}
    for cluster in site.clusters:
        if cluster.name in names and f"{cluster.moid}.{site.uuid}" not in nodes:
            yield Found(DriftKind.CLUSTER_WITHOUT_HYPERVISOR, cluster.name, "Nova has no hypervisor for the cluster")


def _unenforced(plan: Plan) -> Founds:
    """A distributed switch filters nothing by itself; a driver that has it filtered says ``port_filter``."""
    if plan.mapping.nsx:
        return
    counts = Counter(port.host or "" for port in plan.ports if _is_open(port))
    for host, count in counts.items():
        said = f"{counted(count, 'port')} of this compute with security groups that nothing enforces"
        yield Found(DriftKind.SECURITY_GROUPS_UNENFORCED, host, said)


def _is_open(port: Port) -> bool:
    guarded = bool(port.security_groups) and port.port_security is not False
    return guarded and port.vif_type == DVS and port.details.get("port_filter") is not True


_CLUSTERS = frozenset({Kind.CLUSTER})

SITE_CHECKS = (
    SiteCheck((DriftKind.CLUSTER_WITHOUT_HYPERVISOR,), Needs.HYPERVISORS | Needs.CLUSTERS, _CLUSTERS, _without),
)
CLOUD_CHECKS = (
    CloudCheck((DriftKind.CLUSTER_MISSING,), Needs.CLUSTERS | Needs.ALL_SITES, _CLUSTERS, _clusters),
    CloudCheck((DriftKind.HYPERVISOR_UNMATCHED,), Needs.HYPERVISORS | Needs.ALL_SITES, _CLUSTERS, _hypervisors),
    CloudCheck((DriftKind.SECURITY_GROUPS_UNENFORCED,), Needs.PORTS, frozenset(), _unenforced),
)
