"""Datastores as Nova and Cinder name them, against those that each cluster sees. Pure."""

import re
from collections.abc import Iterable

from exporter.config import MappedBackend
from exporter.drift.checks import CloudCheck, Found, Founds, Needs, SiteCheck
from exporter.drift.plan import Plan
from exporter.drift.site import Cluster, Site, Store
from exporter.drift.words import named
from exporter.driftkinds import DriftKind
from exporter.model import Kind


def _matching(stores: Iterable[Store], regex: str) -> tuple[Store, ...]:
    """As Nova does it: from the beginning of the name (nova/virt/vmwareapi/ds_util.py, _is_datastore_valid)."""
    pattern = re.compile(regex)
    return tuple(store for store in stores if pattern.match(store.name))


def _is_seen(store: Store, cluster: Cluster) -> bool:
    return store.usable and any(store.is_seen_by(host) for host in cluster.hosts)


def _datastores(plan: Plan, site: Site) -> Founds:
    own = {cluster.name: cluster.datastore_regex for cluster in plan.mapping.clusters}
    for cluster in plan.clusters(site):
        regex = own.get(cluster.name) or plan.mapping.datastore_regex
        hosts = [host for host in cluster.hosts if host.connected]
        if regex is None or not hosts:
            continue
        seen = [store for store in _matching(site.stores, regex) if _is_seen(store, cluster)]
        if not seen:
            said = f"no datastore that it can use matches datastore_regex {regex}"
            yield Found(DriftKind.DATASTORE_REGEX_UNMATCHED, cluster.name, said)
        for store in seen:
            blind = [host.name for host in hosts if not store.is_seen_by(host)]
            if blind:
                said = f"{len(blind)} of {len(hosts)} hosts of cluster {cluster.name} do not see it: {named(blind)}"
                yield Found(DriftKind.DATASTORE_NOT_ON_ALL_HOSTS, store.name, said)


def _of(backend: MappedBackend, site: Site) -> tuple[Store, ...]:
    regex = backend.datastore_regex
    matching = set() if regex is None else {store.moid for store in _matching(site.stores, regex)}
    return tuple(store for store in site.stores if store.name in backend.datastores or store.moid in matching)


def _backends(plan: Plan) -> Founds:
    sites = [site for site in plan.world.sites.values() if site is not None]
    for backend in plan.mapping.cinder_backends:
        there = [store for site in sites for store in _of(backend, site)]
        names = {store.name for store in there}
        absent = [name for name in backend.datastores if name not in names]
        if absent:
            said = f"the backend's datastores are in no vCenter of the cloud: {named(absent)}"
            yield Found(DriftKind.BACKEND_DATASTORE_MISSING, backend.name, said)
        elif not there:
            said = f"no datastore matches the backend's regex {backend.datastore_regex}"
            yield Found(DriftKind.BACKEND_DATASTORE_MISSING, backend.name, said)


def _unseen(plan: Plan, site: Site) -> Founds:
    for backend in plan.mapping.cinder_backends:
        stores = _of(backend, site)
        for cluster in plan.clusters(site) if stores else ():
            concerns = not backend.clusters or cluster.name in backend.clusters
            reachable = any(host.connected for host in cluster.hosts)
            if concerns and reachable and not any(_is_seen(store, cluster) for store in stores):
                said = f"cluster {cluster.name} can use none of the backend's datastores"
                yield Found(DriftKind.BACKEND_UNSEEN, backend.name, said)


_STORES = frozenset({Kind.DATASTORE, Kind.HOST})

SITE_CHECKS = (
    SiteCheck(
        (DriftKind.DATASTORE_REGEX_UNMATCHED, DriftKind.DATASTORE_NOT_ON_ALL_HOSTS),
        Needs.HYPERVISORS | Needs.STORES,
        _STORES,
        _datastores,
    ),
    SiteCheck((DriftKind.BACKEND_UNSEEN,), Needs.HYPERVISORS | Needs.BACKENDS, _STORES, _unseen),
)
CLOUD_CHECKS = (
    CloudCheck((DriftKind.BACKEND_DATASTORE_MISSING,), Needs.BACKENDS | Needs.ALL_SITES, _STORES, _backends),
)
