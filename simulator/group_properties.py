"""Properties of what holds machines together: clusters, pools, datastores, networks, folders, datacenters, alarms."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.cluster_config import cluster_config, cluster_config_ex
from simulator.data import Data, Ref, Time
from simulator.entity_properties import ENTITY, custom_fields, refs
from simulator.facts import AlarmDefinition, Datacenter, Datastore, Folder, Host, Network, Pool, Switch
from simulator.model import Model
from simulator.store import Node

Properties = Mapping[str, Callable[[Model, Node], Any]]

MIB = 1 << 20


def _hosts(model: Model, moid: str) -> list[Node]:
    return [node for node in model.related("child", moid) if node.kind == "HostSystem"]


def _root_pool(model: Model, moid: str) -> Node:
    return next(node for node in model.related("child", moid) if node.kind == "ResourcePool")


def _distinct(moids: list[str]) -> list[str]:
    return list(dict.fromkeys(moids))


def _cluster_summary(model: Model, node: Node) -> Data:
    hosts: list[Host] = [host.facts for host in _hosts(model, node.moid)]
    usable = [host for host in hosts if host.connection == "connected" and not host.maintenance]
    return Data(
        "ClusterComputeResourceSummary",
        totalCpu=sum(host.cores * host.mhz for host in hosts),
        totalMemory=sum(host.memory for host in hosts),
        numCpuCores=sum(host.cores for host in hosts),
        numCpuThreads=sum(host.cores * 2 for host in hosts),
        effectiveCpu=sum(host.cores * host.mhz * 9 // 10 for host in usable),
        effectiveMemory=sum(host.memory // MIB * 9 // 10 for host in usable),
        numHosts=len(hosts),
        numEffectiveHosts=len(usable),
        overallStatus=node.facts.status,
        currentFailoverLevel=1,
        numVmotions=12,
        targetBalance=200,
        currentBalance=120,
    )


def _datastore_refs(model: Model, node: Node) -> list[Ref]:
    moids = [moid for host in _hosts(model, node.moid) for moid in host.facts.datastores]
    return [Ref("Datastore", moid) for moid in _distinct(moids)]


def _network_refs(model: Model, node: Node) -> list[Ref]:
    moids = [moid for host in _hosts(model, node.moid) for moid in host.facts.networks]
    return [model.get(moid).ref for moid in _distinct(moids)]


CLUSTER: Properties = {
    **ENTITY,
    "summary": _cluster_summary,
    "configuration": cluster_config,
    "configurationEx": cluster_config_ex,
    "host": lambda model, node: refs(_hosts(model, node.moid)),
    "resourcePool": lambda model, node: _root_pool(model, node.moid).ref,
    "datastore": _datastore_refs,
    "network": _network_refs,
}


def _standalone_summary(model: Model, node: Node) -> Data:
    fields = _cluster_summary(model, node).fields
    names = list(fields)
    return Data("ComputeResourceSummary", **{name: fields[name] for name in names[: names.index("overallStatus") + 1]})


STANDALONE: Properties = {
    **{name: prop for name, prop in CLUSTER.items() if name != "configuration"},
    "summary": _standalone_summary,
    "configurationEx": lambda *_: Data("ComputeResourceConfigInfo", vmSwapPlacement="vmDirectory"),
}


def _usage(total: int, used: int) -> Data:
    return Data(
        "ResourcePoolResourceUsage",
        reservationUsed=0,
        reservationUsedForVm=0,
        unreservedForPool=total,
        unreservedForVm=total,
        overallUsage=used,
        maxUsage=total,
    )


def _pool_runtime(model: Model, node: Node) -> Data:
    pool: Pool = node.facts
    hosts: list[Host] = [host.facts for host in _hosts(model, pool.owner)]
    running = [vm.facts for vm in model.related("vm.pool", node.moid) if vm.facts.power == "poweredOn"]
    memory = _usage(sum(h.memory for h in hosts), sum(vm.memory_mb for vm in running) * MIB)
    cpu = _usage(sum(h.cores * h.mhz for h in hosts), sum(vm.cpus * 310 for vm in running))
    return Data("ResourcePoolRuntimeInfo", memory=memory, cpu=cpu, overallStatus=pool.status)


def _allocation() -> Data:
    return Data(
        "ResourceAllocationInfo",
        reservation=0,
        expandableReservation=True,
        limit=-1,
        shares=Data("SharesInfo", shares=4000, level="normal"),
    )


def _pool_config(_model: Model, node: Node) -> Data:
    return Data("ResourceConfigSpec", entity=node.ref, cpuAllocation=_allocation(), memoryAllocation=_allocation())


def _pool_summary(model: Model, node: Node) -> Data:
    runtime = _pool_runtime(model, node)
    quick = Data(
        "ResourcePoolQuickStats",
        overallCpuUsage=runtime.fields["cpu"].fields["overallUsage"],
        guestMemoryUsage=runtime.fields["memory"].fields["overallUsage"] // MIB // 4,
        hostMemoryUsage=runtime.fields["memory"].fields["overallUsage"] // MIB,
        swappedMemory=0,
        balloonedMemory=0,
    )
    return Data(
        "ResourcePoolSummary",
        name=node.facts.name,
        config=_pool_config(model, node),
        runtime=runtime,
        quickStats=quick,
    )


def _children(model: Model, node: Node) -> list[Ref]:
    kinds = {"ResourcePool", "VirtualApp"}
    return refs([child for child in model.related("child", node.moid) if child.kind in kinds])


POOL: Properties = {
    **ENTITY,
    "summary": _pool_summary,
    "runtime": _pool_runtime,
    "config": _pool_config,
    "owner": lambda model, node: model.get(node.facts.owner).ref,
    "resourcePool": _children,
    "vm": lambda model, node: refs(model.related("vm.pool", node.moid)),
}

VAPP: Properties = {
    **POOL,
    "parentFolder": lambda _, node: Ref("Folder", node.facts.vapp_folder),
    "parentVApp": lambda *_: None,
}


def _datastore_summary(_model: Model, node: Node) -> Data:
    store: Datastore = node.facts
    return Data(
        "DatastoreSummary",
        datastore=node.ref,
        name=store.name,
        url=store.url,
        capacity=store.capacity,
        freeSpace=store.free,
        uncommitted=store.capacity // 5,
        accessible=store.accessible,
        multipleHostAccess=True,
        type=store.kind,
        maintenanceMode=store.maintenance,
    )


def _mounts(model: Model, node: Node) -> list[Data]:
    store: Datastore = node.facts
    mounts = []
    for host in model.related("host.datastore", node.moid):
        reachable = store.accessible and host.moid not in store.unmounted and host.facts.connection == "connected"
        info = Data(
            "HostMountInfo",
            path=store.url.removeprefix("ds://"),
            accessMode="readWrite",
            mounted=True,
            accessible=reachable,
            inaccessibleReason=None if reachable else store.lost,
        )
        mounts.append(Data("DatastoreHostMount", key=host.ref, mountInfo=info))
    return mounts


def _datastore_info(_model: Model, node: Node) -> Data:
    store: Datastore = node.facts
    limit = 62 << 40
    fields = {
        "name": store.name,
        "url": store.url,
        "freeSpace": store.free,
        "maxFileSize": limit,
        "maxMemoryFileSize": limit,
    }
    if store.kind == "NFS":
        return Data("NasDatastoreInfo", **fields)
    return Data("VmfsDatastoreInfo", **fields, maxPhysicalRDMFileSize=limit, maxVirtualRDMFileSize=limit)


DATASTORE: Properties = {
    **ENTITY,
    "summary": _datastore_summary,
    "host": _mounts,
    "info": _datastore_info,
    "vm": lambda model, node: refs(model.related("vm.datastore", node.moid)),
}


def _network_summary(_model: Model, node: Node) -> Data:
    return Data("NetworkSummary", network=node.ref, name=node.facts.name, accessible=True, ipPoolName="")


NETWORK: Properties = {
    **ENTITY,
    "summary": _network_summary,
    "host": lambda model, node: refs(model.related("host.network", node.moid)),
    "vm": lambda model, node: refs(model.related("vm.network", node.moid)),
}


_OVERRIDES = (
    "blockOverrideAllowed",
    "shapingOverrideAllowed",
    "vendorConfigOverrideAllowed",
    "livePortMovingAllowed",
    "portConfigResetAtDisconnect",
    "vlanOverrideAllowed",
    "uplinkTeamingOverrideAllowed",
    "securityPolicyOverrideAllowed",
)


def _portgroup_config(model: Model, node: Node) -> Data:
    network: Network = node.facts
    vlan = Data("VmwareDistributedVirtualSwitchVlanIdSpec", inherited=False, vlanId=network.vlan)
    return Data(
        "DVPortgroupConfigInfo",
        key=node.moid,
        name=network.name,
        numPorts=128,
        distributedVirtualSwitch=model.get(network.switch or "").ref,
        defaultPortConfig=Data("VMwareDVSPortSetting", vlan=vlan),
        type="earlyBinding",
        policy=Data("VMwareDVSPortgroupPolicy", **dict.fromkeys(_OVERRIDES, False)),
        autoExpand=True,
    )


PORTGROUP: Properties = {
    **NETWORK,
    "key": lambda _, node: node.moid,
    "config": _portgroup_config,
    "portKeys": lambda *_: [],
}


def _groups(model: Model, node: Node) -> list[Node]:
    found = model.of_kind("DistributedVirtualPortgroup")
    return [group for group in found if group.facts.switch == node.moid]


def _members(model: Model, node: Node, relation: str) -> list[Ref]:
    members = [one.ref for group in _groups(model, node) for one in model.related(relation, group.moid)]
    return list(dict.fromkeys(members))


def _switch_summary(model: Model, node: Node) -> Data:
    switch: Switch = node.facts
    hosts = _members(model, node, "host.network")
    return Data(
        "DVSSummary",
        name=switch.name,
        uuid=switch.uuid,
        numPorts=512,
        productInfo=Data("DistributedVirtualSwitchProductSpec", name="DVS", vendor="VMware, Inc.", version="8.0.0"),
        hostMember=hosts,
        vm=_members(model, node, "vm.network"),
        host=hosts,
        portgroupName=[group.facts.name for group in _groups(model, node)],
        numHosts=len(hosts),
    )


def _member(switch: Switch, host: Ref) -> Data:
    specs = [Data("DistributedVirtualSwitchHostMemberPnicSpec", pnicDevice=f"vmnic{n}") for n in (2, 3)]
    backing = Data(
        "DistributedVirtualSwitchHostMemberPnicBacking", pnicSpec=[] if host.moid in switch.unplugged else specs
    )
    config = Data("DistributedVirtualSwitchHostMemberConfigInfo", host=host, maxProxySwitchPorts=128, backing=backing)
    return Data("DistributedVirtualSwitchHostMember", config=config, status="up")


def _switch_config(model: Model, node: Node) -> Data:
    switch: Switch = node.facts
    return Data(
        "VMwareDVSConfigInfo",
        uuid=switch.uuid,
        name=switch.name,
        numStandalonePorts=0,
        numPorts=512,
        maxPorts=60000,
        uplinkPortPolicy=Data("DVSNameArrayUplinkPortPolicy", uplinkPortName=["uplink1", "uplink2"]),
        defaultPortConfig=Data("VMwareDVSPortSetting"),
        host=[_member(switch, host) for host in _members(model, node, "host.network")],
        productInfo=Data("DistributedVirtualSwitchProductSpec", name="DVS", vendor="VMware, Inc.", version="8.0.0"),
        configVersion="12",
        contact=Data("DVSContactInfo"),
        createTime=Time(model.started - 86400 * 400),
        networkResourceManagementEnabled=True,
        maxMtu=switch.mtu,
    )


SWITCH: Properties = {
    **ENTITY,
    "uuid": lambda _, node: node.facts.uuid,
    "summary": _switch_summary,
    "config": _switch_config,
    "portgroup": lambda model, node: refs(_groups(model, node)),
}


def _folder_children(model: Model, node: Node) -> list[Ref]:
    children = list(model.related("child", node.moid))
    children.extend(vapp for vapp in model.of_kind("VirtualApp") if vapp.facts.vapp_folder == node.moid)
    return refs(children)


FOLDER: Properties = {
    **ENTITY,
    "childType": lambda _, node: list(_folder(node).child_types),
    "childEntity": _folder_children,
}


def _folder(node: Node) -> Folder:
    facts: Folder = node.facts
    return facts


def _of_datacenter(model: Model, folder: str) -> list[Ref]:
    return refs([node for node in model.related("child", folder) if node.kind != "VmwareDistributedVirtualSwitch"])


def _datacenter(node: Node) -> Datacenter:
    facts: Datacenter = node.facts
    return facts


DATACENTER: Properties = {
    **ENTITY,
    "vmFolder": lambda _, node: Ref("Folder", _datacenter(node).vm_folder),
    "hostFolder": lambda _, node: Ref("Folder", _datacenter(node).host_folder),
    "datastoreFolder": lambda _, node: Ref("Folder", _datacenter(node).datastore_folder),
    "networkFolder": lambda _, node: Ref("Folder", _datacenter(node).network_folder),
    "datastore": lambda model, node: _of_datacenter(model, _datacenter(node).datastore_folder),
    "network": lambda model, node: _of_datacenter(model, _datacenter(node).network_folder),
}


def _alarm_info(model: Model, node: Node) -> Data:
    alarm: AlarmDefinition = node.facts
    expression = Data(
        "StateAlarmExpression", operator="isEqual", type="HostSystem", statePath="runtime.connectionState", red="x"
    )
    return Data(
        "AlarmInfo",
        name=alarm.name,
        systemName=alarm.system_name,
        description=f"Default alarm: {alarm.name}",
        enabled=True,
        expression=expression,
        key=node.moid,
        alarm=node.ref,
        entity=Ref("Folder", "group-d1"),
        lastModifiedTime=Time(model.started - 86400 * 400),
        lastModifiedUser="",
        creationEventId=0,
    )


ALARM: Properties = {
    "info": _alarm_info,
    "value": lambda *_: [],
    "availableField": lambda model, _: custom_fields(model),
}
