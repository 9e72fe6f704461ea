"""Gentle life for the demo: machines are added, moved, powered or given a disk, alarms come and go."""

import asyncio
import random
from collections.abc import Collection

from simulator.model import Model
from simulator.openstack import life
from simulator.openstack.cloud import Cloud
from simulator.store import Node
from simulator.tasks import SYSTEM, Reason

OPERATOR = Reason("user", "VSPHERE.LOCAL\\Administrator")

_TICK = 0.25  # seconds between two looks at what has become due


def step(model: Model, chance: random.Random, *, foreign: Collection[str] = ()) -> str:
    """Change one thing at once, with its task, and say what. ``foreign`` machines are Nova's to change."""
    machines = list(model.of_kind("VirtualMachine"))
    if not machines:
        return "nothing to change"
    vm = chance.choice(machines)
    own = ("power", "add", "remove", "disk")
    what = chance.choice(("move", "power", "add", "remove", "disk", "alarm", "calm"))
    if what in own and vm.moid in foreign:
        return f"leave {vm.facts.name}"
    if what in own:
        _change(model, vm, what, chance=chance)
    elif what == "move":
        cluster = model.get(vm.facts.host).parent or ""
        hosts = [host for host in model.related("child", cluster) if host.kind == "HostSystem"]
        model.move_vm(vm.moid, chance.choice(hosts).moid)
        model.tasks.record("Drm.ExecuteVMotionLRO", vm.moid, by=SYSTEM, seconds=chance.uniform(2.0, 9.0))
    elif what == "alarm":
        model.trigger(vm.moid, "Virtual machine CPU usage", status="yellow")
    else:
        model.clear_alarms(vm.moid)
    return f"{what} {vm.facts.name}"


def _change(model: Model, vm: Node, what: str, *, chance: random.Random) -> None:
    """What an operator does by hand."""
    if what == "power":
        on = vm.facts.power != "poweredOn"
        model.power(vm.moid, on=on)
        _record(model, vm.moid, f"VirtualMachine.power{'On' if on else 'Off'}", chance=chance)
    elif what == "add":
        moid = model.add_vm(f"new-{model.version}", host=vm.facts.host, pool=vm.facts.pool)
        _record(model, moid, "VirtualMachine.clone", chance=chance)
    elif what == "remove" and vm.facts.name.startswith("new-"):
        _record(model, vm.moid, "ManagedEntity.destroy", chance=chance)
        model.remove(vm.moid)
    elif what == "disk" and len(vm.facts.disks) < 8:
        model.add_disk(vm.moid)
        _record(model, vm.moid, "VirtualMachine.reconfigure", chance=chance)


def _record(model: Model, moid: str, operation: str, *, chance: random.Random) -> None:
    model.tasks.record(operation, moid, by=OPERATOR, seconds=chance.uniform(0.2, 3.0))


async def live(model: Model, *, period: float, seed: int = 1, cloud: Cloud | None = None) -> None:
    """Change something every ``period`` seconds, in the cloud as well if there is one, until cancelled."""
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    while True:
        await asyncio.sleep(period)
        step(model, chance, foreign=frozenset(cloud.vms.values()) if cloud else ())
        if cloud is not None:
            life.step(cloud, chance)


async def tick(model: Model) -> None:
    """Let what is planned happen in time, until cancelled."""
    while True:
        model.agenda.run()
        await asyncio.sleep(_TICK)


async def compare(cloud: Cloud, *, period: float) -> None:
    """Have a pair of servers made every ``period`` seconds, one on VMware and one on KVM, until cancelled."""
    twins = life.Twins(cloud)
    while True:
        twins.next()
        await asyncio.sleep(period)


async def suffer(cloud: Cloud, *, period: float) -> None:
    """Let something else go wrong every ``period`` seconds, first after 5 seconds, until cancelled."""
    incidents = life.Incidents(cloud)
    await asyncio.sleep(5.0)
    while True:
        incidents.next()
        await asyncio.sleep(period)
