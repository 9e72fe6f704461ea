"""What the APIs tell of a feature beside its trait. Pure: a sight in, what was found; None where nothing is told."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from exporter.coverage.model import Evidence, Sight, State
from exporter.openstack.networkmodel import TUNNELS, Port

DVS, BINDING_FAILED = "dvs", "binding_failed"
"""Values of ``binding:vif_type`` (neutron_lib/api/definitions/portbindings.py)."""

NSX_ALIASES = frozenset({"nsx-policy", "provider-security-group", "security-group-policy", "project-plugin-map"})
"""Extensions of the API that only the NSX plugins have (vmware-nsx, vmware_nsx/extensions)."""

NSX_SWITCH = "nsx-logical-switch-id"
"""What NSX's plugins put into ``binding:vif_details`` (nova/virt/vmwareapi/vif.py reads it)."""

VMWARE_PROTOCOLS = ("vmdk", "vstorageobject", "iscsi")
"""Protocols of volumes that the VMware driver attaches (nova/virt/vmwareapi/volumeops.py)."""

WITHOUT = "a port group of a distributed switch filters nothing"


class Found(NamedTuple):
    """What a check found, and on what it rests."""

    state: State
    evidence: Evidence
    words: str


Check = Callable[[Sight], Found | None]


def bound(sight: Sight) -> tuple[Port, ...]:
    """The ports of servers that are bound on VMware hosts."""
    return tuple(port for port in _ports(sight) if port.vif_type not in {None, "unbound", BINDING_FAILED})


def uses_nsx(sight: Sight) -> bool | None:
    """Whether Neutron has NSX below it; None where Neutron does not tell."""
    network = sight.network
    if any(NSX_SWITCH in port.details for port in bound(sight)):
        return True
    if network is None or network.extensions.value is None:
        return None
    agents = network.agents.value or ()
    return bool(network.extensions.value & NSX_ALIASES) or any("nsx" in agent.type.lower() for agent in agents)


def _servers(sight: Sight) -> Found | None:
    if sight.servers is None or not sight.servers.active:
        return None
    return Found(State.WORKS, Evidence.SEEN, f"{sight.servers.active} servers are active on VMware hosts")


def _volumes(sight: Sight) -> Found | None:
    if sight.servers is not None and sight.servers.with_volumes:
        return Found(State.WORKS, Evidence.SEEN, f"{sight.servers.with_volumes} servers on VMware hosts have volumes")
    pools = sight.pools
    if pools.value is None:
        gone = pools.outcome == "absent" and pools.error is not None
        return Found(State.MISSING, Evidence.API, "the cloud has no block storage") if gone else None
    fitting = sorted({protocol for protocol in pools.value if protocol.lower() in VMWARE_PROTOCOLS})
    if fitting:
        return Found(State.WORKS, Evidence.API, f"Cinder has a back end of {', '.join(fitting)}")
    return Found(State.MISSING, Evidence.API, "no back end of Cinder has volumes that the VMware driver can attach")


def _vlan(sight: Sight) -> Found | None:
    count = _on(sight, frozenset({"flat", "vlan"}))
    if count:
        return Found(State.WORKS, Evidence.SEEN, f"{count} ports on VMware hosts are bound on flat or VLAN networks")
    broken = sum(port.vif_type == BINDING_FAILED for port in _ports(sight))
    if broken and not bound(sight):
        return Found(State.MISSING, Evidence.SEEN, f"the binding of all {broken} ports on VMware hosts failed")
    return None


def _overlay(sight: Sight) -> Found | None:
    count = _on(sight, TUNNELS)
    if count:
        return Found(State.WORKS, Evidence.SEEN, f"{count} ports on VMware hosts are bound on tunnelled networks")
    if uses_nsx(sight):
        return Found(State.WORKS, Evidence.API, "Neutron has NSX below it")
    return _without_nsx(sight, "only port groups of a distributed switch, which carry no tunnels")


