"""What Nova's VMware driver does to machines: the effect of each of its vCenter tasks."""

from dataclasses import replace

from simulator.facts import Disk, Nic, Vm
from simulator.machines import annotation
from simulator.openstack.cloud import Cloud
from simulator.openstack.facts import Port, Server

_GIB = 1 << 30


def is_on(cloud: Cloud, moid: str) -> bool:
    """Whether a machine runs."""
    return bool(cloud.model.get(moid).facts.power == "poweredOn")


def _vm(cloud: Cloud, server: str) -> tuple[str, Vm] | None:
    moid = cloud.vm_of(server)
    return None if moid is None else (moid, cloud.model.get(moid).facts)


def on(cloud: Cloud, server: str) -> None:
    """Power on, or reset."""
    moid = cloud.vm_of(server)
    if moid:
        cloud.model.power(moid, on=True)


def off(cloud: Cloud, server: str) -> None:
    """Power off."""
    moid = cloud.vm_of(server)
    if moid:
        cloud.model.power(moid, on=False)


def suspend(cloud: Cloud, server: str) -> None:
    """Suspend."""
    moid = cloud.vm_of(server)
    if moid:
        cloud.model.update(moid, power="suspended")


def resize(cloud: Cloud, server: str) -> None:
    """Give the machine what its new flavor says."""
    moid, flavor = cloud.vm_of(server), cloud.servers[server].flavor
    if moid:
        cloud.model.update(moid, cpus=flavor.vcpus, memory_mb=flavor.memory_mb)


def snapshot(cloud: Cloud, server: str) -> None:
    """Take the snapshot that an image is made from (nova/virt/vmwareapi/vmops.py, _create_vm_snapshot)."""
    moid = cloud.vm_of(server)
    if moid:
        cloud.model.add_snapshot(moid, f"{server}-snapshot")


def unsnapshot(cloud: Cloud, server: str) -> None:
    """Remove that snapshot."""
    found = _vm(cloud, server)
    if found:
        moid, vm = found
        cloud.model.update(moid, snapshots=tuple(s for s in vm.snapshots if not s.name.endswith("-snapshot")))


def attach(cloud: Cloud, server: str) -> None:
    """Attach a new volume of 10 GiB."""
    found = _vm(cloud, server)
    if found:
        moid, vm = found
        key = max((disk.key for disk in vm.disks), default=1999) + 1
        volume = cloud.model.uuid("volume", moid, key)
        path = f"volume-{volume}/volume-{volume}.vmdk"
        disk = Disk(key, 10 * _GIB, vm.datastores[0], path, cloud.model.uuid("disk", moid, key), volume=volume)
        extra = (*vm.extra, (f"volume-{volume}", disk.uuid))
        cloud.model.update(moid, disks=(*vm.disks, disk), extra=extra)
        cloud.update(server, volumes=(*cloud.servers[server].volumes, volume))


def remove(cloud: Cloud, server: str) -> None:
    """Unregister; the files are deleted with it."""
    moid = cloud.vm_of(server)
    if moid:
        cloud.model.remove(moid)


def folder(cloud: Cloud, host: str) -> str | None:
    """The folder in which a compute makes machines: where its others are; None where there are none to go by."""
    pattern = _pattern(cloud, host)
    return None if pattern is None else cloud.model.get(pattern).parent


def _pattern(cloud: Cloud, host: str) -> str | None:
    cluster = cloud.computes[host].cluster
    for node in cloud.model.of_kind("VirtualMachine"):
        if node.facts.name.endswith(")") and cloud.model.get(node.facts.host).parent == cluster:
            return node.moid
    return None


def register(cloud: Cloud, server: Server) -> None:
    """Create the machine of a server, powered off and named by the server's id, as the driver does at first."""
    pattern = _pattern(cloud, server.host or "")
    if pattern is None:
        return
    model = cloud.model
    like: Vm = model.get(pattern).facts
    connected = [n.moid for n in model.related("child", model.get(like.host).parent or "") if _usable(n)]
    nic = Nic(4000, like.nics[0].network, server.ports[0].mac, server.ports[0].id)
    root = replace(
        like.disks[0],
        capacity=server.flavor.disk_gb * _GIB,
        path=f"{server.id}/{server.id}.vmdk",
        uuid=model.uuid("disk", server.id),
    )
    sizes = (server.flavor.name, server.flavor.vcpus, server.flavor.memory_mb, server.flavor.disk_gb)
    cloud.vms[server.id] = model.add_vm(
        server.id,
        parent=model.get(pattern).parent,
        instance_uuid=server.id,
        uuid=server.id,
        host=cloud.chance.choice(connected or [like.host]),
        pool=like.pool,
        cpus=server.flavor.vcpus,
        memory_mb=server.flavor.memory_mb,
        disks=(root,),
        nics=(nic,),
        extra=(("nvp.vm-uuid", server.id), ("nvp.iface-id.0", nic.port or "")),
        annotation=annotation(server.name, sizes, server.project),
        power="poweredOff",
        status="green",
        custom=(),
        template=False,
    )


def _usable(node: object) -> bool:
    facts = getattr(node, "facts", None)
    return getattr(facts, "connection", "") == "connected" and not getattr(facts, "maintenance", True)


def rename(cloud: Cloud, server: str) -> None:
    """Name the machine after its server, as the driver does at last."""
    moid = cloud.vm_of(server)
    if moid:
        cloud.model.update(moid, name=f"{cloud.servers[server].name} ({server})")


def port(cloud: Cloud, server: str) -> Port:
    """A new port for a server."""
    digits = cloud.model.uuid("mac", server).replace("-", "")
    address = f"10.{int(digits[:2], 16) % 200}.{int(digits[2:4], 16) % 250}.{10 + int(digits[4:6], 16) % 200}"
    mac = f"fa:16:3e:{digits[0:2]}:{digits[2:4]}:{digits[4:6]}"
    return Port(cloud.model.uuid("port", server), address, mac)
