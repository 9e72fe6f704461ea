"""The cloud's state: its servers, their actions, the computes they are on, and what goes wrong."""

import hashlib
import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from simulator.agenda import Gate
from simulator.model import Model
from simulator.openstack.facts import (
    DELETED,
    HEARTBEAT,
    SERVICE_DOWN,
    Action,
    Compute,
    Event,
    Flavor,
    Network,
    Server,
)
from simulator.openstack.trouble import ApiTrouble, Armed, BuildFailure, Hang

CONTROLLER = "controller"
"""The host of everything that is not a nova-compute."""
KEPT_ACTIONS = 50
"""Actions kept of one server."""
KEPT_DELETED = 1000
"""Deleted servers that listings with changes-since still show."""


@dataclass(slots=True)
class Troubles:
    """What goes wrong. ``released`` opens when all is cleared; ``cell_down``: the cell with all servers is away."""

    hangs: Armed[Hang] = field(default_factory=Armed)
    builds: Armed[BuildFailure] = field(default_factory=Armed)
    apis: Armed[ApiTrouble] = field(default_factory=Armed)
    released: Gate = field(default_factory=Gate)
    cell_down: bool = False


class Cloud:
    """An OpenStack whose VMware computes drive the clusters of ``model``; change it in the thread of the event loop.

    ``skew`` are seconds that its clock is ahead. The same model, seed and times give the same life.
    """

    def __init__(self, model: Model, *, flavors: Iterable[Flavor], images: Iterable[str]) -> None:
        self.model = model
        self.agenda = model.agenda
        self.chance = random.Random(model.seed)  # noqa: S311  repeatable, not secret
        self.skew = 0.0
        self.troubles = Troubles()
        self.flavors = {flavor.name: flavor for flavor in flavors}
        self.images = tuple(images)
        self.networks: tuple[Network, ...] = ()
        self.computes: dict[str, Compute] = {}
        self.servers: dict[str, Server] = {}
        self.vms: dict[str, str] = {}
        self.numbers = count(1)
        self._actions: dict[str, list[Action]] = {}
        self._sorted: tuple[Server, ...] | None = None
        self._thawed: dict[str, Gate] = {}
        self._requests = count(1)
        self._deleted: deque[str] = deque()

    def now(self) -> float:
        """The time by the cloud's clock."""
        return self.agenda.now() + self.skew

    def hex(self, *words: object) -> str:
        """An id without dashes, as of projects and users; it depends on the seed and the words alone."""
        return self.model.uuid(*words).replace("-", "")

    # --- servers ------------------------------------------------------------------------------------------------------

    def listed(self) -> tuple[Server, ...]:
        """Every server, deleted ones too, in Nova's order: the newest first."""
        if self._sorted is None:
            servers = self.servers.values()
            self._sorted = tuple(sorted(servers, key=lambda server: (server.created, server.id), reverse=True))
        return self._sorted

    def alive(self) -> Iterator[Server]:
        """The servers that exist, in the order they were made."""
        return (server for server in self.servers.values() if server.vm_state != DELETED)

    def put(self, server: Server) -> None:
        """Take in a server as it is."""
        self.servers[server.id] = server
        self._sorted = None

    def update(self, server: str, **changes: Any) -> None:
        """Change a server now. One that is deleted meanwhile stays as it is."""
        known = self.servers.get(server)
        if known is not None and known.vm_state != DELETED:
            self.put(replace(known, **{"updated": self.now(), **changes}))

    def delete(self, server: str) -> None:
        """Mark a server as deleted."""
        now = self.now()
        self.update(server, vm_state=DELETED, task_state=None, power_state=0, terminated=now, ports=())
        self.vms.pop(server, None)
        self._deleted.append(server)
        if len(self._deleted) > KEPT_DELETED:
            self._forget(self._deleted.popleft())

    def _forget(self, server: str) -> None:
        """Drop a deleted server; one in which something still hangs waits for its turn once more."""
        steps = [action.events for action in self._actions.get(server, ())]
        if all(events and all(event.finish is not None for event in events) for events in steps):
            self.servers.pop(server, None)
            self._actions.pop(server, None)
            self._sorted = None
        else:
            self._deleted.append(server)

    def vm_of(self, server: str) -> str | None:
        """The managed object id of a server's machine, None where there is none (any more)."""
        moid = self.vms.get(server, "")
        return moid if moid in self.model.nodes else None

    # --- actions ------------------------------------------------------------------------------------------------------

    def actions(self, server: str) -> list[Action] | None:
        """The actions of a server, the newest first; None for a server that is not known."""
        return self._actions.get(server)

    def record(self, action: Action) -> None:
        """Take in an action as it is."""
        known = self._actions.setdefault(action.server, [])
        known.insert(0, action)
        del known[KEPT_ACTIONS:]

    def act(self, server: str, name: str) -> str:
        """Begin an action now; its request id."""
        found, now = self.servers[server], self.now()
        request = f"req-{self.model.uuid('request', next(self._requests))}"
        self.record(
            Action(
                request=request,
                server=server,
                action=name,
                project=found.project,
                user=found.user,
                start=now,
                updated=now,
            )
        )
        return request

    def enter(self, server: str, request: str, event: str, *, host: str) -> None:
        """Begin a step of an action now."""
        step = Event(name=event, host=host, start=self.now())
        self._change(server, request, lambda action: replace(action, events=(step, *action.events)))

    def leave(self, server: str, request: str, *, error: str | None = None) -> None:
        """End the newest open step of an action now; with ``error`` the action has failed."""
        now = self.now()

        def ended(action: Action) -> Action:
            at = next(n for n, event in enumerate(action.events) if event.finish is None)
            trace = f'  File "nova/compute/manager.py", line 1\n{error}\n' if error else None
            closed = replace(
                action.events[at],
                finish=now,
                result="Error" if error else "Success",
                traceback=trace,
                details=error,
            )
            events = (*action.events[:at], closed, *action.events[at + 1 :])
            return replace(action, events=events, updated=now, message="Error" if error else action.message)

        self._change(server, request, ended)

    def _change(self, server: str, request: str, change: Any) -> None:
        known = self._actions.get(server, [])
        for at, action in enumerate(known):
            if action.request == request:
                known[at] = change(action)

    # --- computes -----------------------------------------------------------------------------------------------------

    def heartbeat(self, host: str) -> float:
        """When a service last reported."""
        compute = self.computes.get(host)
        until = self.now() if compute is None or compute.stopped is None else compute.stopped
        return until - until % HEARTBEAT

    def is_up(self, host: str) -> bool:
        """Whether the service of a host counts as up."""
        compute = self.computes.get(host)
        forced = compute is not None and compute.forced_down
        return not forced and self.now() - self.heartbeat(host) <= SERVICE_DOWN

    def set_compute(self, host: str, **changes: Any) -> None:
        """Change a compute: ``enabled``, ``reason``, ``forced_down``. Raises KeyError for a host that is none."""
        self.computes[host] = replace(self.computes[host], **changes)

    def freeze(self, host: str, *, heartbeat: bool) -> None:
        """Have a compute do nothing of what it is asked, until it is thawed; its heartbeat may go on."""
        stopped = None if heartbeat else self.now()
        self.set_compute(host, deaf=True, stopped=stopped)
        self._thawed.setdefault(host, Gate())

    def thaw(self, host: str) -> None:
        """Have a compute work again, first on what has waited for it."""
        self.set_compute(host, deaf=False, stopped=None)
        gate = self._thawed.pop(host, None)
        if gate is not None:
            self.agenda.open(gate)

    def answering(self, host: str) -> Gate | None:
        """What to wait for before a compute takes up work; None where it does at once."""
        return self._thawed.get(host)

    def clear(self) -> None:
        """End everything that goes wrong; what hangs goes on."""
        released = self.troubles.released
        self.troubles = Troubles()
        self.skew = 0.0
        self.agenda.open(released)
        for host in tuple(self.computes):
            self.thaw(host)
            self.set_compute(host, enabled=True, reason=None, forced_down=False)
        self.model.tasks.release()


def host_id(project: str, host: str | None) -> str:
    """``hostId`` of a server (nova/utils.py, generate_hostid); empty without host."""
    return hashlib.sha224((project + host).encode()).hexdigest() if host else ""
