"""A host's properties as the vSphere API reference defines them (HostSystem)."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.data import Data, Ref, Time
from simulator.entity_properties import ENTITY, custom_values, refs
from simulator.facts import Host, Lun
from simulator.model import Model
from simulator.store import Node
from simulator.tls import host_certificate

GIB = 1 << 30


def _runtime(_model: Model, node: Node) -> Data:
    host: Host = node.facts
    connected = host.connection == "connected"
    return Data(
        "HostRuntimeInfo",
        connectionState=host.connection,
        powerState="unknown" if host.connection == "notResponding" else "poweredOn",
        standbyMode="none",
        inMaintenanceMode=host.maintenance,
        inQuarantineMode=False,
        bootTime=Time(host.booted) if connected else None,
        healthSystemRuntime=_health() if connected else None,
        dasHostState=Data("ClusterDasFdmHostState", state="connectedToMaster") if connected else None,
    )


def _health() -> Data:
    green = Data(
        "ElementDescription", label="Green", summary="Sensor is operating under normal conditions", key="Green"
    )
    red = Data("ElementDescription", label="Red", summary="Sensor is failing", key="Red")
    sensors = (
        ("System Board 1 Ambient Temp", green, 2300, -2, "degrees C", "temperature"),
        ("System Board 1 Fan 1", green, 672000, -2, "RPM", "fan"),
        ("Power Supply 1 Input", green, 23000, -2, "Volts", "voltage"),
        ("Power Supply 1 Output", green, 29000, -2, "Watts", "power"),
        ("Power Supply 2 Current", red, 0, -2, "Amps", "power"),
    )
    numeric = [
        Data(
            "HostNumericSensorInfo",
            name=name,
            healthState=state,
            currentReading=reading,
            unitModifier=modifier,
            baseUnits=unit,
            sensorType=kind,
        )
        for name, state, reading, modifier, unit, kind in sensors
    ]
    cpus = [Data("HostHardwareElementInfo", name=f"CPU{n} Level-1 Cache", status=green) for n in (1, 2)]
    memory = [Data("HostHardwareElementInfo", name="Memory 1", status=green)]
    return Data(
        "HealthSystemRuntime",
        systemHealthInfo=Data("HostSystemHealthInfo", numericSensorInfo=numeric),
        hardwareStatusInfo=Data("HostHardwareStatusInfo", memoryStatusInfo=memory, cpuStatusInfo=cpus),
    )


def _product(host: Host) -> Data:
    return Data(
        "AboutInfo",
        name="VMware ESXi",
        fullName=f"VMware ESXi {host.version} build-{host.build}",
        vendor="VMware, Inc.",
        version=host.version,
        build=host.build,
        osType="vmnix-x86",
        productLineId="embeddedEsx",
        apiType="HostAgent",
        apiVersion=f"{host.version}.0",
    )


def _hardware_summary(host: Host) -> Data:
    return Data(
        "HostHardwareSummary",
        vendor="Dell Inc.",
        model="PowerEdge R650",
        uuid=host.uuid,
        memorySize=host.memory,
        cpuModel="Intel(R) Xeon(R) Gold 6346 CPU @ 2.60GHz",
        cpuMhz=host.mhz,
        numCpuPkgs=2,
        numCpuCores=host.cores,
        numCpuThreads=host.cores * 2,
        numNics=len(host.nics),
        numHBAs=len(host.hbas),
    )


def _summary(model: Model, node: Node) -> Data:
    host: Host = node.facts
    busy = 200 + sum(vm.facts.cpus * 310 for vm in model.vms_of(node.moid) if vm.facts.power == "poweredOn")
    if host.load is not None:
        busy = round(host.load * host.cores * host.mhz)
    memory = sum(vm.facts.memory_mb for vm in model.vms_of(node.moid) if vm.facts.power == "poweredOn")
    return Data(
        "HostListSummary",
        host=node.ref,
        hardware=_hardware_summary(host),
        runtime=_runtime(model, node),
        config=Data(
            "HostConfigSummary",
            name=host.name,
            port=443,
            product=_product(host),
            vmotionEnabled=True,
            faultToleranceEnabled=False,
        ),
        quickStats=Data(
            "HostListSummaryQuickStats",
            overallCpuUsage=busy,
            overallMemoryUsage=memory + 2048,
            uptime=int(max(0.0, model.now() - host.booted)),
        ),
        overallStatus=host.status,
        rebootRequired=False,
        customValue=custom_values(node),
        managementServerIp="192.0.2.10",
    )


def _hardware(_model: Model, node: Node) -> Data:
    host: Host = node.facts
    return Data(
        "HostHardwareInfo",
        systemInfo=Data("HostSystemInfo", vendor="Dell Inc.", model="PowerEdge R650", uuid=host.uuid),
        cpuInfo=Data(
            "HostCpuInfo",
            numCpuPackages=2,
            numCpuCores=host.cores,
            numCpuThreads=host.cores * 2,
            hz=host.mhz * 1_000_000,
        ),
        cpuPkg=[
            Data(
                "HostCpuPackage",
                index=index,
                vendor="intel",
                hz=host.mhz * 1_000_000,
                busHz=100_000_000,
                description="Intel(R) Xeon(R) Gold 6346 CPU @ 2.60GHz",
                threadId=list(range(index * host.cores, (index + 1) * host.cores)),
            )
            for index in range(2)
        ],
        memorySize=host.memory,
        smcPresent=False,
    )


def _unit(host: Host, number: int, lun: Lun) -> Data:
    key = f"key-vim.host.ScsiDisk-0200{lun.name.removeprefix('naa.')}"
    paths = []
    for index, state in enumerate(lun.paths):
        hba = host.hbas[index % len(host.hbas)]
        name = f"{hba}:C0:T{index // len(host.hbas)}:L{number}"
        paths.append(
            Data(
                "HostMultipathInfoPath",
                key=f"key-vim.host.MultipathInfo.Path-{name}",
                name=name,
                pathState=state,
                state=state,
                isWorkingPath=state == "active",
                adapter=f"key-vim.host.FibreChannelHba-{hba}",
                lun=key,
            )
        )
    unit = "HostMultipathInfoLogicalUnit"
    policy = Data("HostMultipathInfoLogicalUnitPolicy", policy="VMW_PSP_RR")
    return Data(unit, key=f"key-{unit}-{lun.name}", id=lun.name, lun=key, path=paths, policy=policy)


def _disk(lun: Lun) -> Data:
    return Data(
        "HostScsiDisk",
        deviceName=f"/vmfs/devices/disks/{lun.name}",
        deviceType="disk",
        key=f"key-vim.host.ScsiDisk-0200{lun.name.removeprefix('naa.')}",
        uuid="0200" + lun.name.removeprefix("naa."),
        canonicalName=lun.name,
        displayName=f"Fibre Channel Disk ({lun.name})",
        lunType="disk",
        vendor="NETAPP",
        operationalState=["ok" if "active" in lun.paths else "lostCommunication"],
        capacity=Data("HostDiskDimensionsLba", blockSize=512, block=lun.capacity // 512),
        devicePath=f"/vmfs/devices/disks/{lun.name}",
        ssd=True,
    )


def _storage(host: Host) -> Data:
    hbas = [
        Data(
            "HostFibreChannelHba",
            key=f"key-vim.host.FibreChannelHba-{hba}",
            device=hba,
            bus=59 + number,
            status="online",
            model="QLE2692",
            portWorldWideName=2377900603251621888 + number,
            nodeWorldWideName=2305843009213693952 + number,
            portType="fabric",
            speed=16,
        )
        for number, hba in enumerate(host.hbas)
    ]
    units = [_unit(host, number, lun) for number, lun in enumerate(host.luns)]
    return Data(
        "HostStorageDeviceInfo",
        hostBusAdapter=hbas,
        scsiLun=[_disk(lun) for lun in host.luns],
        multipathInfo=Data("HostMultipathInfo", lun=units),
        softwareInternetScsiEnabled=False,
    )


def _config(model: Model, node: Node) -> Data:
    host: Host = node.facts
    storage = _storage(host)
    states = [
        Data("HostMultipathStateInfoPath", name=path.fields["name"], pathState=path.fields["pathState"])
        for unit in storage.fields["multipathInfo"].fields["lun"]
        for path in unit.fields["path"]
    ]
    expires = model.started + host.certificate_days * 86400
    return Data(
        "HostConfigInfo",
        host=node.ref,
        product=_product(host),
        storageDevice=storage,
        multipathState=Data("HostMultipathStateInfo", path=states),
        certificate=list(host_certificate(host.name, expires)),
    )


HOST: Mapping[str, Callable[[Model, Node], Any]] = {
    **ENTITY,
    "runtime": _runtime,
    "summary": _summary,
    "hardware": _hardware,
    "config": lambda model, node: _config(model, node) if node.facts.connection == "connected" else None,
    "vm": lambda model, node: refs(model.vms_of(node.moid)),
    "datastore": lambda _, node: [Ref("Datastore", moid) for moid in node.facts.datastores],
    "network": lambda model, node: [model.get(moid).ref for moid in node.facts.networks],
}
