"""How Nova builds a server: scheduling, network, the machine in the vCenter, power; and how that fails.

Read in nova 34.0.0: ``nova/compute/manager.py`` (_do_build_and_run_instance) and ``nova/virt/vmwareapi/vmops.py``
(spawn). A failed build's event says Success; the server's fault says why (recorded of a real Nova).
"""

from collections.abc import Callable

from simulator.agenda import Process
from simulator.openstack import machines
from simulator.openstack.cloud import CONTROLLER, Cloud
from simulator.openstack.driver import DriverError, driven
from simulator.openstack.facts import ACTIVE, BUILDING, ERROR, RUNNING, Server, ServerFault
from simulator.tasks import TaskFault

_EVENT = "compute__do_build_and_run_instance"
_NO_HOST = "No valid host was found. "
_NO_SPACE = TaskFault("NoDiskSpace", "Insufficient disk space on datastore 'ds-00-0'.", {"datastore": "ds-00-0"})
_FAULTS = {
    "network": "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for "
    "instance {server}.",
    "timeout": "Build of instance {server} aborted: Failed to allocate the network(s), not rescheduling.\n"
    "Virtual Interface creation failed",
}


def begin(cloud: Cloud, name: str, *, host: str, hang: Callable[[str], str | None], flavor: str = "") -> str:
    """Have a server made on a compute; its id. ``hang`` tells at its begin in which stage it is to hang.

    Without the name of a ``flavor``, flavors take turns.
    """
    number = next(cloud.numbers)
    server, project = cloud.model.uuid("server", number), cloud.hex("project", number % 3)
    flavors, now = tuple(cloud.flavors.values()), cloud.now()
    cloud.put(
        Server(
            id=server,
            number=number,
            name=name,
            project=project,
            user=cloud.hex("user", project),
            flavor=cloud.flavors.get(flavor, flavors[number % len(flavors)]),
            image=cloud.images[number % len(cloud.images)],
            created=now,
            updated=now,
        )
    )
    request = cloud.act(server, "create")
    failure = cloud.troubles.builds.take(lambda _: True)
    cloud.agenda.start(
        _build(cloud, server, request, host=host, failure=failure.fault if failure else "", hang=hang(server))
    )
    return server


def _build(cloud: Cloud, server: str, request: str, *, host: str, failure: str, hang: str | None) -> Process:
    released = cloud.troubles.released
    yield 0.8
    if failure == "no_host":
        cloud.enter(server, request, "conductor_schedule_and_build_instances", host=CONTROLLER)
        cloud.leave(server, request, error=_NO_HOST)
        _fail(cloud, server, _NO_HOST)
        return
    gate = cloud.answering(host)
    if gate is not None:
        yield gate
    cloud.enter(server, request, _EVENT, host=host)
    cloud.update(server, host=host, task_state="networking")
    yield 1.0
    cloud.update(server, task_state="block_device_mapping")
    yield 0.5
    cloud.update(server, task_state="spawning", ports=(machines.port(cloud, server),))
    if hang == "before":
        yield released
    try:
        if failure in _FAULTS:
            yield 3.0
            raise DriverError(_FAULTS[failure].format(server=server))
        yield from _spawn(cloud, server, host, fault=_NO_SPACE if failure == "vcenter" else None)
    except DriverError as error:
        machines.remove(cloud, server)
        cloud.leave(server, request)
        _fail(cloud, server, str(error))
        return
    if hang == "after":
        yield released
    now = cloud.now()
    cloud.update(server, vm_state=ACTIVE, task_state=None, power_state=RUNNING, launched=now)
    cloud.leave(server, request)


def _spawn(cloud: Cloud, server: str, host: str, *, fault: TaskFault | None) -> Process:
    if not cloud.computes[host].is_vmware:
        yield cloud.chance.uniform(4.0, 7.0)
        return
    folder = machines.folder(cloud, host)
    yield from driven(
        cloud,
        "Folder.createVm",
        folder,
        seconds=1.5,
        effect=lambda: machines.register(cloud, cloud.servers[server]),
        fault=fault,
    )
    if cloud.vm_of(server) is None:
        raise DriverError("No folder for machines is left in the vCenter.")
    yield from driven(cloud, "VirtualDiskManager.copyVirtualDisk", None, seconds=4.0)
    yield from driven(cloud, "VirtualMachine.reconfigure", cloud.vm_of(server), seconds=0.8)
    yield from driven(
        cloud,
        "VirtualMachine.powerOn",
        cloud.vm_of(server),
        seconds=1.8,
        effect=lambda: machines.on(cloud, server),
    )
    yield from driven(
        cloud,
        "ManagedEntity.rename",
        cloud.vm_of(server),
        seconds=0.3,
        effect=lambda: machines.rename(cloud, server),
    )


def _fail(cloud: Cloud, server: str, message: str) -> None:
    """Leave a server in ERROR, on no host."""
    if cloud.servers[server].vm_state != BUILDING:
        return
    fault = ServerFault(500, message, cloud.now(), details=f"Traceback (most recent call last):\n{message}\n")
    cloud.update(server, vm_state=ERROR, task_state=None, host=None, ports=(), fault=fault)
