"""Gentle life for the demo: machines are added, moved, powered or given a disk, alarms come and go."""

import asyncio
import random

from simulator.model import Model


def step(model: Model, chance: random.Random) -> str:
    """Change one thing, and say what."""
    machines = list(model.of_kind("VirtualMachine"))
    if not machines:
        return "nothing to change"
    vm = chance.choice(machines)
    what = chance.choice(("move", "power", "add", "remove", "disk", "alarm", "calm"))
    if what == "move":
        cluster = model.get(vm.facts.host).parent or ""
        hosts = [host for host in model.related("child", cluster) if host.kind == "HostSystem"]
        model.move_vm(vm.moid, chance.choice(hosts).moid)
    elif what == "power":
        model.power(vm.moid, on=vm.facts.power != "poweredOn")
    elif what == "add":
        model.add_vm(f"new-{model.version}", host=vm.facts.host, pool=vm.facts.pool)
    elif what == "remove" and vm.facts.name.startswith("new-"):
        model.remove(vm.moid)
    elif what == "disk" and len(vm.facts.disks) < 8:
        model.add_disk(vm.moid)
    elif what == "alarm":
        model.trigger(vm.moid, "Virtual machine CPU usage", status="yellow")
    else:
        model.clear_alarms(vm.moid)
    return f"{what} {vm.facts.name}"


async def live(model: Model, *, period: float, seed: int = 1) -> None:
    """Change something every ``period`` seconds, until cancelled."""
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    while True:
        await asyncio.sleep(period)
        step(model, chance)
