"""The fixed metric families: name, kind, help and where each comes from. The only list of them.

Families of performance counters are named by a rule instead (see ``vcenter.counters``), those about the agent itself
are in ``telemetry``. A series is absent where its value is unknown: not readable, not told, or not applicable.
"""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.model import Family, Kind

_UNITS = ("bytes", "seconds", "hertz")

_TITLES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.VM: "virtual machine",
        Kind.HOST: "ESXi host",
        Kind.CLUSTER: "cluster",
        Kind.DATASTORE: "datastore",
        Kind.RESOURCE_POOL: "resource pool",
        Kind.VAPP: "vApp",
        Kind.DATACENTER: "datacenter",
        Kind.FOLDER: "folder",
        Kind.SWITCH: "distributed switch",
        Kind.PORTGROUP: "distributed port group",
    }
)


def _gauge(name: str, text: str, source: str) -> Family:
    unit = name.rpartition("_")[2]
    return Family(f"vsphere_{name}", "gauge", text, unit if unit in _UNITS else "", source)


def _info(name: str, text: str, source: str) -> Family:
    return Family(f"vsphere_{name}_info", "info", text, "", source)


def _of_each(name: str, text: str, source: str) -> Mapping[Kind, Family]:
    """The same family for every kind; ``{}`` in the help is the kind's title."""
    return MappingProxyType(
        {kind: _gauge(f"{kind.value}_{name}", text.format(title), source) for kind, title in _TITLES.items()}
    )


INFO: Mapping[Kind, Family] = MappingProxyType(
    {
        kind: _info(kind.value, f"Identity and place of a {title}; 1.".replace("a ESXi", "an ESXi"), "inventory")
        for kind, title in _TITLES.items()
    }
)
OVERALL_STATUS = _of_each(
    "overall_status", "1 for the overall status (status) that vCenter gives the {}.", "ManagedEntity.overallStatus"
)

ENTITIES = _gauge("entities", "Number of selected objects in the inventory, by kind.", "inventory")
ALARMS = _gauge(
    "alarms",
    "Number of triggered alarms on an object, by severity; absent without one.",
    "ManagedEntity.triggeredAlarmState",
)
ALARM_INFO = _info("alarm", "A triggered alarm, and whether someone acknowledged it; 1.", "AlarmState, Alarm.info.name")
ALARM_TRIGGERED = _gauge(
    "alarm_triggered_timestamp_seconds", "When a triggered alarm took its present severity.", "AlarmState.time"
)
CUSTOM_ATTRIBUTE = _info(
    "custom_attribute", "A custom attribute of an object; 1.", "ManagedEntity.customValue, CustomFieldsManager.field"
)

