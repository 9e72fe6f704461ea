"""The properties of virtual machines: XML -> frozen values. Pure; the rules are those of ``readers``."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple
from xml.etree.ElementTree import Element

from exporter.vcenter.readers import VIM, boolean, child, instant, keyword, number, string, type_of

_KEPT_OPTIONS = ("nvp.", "volume-", "cinder.")
_NICS = frozenset(
    {
        "VirtualE1000",
        "VirtualE1000e",
        "VirtualPCNet32",
        "VirtualSriovEthernetCard",
        "VirtualVmxnet",
        "VirtualVmxnet2",
        "VirtualVmxnet3",
        "VirtualVmxnet3Vrdma",
    }
)
"""The subtypes of VirtualEthernetCard."""

_NETWORKS = ("port/{urn:vim25}portgroupKey", "opaqueNetworkId", "deviceName")
"""Where the backing of a card names its network: VirtualEthernetCard{DistributedVirtualPort,OpaqueNetwork,Network}."""

_IMAGE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-snapshot")
"""What Nova calls a snapshot that it takes to make an image (nova/virt/vmwareapi/vmops.py, _create_vm_snapshot)."""

_BUSES = MappingProxyType({"NVME": "nvme", "AHCI": "sata", "SATA": "sata", "IDE": "ide"})
_RAW_BACKINGS = ("VirtualDiskRawDiskVer2", "VirtualDiskPartitionedRawDiskVer2")
_RDM_BACKINGS = MappingProxyType({"physicalMode": "rdm_physical", "virtualMode": "rdm_virtual"})

NOTES_LIMIT = 4096
"""Characters kept of a machine's notes: what tools and Nova write there is shorter, and a user may write any length."""


class DiskDevice(NamedTuple):
    """VirtualDisk with its backing. ``device`` is its address (``scsi0:0``), as performance counters name it.

    ``backing`` is vmdk, rdm_physical, rdm_virtual, rdm, raw or pmem; ``datastore`` an id; None where nothing is said.
    """

    label: str
    device: str
    backing: str | None
    mode: str | None
    datastore: str | None
    thin: bool | None
    capacity: int | None
    uuid: str | None


class NicDevice(NamedTuple):
    """VirtualEthernetCard with its backing. ``device`` is its key (``4000``), as performance counters name it.

    ``external`` is externalId. ``network`` is the id of a distributed port group or opaque network, or the name of a
    standard network; None where nothing is said.
    """

    label: str
    device: str
    mac: str | None
    external: str | None
    network: str | None


class Devices(NamedTuple):
    """VirtualHardware.device: the disks and the network cards."""

    disks: tuple[DiskDevice, ...]
    nics: tuple[NicDevice, ...]


class SnapshotTree(NamedTuple):
    """VirtualMachineSnapshotInfo: how many, when the oldest was made (epoch seconds), and the ids of the root ones.

    ``image`` are the names that Nova gives to a snapshot which it takes to make an image.
    """

    total: int
    oldest: float | None
    roots: tuple[str, ...]
    image: tuple[str, ...] = ()


class Layout(NamedTuple):
    """VirtualMachineFileLayoutEx. ``size`` by file key; ``current`` the file keys of the running disks' chains.

    ``snapshots`` maps a snapshot's id to the keys of its disks' chains, ``states`` are keys of saved data and memory.
    """

    size: Mapping[int, int]
    current: frozenset[int]
    snapshots: Mapping[str, frozenset[int]]
    states: frozenset[int]


def options(element: Element) -> Mapping[str, str]:
    """ArrayOfOptionValue: only the keys by which OpenStack marks a VM and its volumes.

    Source: nova/virt/vmwareapi/vm_util.py and cinder/volume/drivers/vmware/volumeops.py.
    """
    pairs = ((string(option, "key") or "", string(option, "value") or "") for option in element)
    return MappingProxyType({key: value for key, value in pairs if key.startswith(_KEPT_OPTIONS)})


def annotation(element: Element) -> str:
    """VirtualMachineConfigInfo.annotation: the notes, as far as NOTES_LIMIT."""
    return (element.text or "")[:NOTES_LIMIT]


def managed_by(element: Element) -> tuple[str, str]:
    """ManagedByInfo: (extension key, type)."""
    return (string(element, "extensionKey") or "", string(element, "type") or "")


