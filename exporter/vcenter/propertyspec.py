"""Which properties of which type are read, in one table, and the PropertyCollector's filter that asks for them. Pure.

CORE is little, and enough to start asking for performance samples; DETAILS is the rest. Every path exists in API 6.5
(vSphere API reference) and leads through declared types only: a member of a subtype (``VMwareDVSConfigInfo.maxMtu``)
is read with its parent. A path that changes every few seconds (quick statistics) is not asked for.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GuessWsdlType

from exporter.model import VIM_TYPES
from exporter.vcenter import readers as read
from exporter.vcenter import vmreaders as vm
from exporter.vcenter.properties import Readers

CUSTOM_FIELDS = "CustomFieldsManager"
ALARM = "Alarm"

_ENTITY_CORE = {"name": read.text, "parent": read.keyword, "overallStatus": read.keyword}
_ENTITY_DETAILS = {"triggeredAlarmState": read.alarms, "customValue": read.custom_values}

_POOL_CORE = {"owner": read.keyword}
_POOL_DETAILS = {
    "config.cpuAllocation.reservation": read.integer,
    "config.cpuAllocation.limit": read.integer,
    "config.memoryAllocation.reservation": read.integer,
    "config.memoryAllocation.limit": read.integer,
    "runtime.cpu.reservationUsed": read.integer,
    "runtime.memory.reservationUsed": read.integer,
}

_SWITCH = {"config": read.switch, "summary.hostMember": read.references, "uuid": read.text}

_CORE: Readers = {
    "VirtualMachine": {
        "runtime.powerState": read.keyword,
        "runtime.connectionState": read.keyword,
        "runtime.host": read.keyword,
        "resourcePool": read.keyword,
        "parentVApp": read.keyword,
    },
    "HostSystem": {
        "runtime.powerState": read.keyword,
        "runtime.connectionState": read.keyword,
        "runtime.inMaintenanceMode": read.boolean,
    },
    "Datastore": {"summary.accessible": read.boolean},
    "ResourcePool": _POOL_CORE,
    "VirtualApp": _POOL_CORE,
}

_DETAILS: Readers = {
    "VirtualMachine": {
        "config.annotation": vm.annotation,
        "config.extraConfig": vm.options,
        "config.guestFullName": read.keyword,
        "config.hardware.device": vm.devices,
        "config.hardware.memoryMB": read.integer,
        "config.hardware.numCPU": read.integer,
        "config.instanceUuid": read.text,
        "config.managedBy": vm.managed_by,
        "config.template": read.boolean,
        "config.uuid": read.text,
        "config.version": read.keyword,
        "guest.guestFullName": read.keyword,
        "guest.hostName": read.text,
        "guest.ipAddress": read.text,
        "guest.toolsRunningStatus": read.keyword,
        "guest.toolsVersion": read.keyword,
        "guest.toolsVersionStatus2": read.keyword,
        "runtime.bootTime": read.instant,
        "runtime.consolidationNeeded": read.boolean,
        "snapshot": vm.snapshots,
    },
    "HostSystem": {
        "config.certificate": read.certificate_expiry,
        "config.storageDevice.multipathInfo": read.multipath,
        "runtime.bootTime": read.instant,
        "runtime.dasHostState.state": read.keyword,
        "summary.config.product.build": read.keyword,
        "summary.config.product.version": read.keyword,
        "summary.hardware.cpuMhz": read.integer,
        "summary.hardware.cpuModel": read.keyword,
        "summary.hardware.memorySize": read.integer,
        "summary.hardware.model": read.keyword,
        "summary.hardware.numCpuCores": read.integer,
        "summary.hardware.numCpuPkgs": read.integer,
        "summary.hardware.numCpuThreads": read.integer,
        "summary.hardware.numHBAs": read.integer,
        "summary.hardware.numNics": read.integer,
        "summary.hardware.uuid": read.text,
        "summary.hardware.vendor": read.keyword,
    },
    "ClusterComputeResource": {
        "configuration.dasConfig.admissionControlEnabled": read.boolean,
        "configuration.dasConfig.enabled": read.boolean,
        "configuration.dasConfig.failoverLevel": read.integer,
        "configuration.drsConfig.defaultVmBehavior": read.keyword,
        "configuration.drsConfig.enabled": read.boolean,
        "summary": read.cluster_summary,
    },
    "ComputeResource": {"summary": read.cluster_summary},
    "Datastore": {
        "host": read.mounts,
        "summary.capacity": read.integer,
        "summary.freeSpace": read.integer,
        "summary.maintenanceMode": read.keyword,
        "summary.multipleHostAccess": read.boolean,
        "summary.type": read.keyword,
        "summary.uncommitted": read.integer,
        "summary.url": read.text,
    },
    "ResourcePool": _POOL_DETAILS,
    "VirtualApp": {**_POOL_DETAILS, "summary": read.vapp_state},
    "DistributedVirtualSwitch": _SWITCH,
    "VmwareDistributedVirtualSwitch": _SWITCH,
    "DistributedVirtualPortgroup": {
        "config.defaultPortConfig": read.vlan,
        "config.distributedVirtualSwitch": read.keyword,
        "config.numPorts": read.integer,
        "config.type": read.keyword,
    },
}

CORE: Readers = MappingProxyType({name: {**_ENTITY_CORE, **_CORE.get(name, {})} for name in VIM_TYPES})
"""Enough for names, parents, labels and whether there are samples to ask for."""

FULL: Readers = MappingProxyType(
    {name: {**CORE[name], **_ENTITY_DETAILS, **_DETAILS.get(name, {})} for name in VIM_TYPES}
    | {CUSTOM_FIELDS: {"field": read.custom_fields}}
)
"""CORE and DETAILS, and the names of the custom attributes."""

ASKED_LATER: Readers = MappingProxyType({ALARM: {"info.name": read.text}, "VirtualMachine": {"layoutEx": vm.layout}})
"""Read only for the alarms that are triggered and the VMs that have snapshots."""

EVERYTHING: Readers = MappingProxyType(
    {name: {**FULL.get(name, {}), **ASKED_LATER.get(name, {})} for name in (*FULL, ALARM)}
)
"""Readers for whatever a reply may hold."""


def listing(view: Any, singles: Iterable[Any], readers: Readers) -> Any:
    """The FilterSpec over all objects of the ContainerView ``view`` and over ``singles``, each by itself."""
    selection = vmodl.query.PropertyCollector.TraversalSpec(
        name="view", type=vim.view.ContainerView, path="view", skip=False
    )
    objects = [vmodl.query.PropertyCollector.ObjectSpec(obj=view, skip=True, selectSet=[selection])]
    objects += [vmodl.query.PropertyCollector.ObjectSpec(obj=single, skip=False) for single in singles]
    return _spec(readers, objects)


def reading(objects: Iterable[Any], readers: Readers) -> Any:
    """The FilterSpec that reads ``readers`` of exactly ``objects``; one that is gone is left out instead of a fault."""
    spec = _spec(readers, [vmodl.query.PropertyCollector.ObjectSpec(obj=found, skip=False) for found in objects])
    spec.reportMissingObjectsInResults = True
    return spec


def _spec(readers: Readers, objects: list[Any]) -> Any:
    return vmodl.query.PropertyCollector.FilterSpec(
        propSet=[
            vmodl.query.PropertyCollector.PropertySpec(type=GuessWsdlType(name), all=False, pathSet=list(paths))
            for name, paths in readers.items()
        ],
        objectSet=objects,
    )
