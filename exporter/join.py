"""Who is who in Nova and in vCenter, and what does not fit together between them. Pure.

The work is linear in servers and VMs. See ``joinmatch`` for how they are matched, ``joinfindings`` for what is found.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from exporter.joinfindings import judge, recent_boots
from exporter.joinmatch import Match, listed, match
from exporter.joinmodel import HOLDS, CloudView, FindingKind, Joined, VCenterView
from exporter.openstack.model import Server

_T = TypeVar("_T")
Labels = Mapping[str, str]


def join(
    vcenters: Iterable[VCenterView],
    clouds: Iterable[CloudView],
    *,
    now: float,
    previous: Joined | None = None,
    holds: Mapping[FindingKind, float] = HOLDS,
) -> Joined:
    """Joins all clouds with all vCenters. ``now`` is epoch seconds by our clock.

    ``previous`` is the last join: it says since when something is seen, and lends its objects to what did not change;
    where nothing did, it is the result itself. ``holds`` are seconds for which something must be seen to be a finding.
    What cannot be told, because one side is missing, is not found: see ``Joined.counts``.
    """
    last = previous if previous is not None else Joined()
    found = match(vcenters, clouds)
    boots = recent_boots(found, now=now, last=last.boots)
    findings, counts, seen = judge(found, boots=boots, last=last.seen, now=now, holds=holds)
    vms = {server: tuple([machine.vm for machine in machines]) for server, machines in found.machines.items()}
    joined = Joined(
        tags=_kept(last.tags, _tags(found, last.tags)),
        vms=_kept(last.vms, vms),
        servers=_kept(last.servers, {vm: server for server, its in vms.items() for vm in its}),
        clouds=_kept(last.clouds, {server: found.servers[server].cloud for server in vms}),
        clusters=_kept(last.clusters, found.clusters),
        findings=findings if findings != last.findings else last.findings,
        counts=_kept(last.counts, counts),
        seen=_kept(last.seen, seen),
        boots=_kept(last.boots, boots),
    )
    # Equal ones were replaced by the very same objects, so that this compares no more than identities.
    return last if previous is not None and joined == last else joined


def _kept(last: Mapping[_T, object], new: Mapping[_T, object]) -> Mapping:  # type: ignore[type-arg]
    return last if last == new else MappingProxyType(new)


def _tags(found: Match, last: Mapping[str, Mapping[str, Labels]]) -> Mapping[str, Mapping[str, Labels]]:
    """The labels of each VM that a server has, by vCenter; of several VMs only that which Nova uses gets them.

    While a vCenter, or a cloud that it belongs to, cannot be read, what was known stays: labels that come and go would
    begin every series anew.
    """
    out: dict[str, dict[str, Labels]] = {}
    for name, view in found.views.items():
        inventory, before = listed(view), last.get(name, {})
        blind = any(cloud.snapshot is None and name in cloud.vcenters for cloud in found.clouds.values())
        if inventory is None:
            out[name] = dict(before)
        else:
            out[name] = {moid: its for moid, its in before.items() if moid in inventory.entities} if blind else {}
    for server, machines in found.machines.items():
        vcenter, moid = machines[0].vm
        labels, known = _labels(found.servers[server].server), last.get(vcenter, {}).get(moid)
        out[vcenter][moid] = labels if known is None or known != labels else known
    return {name: _kept(last.get(name, {}), its) for name, its in out.items() if its}


def _labels(server: Server) -> Labels:
    pairs = (
        ("server", server.id),
        ("project", server.project),
        ("flavor", server.flavor),
        ("image", server.image),
        ("availability_zone", server.availability_zone),
        ("nova_host", server.host),
    )
    return {name: value for name, value in pairs if value}
