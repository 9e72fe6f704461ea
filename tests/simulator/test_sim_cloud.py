"""The simulated cloud as the agent reads it: who is who, how operations go, and what goes wrong on demand."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from simclient import Clock

from exporter.clock import Clock as AgentClock
from exporter.config import Cloud as Configured
from exporter.config import Secret, Timeouts
from exporter.errors import BadReply, LoginRefused, TimedOut
from exporter.openstack.builds import fault_class
from exporter.openstack.cloud import ApiFault
from exporter.openstack.model import Action, Server
from exporter.openstack.nova import Nova
from exporter.openstack.operations import TASK_STATES
from exporter.openstack.phases import timeout_in
from exporter.openstack.probe import probe_apis
from exporter.openstack.services import VMWARE, Outcome, read_services
from exporter.openstack.session import Session
from simulator import churn, properties
from simulator.inventory import Size, build
from simulator.model import Model
from simulator.openstack import life, oddities, operations
from simulator.openstack.cloud import Cloud
from simulator.openstack.population import populate
from simulator.openstack.server import CloudServer
from simulator.openstack.trouble import ApiTrouble, BuildFailure, Hang
from simulator.tasks import NOVA_USER, TaskFault, TaskTrouble


@asynccontextmanager
async def session(running: CloudServer, clock: Clock, **changes: Any) -> AsyncIterator[Session]:
    """The agent's session with the cloud, its clock that of the test."""
    accounts = running.cloud.model.accounts
    given = {
        "auth_url": running.url,
        "username": accounts.user,
        "password": Secret(accounts.password),
        "project_name": "admin",
        "timeouts": Timeouts(connect=2.0, read=2.0, total=4.0),
        **changes,
    }
    both = AgentClock(now=clock, monotonic=clock)
    made = Session(Configured("sim", **given), region=None, clock=both, rng=random.Random(1))
    try:
        yield made
    finally:
        await made.close()


async def look(running: CloudServer, clock: Clock) -> tuple[dict[str, Server], dict[str, tuple[Action, ...]]]:
    """All servers, with the actions that the agent reads of those in flight and those that changed lately."""
    async with session(running, clock) as api:
        both = AgentClock(now=clock, monotonic=clock)
        snapshot = await Nova(api, clock=both, since=clock() - 3600, budget=500).cycle()
    assert snapshot.complete
    return dict(snapshot.servers), dict(snapshot.actions)


def one(cloud: Cloud, host: str = "nova-cluster0") -> str:
    """An idle, running server on a host."""
    return next(s.id for s in cloud.alive() if (s.host, s.vm_state, s.task_state) == (host, "active", None))


def passes(clock: Clock, cloud: Cloud, seconds: float) -> None:
    """Let time pass."""
    clock.seconds += seconds
    cloud.agenda.run()


async def test_servers_are_the_machines(clock: Clock, running: CloudServer) -> None:
    """Every machine with Nova's mark is a server of the same id on its cluster's compute; the others are on KVM."""
    model = running.cloud.model
    servers, _ = await look(running, clock)
    clusters = {}
    for node in model.of_kind("VirtualMachine"):
        identity = dict(node.facts.extra).get("nvp.vm-uuid")
        if identity:
            assert identity == node.facts.instance_uuid
            clusters[identity] = f"{model.get(node.facts.host).parent}.{model.about.instance_uuid}"
    on_vmware = {server.id: server.hypervisor for server in servers.values() if server.id in clusters}
    assert on_vmware == clusters
    rest = [server for server in servers.values() if server.id not in clusters]
    assert [server.availability_zone for server in rest] == ["kvm"] * 6
    with_volume = next(server for server in servers.values() if server.volumes)
    moid = running.cloud.vms[with_volume.id]
    assert with_volume.volumes == tuple(disk.volume for disk in model.get(moid).facts.disks if disk.volume)
    assert with_volume.flavor in {"m1.small", "m1.medium", "m1.large"}


