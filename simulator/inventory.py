"""Builds a model: a deterministic inventory from a seed and a few sizes, with the odd things real ones have."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from simulator import machines
from simulator.facts import (
    Alarm,
    AlarmDefinition,
    Cluster,
    Datacenter,
    Datastore,
    Folder,
    Host,
    Lun,
    Network,
    Pool,
    Switch,
)
from simulator.model import Accounts, Model
from simulator.store import Node

GIB = 1 << 30

ALARMS = (
    ("alarm.HostConnectionStateAlarm", "Host connection and power state"),
    ("alarm.HostCPUUsageAlarm", "Host CPU usage"),
    ("alarm.VmCPUUsageAlarm", "Virtual machine CPU usage"),
    ("alarm.DatastoreDiskUsageAlarm", "Datastore usage on disk"),
    ("alarm.StorageConnectivityAlarm", "Cannot connect to storage"),
)
"""System name and name of alarms that every vCenter defines."""

CUSTOM_FIELDS = ((101, "owner", None), (102, "cost-centre", "VirtualMachine"), (103, "rack", "HostSystem"))
"""Key, name and managed object type of the custom attributes."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large the vCenter is. Hosts are spread over clusters of ``hosts_per_cluster``, clusters over datacenters.

    ``standalone`` of the hosts are in no cluster; they are in the first datacenter and hold no machines.
    """

    hosts: int = 8
    vms: int = 40
    datacenters: int = 1
    hosts_per_cluster: int = 16
    datastores_per_cluster: int = 4
    switches: int = 1
    portgroups: int = 4
    standalone: int = 0


def build(size: Size, *, now: Callable[[], float], seed: int = 1, accounts: Accounts | None = None) -> Model:
    """A vCenter with that many objects. The same size and seed give the same inventory.

    Where there are hosts enough, one is disconnected and one in maintenance; every sixteenth VM is powered off.
    """
    model = Model(now, seed=seed, accounts=accounts)
    model.custom_fields = {key: (name, kind) for key, name, kind in CUSTOM_FIELDS}
    root = model.add(Node("Folder", "group-d1", Folder(name="Datacenters", child_types=("Folder", "Datacenter"))))
    for system_name, name in ALARMS:
        model.add(Node("Alarm", model.new_moid("alarm-"), AlarmDefinition(name=name, system_name=system_name)))
    for index in range(size.datacenters):
        _datacenter(model, root, size, index=index)
    machines.populate(model, size.vms, random.Random(seed))  # noqa: S311  repeatable, not secret
    _odd_hosts(model)
    return model


def _datacenter(model: Model, root: Node, size: Size, *, index: int) -> None:
    moid = model.new_moid("datacenter-")
    kinds = {"v": "VirtualMachine", "h": "ComputeResource", "s": "Datastore", "n": "Network"}
    names = {"v": "vm", "h": "host", "s": "datastore", "n": "network"}
    folders = {letter: model.new_moid(f"group-{letter}") for letter in kinds}
    facts = Datacenter(
        name=f"DC{index}",
        vm_folder=folders["v"],
        host_folder=folders["h"],
        datastore_folder=folders["s"],
        network_folder=folders["n"],
    )
    model.add(Node("Datacenter", moid, facts, parent=root.moid))
    for letter, kind in kinds.items():
        folder = Folder(name=names[letter], child_types=("Folder", kind))
        model.add(Node("Folder", folders[letter], folder, parent=moid))
    networks = _networks(model, facts, size)
    clustered = size.hosts - size.standalone
    total = max(size.datacenters, -(-clustered // max(1, size.hosts_per_cluster)))
    for number in range(index, total, size.datacenters):
        cluster = _Cluster(facts, "ClusterComputeResource", number, hosts=len(range(number, clustered, total)))
        _cluster(model, cluster, size, networks=networks)
    for number in range(size.standalone if index == 0 else 0):
        _cluster(model, _Cluster(facts, "ComputeResource", total + number, hosts=1), size, networks=networks)


def _networks(model: Model, dc: Datacenter, size: Size) -> tuple[str, ...]:
    plain = Node("Network", model.new_moid("network-"), Network(name="VM Network"), parent=dc.network_folder)
    moids = [model.add(plain).moid]
    for number in range(size.switches):
        switch = model.new_moid("dvs-")
        facts = Switch(name=f"DSwitch{number} {dc.name}", uuid=model.uuid("dvs", switch))
        model.add(Node("VmwareDistributedVirtualSwitch", switch, facts, parent=dc.network_folder))
        for group in range(size.portgroups):
            moid = model.new_moid("dvportgroup-")
            network = Network(name=f"{dc.name}-vlan{100 + group}%2fs{number}", switch=switch, vlan=100 + group)
            model.add(Node("DistributedVirtualPortgroup", moid, network, parent=dc.network_folder))
            moids.append(moid)
    return tuple(moids)


@dataclass(frozen=True, slots=True)
class _Cluster:
    dc: Datacenter
    kind: str
    index: int
    hosts: int


def _cluster(model: Model, cluster: _Cluster, size: Size, *, networks: tuple[str, ...]) -> None:
    dc, index = cluster.dc, cluster.index
    moid = model.new_moid("domain-c" if cluster.kind == "ClusterComputeResource" else "domain-s")
    model.add(Node(cluster.kind, moid, Cluster(name=f"Cluster{index}"), parent=dc.host_folder))
    stores = tuple(_datastore(model, dc, index=index, number=n) for n in range(size.datastores_per_cluster))
    luns = tuple(Lun(_naa(model, store), model.get(store).facts.capacity, ("active",) * 4) for store in stores)
    spare = Lun(_naa(model, moid), 200 * GIB, ("active", "active", "standby", "standby"))
    for number in range(cluster.hosts):
        host = Host(
            name=f"esx-{index:02d}-{number:03d}.example.org",
            uuid=model.uuid("host", index, number),
            cores=32,
            mhz=2600,
            memory=512 * GIB,
            booted=model.started - 86400.0 * (3 + (index * 17 + number * 7) % 200),
            datastores=stores,
            networks=networks,
            luns=(*luns, spare),
            certificate_days=20.0 + (index * 31 + number * 13) % 700,
            custom=((103, f"R{index:02d}-{number:02d}"),),
        )
        model.add(Node("HostSystem", model.new_moid("host-"), host, parent=moid))
    _pools(model, dc, moid, index=index)


def _pools(model: Model, dc: Datacenter, owner: str, *, index: int) -> None:
    root = model.new_moid("resgroup-")
    model.add(Node("ResourcePool", root, Pool(name="Resources", owner=owner), parent=owner))
    for pool in ("gold", "silver"):
        model.add(Node("ResourcePool", model.new_moid("resgroup-"), Pool(name=pool, owner=owner), parent=root))
    vapp = Pool(name=f"shop \u00fc {index}", owner=owner, vapp_folder=dc.vm_folder)
    model.add(Node("VirtualApp", model.new_moid("resgroup-v"), vapp, parent=root))


def _datastore(model: Model, dc: Datacenter, *, index: int, number: int) -> str:
    moid = model.new_moid("datastore-")
    kind = "NFS" if number % 4 == 3 else "VMFS"
    capacity = (4 + number % 4 * 2) * 1024 * GIB
    facts = Datastore(
        name=f"ds-{index:02d}-{number}",
        url=f"ds:///vmfs/volumes/{model.uuid('datastore', moid)}/",
        capacity=capacity,
        free=capacity * (20 + (index * 7 + number * 13) % 60) // 100,
        kind=kind,
        custom=((101, "storage"),),
    )
    model.add(Node("Datastore", moid, facts, parent=dc.datastore_folder))
    return moid


def _naa(model: Model, moid: str) -> str:
    return "naa.6000" + model.uuid("lun", moid).replace("-", "")[:28]


def _odd_hosts(model: Model) -> None:
    hosts = list(model.of_kind("HostSystem"))
    if len(hosts) > 3:
        gone = hosts[-1]
        empty = [host for host in hosts[:-1] if not model.vms_of(host.moid)]
        down = empty[0] if empty else hosts[-2]
        model.set_host(gone.moid, connection="disconnected")
        alarm = Alarm(model.named("Alarm", ALARMS[0][1]).moid, "red", model.started - 600)
        model.update(gone.moid, status="red", alarms=(alarm,))
        model.set_host(down.moid, maintenance=True)
    if hosts:
        first: Host = hosts[0].facts
        model.set_paths(hosts[0].moid, first.luns[0].name, "active", "active", "active", "dead")
    for store in list(model.of_kind("Datastore"))[:1]:
        alarm = Alarm(model.named("Alarm", ALARMS[3][1]).moid, "yellow", model.started - 3600, acknowledged=True)
        model.update(store.moid, status="yellow", alarms=(alarm,))
