"""Begins a cloud: a compute for each vSphere cluster with its machines as servers, and a few servers on KVM."""

from collections.abc import Mapping
from dataclasses import replace

from simulator.facts import Host, Nic, Vm
from simulator.machines import FLAVORS
from simulator.model import Model
from simulator.openstack.cloud import Cloud
from simulator.openstack.facts import (
    ACTIVE,
    RUNNING,
    SHUTDOWN,
    STOPPED,
    Action,
    Compute,
    Event,
    Flavor,
    Port,
    Server,
)
from simulator.openstack.networking import laid_out

KVM_HOST = 4
"""Servers that are put on one KVM host."""
_GIB = 1 << 30
_BUILD = 40.0  # seconds that building took, long ago


def populate(model: Model, *, kvm: int = 6) -> Cloud:
    """The cloud of a vCenter: every machine with Nova's marks is a server; ``kvm`` more are on hosts of their own."""
    flavors = [Flavor(model.uuid("flavor", name), name, *sizes) for name, *sizes in FLAVORS]
    images = [model.uuid("image", n) for n in range(3)]
    cloud = Cloud(model, flavors=flavors, images=images)
    cloud.networks = laid_out(model)
    for node in model.of_kind("ClusterComputeResource"):
        compute = _compute(model, node.moid, node.facts.name)
        cloud.computes[compute.host] = compute
    for n in range(-(-kvm // KVM_HOST)):
        host = f"kvm-{n + 1:02d}"
        cloud.computes[host] = Compute(
            host, f"{host}.example.org", "kvm", None, vcpus=64, memory_mb=524288, disk_gb=4000
        )
    for node in model.of_kind("VirtualMachine"):
        server = dict(node.facts.extra).get("nvp.vm-uuid")
        if server:
            cloud.vms[server] = node.moid
            _adopt(cloud, node.moid, server)
    for n in range(kvm):
        _invent(cloud, n)
    return cloud


def _compute(model: Model, moid: str, name: str) -> Compute:
    hosts: list[Host] = [node.facts for node in model.related("child", moid) if node.kind == "HostSystem"]
    stores = {store for host in hosts for store in host.datastores}
    return Compute(
        host=f"nova-{name.lower()}",
        node=f"{moid}.{model.about.instance_uuid}",
        zone="vmware",
        cluster=moid,
        vcpus=sum(host.cores for host in hosts),
        memory_mb=sum(host.memory for host in hosts) >> 20,
        disk_gb=sum(model.get(store).facts.capacity for store in stores) // _GIB,
    )


def notes(annotation: str) -> Mapping[str, str]:
    """What Nova's driver noted on a machine: ``projectid``, ``flavor:name`` and so on."""
    lines = (line.rpartition(":") for line in annotation.splitlines())
    return {key: value for key, _, value in lines}


def ports(nics: tuple[Nic, ...], chance: int) -> tuple[Port, ...]:
    """The Neutron ports of a machine's cards."""
    return tuple(
        Port(nic.port, f"10.{chance % 200}.{chance // 200 % 250}.{10 + n}", nic.mac)
        for n, nic in enumerate(nics)
        if nic.port
    )


def _adopt(cloud: Cloud, moid: str, server: str) -> None:
    model = cloud.model
    vm: Vm = model.get(moid).facts
    noted = notes(vm.annotation)
    cluster = model.get(vm.host).parent
    compute = next(compute for compute in cloud.computes.values() if compute.cluster == cluster)
    is_on = vm.power == "poweredOn"
    _settled(
        cloud,
        Server(
            id=server,
            number=next(cloud.numbers),
            name=vm.name.partition(" (")[0],
            project=noted["projectid"],
            user=cloud.hex("user", noted["projectid"]),
            flavor=cloud.flavors[noted["flavor:name"]],
            image=cloud.images[int(server[:4], 16) % len(cloud.images)],
            host=compute.host,
            created=vm.started - _BUILD,
            updated=vm.started,
            vm_state=ACTIVE if is_on else STOPPED,
            power_state=RUNNING if is_on else SHUTDOWN,
            volumes=tuple(disk.volume for disk in vm.disks if disk.volume),
            ports=ports(vm.nics, int(server[:4], 16)),
        ),
    )


def _invent(cloud: Cloud, n: int) -> None:
    """A server on KVM."""
    model = cloud.model
    identity, port = model.uuid("kvm", n), model.uuid("kvm-port", n)
    project = cloud.hex("project", n % 3)
    created = model.started - 3600.0 * (3 + n)
    _settled(
        cloud,
        Server(
            id=identity,
            number=next(cloud.numbers),
            name=f"db-{n:02d}",
            project=project,
            user=cloud.hex("user", project),
            flavor=cloud.flavors[FLAVORS[n % len(FLAVORS)][0]],
            image=cloud.images[n % len(cloud.images)],
            host=f"kvm-{n // KVM_HOST + 1:02d}",
            created=created,
            updated=created + _BUILD,
            vm_state=ACTIVE,
            power_state=RUNNING,
            ports=(Port(port, f"10.200.0.{10 + n}", f"fa:16:3e:00:00:{n % 256:02x}"),),
        ),
    )


def _settled(cloud: Cloud, server: Server) -> None:
    """Take in a server that was built long ago, with the action that did it."""
    cloud.put(replace(server, task_state=None, launched=server.created + _BUILD))
    step = Event(
        name="compute__do_build_and_run_instance",
        host=server.host or "",
        start=server.created,
        finish=server.created + _BUILD,
        result="Success",
    )
    cloud.record(
        Action(
            request=f"req-{cloud.model.uuid('created', server.id)}",
            server=server.id,
            action="create",
            project=server.project,
            user=server.user,
            start=server.created,
            updated=server.created + _BUILD,
            events=(step,),
        )
    )