VM_POWER_STATE = _gauge(
    "vm_power_state", "1 for the power state (state) of the virtual machine.", "VirtualMachine.runtime.powerState"
)
VM_CONNECTION_STATE = _gauge(
    "vm_connection_state",
    "1 for the state (state) of the connection between vCenter and the virtual machine.",
    "VirtualMachine.runtime.connectionState",
)
VM_VCPUS = _gauge("vm_vcpus", "Number of virtual CPUs.", "VirtualMachine.config.hardware.numCPU")
VM_MEMORY = _gauge(
    "vm_memory_bytes", "Configured memory of the virtual machine.", "VirtualMachine.config.hardware.memoryMB"
)
VM_NICS = _gauge("vm_nics", "Number of virtual network cards.", "VirtualMachine.config.hardware.device")
VM_BOOT_TIME = _gauge(
    "vm_boot_timestamp_seconds", "When the virtual machine was powered on last.", "VirtualMachine.runtime.bootTime"
)
VM_TOOLS_RUNNING = _gauge(
    "vm_tools_running",
    "Whether VMware Tools run in the guest (1) or not (0).",
    "VirtualMachine.guest.toolsRunningStatus",
)
VM_TOOLS = _info("vm_tools", "State and version of VMware Tools; 1.", "VirtualMachine.guest")
VM_GUEST = _info("vm_guest", "Name and address that the guest reports; 1.", "VirtualMachine.guest")
VM_DISK_CAPACITY = _gauge("vm_disk_capacity_bytes", "Size of a virtual disk.", "VirtualDisk.capacityInBytes")
VM_DISK = _info(
    "vm_disk", "Backing, mode, datastore and Cinder volume of a virtual disk; 1.", "VirtualDisk.backing, extraConfig"
)
VM_NIC = _info(
    "vm_nic",
    "Address, network and Neutron port of a virtual network card; 1.",
    "VirtualEthernetCard, extraConfig",
)
VM_SNAPSHOTS = _gauge("vm_snapshots", "Number of snapshots.", "VirtualMachine.snapshot")
VM_SNAPSHOT_OLDEST = _gauge(
    "vm_snapshot_oldest_timestamp_seconds",
    "When the oldest snapshot was made.",
    "VirtualMachineSnapshotTree.createTime",
)
VM_SNAPSHOT_BYTES = _gauge(
    "vm_snapshot_bytes",
    "Space taken since the oldest snapshot was made, with saved memory; read every 5 minutes.",
    "VirtualMachine.layoutEx",
)
VM_CONSOLIDATION = _gauge(
    "vm_disk_consolidation_needed",
    "Whether disks of removed snapshots are left over (1) or not (0).",
    "VirtualMachine.runtime.consolidationNeeded",
)

HOST_POWER_STATE = _gauge(
    "host_power_state", "1 for the power state (state) of the ESXi host.", "HostSystem.runtime.powerState"
)
HOST_CONNECTION_STATE = _gauge(
    "host_connection_state",
    "1 for the state (state) of the connection between vCenter and the ESXi host.",
    "HostSystem.runtime.connectionState",
)
HOST_MAINTENANCE = _gauge(
    "host_maintenance_mode",
    "Whether the ESXi host is in maintenance mode (1) or not (0).",
    "HostSystem.runtime.inMaintenanceMode",
)
HOST_HA_STATE = _gauge(
    "host_ha_state", "1 for the state (state) of the host in vSphere HA.", "HostSystem.runtime.dasHostState.state"
)
HOST_CPU_PACKAGES = _gauge(
    "host_cpu_packages", "Number of physical CPU packages (sockets).", "HostSystem.summary.hardware.numCpuPkgs"
)
HOST_CPU_CORES = _gauge("host_cpu_cores", "Number of physical CPU cores.", "HostSystem.summary.hardware.numCpuCores")
HOST_CPU_THREADS = _gauge("host_cpu_threads", "Number of CPU threads.", "HostSystem.summary.hardware.numCpuThreads")
HOST_CPU_HERTZ = _gauge("host_cpu_core_hertz", "Frequency of one CPU core.", "HostSystem.summary.hardware.cpuMhz")
HOST_MEMORY = _gauge("host_memory_bytes", "Physical memory of the ESXi host.", "HostSystem.summary.hardware.memorySize")
HOST_NICS = _gauge("host_nics", "Number of physical network cards.", "HostSystem.summary.hardware.numNics")
HOST_HBAS = _gauge("host_hbas", "Number of host bus adapters.", "HostSystem.summary.hardware.numHBAs")
HOST_BOOT_TIME = _gauge("host_boot_timestamp_seconds", "When the ESXi host booted.", "HostSystem.runtime.bootTime")
HOST_PATHS = _gauge(
    "host_storage_paths", "Number of paths to storage, by state.", "HostSystem.config.storageDevice.multipathInfo"
)
HOST_LUNS = _gauge(
    "host_storage_luns", "Number of logical units that the host sees.", "HostSystem.config.storageDevice.multipathInfo"
)
HOST_LUNS_NO_REDUNDANCY = _gauge(
    "host_storage_luns_without_redundancy",
    "Number of logical units of several paths of which one is left that is active or standby.",
    "HostSystem.config.storageDevice.multipathInfo",
)
HOST_LUNS_DOWN = _gauge(
    "host_storage_luns_down",
    "Number of logical units of which no path is active or standby.",
    "HostSystem.config.storageDevice.multipathInfo",
)
HOST_CERTIFICATE = _gauge(
    "host_certificate_expiry_timestamp_seconds",
    "When the certificate of the ESXi host ends.",
    "HostSystem.config.certificate",
)

