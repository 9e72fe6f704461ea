"""A virtual machine's properties as the vSphere API reference defines them (VirtualMachine)."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.data import Data, Ref, Time
from simulator.entity_properties import ENTITY, custom_values
from simulator.facts import Disk, Nic, Snapshot, Vm
from simulator.model import Model
from simulator.store import Node

GUESTS = {"ubuntu64Guest": "Ubuntu Linux (64-bit)", "windows2019srv_64Guest": "Microsoft Windows Server 2019 (64-bit)"}

_TOOLS = {
    "toolsOk": ("guestToolsCurrent", "guestToolsRunning"),
    "toolsOld": ("guestToolsNeedUpgrade", "guestToolsRunning"),
    "toolsNotRunning": ("guestToolsCurrent", "guestToolsNotRunning"),
    "toolsNotInstalled": ("guestToolsNotInstalled", "guestToolsNotRunning"),
}


def _path(model: Model, disk: Disk) -> str:
    return f"[{model.get(disk.datastore).facts.name}] {disk.path}"


def _home(model: Model, vm: Vm) -> str:
    folder = vm.disks[0].path.rsplit("/", 1)[0] if vm.disks else vm.name
    store = model.get(vm.disks[0].datastore).facts.name if vm.disks else "none"
    return f"[{store}] {folder}/{folder}.vmx"


def _connection(model: Model, vm: Vm) -> str:
    return "connected" if model.get(vm.host).facts.connection == "connected" else "disconnected"


def _on(vm: Vm) -> bool:
    return vm.power == "poweredOn"


def _runtime(model: Model, node: Node) -> Data:
    vm: Vm = node.facts
    return Data(
        "VirtualMachineRuntimeInfo",
        host=Ref("HostSystem", vm.host),
        connectionState=_connection(model, vm),
        powerState=vm.power,
        faultToleranceState="notConfigured",
        toolsInstallerMounted=False,
        bootTime=Time(vm.started) if _on(vm) else None,
        suspendInterval=0,
        memoryOverhead=58 << 20 if _on(vm) else None,
        maxCpuUsage=vm.cpus * 2600,
        maxMemoryUsage=vm.memory_mb,
        numMksConnections=0,
        recordReplayState="inactive",
        cleanPowerOff=None if _on(vm) else True,
        onlineStandby=False,
        consolidationNeeded=False,
    )


def _config_summary(model: Model, node: Node) -> Data:
    vm: Vm = node.facts
    return Data(
        "VirtualMachineConfigSummary",
        name=vm.name,
        template=vm.template,
        vmPathName=_home(model, vm),
        memorySizeMB=vm.memory_mb,
        cpuReservation=0,
        memoryReservation=0,
        numCpu=vm.cpus,
        numEthernetCards=len(vm.nics),
        numVirtualDisks=len(vm.disks),
        uuid=vm.uuid,
        instanceUuid=vm.instance_uuid,
        guestId=vm.guest,
        guestFullName=GUESTS.get(vm.guest, vm.guest),
        annotation=vm.annotation,
    )


def _guest_summary(vm: Vm) -> Data:
    version, running = _TOOLS[vm.tools]
    alive = running == "guestToolsRunning" and _on(vm)
    return Data(
        "VirtualMachineGuestSummary",
        guestId=vm.guest if alive else None,
        guestFullName=GUESTS.get(vm.guest) if alive else None,
        toolsStatus=vm.tools,
        toolsVersionStatus=version,
        toolsVersionStatus2=version,
        toolsRunningStatus=running if _on(vm) else "guestToolsNotRunning",
        hostName=vm.instance_uuid[:8] if alive else None,
        ipAddress=_address(vm) if alive else None,
    )


def _address(vm: Vm) -> str:
    digits = int(vm.instance_uuid[:4], 16)
    return f"10.{digits % 200}.{digits // 200 % 250}.{10 + digits % 200}"


def _summary(model: Model, node: Node) -> Data:
    vm: Vm = node.facts
    committed = sum(disk.capacity // 2 if disk.thin else disk.capacity for disk in vm.disks)
    return Data(
        "VirtualMachineSummary",
        vm=node.ref,
        runtime=_runtime(model, node),
        guest=_guest_summary(vm),
        config=_config_summary(model, node),
        storage=Data(
            "VirtualMachineStorageSummary",
            committed=committed,
            uncommitted=sum(disk.capacity for disk in vm.disks) - committed,
            unshared=committed,
            timestamp=Time(model.started),
        ),
        quickStats=_quick(model, node),
        overallStatus=vm.status,
        customValue=custom_values(node),
    )


def _quick(model: Model, node: Node) -> Data:
    vm: Vm = node.facts
    on = _on(vm)
    return Data(
        "VirtualMachineQuickStats",
        overallCpuUsage=vm.cpus * 310 if on else 0,
        overallCpuDemand=vm.cpus * 330 if on else 0,
        guestMemoryUsage=vm.memory_mb // 4 if on else 0,
        hostMemoryUsage=vm.memory_mb * 3 // 4 if on else 0,
        guestHeartbeatStatus=_heartbeat(vm),
        swappedMemory=0,
        balloonedMemory=0,
        consumedOverheadMemory=58 if on else 0,
        uptimeSeconds=int(max(0.0, model.now() - vm.started)) if on else None,
    )


def _heartbeat(vm: Vm) -> str:
    return "green" if _on(vm) and vm.tools in {"toolsOk", "toolsOld"} else "gray"


def _guest(_model: Model, node: Node) -> Data:
    vm: Vm = node.facts
    short = _guest_summary(vm).fields
    alive = short["toolsRunningStatus"] == "guestToolsRunning"
    root = vm.disks[0].capacity if vm.disks else 0
    disk = Data("GuestDiskInfo", diskPath="/", capacity=root, freeSpace=root * 2 // 5)
    return Data(
        "GuestInfo",
        toolsStatus=short["toolsStatus"],
        toolsVersionStatus=short["toolsVersionStatus"],
        toolsVersionStatus2=short["toolsVersionStatus2"],
        toolsRunningStatus=short["toolsRunningStatus"],
        toolsVersion="0" if vm.tools == "toolsNotInstalled" else "12384",
        guestId=short["guestId"],
        guestFamily="linuxGuest" if alive else None,
        guestFullName=short["guestFullName"],
        hostName=short["hostName"],
        ipAddress=short["ipAddress"],
        disk=[disk] if alive else [],
        guestState="running" if alive else "notRunning",
        guestOperationsReady=alive,
    )


def _disk(model: Model, disk: Disk) -> Data:
    if disk.lun:
        backing = Data(
            "VirtualDiskRawDiskMappingVer1BackingInfo",
            fileName=_path(model, disk),
            datastore=Ref("Datastore", disk.datastore),
            lunUuid="0200" + disk.lun.removeprefix("naa."),
            deviceName=f"vml.0200{disk.lun.removeprefix('naa.')}",
            compatibilityMode="physicalMode",
            diskMode=disk.mode,
            uuid=disk.uuid,
        )
    else:
        backing = Data(
            "VirtualDiskFlatVer2BackingInfo",
            fileName=_path(model, disk),
            datastore=Ref("Datastore", disk.datastore),
            diskMode=disk.mode,
            thinProvisioned=disk.thin,
            uuid=disk.uuid,
        )
    return Data(
        "VirtualDisk",
        key=disk.key,
        deviceInfo=Data("Description", label=f"Hard disk {disk.key - 1999}", summary=f"{disk.capacity // 1024:,} KB"),
        backing=backing,
        controllerKey=1000,
        unitNumber=disk.key - 2000,
        capacityInKB=disk.capacity // 1024,
        capacityInBytes=disk.capacity,
    )


def _nic(model: Model, nic: Nic) -> Data:
    network = model.get(nic.network)
    if network.facts.switch:
        uuid = model.get(network.facts.switch).facts.uuid
        port = Data("DistributedVirtualSwitchPortConnection", switchUuid=uuid, portgroupKey=nic.network, portKey="7")
        backing = Data("VirtualEthernetCardDistributedVirtualPortBackingInfo", port=port)
    else:
        backing = Data("VirtualEthernetCardNetworkBackingInfo", deviceName=network.facts.name, network=network.ref)
    return Data(
        "VirtualVmxnet3",
        key=nic.key,
        deviceInfo=Data("Description", label=f"Network adapter {nic.key - 3999}", summary=network.facts.name),
        backing=backing,
        controllerKey=100,
        unitNumber=7 + nic.key - 4000,
        addressType="manual",
        macAddress=nic.mac,
        externalId=nic.port,
    )


def _devices(model: Model, vm: Vm) -> list[Data]:
    controller = Data(
        "ParaVirtualSCSIController",
        key=1000,
        deviceInfo=Data("Description", label="SCSI controller 0", summary="VMware paravirtual SCSI"),
        controllerKey=100,
        unitNumber=3,
        busNumber=0,
        device=[disk.key for disk in vm.disks],
        hotAddRemove=True,
        sharedBus="noSharing",
        scsiCtlrUnitNumber=7,
    )
    return [controller, *(_disk(model, disk) for disk in vm.disks), *(_nic(model, nic) for nic in vm.nics)]


def _config(model: Model, node: Node) -> Data:
    vm: Vm = node.facts
    return Data(
        "VirtualMachineConfigInfo",
        changeVersion="2026-01-01T00:00:00.000000Z",
        modified=Time(0),
        name=vm.name,
        guestFullName=GUESTS.get(vm.guest, vm.guest),
        version="vmx-19",
        uuid=vm.uuid,
        instanceUuid=vm.instance_uuid,
        template=vm.template,
        guestId=vm.guest,
        alternateGuestName="",
        annotation=vm.annotation,
        files=Data("VirtualMachineFileInfo", vmPathName=_home(model, vm)),
        tools=Data("ToolsConfigInfo", toolsVersion=12384),
        flags=Data("VirtualMachineFlagInfo", diskUuidEnabled=True),
        defaultPowerOps=Data("VirtualMachineDefaultPowerOpInfo", powerOffType="soft"),
        hardware=Data(
            "VirtualHardware",
            numCPU=vm.cpus,
            numCoresPerSocket=1,
            memoryMB=vm.memory_mb,
            device=_devices(model, vm),
        ),
        extraConfig=[Data("OptionValue", key=key, value=value) for key, value in vm.extra],
        firmware="bios",
        managedBy=_managed_by(vm),
    )


_MANAGERS = {
    "nvp.vm-uuid": ("org.openstack.compute", "instance"),  # nova/virt/vmwareapi/constants.py
    "cinder.volume.id": ("org.openstack.storage", "volume"),  # cinder/volume/drivers/vmware/vmdk.py
}
"""Key of extraConfig -> extension and type with which the same service marks a machine as its own."""


def _managed_by(vm: Vm) -> Data | None:
    if vm.manager is not None:
        return Data("ManagedByInfo", extensionKey=vm.manager[0], type=vm.manager[1])
    for key, _ in vm.extra:
        if key in _MANAGERS:
            extension, kind = _MANAGERS[key]
            return Data("ManagedByInfo", extensionKey=extension, type=kind)
    return None


def _tree(node: Node, snapshot: Snapshot, number: int) -> Data:
    vm: Vm = node.facts
    return Data(
        "VirtualMachineSnapshotTree",
        snapshot=Ref("VirtualMachineSnapshot", snapshot.moid),
        vm=node.ref,
        name=snapshot.name,
        description="",
        id=number,
        createTime=Time(snapshot.created),
        state=vm.power,
        quiesced=False,
        childSnapshotList=[_tree(node, child, number + 1) for child in snapshot.children],
    )


def _snapshot(_model: Model, node: Node) -> Data | None:
    vm: Vm = node.facts
    if not vm.snapshots:
        return None
    current = vm.snapshots[-1]
    while current.children:
        current = current.children[-1]
    return Data(
        "VirtualMachineSnapshotInfo",
        currentSnapshot=Ref("VirtualMachineSnapshot", current.moid),
        rootSnapshotList=[_tree(node, one, 1 + 10 * n) for n, one in enumerate(vm.snapshots)],
    )


def _layout(model: Model, node: Node) -> Data:
    """Disk and snapshot files: where the size of a snapshot can be read (VirtualMachineFileLayoutEx)."""
    vm: Vm = node.facts
    names = [(_path(model, disk), disk.capacity // 2, "diskExtent") for disk in vm.disks]
    flat: list[Snapshot] = list(vm.snapshots)
    for one in flat:
        flat.extend(one.children)
    home = _home(model, vm).removesuffix(".vmx")
    names.extend((f"{home}-Snapshot{n}.vmsn", 3 << 20, "snapshotData") for n, _ in enumerate(flat))
    names.extend((f"{home}-{n:06d}-delta.vmdk", (n + 1) << 30, "diskExtent") for n, _ in enumerate(flat))
    files = [
        Data("VirtualMachineFileLayoutExFileInfo", key=n, name=name, type=kind, size=size, uniqueSize=size)
        for n, (name, size, kind) in enumerate(names)
    ]
    first = len(vm.disks)
    snapshots = [
        Data(
            "VirtualMachineFileLayoutExSnapshotLayout",
            key=Ref("VirtualMachineSnapshot", one.moid),
            dataKey=first + n,
            memoryKey=-1,
            disk=[
                Data(
                    "VirtualMachineFileLayoutExDiskLayout",
                    key=2000,
                    chain=[Data("VirtualMachineFileLayoutExDiskUnit", fileKey=[first + len(flat) + n])],
                )
            ],
        )
        for n, one in enumerate(flat)
    ]
    return Data("VirtualMachineFileLayoutEx", file=files, snapshot=snapshots, timestamp=Time(model.started))


def _parent(model: Model, node: Node) -> Ref | None:
    """Null for a machine in a vApp (ManagedEntity.parent)."""
    return None if _vapp(model, node) else model.get(node.parent or "").ref


def _vapp(model: Model, node: Node) -> Ref | None:
    owner = model.nodes.get(node.parent or "")
    return owner.ref if owner and owner.kind == "VirtualApp" else None


VM: Mapping[str, Callable[[Model, Node], Any]] = {
    **ENTITY,
    "parent": _parent,
    "parentVApp": _vapp,
    "runtime": _runtime,
    "summary": _summary,
    "config": _config,
    "guest": _guest,
    "guestHeartbeatStatus": lambda _, node: _heartbeat(node.facts),
    "snapshot": _snapshot,
    "rootSnapshot": lambda _, node: [Ref("VirtualMachineSnapshot", one.moid) for one in node.facts.snapshots],
    "layoutEx": _layout,
    "resourcePool": lambda model, node: model.get(node.facts.pool).ref,
    "datastore": lambda _, node: [Ref("Datastore", moid) for moid in node.facts.datastores],
    "network": lambda model, node: [model.get(moid).ref for moid in node.facts.networks],
}
