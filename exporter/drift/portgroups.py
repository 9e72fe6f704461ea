"""Networks and their VLANs against distributed port groups. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exporter.drift.checks import Found, Founds, Needs, SiteCheck
from exporter.drift.plan import Names, Plan, Use, is_tunnelled, physical_segments
from exporter.drift.site import Group, Site
from exporter.drift.words import counted, named
from exporter.driftkinds import DriftKind
from exporter.model import Kind
from exporter.openstack.networkmodel import Network, Segment
from exporter.vcenter.readers import Vlan


class _On(NamedTuple):
    """A switch: its id and name."""

    moid: str
    name: str


class _Carried(NamedTuple):
    """A network of Neutron on a VLAN of a switch."""

    network: Network
    vlan: int


def vlans(vlan: Vlan) -> tuple[tuple[int, int], ...]:
    """The ranges of VLAN ids that a port group lets through, from ``100`` or ``0-10,20``."""
    pairs = (part.partition("-") for part in vlan.ids.split(",") if part)
    return tuple((int(first), int(last or first)) for first, _, last in pairs)


def _missing(plan: Plan, site: Site) -> Founds:
    names = Names(site)
    for use in plan.uses(site):
        if is_tunnelled(use.network):
            continue  # without NSX that is another drift, with it no port group of ours
        absent = [name for name, is_id in use.wanted().items() if names.group(name, is_id=is_id) is None]
        if absent:
            bound = counted(len(use.ports), "bound port")
            said = f"{bound}, and {site.name} has no distributed port group {named(absent)}"
            yield Found(DriftKind.PORTGROUP_MISSING, _name(use.network), said)


def _settings(plan: Plan, site: Site) -> Founds:
    """Those of the port group that is a network's: the switch it is on, and its VLAN."""
    groups, mapped = plan.groups(site), plan.mapped(site)
    for network in plan.networks:
        group = groups.get(network.id)
        segments = tuple(physical_segments(network))
        # Which of several segments a port group is for, nothing says.
        if group is None or len(segments) != 1:
            continue
        switch = mapped.get(segments[0].physical or "")
        if switch is not None and group.facts.switch_moid not in {None, switch.moid}:
            said = f"its port group {group.name} is on the switch {group.facts.switch}, not on {switch.name}"
            yield Found(DriftKind.PORTGROUP_ELSEWHERE, _name(network), said)
        yield from _vlan(network, group, segment=segments[0])


def _vlan(network: Network, group: Group, *, segment: Segment) -> Founds:
    vlan = group.facts.vlan
    wanted = 0 if segment.type == "flat" else segment.id
    if vlan is None or wanted is None:
        return
    passes = any(first <= wanted <= last for first, last in vlans(vlan))
    if passes:
        return
    neutron = f"has VLAN {wanted} in Neutron" if wanted else "is untagged in Neutron"
    if vlan.mode == "trunk":
        said = f"{neutron}, and the trunk of its port group {group.name} lets {vlan.ids or 'nothing'} through"
        yield Found(DriftKind.TRUNK_EXCLUDES_VLAN, _name(network), said)
    else:
        said = f"{neutron}, and {_tag(vlan)} on its port group {group.name}"
        yield Found(DriftKind.VLAN_MISMATCH, _name(network), said)


def _tag(vlan: Vlan) -> str:
    private = "private " if vlan.mode == "private" else ""
    return "none" if vlan.ids == "0" else f"{private}VLAN {vlan.ids}"


def _overlaps(plan: Plan, site: Site) -> Founds:
    for switch, carried in _by_switch(plan, site).items():
        by_vlan: dict[int, dict[str, str]] = {}
        for network, vlan in carried:
            by_vlan.setdefault(vlan, {})[network.id] = _name(network)
        for vlan, networks in by_vlan.items():
            if len(networks) > 1:
                said = f"VLAN {vlan} is used by {len(networks)} networks of Neutron: {named(networks.values())}"
                yield Found(DriftKind.VLAN_OVERLAP, switch.name, said)