async def test_services_and_probes(clock: Clock, running: CloudServer) -> None:
    """All services answer; there is a compute for each cluster, whose providers have VMware's traits and its usage."""
    async with session(running, clock) as api:
        snapshot = await read_services(api)
        probes = await probe_apis(api, clock=AgentClock())
    readings = (snapshot.computes, snapshot.hypervisors, snapshot.providers, snapshot.volumes, snapshot.agents)
    assert [reading.outcome for reading in readings] == [Outcome.OK] * 5
    assert [probe.outcome for probe in probes] == ["ok"] * 5
    assert snapshot.computes.value
    assert snapshot.hypervisors.value
    assert snapshot.providers.value
    hosts = [service.host for service in snapshot.computes.value.services if service.binary == "nova-compute"]
    assert hosts == ["nova-cluster0", "nova-cluster1", "kvm-01", "kvm-02"]
    vmware = {key: node for key, node in snapshot.hypervisors.value.items() if node.type == VMWARE}
    assert snapshot.providers.value.keys() == vmware.keys()
    for key, provider in snapshot.providers.value.items():
        assert "COMPUTE_IMAGE_TYPE_VMDK" in provider.traits
        assert provider.inventory["VCPU"].used == vmware[key].vcpus_used


async def test_an_application_credential_and_a_wrong_password(clock: Clock, running: CloudServer) -> None:
    """The credential logs in; a wrong password is refused."""
    secret = Secret(running.cloud.model.accounts.password)
    credential = {"application_credential_id": running.keystone.credential, "secret": secret, "username": ""}
    async with session(running, clock, **credential) as api:
        assert (await api.get("identity", "/auth/catalog")).body
    async with session(running, clock, password=Secret("wrong")) as api:
        with pytest.raises(LoginRefused):
            await api.get("identity", "/auth/catalog")


@pytest.mark.parametrize(
    ("action", "status", "tasks"),
    [
        ("stop", "SHUTOFF", ["VirtualMachine.powerOff"]),
        ("reboot", "ACTIVE", ["VirtualMachine.reset"]),
        ("suspend", "SUSPENDED", ["VirtualMachine.suspend"]),
        (
            "resize",
            "VERIFY_RESIZE",
            ["VirtualMachine.powerOff", "VirtualMachine.reconfigure", "VirtualMachine.powerOn"],
        ),
        (
            "createImage",
            "ACTIVE",
            ["VirtualMachine.createSnapshot", "VirtualMachine.clone", "vm.Snapshot.remove"],
        ),
        ("attach_volume", "ACTIVE", ["VirtualMachine.reconfigure"]),
        ("delete", "DELETED", ["VirtualMachine.powerOff", "FileManager.deleteFile"]),
    ],
)
async def test_an_operation(clock: Clock, running: CloudServer, action: str, status: str, tasks: list[str]) -> None:
    """Its action has events that ended well, its vCenter tasks are by Nova's user, the machine is as the server."""
    cloud = running.cloud
    server = one(cloud)
    moid = cloud.vms[server]
    operations.begin(cloud, action, server)
    passes(clock, cloud, 60)
    servers, actions = await look(running, clock)
    (found,) = [each for each in actions[server] if each.action == action]
    assert {event.result for event in found.events or ()} == {"Success"}
    assert (servers[server].status, servers[server].task_state, found.message) == (status, None, None)
    made = list(cloud.model.tasks.all())
    assert [task.operation for task in made] == tasks
    assert {(task.reason.name, task.state) for task in made} == {(NOVA_USER, "success")}
    if action == "delete":
        assert moid not in cloud.model.nodes
    else:
        vm, known = cloud.model.get(moid).facts, cloud.servers[server]
        assert (vm.power == "poweredOn") == (known.power_state == 1)
        assert (vm.cpus, vm.memory_mb) == (known.flavor.vcpus, known.flavor.memory_mb)
        assert {disk.volume for disk in vm.disks if disk.volume} == set(known.volumes)


