"""How far one action of a server is, as Nova's own records tell it. Pure.

An action has no status of its own (Compute API, instance actions): its events, the server's task state and, for what
Nova swallows, the server's fault say together whether it runs and how it ended.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from exporter.openstack.model import Action, Server
from exporter.openstack.operations import EVENTLESS, STATEFUL, UNKNOWN, of_action, of_task_state

GRACE = 60.0
"""Seconds that an action without event and without task state may still be on its way to a host: rpc_response_timeout.
Nova sets the task state before it records the action, so an older one was given up."""
SETTLE = 5.0
"""Seconds after its last event that an action is not yet over: a next step may follow. Also how far apart Nova's own
writes of one step are taken to be."""
FORGOTTEN = 24 * 3600.0
"""Seconds after which an open action without task state is dead: nova-compute was killed and its event never ends."""


class Result(StrEnum):
    """How an operation ended; ``unknown`` where Nova does not tell: given up, or its server deleted meanwhile."""

    SUCCESS = "success"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Phase:
    """What an action is doing. ``over`` is None while it is in flight.

    ``until`` is the latest instant at which it surely was in flight, or its end where Nova tells it; ``stamp`` is when
    Nova last recorded something, by which history is told from news; ``seconds`` is the length, if told by events.
    """

    until: float
    stamp: float
    over: Result | None = None
    seconds: float | None = None


def is_deleted(server: Server | None) -> bool:
    """Whether a listing with ``changes-since`` shows the server as gone."""
    return server is not None and server.status == "DELETED"


def compute_host(action: Action) -> str:
    """The nova-compute that last took a step of the action; empty where none did, only the API or a conductor."""
    steps = [event for event in action.events or () if event.name.startswith("compute_") and event.host]
    newest = max(steps, key=lambda event: event.start, default=None)
    return "" if newest is None else newest.host or ""


def finished(action: Action) -> float | None:
    """When the last event ended; None while one is open or where there is none.

    Nova ends an event by its name alone: when a build moves to another host, two have the same one and the second
    end may be written over the first, which leaves the other open for ever. It is over with the one that ended later.
    """
    ends: dict[str, float] = {}
    for event in action.events or ():
        if event.finish is not None:
            ends[event.name] = max(event.finish, ends.get(event.name, event.finish))
    closed = all(event.finish is not None or ends.get(event.name, -1.0) >= event.start for event in action.events or ())
    return max(ends.values()) if ends and closed else None


def holder(server: Server, actions: Iterable[Action], opened: Collection[str]) -> Action | None:
    """The action that the server's task state belongs to: the newest that sets such a state and is not long over.

    ``opened`` are the requests known to be in flight. A state that is not listed belongs to the newest action.
    """
    if server.task_state is None:
        return None
    words = of_task_state(server.task_state)
    found = [a for a in actions if words == (UNKNOWN,) or of_action(a.action) in words]
    newest = max(found, key=lambda action: action.start, default=None)
    if newest is None or newest.request in opened:
        return newest
    end = finished(newest)
    # A state that was set after the action's end is another action's, of which nothing has been read yet.
    return newest if end is None or server.updated is None or end >= server.updated - SETTLE else None


def phase(action: Action, server: Server | None, *, now: float, limit: float, gone: bool) -> Phase | None:
    """The phase of an action that holds no task state; None where too little was read to tell.

    ``gone`` says that the server is deleted. Instants are by Nova's clock.
    """
    if action.events is None or (server is None and not gone):
        return None
    end = finished(action)
    if end is not None:
        settled = gone or now - end >= SETTLE
        return Phase(end, end, _result(action, server) if settled else None, max(0.0, end - action.start))
    if of_action(action.action) in EVENTLESS:
        return Phase(action.start, action.start, Result.SUCCESS)
    return _deleted(action, server, now) if gone else _unfinished(action, now - action.start, limit)


def _deleted(action: Action, server: Server | None, now: float) -> Phase:
    """Of an action that is open while its server is deleted."""
    at = server.updated if server is not None and server.updated is not None else action.start
    if of_action(action.action) != "delete":
        return Phase(at, action.start, Result.UNKNOWN)
    # The end of its event is written right after the server's.
    return Phase(at, action.start, Result.SUCCESS if now - at >= SETTLE else None)


def _unfinished(action: Action, age: float, limit: float) -> Phase:
    """Of an action without an end, while its server has no task state of it."""
    stateful = of_action(action.action) in STATEFUL
    if stateful and not action.events:
        return Phase(action.start, action.start, Result.UNKNOWN if age >= GRACE else None)
    dead = age > (limit if stateful else max(limit, FORGOTTEN))
    return Phase(action.start + age, action.start, Result.UNKNOWN if dead else None)


def fault_text(action: Action, server: Server | None) -> str:
    """Everything that Nova says about why an action failed, in lines; empty where it says nothing."""
    texts = [event.details for event in action.events or () if event.result not in {None, "Success"}]
    if server is not None and server.fault is not None and _is_fault_of(action, server):
        texts.append(server.fault.message)
    return "\n".join(text for text in texts if text)


_TIMEOUTS = (
    (re.compile(r"MessagingTimeout|Timed out waiting for a reply to message"), "rpc_timeout"),
    (re.compile(r"\bTimedout\b"), "vcenter_timeout"),
    (re.compile(r"Virtual Interface creation failed|VirtualInterfaceCreateException"), "network_timeout"),
    (re.compile(r"did not finish being created even after we waited"), "volume_timeout"),
    (re.compile(r"time(?:d|-)? ?out", re.IGNORECASE), "other_timeout"),
)
"""What a fault says -> the cause of the timeout. oslo.messaging's exception and its text; vCenter's fault of that name
(vSphere API reference, Timedout), which oslo.vmware hands on as it is; the exception of a port that was not plugged
within vif_plugging_timeout and of a volume not made within block_device_allocate_retries (nova/exception.py)."""


def timeout_in(text: str) -> str | None:
    """The cause where a fault's text is about a timeout, else None."""
    return next((cause for pattern, cause in _TIMEOUTS if pattern.search(text)), None)


def _result(action: Action, server: Server | None) -> Result:
    """Of an action whose events are all over. A failed build says Success there, so the server's fault counts too."""
    failed = action.message == "Error" or (server is not None and _is_fault_of(action, server))
    return Result.ERROR if failed else Result.SUCCESS


def _is_fault_of(action: Action, server: Server) -> bool:
    """Whether the server is in ERROR because of this action."""
    if server.status != "ERROR":
        return False
    if action.action == "create":
        return server.launched is None
    made = server.fault.created if server.fault is not None else None
    end = finished(action)
    return made is not None and end is not None and action.start <= made <= end + SETTLE