def _shared(plan: Plan, site: Site) -> Founds:
    """Port groups that let a VLAN of Neutron's through and are none of its."""
    own = {group.moid for group in plan.groups(site).values()}
    for switch, carried in _by_switch(plan, site).items():
        for group in _of(site, switch.moid):
            if group.moid in own or not group.used or group.facts.vlan is None:
                continue
            ranges = vlans(group.facts.vlan)
            shared = {_name(one.network) for one in carried if any(a <= one.vlan <= b for a, b in ranges)}
            if shared:
                said = f"the port group has VMs, and lets VLAN {group.facts.vlan.ids} through, as do Neutron's"
                yield Found(DriftKind.VLAN_SHARED, group.name, f"{said} networks {named(shared)}")


def _by_switch(plan: Plan, site: Site) -> Mapping[_On, list[_Carried]]:
    found: dict[_On, list[_Carried]] = {}
    mapped = plan.mapped(site)
    for network in plan.networks:
        for segment in physical_segments(network):
            switch = mapped.get(segment.physical or "")
            if switch is not None and segment.type == "vlan" and segment.id is not None:
                found.setdefault(_On(switch.moid, switch.name), []).append(_Carried(network, segment.id))
    return found


def _of(site: Site, switch: str) -> Iterator[Group]:
    return (group for group in site.groups if group.facts.switch_moid == switch and not group.uplink)


def _idle(plan: Plan, site: Site) -> Founds:
    """Port groups of mapped switches that nobody needs: a network's that is gone, or nobody's at all."""
    own = {group.moid for group in plan.groups(site).values()}
    known = {network.id for network in plan.networks}
    named_after = {group.moid: network for network, group in Names(site).by_network().items()}
    switches = {switch.moid for switch in plan.mapped(site).values()}
    for switch in switches:
        for group in _of(site, switch):
            network = named_after.get(group.moid)
            if network is not None and network not in known:
                said = "the port group is named after a network that Neutron does not have"
                yield Found(DriftKind.PORTGROUP_ORPHANED, group.name, said)
            elif group.moid not in own and not group.used:
                said = f"the port group of the switch {group.facts.switch} has no VM, and no network of Neutron uses it"
                yield Found(DriftKind.PORTGROUP_UNUSED, group.name, said)


def _overlay(plan: Plan, site: Site) -> Founds:
    if plan.mapping.nsx:
        return
    for use in plan.uses(site):
        if is_tunnelled(use.network):
            yield Found(DriftKind.OVERLAY_WITHOUT_NSX, _name(use.network), _tunnel(use))


def _tunnel(use: Use) -> str:
    kinds = named({segment.type for segment in use.network.segments or ()})
    ids = named({str(segment.id) for segment in use.network.segments or () if segment.id is not None})
    of = f" ({ids})" if ids else ""
    return (
        f"is carried in {kinds}{of}, which no distributed switch does, and has {counted(len(use.ports), 'port')} there"
    )


def _name(network: Network) -> str:
    return network.name or network.id


_BOTH = Needs.NETWORKS | Needs.PORTS | Needs.HYPERVISORS
_GROUPS = frozenset({Kind.SWITCH, Kind.PORTGROUP})
_USED = _GROUPS | {Kind.VM}

SITE_CHECKS = (
    SiteCheck((DriftKind.PORTGROUP_MISSING,), _BOTH, _GROUPS, _missing),
    SiteCheck(
        (DriftKind.PORTGROUP_ELSEWHERE, DriftKind.VLAN_MISMATCH, DriftKind.TRUNK_EXCLUDES_VLAN),
        _BOTH,
        _GROUPS,
        _settings,
    ),
    SiteCheck((DriftKind.VLAN_OVERLAP,), Needs.NETWORKS | Needs.SWITCHES, _GROUPS, _overlaps),
    SiteCheck((DriftKind.OVERLAY_WITHOUT_NSX,), _BOTH, frozenset(), _overlay),
    SiteCheck((DriftKind.VLAN_SHARED,), _BOTH | Needs.SWITCHES, _USED, _shared),
    SiteCheck((DriftKind.PORTGROUP_ORPHANED, DriftKind.PORTGROUP_UNUSED), _BOTH | Needs.SWITCHES, _USED, _idle),
)
