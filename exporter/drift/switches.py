"""Physical networks against distributed switches, and clusters against both. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from exporter.drift.checks import CloudCheck, Found, Founds, Needs, SiteCheck
from exporter.drift.plan import Plan, physical_segments
from exporter.drift.site import Site, Switch
from exporter.drift.words import named
from exporter.driftkinds import DriftKind
from exporter.model import Kind
from exporter.openstack.networkmodel import TUNNELS, Network

TUNNEL_OVERHEAD = 50
"""Bytes that VXLAN over IPv4 puts around a frame (neutron_lib/constants.py: 30, and an IP header of 20). Geneve needs
at least as much: NSX asks for an MTU of 1600."""


def _missing(plan: Plan, site: Site) -> Founds:
    """Where a cloud has several vCenters, a physical network may be for one of them: it is missed where it is used."""
    if not plan.clusters(site) and len(plan.world.sites) > 1:
        return
    there, used = plan.mapped(site), _used(plan, site)
    for physical, names in plan.switches.items():
        if physical not in there and (physical in used or not _is_elsewhere(plan, physical)):
            said = f"is mapped to {' or '.join(names)}, and {site.name} has no such distributed switch"
            yield Found(DriftKind.SWITCH_MISSING, physical, f"the physical network {said}")
    switches = {switch.name for switch in site.switches}
    for name in plan.mapping.overlay_switches:
        if name not in switches:
            yield Found(DriftKind.SWITCH_MISSING, name, f"is to carry tunnels, and {site.name} has no such switch")


def _used(plan: Plan, site: Site) -> frozenset[str | None]:
    """The physical networks of the ports on distributed port groups of a vCenter."""
    return frozenset(segment.physical for use in plan.uses(site) for segment in physical_segments(use.network))


def _is_elsewhere(plan: Plan, physical: str) -> bool:
    """Whether the switch is in another vCenter, or may be in one that is not listed now."""
    return any(site is None or physical in plan.mapped(site) for site in plan.world.sites.values())


def _unmapped(plan: Plan) -> Founds:
    """A network that no server on VMware is on may be for other hypervisors."""
    used = {port.network for port in plan.ports}
    names: dict[str, list[str]] = {}
    for network in plan.networks:
        if network.id in used or plan.is_vmware_alone:
            for segment in physical_segments(network):
                names.setdefault(segment.physical or "", []).append(network.name or network.id)
    for physical, networks in names.items():
        if physical not in plan.switches:
            said = f"the physical network is mapped to no switch, and carries {named(networks)}"
            yield Found(DriftKind.PHYSNET_UNMAPPED, physical, said)


def _unused(plan: Plan) -> Founds:
    used = {segment.physical for network in plan.networks for segment in physical_segments(network)}
    for physical, names in plan.switches.items():
        if physical not in used:
            said = f"the physical network is mapped to {' or '.join(names)}, and no network is on it"
            yield Found(DriftKind.MAPPING_UNUSED, physical, said)


class _Load(NamedTuple):
    """A network on a switch, and the MTU that it needs there."""

    switch: Switch
    network: Network
    mtu: int


def _mtu(plan: Plan, site: Site) -> Founds:
    widest: dict[str, _Load] = {}
    for load in _loads(plan, site):
        known = widest.get(load.switch.moid)
        if known is None or (-load.mtu, load.network.name) < (-known.mtu, known.network.name):
            widest[load.switch.moid] = load
    for switch, network, mtu in widest.values():
        has = switch.facts.mtu_bytes
        if has and has < mtu:  # 0 is not said
            said = f"the switch has an MTU of {has}, and Neutron's network {network.name or network.id} needs {mtu}"
            yield Found(DriftKind.MTU_TOO_SMALL, switch.name, said)


def _loads(plan: Plan, site: Site) -> Iterator[_Load]:
    there = plan.mapped(site)
    overlays = [switch for switch in site.switches if switch.name in plan.mapping.overlay_switches]
    for network in plan.networks:
        for segment in (network.segments or ()) if network.mtu is not None else ():
            switch = there.get(segment.physical or "")
            if switch is not None:
                yield _Load(switch, network, network.mtu or 0)
            if segment.type in TUNNELS:
                yield from (_Load(one, network, (network.mtu or 0) + TUNNEL_OVERHEAD) for one in overlays)


def _members(plan: Plan, site: Site) -> Founds:
    for switch in {switch.moid: switch for switch in plan.mapped(site).values()}.values():
        if switch.facts.members is None:
            continue
        nics = {member.host: member.nics for member in switch.facts.members}
        for cluster in plan.clusters(site):
            absent = [host.name for host in cluster.hosts if host.moid not in nics]
            if absent:
                said = (
                    f"{len(absent)} of {len(cluster.hosts)} hosts are not on the switch {switch.name}: {named(absent)}"
                )
                yield Found(DriftKind.HOST_NOT_ON_SWITCH, cluster.name, said)
            bare = [host.name for host in cluster.hosts if nics.get(host.moid) == 0]
            if bare:
                said = f"{len(bare)} of its hosts have no physical NIC in the switch {switch.name}: {named(bare)}"
                yield Found(DriftKind.HOST_WITHOUT_UPLINK, cluster.name, said)


def _uplinks(plan: Plan, site: Site) -> Founds:
    for switch in {switch.moid: switch for switch in plan.mapped(site).values()}.values():
        if switch.facts.uplinks == 0:
            yield Found(DriftKind.SWITCH_WITHOUT_UPLINK, switch.name, "the switch has no uplink")


_NOTHING: frozenset[Kind] = frozenset()
_SWITCHES = frozenset({Kind.SWITCH})

SITE_CHECKS = (
    SiteCheck((DriftKind.SWITCH_MISSING,), Needs.SWITCHES | Needs.HYPERVISORS, _SWITCHES, _missing),
    SiteCheck((DriftKind.MTU_TOO_SMALL,), Needs.SWITCHES | Needs.NETWORKS, _SWITCHES, _mtu),
    SiteCheck(
        (DriftKind.HOST_NOT_ON_SWITCH, DriftKind.HOST_WITHOUT_UPLINK),
        Needs.SWITCHES | Needs.HYPERVISORS,
        _SWITCHES,
        _members,
    ),
    SiteCheck((DriftKind.SWITCH_WITHOUT_UPLINK,), Needs.SWITCHES, _SWITCHES, _uplinks),
)
CLOUD_CHECKS = (
    CloudCheck((DriftKind.PHYSNET_UNMAPPED,), Needs.SWITCHES | Needs.NETWORKS | Needs.PORTS, _NOTHING, _unmapped),
    CloudCheck((DriftKind.MAPPING_UNUSED,), Needs.SWITCHES | Needs.NETWORKS, _NOTHING, _unused),
)
