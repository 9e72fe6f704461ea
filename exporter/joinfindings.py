"""What does not fit together between Nova and vCenter: suspects of each kind, held down, counted, told. Pure.

What is looked for where is a Scope. One that cannot be checked, because a side is missing or a cell is down, has no
count unless something was found all the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter import joincatalog as catalog
from exporter.joinmatch import Match, listed
from exporter.joinmodel import MOST, CloudView, Finding, FindingKind, Joined, Key, Scope, Vm
from exporter.joinsuspects import BOOTED, Suspect, suspects
from exporter.model import Family, Row

MOST_SEEN = 50_000
"""Findings remembered of scopes that cannot be checked now."""

_RANK = {kind: rank for rank, kind in enumerate(FindingKind)}
_BY_SERVER = (FindingKind.STOPPED_AFTER_HA, FindingKind.POWER_DRIFT, FindingKind.DEAD_SPAWN)


@dataclass(frozen=True, slots=True)
class _Words:
    """What was found, with {} for the suspect's detail, and what to do."""

    found: str
    advice: str


_WORDS: Mapping[FindingKind, _Words] = MappingProxyType(
    {
        FindingKind.DUPLICATE: _Words(
            "a second VM has the UUID of this server; Nova uses {}",
            "find out which is the real one, and remove the other or its nvp.vm-uuid: Nova may act on either",
        ),
        FindingKind.STOPPED_AFTER_HA: _Words(
            "Nova stopped the server, which nobody asked for, when its VM was powered on anew ({})",
            "start the server; a longer sync_power_state_interval in nova.conf gives vSphere HA more time to restart",
        ),
        FindingKind.SERVER_WITHOUT_VM: _Words(
            "Nova says {}, and vCenter has no such VM",
            "restore the VM with its instance UUID, or delete the server; look in vCenter's events for who removed it",
        ),
        FindingKind.POWER_DRIFT: _Words(
            "{}",
            "see whether nova-compute on its host works; else start or stop the server to the state that is wanted",
        ),
        FindingKind.HYPERVISOR_UNMATCHED: _Words(
            "{}",
            "add its vCenter to the configuration and to vcenters of this cloud, or remove the dead compute service",
        ),
        FindingKind.VM_WITHOUT_SERVER: _Words(
            "Nova made this VM, and knows no such server{}",
            "if nobody needs it, remove it in vCenter; Nova swallows errors when it destroys a VM",
        ),
        FindingKind.DEAD_SPAWN: _Words(
            "the VM still has its first name, though {}: its creation never ended",
            "delete the server, then remove what is left of the VM and its folder on the datastore",
        ),
        FindingKind.SNAPSHOT_LEFTOVER: _Words(
            "{} is left over from an upload of an image that is not under way",
            "remove it in vCenter, and consolidate the disks of the VM: Nova gave up and will not",
        ),
    }
)


Holds = Mapping[FindingKind, float]
Judged = tuple[tuple[Finding, ...], Mapping[Scope, int], Mapping[Key, float]]


def judge(found: Match, *, boots: Mapping[Vm, float], last: Mapping[Key, float], now: float, holds: Holds) -> Judged:
    """The findings, how many there are by scope, and when each suspect was first seen, given the ``last`` such."""
    checked = _checked(found)
    seen: dict[Key, float] = {}
    held: list[tuple[Suspect, float]] = []
    counts = dict.fromkeys(checked, 0)
    for suspect in suspects(found, boots, known=last):
        if suspect.key in seen:
            continue
        seen[suspect.key] = since = min(now, last.get(suspect.key, now))
        if now - since >= holds.get(suspect.kind, 0.0):
            counts[suspect.scope] = counts.get(suspect.scope, 0) + 1
            held.append((suspect, since))
    _remember(seen, last, checked)
    held.sort(key=_importance)
    return tuple(_told(found, suspect, since) for suspect, since in held[:MOST]), counts, seen


def recent_boots(found: Match, *, now: float, last: Mapping[Vm, float]) -> Mapping[Vm, float]:
    """When the VMs of servers were powered on, of those for which that is less than BOOTED seconds ago."""
    boots = {vm: at for vm, at in last.items() if now - at <= BOOTED}
    for machines in found.machines.values():
        at = machines[0].facts.boot_time
        if at is not None and now - at <= BOOTED:
            boots[machines[0].vm] = at
    return boots


def finding_rows(joined: Joined) -> Iterator[tuple[Family, Row]]:
    """How many findings there are by kind, cloud and vCenter; none where it could not be told."""
    for (kind, cloud, vcenter), count in sorted(joined.counts.items()):
        labels = (("cloud", cloud), ("vcenter", vcenter), ("kind", kind.value))
        yield catalog.FINDINGS, Row(tuple(pair for pair in labels if pair[1]), float(count))


def _checked(found: Match) -> frozenset[Scope]:
    """What was looked for with all that it takes."""
    checked: set[Scope] = set()
    sure = {name: cloud for name, cloud in found.clouds.items() if cloud.snapshot and name not in found.unsure}
    for name, view in found.views.items():
        if listed(view) is None:
            continue
        checked.add((FindingKind.DUPLICATE, "", name))
        its = [cloud for cloud in found.clouds.values() if name in cloud.vcenters]
        if its and all(cloud.name in sure for cloud in its):
            checked.add((FindingKind.SNAPSHOT_LEFTOVER, "", name))
            if all(cloud.hypervisors is not None for cloud in its):
                checked.add((FindingKind.VM_WITHOUT_SERVER, "", name))
        for cloud in its:
            if cloud.name in sure:
                checked.update((kind, cloud.name, name) for kind in _BY_SERVER)
                if view.all_vms and cloud.hypervisors is not None:
                    checked.add((FindingKind.SERVER_WITHOUT_VM, cloud.name, name))
    for cloud in found.clouds.values():
        if _knows_all(found, cloud):
            checked.add((FindingKind.HYPERVISOR_UNMATCHED, cloud.name, ""))
    return frozenset(checked)


def _knows_all(found: Match, cloud: CloudView) -> bool:
    """Whether a hypervisor of the cloud that has no cluster surely has none."""
    views = [found.views.get(name) for name in cloud.vcenters]
    whole = all(view is not None and view.instance_uuid and listed(view) is not None for view in views)
    return cloud.hypervisors is not None and whole


def _remember(seen: dict[Key, float], last: Mapping[Key, float], checked: frozenset[Scope]) -> None:
    """Keeps since when something was seen where nobody can say now whether it still is."""
    scopes = {(kind.value, cloud, vcenter) for kind, cloud, vcenter in checked}
    for key, since in last.items():
        if len(seen) >= MOST_SEEN:
            return
        if key[:3] not in scopes:
            seen.setdefault(key, since)


def _importance(held: tuple[Suspect, float]) -> tuple[int, float, Key]:
    suspect, since = held
    return _RANK[suspect.kind], since, suspect.key


def _told(found: Match, suspect: Suspect, since: float) -> Finding:
    words, machine = _WORDS[suspect.kind], suspect.machine
    known = found.servers.get(suspect.server)
    server = known.server if known is not None else found.deleted.get(suspect.server)
    return Finding(
        kind=suspect.kind,
        since=since,
        found=words.found.format(suspect.detail),
        advice=words.advice,
        cloud=suspect.cloud or (known.cloud if known is not None else ""),
        vcenter=suspect.vcenter,
        entity=machine.entity.name if machine is not None else suspect.entity,
        moid=machine.entity.moid if machine is not None else "",
        server=suspect.server,
        server_name=server.name if server is not None else "",
    )