@pytest.mark.parametrize("host", ["nova-cluster1", "kvm-01"])
async def test_a_build(clock: Clock, running: CloudServer, host: str) -> None:
    """A server is built; on VMware with tasks of its folder, disk and machine, which has the server's identity."""
    cloud = running.cloud
    server = operations.create(cloud, "made", host=host)
    states = set()
    for _ in range(60):
        passes(clock, cloud, 0.5)
        states.add(cloud.servers[server].task_state)
    servers, actions = await look(running, clock)
    assert states - {None} == {"scheduling", "networking", "block_device_mapping", "spawning"}
    (action,) = actions[server]
    assert (servers[server].status, servers[server].host, action.action) == ("ACTIVE", host, "create")
    moid = cloud.vm_of(server)
    assert (moid is None) == (host == "kvm-01")
    if moid is not None:
        vm = cloud.model.get(moid).facts
        assert (vm.name, vm.instance_uuid, vm.power) == (f"made ({server})", server, "poweredOn")
        assert dict(vm.extra) == {"nvp.vm-uuid": server, "nvp.iface-id.0": cloud.servers[server].ports[0].id}
        first = next(cloud.model.tasks.all())
        folder = cloud.model.get(cloud.model.get(moid).parent or "")
        assert (first.operation, first.entity, folder.facts.name) == ("Folder.createVm", folder.ref, "Instances")
    for name in properties.names("VirtualMachine"):
        for node in cloud.model.of_kind("VirtualMachine"):
            properties.text(cloud.model, node, name)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("no_host", "no_valid_host"), ("vcenter", "no_space"), ("network", "retries"), ("timeout", None)],
)
async def test_a_build_that_fails(clock: Clock, running: CloudServer, fault: str, expected: str | None) -> None:
    """It ends in ERROR with a fault that the agent knows to class, and leaves no machine behind."""
    cloud = running.cloud
    before = len(cloud.model.nodes)
    cloud.troubles.builds.arm(BuildFailure(fault=fault))
    server = operations.create(cloud, "fails", host="nova-cluster0")
    passes(clock, cloud, 30)
    servers, _ = await look(running, clock)
    found = servers[server]
    assert found.fault is not None
    assert (found.status, found.host, len(cloud.model.nodes)) == ("ERROR", None, before)
    if expected is None:
        assert timeout_in(found.fault.message) == "network_timeout"
    else:
        assert fault_class(found.fault.message) == expected


def _running_task(cloud: Cloud, server: str) -> None:
    cloud.model.tasks.arm(TaskTrouble(kind="hang", entity=cloud.vms[server], state="running"))


def _queued_task(cloud: Cloud, server: str) -> None:
    cloud.model.tasks.arm(TaskTrouble(kind="hang", entity=cloud.vms[server], state="queued"))


def _after(cloud: Cloud, server: str) -> None:
    cloud.troubles.hangs.arm(Hang(action="stop", server=server, stage="after"))


def _before(cloud: Cloud, server: str) -> None:
    cloud.troubles.hangs.arm(Hang(action="stop", server=server, stage="before"))


def _deaf(cloud: Cloud, server: str) -> None:
    cloud.freeze(cloud.servers[server].host or "", heartbeat=True)


HANGS: tuple[tuple[Callable[[Cloud, str], None], int, list[str]], ...] = (
    (_running_task, 1, ["running"]),
    (_queued_task, 1, ["queued"]),
    (_after, 1, ["success"]),
    (_before, 1, []),
    (_deaf, 0, []),
)


@pytest.mark.parametrize(("trouble", "events", "tasks"), HANGS)
async def test_an_operation_that_hangs(
    clock: Clock, running: CloudServer, trouble: Callable[[Cloud, str], None], events: int, tasks: list[str]
) -> None:
    """It stays in flight for hours, with or without its vCenter task; a deletion ends it; cleared, all goes on."""
    cloud = running.cloud
    server = one(cloud)
    trouble(cloud, server)
    operations.begin(cloud, "stop", server)
    passes(clock, cloud, 3500)
    servers, actions = await look(running, clock)
    (action,) = [each for each in actions[server] if each.action == "stop"]
    assert servers[server].task_state == "powering-off"
    assert [event.finish for event in action.events or ()] == [None] * events
    assert [task.state for task in cloud.model.tasks.all()] == tasks
    running.clear()
    passes(clock, cloud, 30)
    assert (cloud.servers[server].vm_state, cloud.servers[server].task_state) == ("stopped", None)
    with pytest.raises(operations.Conflict):
        operations.begin(cloud, "stop", server)


