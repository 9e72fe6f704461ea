"""Who is suspected of which kind of finding at this moment. Pure; ``joinfindings`` decides how long is long enough."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from exporter.joinmatch import Known, Machine, Match, listed
from exporter.joinmodel import CloudView, FindingKind, Key, Scope, Vm
from exporter.openstack.model import Action, Server
from exporter.openstack.services import VMWARE
from exporter.vcenter.facts import VmFacts
from exporter.vcenter.openstackmarks import has_bare_name

BOOTED = 3600.0
"""Seconds for which it is remembered when a VM was powered on: until Nova's own stop of it has surely been read."""

BEFORE, AFTER = 120.0, 900.0
"""Nova's stop comes at most so many seconds after HA powered the VM on, since it looks twice before it stops; and so
long before it, since restarts of a whole cluster queue."""

ASKED = 1800.0
"""Seconds before a power-on in which an operation of Nova may have been its cause."""

_POWER: Mapping[str, int] = MappingProxyType({"poweredOn": 1, "poweredOff": 4, "suspended": 7})
"""VirtualMachinePowerState -> Nova's power_state (nova/virt/vmwareapi/constants.py, POWER_STATES)."""
_WORDS: Mapping[int, str] = MappingProxyType(
    {0: "no state", 1: "running", 3: "paused", 4: "shutdown", 6: "crashed", 7: "suspended"}
)
"""nova/objects/fields.py, InstancePowerState."""

