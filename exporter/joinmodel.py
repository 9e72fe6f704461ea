"""What the join of Nova and vCenter is made from, and what it yields. Instants are epoch seconds by our clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from exporter.openstack.cloud import CloudSnapshot
from exporter.openstack.model import Hypervisor
from exporter.vcenter.inventory import Inventory

_K = TypeVar("_K")
_V = TypeVar("_V")

MOST = 500
"""Findings that are kept; how many there are is counted exactly."""

Vm = tuple[str, str]
"""The name of a vCenter in the configuration, and a managed object id there."""


class FindingKind(StrEnum):
    """What may be wrong between both sides, the gravest first.

    By cloud and vCenter: ``stopped_after_ha``, ``server_without_vm``, ``power_drift``, ``dead_spawn``. By vCenter
    alone, because several clouds may share it: ``duplicate``, ``vm_without_server``, ``snapshot_leftover``. By cloud
    alone: ``hypervisor_unmatched``.
    """

    DUPLICATE = "duplicate"
    STOPPED_AFTER_HA = "stopped_after_ha"
    SERVER_WITHOUT_VM = "server_without_vm"
    POWER_DRIFT = "power_drift"
    HYPERVISOR_UNMATCHED = "hypervisor_unmatched"
    VM_WITHOUT_SERVER = "vm_without_server"
    DEAD_SPAWN = "dead_spawn"
    SNAPSHOT_LEFTOVER = "snapshot_leftover"


HOLDS: Mapping[FindingKind, float] = MappingProxyType(
    {
        **dict.fromkeys(FindingKind, 300.0),
        FindingKind.STOPPED_AFTER_HA: 0.0,
        FindingKind.POWER_DRIFT: 900.0,
        FindingKind.DEAD_SPAWN: 900.0,
    }
)
"""Seconds for which something must be seen before it is a finding. Both sides are read at different times, so 300 s;
Nova itself puts power states right every sync_power_state_interval, 600 s (nova/conf/compute.py), and a spawn that
failed is cleaned up in the end. What was stopped after a restart by HA is over when it is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VCenterView:
    """One vCenter. ``inventory`` None is not listed yet, or too old to be believed; ``instance_uuid`` None is unknown.

    ``all_vms`` is false where the configuration leaves virtual machines out (``objects``).
    """

    name: str
    inventory: Inventory | None = None
    instance_uuid: str | None = None
    all_vms: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudView:
    """One region of a cloud. ``vcenters`` are those that the configuration names for it.

    ``snapshot`` None is not read yet, or too old to be believed; its servers are all there are, also where it is not
    ``complete``, which is about their actions. ``hypervisors`` None was not read; a reading of a while ago is better.
    """

    name: str
    vcenters: tuple[str, ...]
    snapshot: CloudSnapshot | None = None
    hypervisors: Mapping[str, Hypervisor] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that does not fit together: ``found`` says what, ``advice`` what to do about it.

    ``since`` is when it was first seen. ``entity`` is the name of what ``moid`` is, or of a hypervisor. Empty is what
    does not apply or is not known.
    """

    kind: FindingKind
    since: float
    found: str
    advice: str
    cloud: str = ""
    vcenter: str = ""
    entity: str = ""
    moid: str = ""
    server: str = ""
    server_name: str = ""


Scope = tuple[FindingKind, str, str]
"""What was looked for where: kind, cloud and vCenter, as in FindingKind; empty is what does not apply."""

Key = tuple[str, str, str, str]
"""A finding: kind, cloud and vCenter as in Scope, and what tells it apart there."""


def _nothing() -> Mapping[_K, _V]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Who is who, and what does not fit. What did not change is the same object (``is``) as in the join before.

    ``tags`` are labels of VMs by vCenter and managed object id; they stay while a cloud or vCenter cannot be read.
    ``vms`` are those of each server, the one that Nova uses first, ``servers`` the other way round, and ``clouds`` the
    cloud of each server that has a VM. ``clusters`` are (vCenter, managed object id) by hypervisor hostname.
    ``counts`` has an exact number for each scope that was looked at, and for others where something was found all the
    same: a lower bound. ``seen`` is when each finding was first seen, also before it was held long enough to be one;
    ``boots`` when VMs were powered on a short while ago. Both are for the next join; keep ``seen`` over a restart.
    """

    tags: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=_nothing)
    vms: Mapping[str, tuple[Vm, ...]] = field(default_factory=_nothing)
    servers: Mapping[Vm, str] = field(default_factory=_nothing)
    clouds: Mapping[str, str] = field(default_factory=_nothing)
    clusters: Mapping[str, Vm] = field(default_factory=_nothing)
    findings: tuple[Finding, ...] = ()
    counts: Mapping[Scope, int] = field(default_factory=_nothing)
    seen: Mapping[Key, float] = field(default_factory=_nothing)
    boots: Mapping[Vm, float] = field(default_factory=_nothing)
