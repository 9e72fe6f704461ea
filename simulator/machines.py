"""Puts virtual machines into an inventory: some as Nova creates them, the first ones with awkward names."""

import random
from dataclasses import replace

from simulator.facts import Alarm, Disk, Folder, Nic, Snapshot, Vm
from simulator.model import Model
from simulator.store import Node

GIB = 1 << 30

AWKWARD_NAMES = (
    'quo"ted',
    "back\\slash",
    "\u00fcn\u00efc\u00f6d\u00e9 \u65e5\u672c\u8a9e \U0001f600",
    "sla%2fsh",
    "<tag> & 'entity'",
    "new\nline",
    " padded ",
)
"""Names that a careless exporter mangles. vCenter itself writes a slash in a name as ``%2f``."""

FLAVORS = (("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40), ("m1.large", 4, 8192, 80))
"""Flavour name, vCPUs, MB of memory and GB of root disk."""

_AGENT = ("VirtualCenter", "vcls-entity")
OTHERS: tuple[tuple[str, tuple[str, str] | None], ...] = (
    ("built by hand", None),
    ("built by hand", None),
    ("web tier\nManaged by Terraform, workspace prod", None),
    ("Ansible managed: site.yml", None),
    ("vSphere Cluster Service VM is deployed from an OVA.", _AGENT),
    ("Managed by Terraform, workspace test", None),
)
"""Notes and manager of the machines that are not Nova's, in turns: by hand, by tools, and an agent of vSphere."""


def populate(model: Model, count: int, chance: random.Random) -> None:
    """Add ``count`` virtual machines, spread over the clusters and their hosts."""
    clusters = [node.moid for node in model.of_kind("ClusterComputeResource") if model.related("child", node.moid)]
    folders: dict[tuple[str, str], str] = {}
    places = [place for place in (_Place(model, moid, folders) for moid in clusters) if place.hosts]
    for index in range(count if places else 0):
        place = places[index % len(places)]
        _add(model, place, chance, index=index)


class _Place:
    """Where virtual machines of one cluster go: its hosts, pools, folders, datastores and networks."""

    def __init__(self, model: Model, cluster: str, folders: dict[tuple[str, str], str]) -> None:
        self._folders = folders
        children = model.related("child", cluster)
        self.hosts = [node for node in children if node.kind == "HostSystem"]
        root = next(node for node in children if node.kind == "ResourcePool")
        below = model.related("child", root.moid)
        self.pools = [root.moid, *(node.moid for node in below if node.kind == "ResourcePool")]
        self.vapp = next(node for node in below if node.kind == "VirtualApp")
        datacenter = model.get(model.get(model.get(cluster).parent or "").parent or "")
        self.folder = datacenter.facts.vm_folder
        if self.hosts:
            self.datastores = self.hosts[0].facts.datastores
            self.networks = self.hosts[0].facts.networks
            self.spare_lun = self.hosts[0].facts.luns[-1].name

    def instances(self, model: Model, project: str) -> str:
        """The folder that Nova's driver makes for a project's instances."""
        parent = self.folder
        for name in ("OpenStack", f"Project ({project})", "Instances"):
            parent = self._subfolder(model, parent, name)
        return parent

    def _subfolder(self, model: Model, parent: str, name: str) -> str:
        if (parent, name) not in self._folders:
            folder = Folder(name=name, child_types=("Folder", "VirtualMachine"))
            node = Node("Folder", model.new_moid("group-v"), folder, parent=parent)
            self._folders[parent, name] = model.add(node).moid
        return self._folders[parent, name]


def _add(model: Model, place: _Place, chance: random.Random, *, index: int) -> None:
    moid = model.new_moid("vm-")
    flavor = FLAVORS[chance.randrange(len(FLAVORS))]
    identity = model.uuid("instance", moid)
    nova = index >= len(AWKWARD_NAMES) and index % 4 != 3
    project = model.uuid("project", index % 3).replace("-", "")
    name = f"web-{index:05d} ({identity})" if nova else f"vm-{index:05d}"
    if index < len(AWKWARD_NAMES):
        name = AWKWARD_NAMES[index]
    in_vapp = index % 32 == 15
    notes, manager = OTHERS[index // 4 % len(OTHERS)] if index >= len(AWKWARD_NAMES) else OTHERS[0]
    facts = Vm(
        name=name,
        uuid=model.uuid("bios", moid),
        instance_uuid=identity,
        host=place.hosts[chance.randrange(max(1, len(place.hosts) - 1))].moid,
        pool=place.vapp.moid if in_vapp else place.pools[index % len(place.pools)],
        cpus=flavor[1],
        memory_mb=flavor[2],
        disks=_disks(model, place, moid, name=name, root_gb=flavor[3], index=index),
        nics=_nics(model, place, moid, index=index),
        power="poweredOff" if index % 16 == 11 else "poweredOn",
        started=model.started - 3600.0 * (2 + chance.randrange(2000)),
        tools="toolsNotRunning" if index % 16 == 11 else ("toolsOld" if index % 9 == 5 else "toolsOk"),
        annotation=annotation(name, flavor, project) if nova else notes,
        manager=None if nova else manager,
        custom=((101, f"team {index % 5}"), (102, f"CC-{index % 7}")) if index % 5 == 0 else (),
        alarms=_alarms(model, index),
        status="yellow" if index % 50 == 7 else "green",
    )
    by_hand = place.vapp.moid if in_vapp else place.folder
    parent = place.instances(model, project) if nova else by_hand
    model.add(Node("VirtualMachine", moid, _with_extras(model, facts, nova=nova, index=index), parent=parent))


def _disks(model: Model, place: _Place, moid: str, *, name: str, root_gb: int, index: int) -> tuple[Disk, ...]:
    store = place.datastores[index % len(place.datastores)]
    base = name.replace("/", "_")
    disks = [Disk(2000, root_gb * GIB, store, f"{base}/{base}.vmdk", model.uuid("disk", moid, 0))]
    if index % 3 == 1:
        volume = model.uuid("volume", moid)
        path = f"volume-{volume}/volume-{volume}.vmdk"
        uuid = model.uuid("disk", moid, 1)
        disks.append(Disk(2001, 100 * GIB, store, path, uuid, thin=False, volume=volume))
    if index % 20 == 4:
        uuid = model.uuid("disk", moid, 2)
        path = f"{base}/{base}_rdm.vmdk"
        disks.append(Disk(2002, 200 * GIB, store, path, uuid, mode="independent_persistent", lun=place.spare_lun))
    return tuple(disks)


def _nics(model: Model, place: _Place, moid: str, *, index: int) -> tuple[Nic, ...]:
    network = place.networks[index % len(place.networks)]
    digits = model.uuid("mac", moid).replace("-", "")
    mac = "fa:16:3e:" + ":".join((digits[0:2], digits[2:4], digits[4:6]))
    return (Nic(4000, network, mac, model.uuid("port", moid)),)


def annotation(name: str, flavor: tuple[str, int, int, int], project: str) -> str:
    """What Nova's VMware driver writes: nova/virt/vmwareapi/vmops.py, ``_get_instance_metadata``."""
    return (
        f"name:{name.partition(' (')[0]}\nuserid:{project[::-1]}\nusername:demo\n"
        f"projectid:{project}\nprojectname:demo\n"
        f"flavor:name:{flavor[0]}\nflavor:memory_mb:{flavor[2]}\nflavor:vcpus:{flavor[1]}\nflavor:ephemeral_gb:0\n"
        f"flavor:root_gb:{flavor[3]}\nflavor:swap:0\nimageid:{project[:8]}\npackage:29.0.1\n"
    )


def _alarms(model: Model, index: int) -> tuple[Alarm, ...]:
    if index % 50 != 7:
        return ()
    return (Alarm(model.named("Alarm", "Virtual machine CPU usage").moid, "yellow", model.started - 120),)


def _with_extras(model: Model, facts: Vm, *, nova: bool, index: int) -> Vm:
    """Add the extraConfig that Nova writes, and every eighth time snapshots."""
    extra: list[tuple[str, str]] = [("svga.present", "TRUE")]
    if nova:
        extra.append(("nvp.vm-uuid", facts.instance_uuid))
        extra.extend((f"nvp.iface-id.{n}", nic.port or "") for n, nic in enumerate(facts.nics))
        extra.extend((f"volume-{disk.volume}", disk.uuid) for disk in facts.disks if disk.volume)
    snapshots: tuple[Snapshot, ...] = ()
    if index % 8 == 2:
        child = Snapshot(model.new_moid("snapshot-"), "after \u00bbupgrade\u00ab", model.started - 86400.0)
        top = Snapshot(model.new_moid("snapshot-"), "before upgrade", model.started - 86400.0 * 9, (child,))
        snapshots = (top,)
    return replace(facts, extra=tuple(extra), snapshots=snapshots)