_WITH_VM = frozenset(
    {"ACTIVE", "ERROR", "PAUSED", "RESCUE", "SHELVED", "SHUTOFF", "SUSPENDED", "VERIFY_RESIZE"},
)
"""Statuses of a server at rest that has a VM (nova/api/openstack/common.py, _STATE_MAP, those without a task)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """What may become a finding. ``subject`` tells it apart within its scope."""

    kind: FindingKind
    subject: str
    cloud: str = ""
    vcenter: str = ""
    machine: Machine | None = None
    server: str = ""
    entity: str = ""
    detail: str = ""

    @property
    def scope(self) -> Scope:
        """Kind, cloud and vCenter."""
        return (self.kind, self.cloud, self.vcenter)

    @property
    def key(self) -> Key:
        """What it is remembered by."""
        return (self.kind.value, self.cloud, self.vcenter, self.subject)


Suspects = Iterator[Suspect]


def suspects(found: Match, boots: Mapping[Vm, float], *, known: Mapping[Key, float]) -> Suspects:
    """All of them. ``known`` are those of the last time."""
    yield from _duplicates(found)
    for id_, machines in found.machines.items():
        owner, machine = found.servers[id_], machines[0]
        stopped = owner.server.status == "SHUTOFF" and _is_stopped_after_ha(found, machine, boots=boots, known=known)
        if stopped:
            yield _about(FindingKind.STOPPED_AFTER_HA, owner, machine, detail=_power_now(machine))
        if _is_at_rest(owner.server):
            if not stopped and (detail := _power_drift(owner.server, machine.facts)):
                yield _about(FindingKind.POWER_DRIFT, owner, machine, detail=detail)
            if _is_dead_spawn(owner.server, machine.entity.name):
                yield _about(FindingKind.DEAD_SPAWN, owner, machine, detail=f"the server is {owner.server.status}")
            if machine.facts.snapshots is not None and machine.facts.snapshots.image:
                yield _left_over(machine, f"the snapshot {machine.facts.snapshots.image[0]}")
    yield from _without_vm(found)
    yield from _without_server(found)
    yield from _clones(found)
    yield from chain.from_iterable(_unmatched(found, cloud) for cloud in found.clouds.values())


def _is_at_rest(server: Server) -> bool:
    """Whether Nova does nothing with the server, and has a VM for it."""
    return server.task_state is None and server.status in _WITH_VM


def _duplicates(found: Match) -> Suspects:
    claims: dict[str, list[Machine]] = {id_: list(its) for id_, its in found.machines.items() if len(its) > 1}
    for stranger in found.strangers:
        if stranger.server:
            claims.setdefault(stranger.server, []).append(stranger)
    for id_, machines in claims.items():
        for machine in machines[1:]:
            first = machines[0]
            yield Suspect(
                kind=FindingKind.DUPLICATE,
                vcenter=machine.vcenter,
                subject=machine.entity.moid,
                machine=machine,
                server=id_,
                detail=f"{first.entity.name} ({first.entity.moid}) in {first.vcenter}",
            )


def _about(kind: FindingKind, owner: Known, machine: Machine, *, detail: str) -> Suspect:
    """Of a server and its VM."""
    server = owner.server.id
    return Suspect(
        kind=kind,
        cloud=owner.cloud,
        vcenter=machine.vcenter,
        subject=server,
        machine=machine,
        server=server,
        detail=detail,
    )


def _is_stopped_after_ha(
    found: Match, machine: Machine, *, boots: Mapping[Vm, float], known: Mapping[Key, float]
) -> bool:
    """Whether Nova stopped by itself what vSphere HA had just restarted, or was about to; of a server that is SHUTOFF.

    When Nova's sync of power states meets a VM that is off while its server is active, it stops the server in nobody's
    name (nova/compute/manager.py, _sync_instance_power_state): an action ``stop`` without user. A guest that shut
    itself down ends the same way; what is different after the failure of a host is that the VM was powered on around
    that time by none of Nova's operations (``runtime.bootTime``, which a reboot of the guest does not change). Someone
    who powers a VM on in vCenter meanwhile looks the same. Once seen it holds until the server is something else than
    SHUTOFF: Nova's actions are not read for ever.
    """
    cloud, server = found.servers[machine.server]
    if (FindingKind.STOPPED_AFTER_HA.value, cloud, machine.vcenter, server.id) in known:
        return True
    boot, snapshot = boots.get(machine.vm), found.clouds[cloud].snapshot
    return boot is not None and snapshot is not None and _fights(snapshot.actions.get(server.id, ()), boot)


def _power_now(machine: Machine) -> str:
    return f"the VM is {machine.facts.power_state or 'in an unknown power state'} now"


def _fights(actions: tuple[Action, ...], boot: float) -> bool:
    """Whether Nova stopped by itself around a power-on that none of its operations asked for."""
    own = [action for action in actions if action.action == "stop" and action.user is None]
    asked = [action for action in actions if action not in own]
    stopped = any(-BEFORE <= boot - action.start <= AFTER for action in own)
    return stopped and not any(-BEFORE <= boot - action.start <= ASKED for action in asked)


def _power_drift(server: Server, facts: VmFacts) -> str:
    """How both sides differ; empty where they do not, or one does not tell."""
    power = _POWER.get(facts.power_state or "")
    if power is None or server.power_state is None or facts.connection_state != "connected":
        return ""
    active, off = server.status == "ACTIVE" and power != 1, server.status == "SHUTOFF" and power == 1
    if server.power_state == power and not active and not off:
        return ""
    says = f"{server.status}, {_WORDS.get(server.power_state, 'in an unknown power state')}"
    return f"Nova says {says}; vCenter says {facts.power_state}"


def _is_dead_spawn(server: Server, name: str) -> bool:
    """Nova renames a VM just before it powers it on first (nova/virt/vmwareapi/vmops.py, spawn)."""
    never = server.launched is None or server.status == "ERROR"
    return never and server.name != "" and has_bare_name(name)


def _left_over(machine: Machine, detail: str) -> Suspect:
    """What Nova makes for the upload of an image.

    It gives up silently while the VM is busy (nova/virt/vmwareapi/vmops.py, _delete_vm_snapshot), and swallows errors
    when it destroys its clone (vm_util.py, destroy_vm).
    """
    return Suspect(
        kind=FindingKind.SNAPSHOT_LEFTOVER,
        vcenter=machine.vcenter,
        subject=machine.entity.moid,
        machine=machine,
        server=machine.server,
        detail=detail,
    )


def _clones(found: Match) -> Suspects:
    """A clone has the ``nvp.vm-uuid`` of its server. Without it, or all clouds that it may be of, nothing is said."""
    for clone in found.clones:
        owner = found.servers.get(clone.server)
        if _is_at_rest(owner.server) if owner is not None else clone.server and _clouds(found, clone.vcenter):
            yield _left_over(clone, "the clone")


def _without_vm(found: Match) -> Suspects:
    whole = {name for name, view in found.views.items() if view.all_vms and listed(view) is not None}
    for id_, (cloud, server) in found.servers.items():
        if id_ in found.machines or id_ in found.possible or not _is_at_rest(server):
            continue
        place = found.clusters.get(server.hypervisor or "")
        unborn = server.status == "ERROR" and server.launched is None
        if place is not None and place[0] in whole and not unborn:
            yield Suspect(
                kind=FindingKind.SERVER_WITHOUT_VM,
                cloud=cloud,
                vcenter=place[0],
                subject=id_,
                server=id_,
                detail=server.status,
            )


def _without_server(found: Match) -> Suspects:
    """VMs that Nova made in a cluster that is a hypervisor now: elsewhere they may be of a cloud that nobody named."""
    sure = {
        name: all(cloud.hypervisors is not None for cloud in clouds) and bool(clouds)
        for name in found.views
        for clouds in [_clouds(found, name)]
    }
    clusters = set(found.clusters.values())
    for stranger in found.strangers:
        if sure[stranger.vcenter] and _cluster(found, stranger) in clusters:
            bare = has_bare_name(stranger.entity.name)
            gone = "; it was deleted a short while ago" if stranger.server in found.deleted else ""
            yield Suspect(
                kind=FindingKind.VM_WITHOUT_SERVER,
                vcenter=stranger.vcenter,
                subject=stranger.entity.moid,
                machine=stranger,
                server=stranger.server,
                detail=gone + ("; its creation never ended, since its name is a UUID alone" if bare else ""),
            )


def _cluster(found: Match, machine: Machine) -> Vm | None:
    inventory = listed(found.views[machine.vcenter])
    above = inventory.parents.get(machine.facts.host or "") if inventory is not None else None
    return None if above is None else (machine.vcenter, above)


def _clouds(found: Match, vcenter: str) -> tuple[CloudView, ...]:
    """The clouds of a vCenter; none where what one of them knows is not known."""
    its = tuple(cloud for cloud in found.clouds.values() if vcenter in cloud.vcenters)
    return its if all(cloud.snapshot is not None and cloud.name not in found.unsure for cloud in its) else ()


def _unmatched(found: Match, cloud: CloudView) -> Suspects:
    names = {view.instance_uuid.lower(): view for view in found.views.values() if view.instance_uuid}
    mine = [found.views.get(name) for name in cloud.vcenters]
    all_known = all(view is not None and view.instance_uuid for view in mine)
    for hypervisor in (cloud.hypervisors or {}).values():
        if hypervisor.type != VMWARE or hypervisor.hostname in found.clusters:
            continue
        moid, _, uuid = hypervisor.hostname.partition(".")
        view = names.get(uuid.lower())
        if view is not None and view.name in cloud.vcenters:
            detail = f"vCenter {view.name} has no cluster {moid}"
        elif all_known:
            detail = f"its vCenter {uuid or 'without UUID'} is none of this cloud's"
        else:
            continue
        yield Suspect(
            kind=FindingKind.HYPERVISOR_UNMATCHED,
            cloud=cloud.name,
            subject=hypervisor.hostname,
            entity=hypervisor.hostname,
            detail=detail,
        )
