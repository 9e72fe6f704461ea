"""Reads what the coverage of a cloud is judged by. What cannot be read is a reading that says why."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode

from exporter.cloudsides import Seen
from exporter.coverage import decode
from exporter.coverage.model import Failover, Outcomes, Servers, Sight
from exporter.errors import SourceError
from exporter.openstack.cloud import understood
from exporter.openstack.model import Hypervisor
from exporter.openstack.neutron import read_networks
from exporter.openstack.services import VMWARE, Outcome, Provider, Reading, reading
from exporter.openstack.servicetruth import cluster_of
from exporter.poller import Poller
from exporter.vcenter.facts import ClusterFacts
from exporter.vcenter.limits import manager

T = TypeVar("T")

LATELY = 30 * 86400.0
"""Seconds back to which migrations are looked at."""

MOST = 1000
"""Migrations that are read at most: a page (nova.conf, [api] max_limit)."""

RESOURCES = frozenset({"VCPU", "MEMORY_MB", "DISK_GB"})
"""What a hypervisor has in Placement (nova/virt/vmwareapi/driver.py, update_provider_tree)."""

NSX_KEYS = ("com.vmware.nsx.management.nsxt", "com.vmware.vShieldManager")
"""What NSX-T and NSX for vSphere register in vCenter (ExtensionManager.extensionList)."""


async def read(seen: Seen, done: Mapping[str, Outcomes]) -> Sight:
    """Everything, in some ten requests and one more for each VMware host. Raises nothing but for bugs.

    ``done`` is what is known of operations on VMware hosts, by operation.
    """
    nodes = _nodes(seen)
    hosts: Reading[frozenset[str]] = Reading(nodes.outcome, None, nodes.error)
    if nodes.value is not None:
        hosts = Reading(Outcome.OK, frozenset(node.service_host for node in nodes.value))
    version = await _version(seen)
    api = seen.session
    network = await read_networks(api, sorted(hosts.value)) if hosts.value else None
    migrations: Reading[Mapping[str, Outcomes]] = await reading(_migrations(seen, hosts.value or (), version))
    zones = await reading(_get(seen, "compute", "/os-aggregates", decode.aggregates))
    pools = await reading(_get(seen, "block-storage", "/scheduler-stats/get_pools?detail=true", decode.pools))
    traits, unplaced = _placed(seen, nodes.value or ())
    return Sight(
        hosts=hosts,
        version=version,
        done=done,
        migrations=migrations,
        servers=_servers(seen, hosts.value or frozenset()),
        traits=traits,
        unplaced=unplaced,
        network=network,
        pools=pools,
        zones=zones,
        failover=_failover(seen, nodes.value or ()),
        nsx=await _nsx(seen.vcenters.values()),
    )


def done_on(hosts: Iterable[str], ended: Mapping[tuple[str, str, str], int]) -> Mapping[str, Outcomes]:
    """The operations that ended on these hosts, by operation."""
    wanted, found = frozenset(hosts), dict[str, Outcomes]()
    for (host, operation, result), count in ended.items():
        if host in wanted and result in {"success", "error"}:
            one = found.get(operation, Outcomes())
            ok = result == "success"
            found[operation] = Outcomes(one.ok + count * ok, one.failed + count * (not ok))
    return found


def vmware_hosts(seen: Seen) -> frozenset[str]:
    """The compute hosts of VMware hypervisors, as far as they are known."""
    return frozenset(node.service_host for node in _nodes(seen).value or ())


def _nodes(seen: Seen) -> Reading[tuple[Hypervisor, ...]]:
    """VMware's hypervisors; the last that were read where they cannot be now."""
    if seen.hypervisors is not None:
        return Reading(Outcome.OK, tuple(node for node in seen.hypervisors.values() if node.type == VMWARE))
    if seen.services is None:
        return Reading(Outcome.ABSENT)
    return Reading(seen.services.hypervisors.outcome, None, seen.services.hypervisors.error)


async def _version(seen: Seen) -> tuple[int, int] | None:
    try:
        return await seen.session.microversion("compute")
    except SourceError:
        return None


async def _get(seen: Seen, service: str, path: str, decoder: Callable[[bytes], T]) -> T:  # noqa: PLR0917
    what = f"{service}, {path.partition('?')[0]}"
    return await understood(await seen.session.get(service, path), decoder, what=what)


async def _migrations(seen: Seen, hosts: Iterable[str], version: tuple[int, int] | None) -> Mapping[str, Outcomes]:
    """The newest ones; before 2.59 Nova gives all of them, and is not asked for a part."""
    query = ""
    if version is not None and version >= (2, 59):
        since = datetime.fromtimestamp(seen.clock.now() - LATELY, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = "?" + urlencode({"changes-since": since, "limit": MOST})
    return await _get(seen, "compute", f"/os-migrations{query}", partial(decode.migrations, hosts=hosts))


def _servers(seen: Seen, hosts: frozenset[str]) -> Servers | None:
    if seen.snapshot is None:
        return None
    there = [server for server in seen.snapshot.servers.values() if server.host in hosts]
    active = sum(server.status == "ACTIVE" for server in there)
    return Servers(active, sum(bool(server.volumes) for server in there))


def _placed(seen: Seen, nodes: Iterable[Hypervisor]) -> tuple[Reading[frozenset[str]], tuple[str, ...]]:
    """The traits that every hypervisor has, and the hypervisors without a whole inventory."""
    if seen.services is None:
        return Reading(Outcome.ABSENT), ()
    providers = seen.services.providers
    if providers.value is None:
        return Reading(providers.outcome, None, providers.error), ()
    by_name: Mapping[str, Provider] = {provider.name: provider for provider in providers.value.values()}
    traits = [frozenset(provider.traits) for provider in by_name.values()]
    common = frozenset.intersection(*traits) if traits else frozenset()
    whole = {name for name, provider in by_name.items() if provider.inventory.keys() >= RESOURCES}
    return Reading(Outcome.OK, common), tuple(sorted({node.hostname for node in nodes} - whole))


def _failover(seen: Seen, nodes: Iterable[Hypervisor]) -> Failover | None:
    """Of the clusters whose vCenter is read here and tells; None where none does."""
    known = {
        poller.instance_uuid.lower(): poller for poller in seen.vcenters.values() if poller.instance_uuid is not None
    }
    on, off = 0, []
    for node in nodes:
        moid, uuid = cluster_of(node.hostname) or ("", "")
        poller = known.get(uuid)
        facts = poller.inventory.facts.get(moid) if poller is not None and poller.inventory is not None else None
        if poller is None or not isinstance(facts, ClusterFacts) or facts.ha_enabled is None:
            continue
        if facts.ha_enabled:
            on += 1
        else:
            off.append(f"{_name(poller, moid)} in {poller.name}")
    return Failover(on, tuple(sorted(off))) if on or off else None


def _name(poller: Poller, moid: str) -> str:
    entity = poller.inventory.entities.get(moid) if poller.inventory is not None else None
    return entity.name if entity is not None else moid


async def _nsx(vcenters: Iterable[Poller]) -> bool | None:
    """Whether a vCenter has an extension of NSX (ExtensionManager.FindExtension); None where none of them tells."""
    told: list[bool] = []
    for poller in vcenters:
        with contextlib.suppress(SourceError):
            await poller.session.login()
            extensions = manager(poller.session, "extensionManager")
            for key in NSX_KEYS:
                found = await poller.session.call(extensions, "FindExtension", extensionKey=key)
                told.append(found is not None)
    return any(told) if told else None
