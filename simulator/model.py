"""The vCenter as a model: its inventory, its settings, and the changes that a test or the demo makes to it.

Every change is visible to a client that waits for updates. Use the model in the thread of the event loop.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.agenda import Agenda
from simulator.counters import Counter, load
from simulator.events import EventLog
from simulator.facts import Alarm, Datastore, Disk, Host, Snapshot, Vm
from simulator.store import Node, Store
from simulator.tasks import TaskLog

LIMIT_TEXT = (
    "This operation is restricted by the administrator - 'vpxd.stats.maxQueryMetrics'. "
    "Contact your system administrator."
)
"""vCenter's words when a query asks for more metrics than ``config.vpxd.stats.maxQueryMetrics`` allows."""


@dataclass(frozen=True, slots=True)
class About:
    """What the vCenter says of itself. ``instance_uuid`` is what Nova puts into a hypervisor's name."""

    instance_uuid: str
    name: str = "VMware vCenter Server"
    version: str = "8.0.3"
    build: str = "24022515"
    api_version: str = "8.0.3.0"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may log in: a user with a password, and an extension by its key with a client certificate."""

    user: str = "administrator@vsphere.local"
    password: str = "password"  # noqa: S105  the simulator's published default
    extension_key: str = "org.novacenter"


class Model(Store):
    """A vCenter's state. ``now`` gives seconds since the epoch; tests move it.

    Free to be set: ``skew`` (seconds that the vCenter's clock is ahead), ``denied`` (privileges that the user lacks),
    ``missing_counters`` (names of counters that this vCenter lacks), ``hidden`` (paths of properties that clients may
    not see, told to those who begin to look from then on), ``settings``, ``stats_level``.
    """

    def __init__(self, now: Callable[[], float], *, seed: int = 1, accounts: Accounts | None = None) -> None:
        super().__init__()
        self.now = now
        self.seed = seed
        self.started = now()
        self.accounts = accounts or Accounts()
        self.about = About(instance_uuid=self.uuid("vcenter"))
        self.counters: dict[int, Counter] = load()
        self.settings: dict[str, str | int | bool] = {"config.vpxd.stats.maxQueryMetrics": "256"}
        self.stats_level = 1
        self.denied: frozenset[str] = frozenset()
        self.missing_counters: frozenset[str] = frozenset()
        self.hidden: frozenset[str] = frozenset()
        self.skew = 0.0
        self.custom_fields: dict[int, tuple[str, str | None]] = {}
        self._numbers: dict[str, int] = {}
        self.agenda = Agenda(now)
        self.tasks = TaskLog(self, self.agenda)
        self.events = EventLog(self)

    def find(self, moid: str) -> Node | None:
        """The managed object or the task of this id, None where there is neither."""
        return self.nodes.get(moid) or self.tasks.find(moid)

    def time(self) -> float:
        """The vCenter's own clock, seconds since the epoch."""
        return self.now() + self.skew

    def uuid(self, *words: object) -> str:
        """A UUID that depends on the seed and the words alone."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.seed}/{'/'.join(map(str, words))}"))

    def new_moid(self, prefix: str) -> str:
        """The next free managed object id: ``vm-`` -> ``vm-1001``."""
        number = self._numbers.get(prefix, 1000 if prefix == "vm-" else 0) + 1
        self._numbers[prefix] = number
        return f"{prefix}{number}"

    def named(self, kind: str, name: str) -> Node:
        """The object of this vSphere type and name. Raises KeyError where there is none."""
        for node in self.of_kind(kind):
            if node.facts.name == name:
                return node
        raise KeyError(name)

    def vms_of(self, host: str) -> list[Node]:
        """The virtual machines that are on a host."""
        return self.related("vm.host", host)

    def renumber_counters(self, shift: int = 10_000) -> None:
        """Give every performance counter another id, as an upgraded or rebuilt vCenter has."""
        self.counters = load(shift)

    def add_vm(self, name: str, **facts: Any) -> str:
        """Add a virtual machine, started now, and return its id. What is not given is taken from the first there is."""
        pattern = next(self.of_kind("VirtualMachine"))
        moid = self.new_moid("vm-")
        vm: Vm = pattern.facts
        disk = replace(vm.disks[0], path=f"{name}/{name}.vmdk", uuid=self.uuid("disk", moid, 0))
        given = {
            "uuid": self.uuid("bios", moid),
            "instance_uuid": self.uuid("instance", moid),
            "started": self.now(),
            "disks": (disk,),
            "nics": (),
            "alarms": (),
            "extra": (),
            "snapshots": (),
            **facts,
        }
        parent = given.pop("parent", pattern.parent)
        self.add(Node("VirtualMachine", moid, replace(vm, name=name, **given), parent=parent))
        return moid

    def power(self, moid: str, *, on: bool) -> None:
        """Power a virtual machine on or off. Its samples begin anew when it is powered on."""
        if on:
            self.update(moid, power="poweredOn", started=self.now())
        else:
            self.update(moid, power="poweredOff")

    def move_vm(self, moid: str, host: str) -> None:
        """Move a virtual machine to another host of its cluster."""
        self.get(host)
        self.update(moid, host=host)

    def add_disk(self, moid: str, capacity: int = 10 << 30) -> Disk:
        """Give a virtual machine one more disk."""
        vm: Vm = self.get(moid).facts
        key = max((disk.key for disk in vm.disks), default=1999) + 1
        path = f"{vm.name}/{vm.name}_{key - 2000}.vmdk"
        disk = Disk(key, capacity, vm.disks[0].datastore, path, self.uuid("disk", moid, key))
        self.update(moid, disks=(*vm.disks, disk))
        return disk

    def add_snapshot(self, moid: str, name: str) -> None:
        """Take a snapshot of a virtual machine, beside those it has."""
        vm: Vm = self.get(moid).facts
        snapshot = Snapshot(self.new_moid("snapshot-"), name, self.now())
        self.update(moid, snapshots=(*vm.snapshots, snapshot))

    def set_host(self, moid: str, *, connection: str | None = None, maintenance: bool | None = None) -> None:
        """Set a host's connection (``connected``, ``disconnected``, ``notResponding``) or its maintenance mode."""
        host: Host = self.get(moid).facts
        node = self.get(moid)
        connection = host.connection if connection is None else connection
        maintenance = host.maintenance if maintenance is None else maintenance
        self.update(moid, connection=connection, maintenance=maintenance)
        for other in (*self.vms_of(moid), *map(self.get, host.datastores)):
            self.touch(other.moid)
        if node.parent:
            self.touch(node.parent)

    def set_datastore(self, moid: str, *, accessible: bool, hosts: Sequence[str] = ()) -> None:
        """Take a datastore away from all hosts, or from the given ones alone; ``accessible`` gives it back."""
        store: Datastore = self.get(moid).facts
        if not hosts:
            self.update(moid, accessible=accessible, unmounted=())
        elif accessible:
            self.update(moid, unmounted=tuple(h for h in store.unmounted if h not in hosts))
        else:
            self.update(moid, unmounted=(*store.unmounted, *hosts))

    def set_load(self, moid: str, ratio: float | None) -> None:
        """Have a host's CPU be used to this ratio, 0 to 1, in the samples from now on; None leaves it as it was."""
        host: Host = self.get(moid).facts
        if ratio is not None and not 0 <= ratio <= 1:
            raise ValueError(f"a ratio is from 0 to 1, not {ratio:g}")
        self.update(moid, loads=(*host.loads, (self.time(), ratio)))

    def set_paths(self, moid: str, lun: str, *states: str) -> None:
        """Set the states of a host's paths to a LUN, one word per path."""
        host: Host = self.get(moid).facts
        luns = tuple(replace(one, paths=states) if one.name == lun else one for one in host.luns)
        self.update(moid, luns=luns)

    def trigger(self, moid: str, alarm: str, *, status: str = "red") -> None:
        """Trigger an alarm by its name on an entity, whose overall status it becomes."""
        node, definition = self.get(moid), self.named("Alarm", alarm)
        others = tuple(one for one in node.facts.alarms if one.alarm != definition.moid)
        self.update(moid, status=status, alarms=(*others, Alarm(definition.moid, status, self.now())))

    def clear_alarms(self, moid: str) -> None:
        """End all alarms of an entity."""
        self.update(moid, status="green", alarms=())