CLUSTER_HOSTS = _gauge("cluster_hosts", "Number of ESXi hosts in the cluster.", "ComputeResource.summary.numHosts")
CLUSTER_EFFECTIVE_HOSTS = _gauge(
    "cluster_effective_hosts",
    "Number of ESXi hosts that can run virtual machines: connected and not in maintenance mode.",
    "ComputeResource.summary.numEffectiveHosts",
)
CLUSTER_CPU_CORES = _gauge(
    "cluster_cpu_cores", "Number of physical CPU cores of all hosts.", "ComputeResource.summary.numCpuCores"
)
CLUSTER_CPU_THREADS = _gauge(
    "cluster_cpu_threads", "Number of CPU threads of all hosts.", "ComputeResource.summary.numCpuThreads"
)
CLUSTER_CPU = _gauge("cluster_cpu_hertz", "CPU capacity of all hosts.", "ComputeResource.summary.totalCpu")
CLUSTER_EFFECTIVE_CPU = _gauge(
    "cluster_effective_cpu_hertz",
    "CPU capacity for virtual machines, of the effective hosts.",
    "ComputeResource.summary.effectiveCpu",
)
CLUSTER_MEMORY = _gauge("cluster_memory_bytes", "Memory of all hosts.", "ComputeResource.summary.totalMemory")
CLUSTER_EFFECTIVE_MEMORY = _gauge(
    "cluster_effective_memory_bytes",
    "Memory for virtual machines, of the effective hosts.",
    "ComputeResource.summary.effectiveMemory",
)
CLUSTER_HA = _gauge(
    "cluster_ha_enabled",
    "Whether vSphere HA is on (1) or off (0).",
    "ClusterComputeResource.configuration.dasConfig.enabled",
)
CLUSTER_ADMISSION_CONTROL = _gauge(
    "cluster_ha_admission_control_enabled",
    "Whether vSphere HA refuses virtual machines that it could not restart (1) or not (0).",
    "ClusterComputeResource.configuration.dasConfig.admissionControlEnabled",
)
CLUSTER_FAILOVER = _gauge(
    "cluster_ha_failover_hosts",
    "Number of hosts that may fail now without lack of resources.",
    "ClusterComputeResource.summary.currentFailoverLevel",
)
CLUSTER_FAILOVER_CONFIGURED = _gauge(
    "cluster_ha_configured_failover_hosts",
    "Number of hosts that may fail, as configured.",
    "ClusterComputeResource.configuration.dasConfig.failoverLevel",
)
CLUSTER_DRS = _gauge(
    "cluster_drs_enabled",
    "Whether DRS is on (1) or off (0).",
    "ClusterComputeResource.configuration.drsConfig.enabled",
)
CLUSTER_DRS_LEVEL = _gauge(
    "cluster_drs_automation",
    "1 for the automation level (level) of DRS.",
    "ClusterComputeResource.configuration.drsConfig.defaultVmBehavior",
)