async def test_a_hanging_server_is_deleted(clock: Clock, running: CloudServer) -> None:
    """Its operation stays open for ever after; what is released later brings nothing back."""
    cloud = running.cloud
    server = one(cloud)
    _running_task(cloud, server)
    operations.begin(cloud, "stop", server)
    passes(clock, cloud, 10)
    operations.begin(cloud, "delete", server)
    passes(clock, cloud, 30)
    servers, actions = await look(running, clock)
    assert servers[server].status == "DELETED"
    assert {each.action: [event.finish is None for event in each.events or ()] for each in actions[server]} == {
        "stop": [True],
        "delete": [False],
    }
    running.clear()
    passes(clock, cloud, 30)
    assert cloud.servers[server].vm_state == "deleted"
    assert cloud.vm_of(server) is None


async def test_a_task_that_fails_is_the_operation_s_error(clock: Clock, running: CloudServer) -> None:
    """The fault of the vCenter is in the event; the server is as before."""
    cloud = running.cloud
    server = one(cloud)
    cloud.model.tasks.arm(TaskTrouble(kind="fail", fault=TaskFault("Timedout", "Operation timed out.")))
    operations.begin(cloud, "stop", server)
    passes(clock, cloud, 10)
    servers, actions = await look(running, clock)
    (action,) = [each for each in actions[server] if each.action == "stop"]
    (event,) = action.events or ()
    assert (servers[server].status, servers[server].task_state, action.message) == ("ACTIVE", None, "Error")
    assert timeout_in(event.details or "") == "vcenter_timeout"


async def test_computes_in_trouble(clock: Clock, running: CloudServer) -> None:
    """Hung: down after a minute. Deaf: up. Disabled by the driver, forced down: as said. Well again: all up."""
    cloud = running.cloud
    cloud.freeze("nova-cluster0", heartbeat=False)
    cloud.freeze("kvm-01", heartbeat=True)
    cloud.set_compute("nova-cluster1", enabled=False, reason="set by vmwareapi host_state")
    cloud.set_compute("kvm-02", forced_down=True)
    passes(clock, cloud, 90)
    async with session(running, clock) as api:
        before = (await read_services(api)).computes.value
        running.clear()
        after = (await read_services(api)).computes.value
    assert before
    assert after
    assert [(s.host, s.up, s.enabled, s.disabled_reason) for s in before.services[2:]] == [
        ("nova-cluster0", False, True, None),
        ("nova-cluster1", True, False, "set by vmwareapi host_state"),
        ("kvm-01", True, True, None),
        ("kvm-02", False, True, None),
    ]
    assert {(s.up, s.enabled) for s in after.services} == {(True, True)}


async def test_apis_in_trouble(clock: Clock, running: CloudServer) -> None:
    """A dead service, a rate limit, half a reply, no reply: each is the agent's error for it, then all is well."""
    troubles = (
        (ApiTrouble(kind="dead"), "server_error"),
        (ApiTrouble(kind="malformed"), None),
        (ApiTrouble(kind="black_hole"), "timeout"),
        (ApiTrouble(kind="rate_limit", seconds=7, times=1), "rate_limited"),
    )
    async with session(running, clock, timeouts=Timeouts(connect=0.5, read=0.5, total=1.0)) as api:
        await api.get("network", "/agents")
        for trouble, outcome in troubles:
            running.cloud.troubles.apis.arm(
                ApiTrouble(kind=trouble.kind, service="network", seconds=trouble.seconds, times=trouble.times)
            )
            if outcome is None:
                snapshot = await read_services(api)
                assert isinstance(snapshot.agents.error, BadReply)
                assert snapshot.computes.outcome is Outcome.OK
            else:
                with pytest.raises((ApiFault, TimedOut)) as caught:
                    await api.get("network", "/agents")
                assert caught.value.outcome == outcome
                assert getattr(caught.value, "retry_after", None) == (7 if outcome == "rate_limited" else None)
            running.clear()
        clock.seconds += 8
        await api.get("network", "/agents")