def devices(element: Element) -> Devices:
    """ArrayOfVirtualDevice."""
    buses: dict[str, str] = {}
    disks = []
    nics = []
    for device in element:
        kind = type_of(device)
        if kind == "VirtualDisk":
            disks.append(device)
        elif kind in _NICS:
            nics.append(_nic(device))
        elif kind.endswith("Controller") and (bus := _bus(kind)):
            buses[device.findtext(VIM + "key") or ""] = f"{bus}{string(device, 'busNumber')}"
    return Devices(tuple(_disk(device, buses) for device in disks), tuple(nics))


def snapshots(element: Element) -> SnapshotTree:
    """VirtualMachineSnapshotInfo; the tree is as deep as the chain of snapshots, so it is walked without recursion."""
    roots = element.findall(VIM + "rootSnapshotList")
    times: list[float] = []
    names: list[str] = []
    total = 0
    todo = list(roots)
    while todo:
        node = todo.pop()
        total += 1
        made = child(node, "createTime", instant)
        if made is not None:
            times.append(made)
        names.append(string(node, "name") or "")
        todo.extend(node.findall(VIM + "childSnapshotList"))
    return SnapshotTree(
        total,
        min(times, default=None),
        roots=tuple(string(root, "snapshot") or "" for root in roots),
        image=tuple(sorted(name for name in names if _IMAGE.fullmatch(name))),
    )


def layout(element: Element) -> Layout:
    """VirtualMachineFileLayoutEx."""
    sizes = ((number(file, "key"), number(file, "size")) for file in element.findall(VIM + "file"))
    states: set[int] = set()
    chains = {}
    for snapshot in element.findall(VIM + "snapshot"):
        states.update(key for key in (number(snapshot, "dataKey"), number(snapshot, "memoryKey")) if key is not None)
        chains[string(snapshot, "key") or ""] = frozenset(_chain(snapshot))
    return Layout(
        size=MappingProxyType({key: size for key, size in sizes if key is not None and size is not None}),
        current=frozenset(_chain(element)),
        snapshots=MappingProxyType(chains),
        states=frozenset(states),
    )


def _bus(kind: str) -> str | None:
    """The bus of a VirtualController subtype; None for those that carry no disk (PCI, PS2, SIO, USB)."""
    for part, bus in _BUSES.items():
        if part in kind:
            return bus
    return "scsi" if "SCSI" in kind or "Logic" in kind else None


def _disk(device: Element, buses: Mapping[str, str]) -> DiskDevice:
    backing = device.find(VIM + "backing")
    address = buses.get(string(device, "controllerKey") or "")
    capacity = number(device, "capacityInBytes")
    kilobytes = number(device, "capacityInKB")
    return DiskDevice(
        label=child(device, "deviceInfo", _label) or "",
        device=f"{address}:{string(device, 'unitNumber')}" if address else "",
        backing=None if backing is None else _backing(backing),
        mode=None if backing is None else child(backing, "diskMode", keyword),
        datastore=None if backing is None else child(backing, "datastore", keyword),
        thin=None if backing is None else child(backing, "thinProvisioned", boolean),
        capacity=kilobytes * 1024 if capacity is None and kilobytes is not None else capacity,
        uuid=None if backing is None else string(backing, "uuid"),
    )


def _nic(device: Element) -> NicDevice:
    backing = device.find(VIM + "backing")
    networks = () if backing is None else (backing.findtext(VIM + path) for path in _NETWORKS)
    return NicDevice(
        label=child(device, "deviceInfo", _label) or "",
        device=string(device, "key") or "",
        mac=string(device, "macAddress") or None,
        external=string(device, "externalId") or None,
        network=next((network for network in networks if network), None),
    )


def _label(description: Element) -> str | None:
    return string(description, "label")


def _backing(backing: Element) -> str:
    kind = type_of(backing)
    if "RawDiskMapping" in kind:
        return _RDM_BACKINGS.get(string(backing, "compatibilityMode") or "", "rdm")
    if kind.startswith(_RAW_BACKINGS):
        return "raw"
    return "pmem" if "PMem" in kind else "vmdk"


def _chain(element: Element) -> Iterator[int]:
    """The file keys under ``disk[].chain[].fileKey``."""
    for disk in element.iterfind(VIM + "disk"):
        for unit in disk.iterfind(VIM + "chain"):
            yield from (int(key.text or "") for key in unit.iterfind(VIM + "fileKey"))
