"""What happens in the cloud by itself: users make, use and delete servers; if wanted, now and then something hangs."""

import random
from collections.abc import Callable
from itertools import count

from simulator.openstack import machines, operations
from simulator.openstack.cloud import Cloud
from simulator.openstack.facts import ACTIVE, Server
from simulator.openstack.operations import PLANS
from simulator.openstack.trouble import BuildFailure, Hang
from simulator.tasks import TaskTrouble

_WEIGHTS = {
    "create": 4,
    "stop": 2,
    "start": 4,
    "reboot": 2,
    "suspend": 1,
    "resume": 4,
    "resize": 1,
    "confirmResize": 8,
    "createImage": 1,
    "attach_volume": 1,
    "delete": 3,
}
"""How often users ask for what, where a server is in a state for it."""

_MOST_NEW = 8
_NEW = "new-"
_TWIN = "twin-"


def step(cloud: Cloud, chance: random.Random) -> str:
    """Have a user do something, and say what."""
    action = chance.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()))[0]
    if action == "create":
        return _create(cloud, chance)
    fits = [server for server in cloud.alive() if _is_ready(cloud, server, action)]
    if not fits:
        return f"nobody to {action}"
    server = chance.choice(fits)
    operations.begin(cloud, action, server.id)
    return f"{action} {server.name}"


def _is_ready(cloud: Cloud, server: Server, action: str) -> bool:
    if action == "delete" and not server.name.startswith(_NEW):
        return False
    if action == "attach_volume" and len(server.volumes) > 2:
        return False
    return server.task_state is None and server.vm_state in PLANS[action].allowed and _works(cloud, server.host)


def _works(cloud: Cloud, host: str | None) -> bool:
    compute = cloud.computes.get(host or "")
    return compute is None or (compute.enabled and not compute.deaf and compute.stopped is None)


def _create(cloud: Cloud, chance: random.Random) -> str:
    if sum(server.name.startswith(_NEW) for server in cloud.alive()) >= _MOST_NEW:
        return "enough servers"
    hosts = [
        host
        for host, compute in cloud.computes.items()
        if _works(cloud, host) and (not compute.is_vmware or machines.folder(cloud, host))
    ]
    if not hosts:
        return "no host"
    host = chance.choice(hosts)
    name = f"{_NEW}{cloud.model.version}"
    operations.create(cloud, name, host=host)
    return f"create {name} on {host}"


class Twins:
    """Somebody compares: a server of the same flavor on VMware and on KVM at a time; those before are deleted."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._turns = count()

    def next(self) -> str:
        """Have a pair made, and say where."""
        for server in list(self._cloud.alive()):
            own = server.name.startswith(_TWIN) and server.vm_state in PLANS["delete"].allowed
            if own and server.task_state is None and _works(self._cloud, server.host):
                operations.begin(self._cloud, "delete", server.id)
        kinds = {one.is_vmware: host for host, one in self._cloud.computes.items() if _works(self._cloud, host)}
        turn, flavor = next(self._turns), next(iter(self._cloud.flavors), "")
        for host in kinds.values():
            operations.create(self._cloud, f"{_TWIN}{turn}", host=host, flavor=flavor)
        return f"create {_TWIN}{turn} of {flavor} on {', '.join(kinds.values())}"


class Incidents:
    """Things that hang or fail, one at a time and always in the same order; each ends the one before."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._turns = count()
        self._all: tuple[Callable[[], str], ...] = (
            self._running,
            self._failing,
            self._queued,
            self._deaf,
            self._waiting,
            self._never_asked,
        )

    def next(self) -> str:
        """End what goes wrong, let the next thing go wrong, and say what."""
        self._cloud.clear()
        return self._all[next(self._turns) % len(self._all)]()

    def _running(self) -> str:
        task = "VirtualMachine.powerOff"
        return self._with_task("stop", TaskTrouble(kind="hang", operation=task, state="running"))

    def _queued(self) -> str:
        task = "VirtualMachine.reset"
        return self._with_task("reboot", TaskTrouble(kind="hang", operation=task, state="queued"))

    def _with_task(self, action: str, trouble: TaskTrouble) -> str:
        server = self._idle(vmware=True)
        if server is None:
            return "nobody to hang"
        moid = self._cloud.vm_of(server.id) or ""
        armed = TaskTrouble(kind=trouble.kind, operation=trouble.operation, state=trouble.state, entity=moid)
        self._cloud.model.tasks.arm(armed)
        operations.begin(self._cloud, action, server.id)
        return f"{action} of {server.name}: the vCenter's task stays {trouble.state}"

    def _failing(self) -> str:
        hosts = [host for host, one in self._cloud.computes.items() if one.is_vmware]
        if not hosts:
            return "no host to fail on"
        self._cloud.troubles.builds.arm(BuildFailure(fault="vcenter"))
        operations.create(self._cloud, f"{_NEW}fails", host=hosts[0])
        return f"create of {_NEW}fails on {hosts[0]}: the vCenter has no space left"

    def _deaf(self) -> str:
        server = self._idle(vmware=False)
        if server is None or server.host is None:
            return "nobody to hang"
        self._cloud.freeze(server.host, heartbeat=True)
        operations.begin(self._cloud, "reboot", server.id)
        return f"reboot of {server.name}: nova-compute on {server.host} does nothing, but its heartbeat goes on"

    def _waiting(self) -> str:
        return self._with_hang("stop", "after", "the vCenter is done, but Nova waits")

    def _never_asked(self) -> str:
        return self._with_hang("reboot", "before", "Nova waits before it asks the vCenter")

    def _with_hang(self, action: str, stage: str, words: str) -> str:
        server = self._idle(vmware=True)
        if server is None:
            return "nobody to hang"
        self._cloud.troubles.hangs.arm(Hang(action=action, server=server.id, stage=stage))
        operations.begin(self._cloud, action, server.id)
        return f"{action} of {server.name}: {words}"

    def _idle(self, *, vmware: bool) -> Server | None:
        for server in self._cloud.alive():
            is_vmware = self._cloud.computes[server.host].is_vmware if server.host else None
            there = not vmware or self._cloud.vm_of(server.id) is not None
            if is_vmware is vmware and there and server.vm_state == ACTIVE and server.task_state is None:
                return server
        return None
