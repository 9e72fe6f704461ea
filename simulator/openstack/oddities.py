"""What should not be: machines and servers that do not belong together, and leftovers of Nova and Cinder."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from simulator.facts import Disk, Vm
from simulator.openstack.cloud import Cloud
from simulator.openstack.facts import Server


def orphan_vm(cloud: Cloud, server: Server, vm: str) -> None:
    """Nova forgets the server, its driver having swallowed the error of the destruction; the machine stays."""
    del vm
    cloud.delete(server.id)


def lost_vm(cloud: Cloud, server: Server, vm: str) -> None:
    """Somebody removes the machine in the vCenter; Nova still has the server."""
    del server
    cloud.model.remove(vm)


def drift(cloud: Cloud, server: Server, vm: str) -> None:
    """Somebody switches the machine off or on in the vCenter; Nova does not know yet."""
    del server
    cloud.model.power(vm, on=cloud.model.get(vm).facts.power != "poweredOn")


def leftover_snapshot(cloud: Cloud, server: Server, vm: str) -> None:
    """The snapshot that an image was made from was not removed."""
    cloud.model.add_snapshot(vm, f"{server.id}-snapshot")


def bare_vm(cloud: Cloud, server: Server, vm: str) -> None:
    """A spawn died before its machine got its name: named by an id that no server has."""
    del server
    like: Vm = cloud.model.get(vm).facts
    identity = cloud.model.uuid("dead", cloud.model.version)
    _like(
        cloud,
        vm,
        identity,
        instance_uuid=identity,
        extra=(("nvp.vm-uuid", identity),),
        power="poweredOff",
        nics=like.nics,
    )


def duplicate_vm(cloud: Cloud, server: Server, vm: str) -> None:
    """Two machines say that they are the same server, as after a copy with all its settings."""
    like: Vm = cloud.model.get(vm).facts
    _like(cloud, vm, f"{server.name}-copy", instance_uuid=server.id, extra=like.extra, nics=like.nics)


def shadow_vm(cloud: Cloud, server: Server, vm: str) -> None:
    """A machine that Cinder's driver keeps for a volume (cinder/volume/drivers/vmware/volumeops.py)."""
    del server
    volume = cloud.model.uuid("shadow", cloud.model.version)
    like: Vm = cloud.model.get(vm).facts
    path = f"volume-{volume}/volume-{volume}.vmdk"
    disk = Disk(2000, 10 << 30, like.disks[0].datastore, path, cloud.model.uuid("disk", volume), volume=volume)
    _like(cloud, vm, f"volume-{volume}", disks=(disk,), extra=(("cinder.volume.id", volume),), power="poweredOff")


def _like(cloud: Cloud, vm: str, name: str, **facts: object) -> None:
    node = cloud.model.get(vm)
    like: Vm = replace(node.facts)
    given = {"host": like.host, "pool": like.pool, "parent": node.parent, "annotation": "", "custom": (), **facts}
    cloud.model.add_vm(name, **given)


ODDITIES: Mapping[str, Callable[[Cloud, Server, str], None]] = MappingProxyType(
    {one.__name__: one for one in (orphan_vm, lost_vm, drift, leftover_snapshot, bare_vm, duplicate_vm, shadow_vm)}
)
"""Name -> what makes it, from a server and the id of its machine."""


def happen(cloud: Cloud, name: str, server: str = "") -> str:
    """Make something odd of a server (else of the first with a machine), and say which. Raises KeyError."""
    make = ODDITIES[name]
    found = cloud.servers[server] if server else next(one for one in cloud.alive() if cloud.vm_of(one.id))
    vm = cloud.vm_of(found.id)
    if vm is None:
        raise KeyError(found.id)
    make(cloud, found, vm)
    return found.id