DATASTORE_CAPACITY = _gauge("datastore_capacity_bytes", "Size of the datastore.", "Datastore.summary.capacity")
DATASTORE_FREE = _gauge("datastore_free_bytes", "Free space of the datastore.", "Datastore.summary.freeSpace")
DATASTORE_UNCOMMITTED = _gauge(
    "datastore_uncommitted_bytes",
    "Space that thin disks and swap files may still claim.",
    "Datastore.summary.uncommitted",
)
DATASTORE_PROVISIONED = _gauge(
    "datastore_provisioned_bytes",
    "Space used and promised: capacity less free plus uncommitted.",
    "Datastore.summary",
)
DATASTORE_ACCESSIBLE = _gauge(
    "datastore_accessible",
    "Whether some host can access the datastore (1) or none (0).",
    "Datastore.summary.accessible",
)
DATASTORE_MAINTENANCE = _gauge(
    "datastore_maintenance_state",
    "1 for the maintenance mode (state) of the datastore.",
    "Datastore.summary.maintenanceMode",
)
DATASTORE_MOUNT_ACCESSIBLE = _gauge(
    "datastore_mount_accessible",
    "Whether the host can access the datastore (1) or not (0).",
    "DatastoreHostMount.mountInfo",
)
DATASTORE_MOUNTED = _gauge(
    "datastore_mount_mounted",
    "Whether the host has the datastore mounted (1) or not (0).",
    "DatastoreHostMount.mountInfo",
)


def _of_pools(name: str, text: str, source: str) -> Mapping[Kind, Family]:
    return MappingProxyType(
        {
            kind: _gauge(f"{kind.value}_{name}", text, f"ResourcePool.{source}")
            for kind in (Kind.RESOURCE_POOL, Kind.VAPP)
        }
    )


POOL_CPU_RESERVATION = _of_pools(
    "cpu_reservation_hertz", "CPU reserved for the pool.", "config.cpuAllocation.reservation"
)
POOL_CPU_RESERVATION_USED = _of_pools(
    "cpu_reservation_used_hertz", "CPU reserved by what is in the pool.", "runtime.cpu.reservationUsed"
)
POOL_CPU_LIMIT = _of_pools(
    "cpu_limit_hertz", "Most CPU that the pool may use; absent where unlimited.", "config.cpuAllocation.limit"
)
POOL_MEMORY_RESERVATION = _of_pools(
    "memory_reservation_bytes", "Memory reserved for the pool.", "config.memoryAllocation.reservation"
)
POOL_MEMORY_RESERVATION_USED = _of_pools(
    "memory_reservation_used_bytes", "Memory reserved by what is in the pool.", "runtime.memory.reservationUsed"
)
POOL_MEMORY_LIMIT = _of_pools(
    "memory_limit_bytes", "Most memory that the pool may use; absent where unlimited.", "config.memoryAllocation.limit"
)
VAPP_STATE = _gauge("vapp_state", "1 for the state (state) of the vApp.", "VirtualApp.summary.vAppState")

SWITCH_MTU = _gauge("switch_mtu_bytes", "Largest frame of the distributed switch.", "VMwareDVSConfigInfo.maxMtu")
SWITCH_UPLINKS = _gauge("switch_uplinks", "Number of uplinks per host.", "DVSConfigInfo.uplinkPortPolicy")
SWITCH_PORTS = _gauge("switch_ports", "Number of ports of the distributed switch.", "DVSConfigInfo.numPorts")
SWITCH_HOSTS = _gauge(
    "switch_hosts", "Number of ESXi hosts that are members of the distributed switch.", "DVSConfigInfo.host"
)
PORTGROUP_PORTS = _gauge(
    "portgroup_ports", "Number of ports of the distributed port group.", "DVPortgroupConfigInfo.numPorts"
)

INVENTORY_COMPLETE = Family(
    "novacenter_inventory_complete", "gauge", "Whether all properties were listed (1) or only the first few (0)."
)
INVENTORY_MISSING = Family(
    "novacenter_inventory_properties_missing",
    "gauge",
    "Number of objects of a vSphere type that lack a property: reason is vCenter's fault, or unreadable.",
)


def every_family() -> tuple[Family, ...]:
    """All families of this list, by name."""
    found: list[Family] = []
    for entry in globals().values():
        if isinstance(entry, Family):
            found.append(entry)
        elif isinstance(entry, Mapping):
            found.extend(family for family in entry.values() if isinstance(family, Family))
    return tuple(sorted(found, key=lambda family: family.name))
