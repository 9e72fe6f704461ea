"""What OpenStack writes on virtual machines in vCenter, and what that says of them, their disks and cards. Pure.

Sources: nova 34.0.0, nova/virt/vmwareapi/{vm_util,vmops,volumeops,constants}.py, and of Cinder
cinder/volume/drivers/vmware/{vmdk,volumeops}.py. What is ambiguous is not said: a wrong volume is worse than none.
"""

import re
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from exporter.model import Entity
from exporter.vcenter.facts import Facts, VmFacts
from exporter.vcenter.vmreaders import DiskDevice, NicDevice

DeviceLabels = Mapping[str, tuple[tuple[str, str], ...]]
"""As in Entity.devices."""

COMPUTE = "org.openstack.compute"
"""Extension key of what Nova manages (nova/virt/vmwareapi/constants.py)."""
STORAGE = "org.openstack.storage"
"""Extension key of what Cinder manages (cinder/volume/drivers/vmware/vmdk.py)."""

SNAPSHOT_CLONE = "OSTACK_SNAP_"
IMAGE_TEMPLATE = "OSTACK_IMG_"
"""How the names of Nova's own temporary virtual machines begin (nova/virt/vmwareapi/constants.py)."""

_PORT = "nvp.iface-id."
_FREE = "free"
_VOLUME = "volume-"
_FIRST_KEY = 4000

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_BARE = re.compile(_UUID)
_NAMED = re.compile(rf"({_UUID})|.* \(({_UUID})\)", re.DOTALL)
_NONE: DeviceLabels = MappingProxyType({})


def volumes(disks: Sequence[DiskDevice], options: Mapping[str, str]) -> tuple[str | None, ...]:
    """The Cinder volume that each disk is.

    Nova keeps ``volume-<id>`` = UUID of the disk's backing while a VMDK volume is attached (volumeops.py,
    _attach_volume_vmdk, and uses the same to find the disk when it detaches it): certain, but for a UUID that several
    disks or volumes have. A volume over iSCSI, and one that is a first class disk, leaves no such mark.
    """
    marks = [(_hex(value), key.removeprefix(_VOLUME)) for key, value in options.items() if key.startswith(_VOLUME)]
    marked, backed = Tally(uuid for uuid, _ in marks), Tally(_hex(disk.uuid) for disk in disks)
    known = {uuid: volume for uuid, volume in marks if uuid and marked[uuid] == backed[uuid] == 1}
    return tuple(known.get(_hex(disk.uuid)) for disk in disks)


def ports(nics: Sequence[NicDevice], options: Mapping[str, str]) -> tuple[str | None, ...]:
    """The Neutron port that each card is plugged into, found by what Nova knows of it, ``nvp.iface-id.N``.

    1. externalId is that port: certain. Nova writes it for opaque networks, that is NSX (vm_util.py, _create_vif_spec).
    2. One card and one port are left: as good as certain. It is wrong only where someone swapped cards behind Nova.
    3. Index N is the card with key 4000 + N: a convention. Nova numbers ports and vCenter numbers cards from the lowest
       free number on, each by itself. It is believed only where it holds for every card of the machine at once, no
       index is ``free`` (Nova's word after a detach), and no externalId speaks against it.

    Everything else stays unknown. The MAC address, which Neutron also has, is on vsphere_vm_nic_info for a join there.
    """
    slots = {
        int(key.removeprefix(_PORT)): value
        for key, value in options.items()
        if key.startswith(_PORT) and key.removeprefix(_PORT).isdecimal() and value
    }
    named = {index: port for index, port in slots.items() if port != _FREE}
    found = _by_external_id(nics, set(named.values()))
    left = {index: port for index, port in named.items() if port not in found.values()}
    silent = [nic.device for nic in nics if nic.external is None]
    if len(silent) == len(left) == len(nics) - len(found):
        by_key = {f"{_FIRST_KEY + index}": port for index, port in named.items()}
        if len(left) == 1:
            found[silent[0]] = next(iter(left.values()))
        elif len(by_key) == len({*slots.values()} - {_FREE}) == len(slots) and _agree(by_key, found, nics):
            found = by_key
    return tuple(found.get(nic.device) for nic in nics)


def device_labels(facts: Facts) -> DeviceLabels:
    """The volume of each disk and the port of each card that is known, as labels of their series."""
    if not isinstance(facts, VmFacts):
        return _NONE
    disks = {disk.device: (("volume", disk.volume),) for disk in facts.disks or () if disk.volume and disk.device}
    nics = {nic.device: (("port", nic.port),) for nic in facts.nics or () if nic.port and nic.device}
    return MappingProxyType({**disks, **nics}) if disks or nics else _NONE


def server_ids(facts: VmFacts) -> tuple[str, str]:
    """The UUIDs by which Nova looks for the machine of a server, in its order; empty where there is none.

    They are ``config.instanceUuid`` and ``nvp.vm-uuid`` (vm_util.py, search_vm_ref_by_identifier), in lower case as
    Nova and vCenter write them.
    """
    return facts.instance_uuid or "", facts.options.get("nvp.vm-uuid", "") if facts.options else ""


def uuid_in_name(name: str) -> str:
    """The UUID in a name that Nova gives: ``UUID`` while it builds, then ``name (UUID)`` (vm_util.py, rename_vm)."""
    found = _NAMED.fullmatch(name)
    return (found[1] or found[2]) if found else ""


def has_bare_name(name: str) -> bool:
    """Whether the name is a UUID alone: the machine was never powered on by its spawn."""
    return _BARE.fullmatch(name) is not None


def is_servers(entity: Entity, facts: VmFacts) -> bool:
    """Whether Nova made the machine for a server.

    It says so itself (managedBy, ``nvp.vm-uuid``), or has a name or an annotation as only Nova writes them.
    """
    if facts.managed_by is not None and facts.managed_by[0] == COMPUTE:
        return True
    instance, mark = server_ids(facts)
    if mark or (instance and uuid_in_name(entity.name) == instance):
        return True
    note = facts.annotation or ""
    return note.startswith("name:") and "\nprojectid:" in note and "\nflavor:name:" in note


def is_helper(entity: Entity, facts: VmFacts) -> bool:
    """Whether the machine is no server though it may look like one: a Cinder volume's shadow, or a template.

    Clones keep extraConfig, so a template made of a server has the server's ``nvp.vm-uuid``.
    """
    if facts.template or (facts.managed_by is not None and facts.managed_by[0] == STORAGE):
        return True
    if facts.options is not None and "cinder.volume.id" in facts.options:
        return True
    return entity.name.startswith((SNAPSHOT_CLONE, IMAGE_TEMPLATE))


def _by_external_id(nics: Sequence[NicDevice], known: set[str]) -> dict[str, str]:
    times = Tally(nic.external for nic in nics)
    return {
        nic.device: nic.external for nic in nics if nic.external and nic.external in known and times[nic.external] == 1
    }


def _agree(by_key: Mapping[str, str], found: Mapping[str, str], nics: Sequence[NicDevice]) -> bool:
    """Whether the convention names a port for every card, and what externalId says for those that have one."""
    return by_key.keys() == {nic.device for nic in nics} and found.items() <= by_key.items()


def _hex(uuid: str | None) -> str:
    """A UUID as digits alone: vSphere writes it with and without hyphens, in both cases."""
    return (uuid or "").replace("-", "").lower()
