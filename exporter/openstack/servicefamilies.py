"""A cloud's services, hypervisors, providers and servers -> rows of the families in ``cloudcatalog``. Pure.

What could not be read has no row, but for the outcome of the reading. What is unknown (None) has none either. No label
holds a text that a user or an operator can choose freely, but for names; traits and resource classes are bounded.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping

from exporter import cloudcatalog as catalog
from exporter.model import Family, Row
from exporter.openstack.decode import Services
from exporter.openstack.model import Hypervisor, Server, ServiceState
from exporter.openstack.services import Outcome, Provider, ServicesSnapshot
from exporter.openstack.servicetruth import cluster_of, disabled

Pairs = tuple[tuple[str, str], ...]
Rows = Iterator[tuple[Family, Row]]

MOST_TRAITS = 100
MOST_CLASSES = 50
"""Traits and resource classes of one provider on the page, the first by name; VMware's have about 10 and 3."""

DELETED = "DELETED"
STATUSES = (
    *("ACTIVE", "BUILD", "ERROR", "HARD_REBOOT", "MIGRATING", "PASSWORD", "PAUSED", "REBOOT", "REBUILD", "RESCUE"),
    *("RESIZE", "REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED", "SHUTOFF", "SOFT_DELETED", "SUSPENDED", "UNKNOWN"),
    "VERIFY_RESIZE",
)
"""Every status that a server has before it is DELETED (nova/api/openstack/common.py, _STATE_MAP)."""
OTHER = "other"


def service_rows(cloud: str, found: ServicesSnapshot) -> Rows:
    """All that was read, and the outcome of each reading. ``cloud`` is the value of that label."""
    base = (("cloud", cloud),)
    yield from _readings(found, base)
    for name, reading in (("nova", found.computes), ("cinder", found.volumes), ("neutron", found.agents)):
        if reading.value is not None:
            yield from _services(reading.value, (*base, ("service", name)))
    hypervisors = found.hypervisors.value or {}
    labels = {key: _of_hypervisor(hypervisor, base) for key, hypervisor in hypervisors.items()}
    for key in _first(labels):
        yield from _hypervisor(hypervisors[key], labels[key])
    providers = found.providers.value or {}
    named = {key: labels.get(key) or (*base, ("hypervisor", provider.name)) for key, provider in providers.items()}
    for key in _first(named):
        yield from _provider(providers[key], named[key])


def server_rows(cloud: str, servers: Iterable[Server]) -> Rows:
    """How many servers have each status; all statuses are there, most of them with 0."""
    counts = Tally(server.status for server in servers)
    del counts[DELETED]
    for status in STATUSES:
        yield catalog.SERVERS, Row((("cloud", cloud), ("status", status)), float(counts.pop(status, 0)))
    yield catalog.SERVERS, Row((("cloud", cloud), ("status", OTHER)), float(counts.total()))


def _readings(found: ServicesSnapshot, base: Pairs) -> Rows:
    readings = (
        ("compute_services", found.computes),
        ("hypervisors", found.hypervisors),
        ("placement", found.providers),
        ("volume_services", found.volumes),
        ("network_agents", found.agents),
    )
    for name, reading in readings:
        for outcome in Outcome:
            labels = (*base, ("endpoint", name), ("outcome", outcome.value))
            yield catalog.READING, Row(labels, float(reading.outcome is outcome))


def _services(found: Services, base: Pairs) -> Rows:
    """Each service once. One that two cells know by the same name is shown as the worse of the two is.

    A controller's nova-conductor, for example, reports to the database of cell0 and to that of another cell.
    """
    named: dict[Pairs, ServiceState] = {}
    for service in sorted(found.services, key=_worth):
        labels = (*base, *_known(("binary", service.binary), ("host", service.host), ("zone", service.zone)))
        named.setdefault(labels, service)
    for labels, service in sorted(named.items(), key=lambda item: item[0]):
        yield catalog.SERVICE_UP, Row(labels, float(service.up))
        yield catalog.SERVICE_ENABLED, Row(labels, float(service.enabled))
        if service.forced_down is not None:
            yield catalog.SERVICE_FORCED_DOWN, Row(labels, float(service.forced_down))
        if service.updated is not None:
            yield catalog.SERVICE_REPORTED, Row(labels, service.updated)
        who = disabled(service)
        if who is not None:
            yield catalog.SERVICE_DISABLED, Row((*labels, ("reason", who.value)), 1.0)
    yield catalog.SERVICES_UNKNOWN, Row(base, float(len(found.unknown)))


def _worth(service: ServiceState) -> tuple[bool, bool, float]:
    return (service.up, service.enabled, service.updated or 0.0)


def _of_hypervisor(hypervisor: Hypervisor, base: Pairs) -> Pairs:
    return (*base, *_known(("host", hypervisor.service_host), ("hypervisor", hypervisor.hostname)))


def _hypervisor(hypervisor: Hypervisor, labels: Pairs) -> Rows:
    version = None if hypervisor.version is None else str(hypervisor.version)
    moid, uuid = cluster_of(hypervisor.hostname) or (None, None)
    more = (("cluster_moid", moid), ("instance_uuid", uuid))
    identity = _known(("hypervisor_type", hypervisor.type), ("version", version), *more)
    yield catalog.HYPERVISOR, Row((*labels, *identity), 1.0)
    for name, family in catalog.HYPERVISOR_NUMBERS.items():
        value = getattr(hypervisor, name)
        if value is not None:
            yield family, Row(labels, float(value))


def _provider(provider: Provider, labels: Pairs) -> Rows:
    for trait in sorted(set(provider.traits))[:MOST_TRAITS]:
        yield catalog.PROVIDER_TRAIT, Row((*labels, ("trait", trait)), 1.0)
    for name, inventory in sorted(provider.inventory.items())[:MOST_CLASSES]:
        for attribute, family in catalog.PROVIDER_NUMBERS.items():
            value = getattr(inventory, attribute)
            if value is not None:
                yield family, Row((*labels, ("resource_class", name)), float(value))


def _first(named: Mapping[str, Pairs]) -> Iterator[str]:
    """The keys in order of their labels, one for each: a series must not be there twice."""
    seen: set[Pairs] = set()
    for key, labels in sorted(named.items(), key=lambda item: (item[1], item[0])):
        if labels not in seen:
            seen.add(labels)
            yield key


def _known(*pairs: tuple[str, str | None]) -> Pairs:
    """Label pairs without those whose value is empty or unknown."""
    return tuple((label, value) for label, value in pairs if value)