def _security_groups(sight: Sight) -> Found | None:
    if uses_nsx(sight):
        return Found(State.WORKS, Evidence.API, "Neutron has NSX below it, which enforces them")
    ports = bound(sight)
    open_ports = [port for port in ports if port.vif_type == DVS and port.details.get("port_filter") is not True]
    if open_ports:
        words = f"{len(open_ports)} of {len(ports)} ports on VMware hosts are not filtered: {WITHOUT}"
        return Found(State.MISSING, Evidence.API, words)
    if ports:
        return Found(State.WORKS, Evidence.API, f"the binding of all {len(ports)} ports on VMware hosts filters")
    return _without_nsx(sight, WITHOUT)


def _port_security(sight: Sight) -> Found | None:
    extensions = sight.network.extensions.value if sight.network else None
    if extensions is not None and "port-security" not in extensions:
        return Found(State.MISSING, Evidence.API, "Neutron has no extension port-security")
    return _security_groups(sight)


def _network_sync(sight: Sight) -> Found | None:
    if uses_nsx(sight):
        return Found(State.WORKS, Evidence.API, "NSX makes its segments by itself")
    agents = (sight.network.agents.value if sight.network else None) or ()
    mapped = sum(1 for agent in agents if agent.switches and agent.host in (sight.hosts.value or ()))
    if mapped:
        return Found(State.BY_HAND, Evidence.API, f"{mapped} agents on VMware hosts map networks by configuration")
    if uses_nsx(sight) is False:
        return Found(State.BY_HAND, Evidence.API, "Neutron has no NSX below it: networks are mapped by configuration")
    return None


def _placement(sight: Sight) -> Found | None:
    if sight.traits.value is None:
        return None
    if sight.unplaced:
        return Found(State.MISSING, Evidence.API, f"without inventory there: {', '.join(sight.unplaced[:5])}")
    return Found(State.WORKS, Evidence.API, "every VMware hypervisor has CPUs, memory and disk there")


def _zones(sight: Sight) -> Found | None:
    if sight.zones.value is None or sight.hosts.value is None:
        return None
    held = {host for zone in sight.zones.value for host in zone.hosts}
    left = sorted(sight.hosts.value - held)
    if left:
        return Found(State.BY_HAND, Evidence.API, f"in no aggregate: {', '.join(left[:5])}")
    return Found(State.WORKS, Evidence.API, "every VMware host is in an aggregate")


def _host_failover(sight: Sight) -> Found | None:
    if sight.failover is None:
        return None
    whole = sight.failover.on + len(sight.failover.off)
    if sight.failover.off:
        return Found(State.MISSING, Evidence.API, f"vSphere HA is off on {', '.join(sight.failover.off[:5])}")
    return Found(State.WORKS, Evidence.API, f"vSphere HA is on in {whole} of {whole} clusters")


def _without_nsx(sight: Sight, words: str) -> Found | None:
    """Where Neutron surely has no NSX; vCenter having it helps only whoever uses it."""
    if uses_nsx(sight) is not False:
        return None
    more = "; vCenter has NSX, which Neutron does not use" if sight.nsx else ""
    return Found(State.MISSING, Evidence.API, f"Neutron has no NSX below it: {words}{more}")


def _on(sight: Sight, types: frozenset[str]) -> int:
    """How many bound ports on VMware hosts are of networks of these types."""
    networks = (sight.network.networks.value if sight.network else None) or ()
    of = {network.id for network in networks for segment in network.segments or () if segment.type in types}
    return sum(port.network in of for port in bound(sight))


def _ports(sight: Sight) -> tuple[Port, ...]:
    hosts = sight.hosts.value or frozenset()
    ports = sight.network.ports.value if sight.network else None
    return tuple(port for port in ports or () if port.host in hosts)


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "servers": _servers,
        "volumes": _volumes,
        "vlan": _vlan,
        "overlay": _overlay,
        "security_groups": _security_groups,
        "port_security": _port_security,
        "network_sync": _network_sync,
        "placement": _placement,
        "zones": _zones,
        "host_failover": _host_failover,
    }
)
"""By the word that the catalogue has for it."""