async def test_tokens_end(clock: Clock, running: CloudServer) -> None:
    """A token lives an hour, and is renewed before; revoked ones are a 401 that one new login mends."""
    async with session(running, clock) as api:
        await api.get("compute", "/servers?limit=1")
        clock.seconds += 3300
        await api.get("compute", "/servers?limit=1")
        assert running.keystone.logins == 2
        running.keystone.expire()
        clock.seconds += 120
        await api.get("compute", "/servers?limit=1")
        assert running.keystone.logins == 3


async def test_skew_is_seen(clock: Clock, running: CloudServer) -> None:
    """The cloud's clock is ahead: its Date says so, and so do the times of its records."""
    running.cloud.skew = 40.0
    async with session(running, clock) as api:
        reply = await api.get("compute", "/servers?limit=1")
    assert reply.date == int(clock() + 40)


@pytest.mark.parametrize("name", sorted(oddities.ODDITIES))
def test_oddities(cloud: Cloud, name: str) -> None:
    """Each leaves both sides in the state that its name says, and a model that can still be read."""
    model = cloud.model
    server = oddities.happen(cloud, name)
    marked = [n.facts for n in model.of_kind("VirtualMachine") if dict(n.facts.extra).get("nvp.vm-uuid") == server]
    alive = {one.id for one in cloud.alive()}
    assert (len(marked), server in alive) == {
        "orphan_vm": (1, False),
        "lost_vm": (0, True),
        "duplicate_vm": (2, True),
    }.get(name, (1, True))
    names = {node.facts.name for node in model.of_kind("VirtualMachine")}
    assert (name == "shadow_vm") == any(one.startswith("volume-") for one in names)
    assert (name == "bare_vm") == any(len(one) == 36 and one not in alive for one in names)
    if name == "leftover_snapshot":
        assert marked[0].snapshots[-1].name == f"{server}-snapshot"
    for node in model.of_kind("VirtualMachine"):
        for property_name in properties.names("VirtualMachine"):
            properties.text(model, node, property_name)


def lived(seed: int) -> tuple[list[str], list[Any], list[Any]]:
    """Twenty minutes of a cloud's life: what was done, and what there is after it."""
    clock = Clock()
    model = build(Size(hosts=6, vms=40, hosts_per_cluster=3), now=clock, seed=seed)
    cloud, chance, told = populate(model), random.Random(seed), []
    incidents = life.Incidents(cloud)
    for turn in range(400):
        if turn % 40 == 10:
            told.append(incidents.next())
        told.append(life.step(cloud, chance))
        churn.step(model, chance, foreign=frozenset(cloud.vms.values()))
        passes(clock, cloud, 3)
        assert {server.task_state for server in cloud.alive()} <= {None, *TASK_STATES}
    return told, list(cloud.listed()), list(model.tasks.all())


def test_life_is_the_same_each_time() -> None:
    """The same seed and clock give the same life; every operation of the plans is in it, and all incidents."""
    told, servers, tasks = lived(5)
    assert (told, servers, tasks) == lived(5)
    assert told != lived(6)[0]
    assert {line.split(" ")[0] for line in told} >= {"create", *operations.PLANS}
    words = "\n".join(told)
    for sign in ("stays running", "stays queued", "no space", "does nothing", "Nova waits,", "before it asks"):
        assert sign.removesuffix(",") in words


def test_life_leaves_both_sides_the_same(clock: Clock, model: Model) -> None:
    """After a while without trouble every VMware server has its machine, in the same power state, and no other does."""
    cloud, chance = populate(model), random.Random(2)
    for _ in range(300):
        life.step(cloud, chance)
        passes(clock, cloud, 3)
    passes(clock, cloud, 120)
    machines = {
        dict(n.facts.extra)["nvp.vm-uuid"]: n.facts.power
        for n in model.of_kind("VirtualMachine")
        if "nvp.vm-uuid" in dict(n.facts.extra)
    }
    powers = {1: "poweredOn", 4: "poweredOff", 7: "suspended"}
    known = {s.id: powers[s.power_state] for s in cloud.alive() if cloud.computes[s.host or ""].is_vmware}
    assert machines == known
    assert all(server.task_state is None for server in cloud.alive())
