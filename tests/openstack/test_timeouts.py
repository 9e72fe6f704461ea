"""Which operations are in flight, which timed out, how each ended: each counted once, whatever happens to the agent."""

import json
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from exporter.openstack import decode
from exporter.openstack.ledger import Book
from exporter.openstack.model import Action, ActionEvent, Server, ServerFault
from exporter.openstack.operations import LimitRule, Limits
from exporter.openstack.phases import GRACE, SETTLE, Result
from exporter.openstack.timeouts import MEMORY, STALE, Cause, Ledger, Operation, Snapshot, Step, advance, begin
from exporter.state import State

LIMIT = 100.0
LIMITS = Limits([LimitRule(seconds=LIMIT)])


def cause(operation: Operation) -> Cause:
    """What the join would say, in the simplest world."""
    return Cause.NOT_PICKED_UP if operation.picked_up is False else Cause.VCENTER_RUNNING


def server(state: str | None = None, *, updated: float = 0.0, **more: object) -> Server:
    """A server on vmware1."""
    found = Server(id="s1", name="web", project="p1", status="ACTIVE", task_state=state, host="vmware1", launched=1.0)
    return replace(found, updated=updated, **more)  # type: ignore[arg-type]


def action(name: str, start: float, *events: ActionEvent, message: str | None = None, request: str = "") -> Action:
    """An action of that server; its request is named after its start unless given."""
    return Action(
        server="s1", request=request or f"req-{start:g}", action=name, start=start, events=events, message=message
    )


def event(
    start: float, finish: float | None = None, *, result: str = "Success", details: str | None = None
) -> ActionEvent:
    """A step on vmware1, open without ``finish``."""
    done = result if finish is not None else None
    return ActionEvent(name="compute_it", start=start, finish=finish, result=done, host="vmware1", details=details)


def look(
    ledger: Ledger, now: float, found: Server | None, *actions: Action, asked: bool = True, gone: bool = False
) -> Step:
    """One cycle that read this server."""
    snapshot = Snapshot(
        now=now,
        servers={"s1": found} if found else {},
        actions={"s1": actions} if asked else {},
        gone=frozenset({"s1"} if gone else ()),
    )
    return advance(ledger, snapshot, limits=LIMITS, cause=cause)


def told(step: Step) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, float | None]]]:
    """Timeouts as (operation, host, cause), ends as (operation, result, seconds)."""
    return (
        [(found.operation.name, found.operation.host, found.cause.value) for found in step.timed_out],
        [(found.operation.name, found.result.value, found.seconds) for found in step.ended],
    )


def test_an_operation_from_its_record_to_its_end() -> None:
    """Not picked up, in flight, timed out strictly after its limit and once, then over with its length."""
    stop = action("stop", 10.0)
    step = look(begin(0.0), 20.0, server("powering-off"), stop)
    assert [(o.name, o.picked_up, o.task_state, o.timed_out) for o in step.ledger.opened.values()] == [
        ("power_off", False, "powering-off", False)
    ]
    running = replace(stop, events=(event(30.0),))
    step = look(step.ledger, 110.0, server("powering-off"), running)
    assert told(step) == ([], [])
    step = look(step.ledger, 110.5, server("powering-off"), running)
    assert told(step) == ([("power_off", "vmware1", "vcenter_running")], [])
    step = look(step.ledger, 500.0, server("powering-off"), running)
    assert told(step) == ([], [])
    over = replace(stop, events=(event(30.0, 600.0),))
    step = look(step.ledger, 700.0, server(updated=600.0), over)
    assert told(step) == ([], [("power_off", "success", 590.0)])
    assert look(step.ledger, 700.0, server("powering-off"), running).ledger is step.ledger
    assert step.ledger.opened == {}
    assert told(look(step.ledger, 800.0, server(), over)) == ([], [])


def test_a_hung_compute_is_told_by_the_task_state() -> None:
    """No event at all, for as long as the server shows the state."""
    step = look(begin(0.0), 1000.0, server("powering-on"), action("start", 10.0))
    assert told(step) == ([("power_on", "vmware1", "not_picked_up")], [])


def test_the_same_server_twice_counts_twice() -> None:
    """Two requests are two operations."""
    step = look(begin(0.0), 200.0, server("powering-off"), action("stop", 10.0, event(11.0)))
    first = action("stop", 10.0, event(11.0, 210.0))
    second = action("stop", 300.0, event(301.0))
    later = look(step.ledger, 500.0, server("powering-off", updated=300.0), first, second)
    assert told(later) == ([("power_off", "vmware1", "vcenter_running")], [("power_off", "success", 200.0)])


def test_a_failed_build_is_told_by_the_server() -> None:
    """Nova's action says Success; the server's status and fault say otherwise, and their text may be a timeout."""
    fault = ServerFault(code=500, message="Timed out waiting for a reply to message ID 1", created=20.0)
    failed = server(status="ERROR", launched=None, fault=fault)
    assert told(look(begin(0.0), 60.0, failed, action("create", 10.0, event(11.0, 20.0)))) == (
        [("create", "vmware1", "rpc_timeout")],
        [("create", "error", 10.0)],
    )
    plain = replace(failed, fault=replace(fault, message="Exceeded maximum number of retries."))
    assert told(look(begin(0.0), 60.0, plain, action("create", 10.0, event(11.0, 20.0)))) == (
        [],
        [("create", "error", 10.0)],
    )


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ("NotImplementedError", []),
        ("MessagingTimeout", ["rpc_timeout"]),
        ("VimFaultException: The operation timed out.\nFaults: ['Timedout']", ["vcenter_timeout"]),
        ("Virtual Interface creation failed", ["network_timeout"]),
        ("Volume 1 did not finish being created even after we waited 187 seconds", ["volume_timeout"]),
        ("ReadTimeoutError: HTTPSConnectionPool: Read timed out.", ["other_timeout"]),
        ("504 Gateway Time-out", ["other_timeout"]),
        (None, []),
    ],
)
def test_an_error_that_is_a_timeout(details: str | None, expected: list[str]) -> None:
    """What the failed event says decides; the length does not matter."""
    pause = action("pause", 10.0, event(11.0, 12.0, result="Error", details=details), message="Error")
    step = look(begin(0.0), 60.0, server(), pause)
    assert told(step) == ([("pause", "vmware1", found) for found in expected], [("pause", "error", 2.0)])


def test_a_fault_is_of_the_action_that_made_it() -> None:
    """A rebuild that fails quietly is an error; what was done to the server before and after is not."""
    fault = ServerFault(code=500, message="no", created=25.0)
    actions = (
        action("stop", 10.0, event(11.0, 12.0)),
        action("rebuild", 20.0, event(21.0, 26.0)),
        action("reboot", 40.0, event(41.0, 42.0)),
    )
    step = look(begin(0.0), 60.0, server(status="ERROR", fault=fault), *actions)
    assert told(step)[1] == [("power_off", "success", 2.0), ("rebuild", "error", 6.0), ("reboot", "success", 2.0)]


def test_a_build_that_moved_to_another_host() -> None:
    """Nova ends events by name: one of two of the same name may stay open, and is over with the other."""
    fault = ServerFault(code=500, message="Exceeded maximum number of retries.", created=33.0)
    create = action("create", 28.0, event(31.0), event(28.0, 33.0))
    step = look(begin(0.0), 40.0, server(status="ERROR", launched=None, fault=fault), create)
    assert told(step) == ([], [("create", "error", 5.0)])
    early = action("create", 28.0, event(31.0), event(28.0, 30.0))
    assert told(look(begin(0.0), 40.0, server(status="ERROR", launched=None, fault=fault), early)) == ([], [])


def test_steps_follow_each_other() -> None:
    """Between two events the task state holds the operation; right after the last one it is not over yet."""
    first = event(11.0, 12.0)
    step = look(begin(0.0), 20.0, server("resize_prep", updated=10.0), action("resize", 10.0, first))
    assert [o.name for o in step.ledger.opened.values()] == ["resize"]
    assert told(look(step.ledger, 30.0, server(updated=28.0), action("resize", 10.0, first, event(13.0, 28.0)))) == (
        [],
        [],
    )
    assert told(look(step.ledger, 40.0, server(updated=28.0), action("resize", 10.0, first, event(13.0, 28.0)))) == (
        [],
        [("resize", "success", 18.0)],
    )


def test_what_ran_too_long_unseen_is_counted() -> None:
    """The agent was away all the time; the records tell how long it took, not what it waited for."""
    step = look(begin(0.0), 5000.0, server(), action("stop", 10.0, event(11.0, 200.0)))
    assert told(step) == ([("power_off", "vmware1", "unknown")], [("power_off", "success", 190.0)])


def test_history_is_not_counted() -> None:
    """What ended before the first look, or was dead by then; but what still runs is counted, however old."""
    actions = (
        action("stop", 10.0, event(11.0, 900.0)),
        action("start", 901.0, event(902.0)),
        action("reboot", 903.0),
        action("lock", 904.0),
    )
    now = 1000.0 + MEMORY
    step = look(begin(now), now, server(), *actions)
    assert (told(step), step.ledger.opened) == (([], []), {})
    step = look(begin(now), now, server("powering-on"), *actions)
    assert told(step) == ([("power_on", "vmware1", "vcenter_running")], [])


def test_an_action_that_nobody_picks_up_and_no_task_state_holds() -> None:
    """Given up after the grace where the operation has a task state; else in flight, and a timeout after its limit."""
    step = look(begin(0.0), 10.0 + GRACE - 1, server(), action("stop", 10.0), action("attach_volume", 11.0))
    assert [o.name for o in step.ledger.opened.values()] == ["power_off", "attach_volume"]
    step = look(step.ledger, 10.0 + GRACE, server(), action("stop", 10.0), action("attach_volume", 11.0))
    assert told(step) == ([], [("power_off", "unknown", None)])
    step = look(step.ledger, 200.0, server(), action("attach_volume", 11.0))
    assert told(step) == ([("attach_volume", "vmware1", "not_picked_up")], [])
    step = look(step.ledger, 20.0 + MEMORY, server(), action("attach_volume", 11.0))
    assert told(step) == ([], [("attach_volume", "unknown", None)])


def test_an_event_that_a_killed_compute_left_open() -> None:
    """It counts once at its limit and is then over: the server shows that nothing is being done."""
    stop = action("stop", 10.0, event(11.0))
    step = look(begin(0.0), 60.0, server(), stop)
    assert [o.name for o in step.ledger.opened.values()] == ["power_off"]
    step = look(step.ledger, 200.0, server(), stop)
    assert told(step) == ([("power_off", "vmware1", "unknown")], [("power_off", "unknown", None)])
    for now in (300.0, MEMORY, 2 * MEMORY, 3 * MEMORY):
        step = look(step.ledger, now, server(), stop)
        assert (told(step), step.ledger.opened) == (([], []), {})
    assert step.ledger.ended == {}


def test_what_has_no_event_is_never_in_flight() -> None:
    """Nova resets a state within the call."""
    assert told(look(begin(0.0), 20.0, server(), action("resetState", 10.0)))[1] == [("reset_state", "success", None)]


def test_a_task_state_without_action() -> None:
    """It is an operation since the server changed, through all its states; when its action appears it is the same."""
    step = look(begin(0.0), 20.0, server("resize_prep", updated=15.0), asked=False)
    step = look(step.ledger, 80.0, server("resize_migrating", updated=70.0))
    assert [(o.key, o.picked_up) for o in step.ledger.opened.values()] == [("resize@15", None)]
    step = look(step.ledger, 116.0, server("resize_finish", updated=110.0))
    assert told(step) == ([("resize", "vmware1", "vcenter_running")], [])
    resize = action("migrate", 14.0, event(15.0))
    step = look(step.ledger, 120.0, server("resize_finish", updated=110.0), resize)
    assert [(o.key, o.name, o.timed_out) for o in step.ledger.opened.values()] == [("req-14", "migrate", True)]
    step = look(step.ledger, 150.0, server(updated=140.0), action("migrate", 14.0, event(15.0, 140.0)))
    assert told(step) == ([], [("migrate", "success", 126.0)])


def test_a_task_state_whose_action_ends_unseen() -> None:
    """It becomes the action that was over when it was read; without one Nova does not tell how it ended."""
    first = look(begin(0.0), 200.0, server("powering-off", updated=50.0), asked=False)
    assert told(first)[0] == [("power_off", "vmware1", "vcenter_running")]
    old = action("stop", 5.0, event(6.0, 7.0))
    over = look(first.ledger, 300.0, server(updated=250.0), old, action("stop", 51.0, event(52.0, 250.0)))
    assert told(over) == ([], [("power_off", "success", 2.0), ("power_off", "success", 199.0)])
    assert told(look(first.ledger, 300.0, server(updated=250.0), asked=False)) == ([], [])
    assert told(look(first.ledger, 300.0, server(updated=250.0), old))[1] == [
        ("power_off", "success", 2.0),
        ("power_off", "unknown", None),
    ]


def test_a_new_task_state_is_not_the_old_actions() -> None:
    """A state set long after the newest action ended belongs to a request whose record was not read yet."""
    old = action("stop", 10.0, event(11.0, 90.0))
    step = look(begin(0.0), 520.0, server("powering-off", updated=500.0), old)
    assert told(step) == ([], [("power_off", "success", 80.0)])
    assert list(step.ledger.opened) == [("s1", "power_off@500")]


def test_while_actions_cannot_be_read_a_task_state_that_begins_anew_is_new() -> None:
    """Neither what is as good as over nor what had the same state before the server changed is taken for it."""
    settling = look(begin(0.0), 100.0, server(updated=99.0), action("stop", 10.0, event(11.0, 99.0)))
    again = look(settling.ledger, 150.0, server("powering-off", updated=140.0), asked=False)
    assert (told(again), sorted(again.ledger.opened)) == (
        ([], []),
        [("s1", "power_off@140"), ("s1", "req-10")],
    )
    running = look(begin(0.0), 100.0, server("powering-off", updated=9.0), action("stop", 10.0, event(11.0)))
    same = look(running.ledger, 150.0, server("powering-off", updated=9.0), asked=False)
    assert told(same)[0] == [("power_off", "vmware1", "vcenter_running")]
    again = look(running.ledger, 150.0, server("powering-off", updated=140.0), asked=False)
    assert (told(again), sorted(again.ledger.opened)) == (
        ([], []),
        [("s1", "power_off@140"), ("s1", "req-10")],
    )


def test_a_task_state_seen_after_its_action_is_the_same_operation() -> None:
    """The server was listed before its state was set, and then its actions could not be read for long."""
    step = look(begin(0.0), 11.0, server(updated=1.0), action("stop", 10.0))
    step = look(step.ledger, 200.0, server("powering-off", updated=10.0), asked=False)
    assert told(step)[0] == [("power_off", "vmware1", "vcenter_running")]
    step = look(step.ledger, 300.0, server("powering-off", updated=10.0), action("stop", 10.0))
    assert (told(step), [o.timed_out for o in step.ledger.opened.values()]) == (([], []), [True])


def test_nothing_becomes_history_while_reading_fails() -> None:
    """An operation that began and was abandoned in an outage of days counts when it can be read."""
    step = look(begin(0.0), 1.0, server())
    for now in (2 * MEMORY, 3 * MEMORY):
        step = advance(step.ledger, Snapshot(now=now, complete=False), limits=LIMITS, cause=cause)
    step = look(step.ledger, 3 * MEMORY + 1, server(), action("attach_volume", 10.0, event(11.0)))
    assert told(step) == ([("attach_volume", "vmware1", "unknown")], [("attach_volume", "unknown", None)])


def test_a_deleted_server() -> None:
    """The delete is over with it; what else ran is over too, how is not known; neither is a timeout."""
    running = (action("reboot", 10.0, event(11.0)), action("delete", 40.0, event(41.0)))
    step = look(begin(0.0), 50.0, server("deleting"), *running)
    gone = server(status="DELETED", updated=55.0)
    assert told(look(step.ledger, 57.0, gone, *running))[1] == [("reboot", "unknown", None)]
    assert told(look(step.ledger, 300.0, gone, *running)) == (
        [],
        [("reboot", "unknown", None), ("delete", "success", None)],
    )
    assert told(look(step.ledger, 300.0, None, asked=False, gone=True)) == (
        [],
        [("reboot", "unknown", None), ("delete", "success", None)],
    )
    finished = (running[0], action("delete", 40.0, event(41.0, 55.0)))
    assert told(look(step.ledger, 57.0, None, *finished, gone=True))[1] == [
        ("reboot", "unknown", None),
        ("delete", "success", 15.0),
    ]


def test_nothing_is_judged_that_was_not_read() -> None:
    """While Nova does not answer, an operation is neither over nor late."""
    step = look(begin(0.0), 20.0, server("powering-off"), action("stop", 10.0, event(11.0)))
    for later in (
        advance(step.ledger, Snapshot(now=900.0), limits=LIMITS, cause=cause),
        look(step.ledger, 900.0, server(), asked=False),
        look(step.ledger, 900.0, server("powering-off", status="UNKNOWN"), action("stop", 10.0, event(11.0))),
        look(step.ledger, 900.0, None, action("stop", 10.0, event(11.0, 20.0))),
        look(step.ledger, 900.0, server(), replace(action("stop", 10.0), events=None)),
    ):
        assert (told(later), later.ledger.opened) == (([], []), step.ledger.opened)


def test_unknown_names_are_counted_not_dropped() -> None:
    """An action and a task state of a newer Nova are operations too; each is told when first seen."""
    step = look(begin(0.0), 200.0, server("defrosting"), action("defrost", 10.0, event(11.0)))
    assert told(step) == ([("unknown", "vmware1", "vcenter_running")], [])
    assert step.unknown == (("action", "defrost"), ("task_state", "defrosting"))
    again = look(step.ledger, 210.0, server("defrosting"), action("defrost", 10.0, event(11.0)))
    assert again.unknown == ()
    assert look(begin(0.0), 20.0, server("defrosting", updated=10.0)).unknown == (("task_state", "defrosting"),)


def test_hosts_are_computes() -> None:
    """Without a host of the server, the compute that took the last step; never the conductor's machine."""
    conductor = ActionEvent(name="conductor_schedule_and_build_instances", start=11.0, finish=12.0, host="controller")
    lost = server(status="ERROR", launched=None, host=None)
    step = look(begin(0.0), 60.0, lost, action("create", 10.0, conductor, message="Error"))
    assert [found.operation.host for found in step.ended] == [""]
    step = look(begin(0.0), 60.0, lost, action("create", 10.0, conductor, event(13.0, 14.0), message="Error"))
    assert [found.operation.host for found in step.ended] == ["vmware1"]


def test_a_clock_that_stepped_back() -> None:
    """A somewhat older snapshot changes nothing; a much older one shows that the clock was wrong before."""
    step = look(begin(0.0), 9e9, server("powering-off", updated=9e9 - 1), action("stop", 9e9 - 1, event(9e9)))
    assert look(step.ledger, 9e9 - STALE + 1, server()).ledger is step.ledger
    right = look(step.ledger, 1000.0, server(), action("start", 900.0, event(901.0, 902.0)))
    assert (right.ledger.seen, right.ledger.horizon) == (1000.0, 1000.0)
    later = look(right.ledger, 1020.0, server(), action("start", 1010.0, event(1011.0, 1012.0)))
    assert told(later)[1] == [("power_on", "success", 2.0)]


RECORDED = Path(__file__).resolve().parents[1] / "fixtures/openstack/compute"


def recorded(name: str) -> tuple[bytes, float]:
    """The body of a reply of the real cloud, and when Nova sent it."""
    reply = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["reply"]
    headers = {key.lower(): value for key, value in reply["headers"].items()}
    return json.dumps(reply["body"]).encode(), parsedate_to_datetime(headers["date"]).timestamp()


def looked(name: str, *requests: str, after: float) -> list[Step]:
    """What a recorded server and its actions mean: when the actions were read, and ``after`` seconds later."""
    body, _ = recorded(f"server-{name}")
    found = decode.servers(json.dumps({"servers": [json.loads(body)["server"]]}).encode()).servers[0]
    replies = [recorded(f"action-{name}-{request}") for request in requests]
    actions = [decode.action(reply, found.id) for reply, _ in replies]
    now = max(at for _, at in replies)
    steps = [Step(Ledger(horizon=0.0, seen=0.0))]
    for at in (now, now + after):
        snapshot = Snapshot(now=at, servers={found.id: found}, actions={found.id: actions})
        steps.append(advance(steps[-1].ledger, snapshot, limits=LIMITS, cause=cause))
    return steps[1:]


def in_flight(step: Step) -> list[tuple[str, str, str | None]]:
    """Operations in flight as (operation, host, task state)."""
    return [(found.name, found.host, found.task_state) for found in step.ledger.opened.values()]


@pytest.mark.parametrize(
    ("name", "requests", "expected"),
    [
        ("failed-no-host", ["create"], [("create", "error")]),
        ("failed-network", ["create"], [("create", "error")]),
        ("failed-vcenter", ["create"], [("create", "error")]),
        (
            "active",
            ["create", "pause", "stop", "reboot"],
            [("create", "success"), ("pause", "error"), ("power_off", "error"), ("reboot", "success")],
        ),
        ("thawed", ["create", "reboot"], [("create", "success"), ("reboot", "success")]),
    ],
)
def test_recorded_operations_that_ended(name: str, requests: list[str], expected: list[tuple[str, str]]) -> None:
    """Of the real Nova: each has its result, none is in flight any more and none is taken for a timeout."""
    first, second = looked(name, *requests, after=2 * LIMIT)
    ended = [(found.operation.name, found.result.value) for found in (*first.ended, *second.ended)]
    assert ended == expected
    assert (first.timed_out, second.timed_out, second.ledger.opened) == ((), (), {})


@pytest.mark.parametrize(
    ("name", "requests", "expected", "why"),
    [
        ("stuck", ["create", "stop"], ("power_off", "vmware1", "powering-off"), "vcenter_running"),
        ("hung", ["create", "reboot"], ("reboot", "fake1", "rebooting_hard"), "not_picked_up"),
        ("building", ["create"], ("create", "vmware1", "spawning"), "vcenter_running"),
    ],
)
def test_recorded_operations_in_flight(
    name: str, requests: list[str], expected: tuple[str, str, str], why: str
) -> None:
    """Of the real Nova: a stuck vCenter task, a compute that hangs, a slow build; each times out once."""
    first, second = looked(name, *requests, after=2 * LIMIT)
    assert (in_flight(first), first.timed_out) == ([expected], ())
    assert told(second)[0] == [(*expected[:2], why)]


def test_recorded_moves() -> None:
    """Of the real Nova: a live migration in six steps, a resize in five, and a live migration that failed."""
    requests = ("live-migration-again", "resize", "confirmResize", "live-migration")
    steps = looked("moved", *requests, after=20.0)
    assert [(end.operation.name, end.result.value) for step in steps for end in step.ended] == [
        ("live_migrate", "success"),
        ("resize", "success"),
        ("resize_confirm", "success"),
        ("live_migrate", "error"),
    ]
    assert in_flight(steps[-1]) == []


@dataclass
class Told:
    """An operation of the Nova of the state machine, and what must be said of it."""

    server: str
    action: str
    start: float
    events: list[ActionEvent] = field(default_factory=list)
    message: str | None = None
    end: float | None = None
    timeout: bool = False
    late: bool = False

    def record(self) -> Action:
        """As the API shows it."""
        return Action(
            server=self.server,
            request=f"req-{self.server}-{self.start:g}",
            action=self.action,
            start=self.start,
            message=self.message,
            events=tuple(self.events),
        )


STATES = {"stop": "powering-off", "createImage": "image_snapshot", "create": "spawning", "attach_volume": None}


class Cloud(RuleBasedStateMachine):
    """A Nova that works, hangs and fails, and an agent that looks at it, restarts, and gets old answers."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.state = State(Path(self.folder.name))
        self.state.prepare()
        self.now = 0.0
        self.servers: dict[str, Server] = {}
        self.operations: list[Told] = []
        self.snapshots: list[Snapshot] = []
        self.timeouts: Counter[tuple[str, float]] = Counter()
        self.ends: Counter[tuple[str, float]] = Counter()

    def teardown(self) -> None:
        """Leaves no file behind."""
        self.folder.cleanup()

    @initialize()
    def start(self) -> None:
        """The agent looks at an empty cloud for the first time."""
        self.restart()
        self.look(asked=True, restart=False)

    def restart(self) -> None:
        """The agent knows what the database holds, and no more."""
        self.book = Book("c1", self.state, limits=LIMITS)
        self.book.load(self.now)

    @rule(seconds=st.sampled_from([1.0, 7.0, 40.0, LIMIT, LIMIT + 1, 2 * MEMORY]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    def running(self, events: bool | None = None) -> list[Told]:
        """Operations that are not over; with ``events`` only those that were, or were not, picked up."""
        return [o for o in self.operations if o.end is None and (events is None or bool(o.events) is events)]

    @rule(name=st.sampled_from(sorted(STATES)), which=st.integers(0, 5))
    def ask(self, name: str, which: int) -> None:
        """A user asks for something: of a server that does nothing else, or for a new one."""
        self.now += 1
        busy = {found.server for found in self.running()}
        idle = [id_ for id_, found in self.servers.items() if id_ not in busy and found.status == "ACTIVE"]
        found = idle[which % len(idle)] if idle else f"s{len(self.servers)}"
        if name == "create":
            found = f"s{len(self.servers)}"
        if found not in self.servers:
            status, launched = ("BUILD", None) if name == "create" else ("ACTIVE", self.now)
            self.servers[found] = Server(
                id=found, name=found, project="p", status=status, launched=launched, host="vmware1", updated=self.now
            )
        if STATES[name]:
            self.servers[found] = replace(self.servers[found], task_state=STATES[name], updated=self.now)
        self.operations.append(Told(found, name, self.now))

    @precondition(lambda self: self.running(events=False))
    @rule(which=st.integers(0, 5))
    def pick_up(self, which: int) -> None:
        """A compute begins."""
        waiting = self.running(events=False)
        waiting[which % len(waiting)].events.append(ActionEvent(name="compute_it", start=self.now))

    @precondition(lambda self: self.running(events=True))
    @rule(which=st.integers(0, 5), how=st.sampled_from(["Success", "Error", "MessagingTimeout"]))
    def finish(self, which: int, how: str) -> None:
        """A compute is done; a failed build leaves no trace in the action."""
        found = self.running(events=True)[which % len(self.running(events=True))]
        failed = how != "Success"
        quiet = failed and found.action == "create"
        details = how if failed and not quiet else None
        found.events[0] = replace(
            found.events[0], finish=self.now, result="Error" if details else "Success", details=details
        )
        found.message = "Error" if details else None
        found.end = self.now
        found.timeout = how == "MessagingTimeout"
        changed = replace(self.servers[found.server], task_state=None, updated=self.now)
        if found.action == "create":
            fault = ServerFault(code=500, message=how, created=self.now) if failed else None
            status, launched = ("ERROR", None) if failed else ("ACTIVE", self.now)
            changed = replace(changed, status=status, launched=launched, fault=fault)
        self.servers[found.server] = changed

    @rule(asked=st.booleans(), restart=st.booleans())
    def look(self, asked: bool, restart: bool) -> None:
        """One cycle, of an agent that may have just started; the actions may not be readable in it."""
        self.now += 1
        if restart:
            self.restart()
        actions: dict[str, list[Action]] = {id_: [] for id_ in self.servers} if asked else {}
        for found in self.operations:
            if asked:
                actions[found.server].append(found.record())
            until = self.now if found.end is None else found.end
            readable = asked or (found.end is None and STATES[found.action] is not None)
            failed = found.timeout and self.now >= until + SETTLE
            if readable and (until - found.start > LIMIT or failed):
                found.late = True
        self.snapshots.append(Snapshot(now=self.now, servers=dict(self.servers), actions=actions, complete=asked))
        self.take(self.snapshots[-1])
        self.check()

    @rule(back=st.integers(0, 3), restart=st.booleans())
    def look_again(self, back: int, restart: bool) -> None:
        """The same answer once more, or one that was overtaken on its way."""
        lately = [found for found in self.snapshots if found.now > self.snapshots[-1].now - STALE]
        if restart:
            self.restart()
        self.take(lately[-1 - min(back, len(lately) - 1)])
        self.check()

    def take(self, snapshot: Snapshot) -> None:
        """Adds up the news."""
        step = self.book.take(snapshot, cause=cause)
        self.timeouts.update((found.operation.server, found.operation.start) for found in step.timed_out)
        self.ends.update((found.operation.server, found.operation.start) for found in step.ended)
        assert all(found.seconds is None or found.seconds >= 0 for found in step.ended)
        assert all(found.result is not Result.UNKNOWN for found in step.ended if found.operation.name == "create")

    def check(self) -> None:
        """Every timeout that could be seen was counted once, nothing else was, and no end twice."""
        assert self.timeouts == Counter((o.server, o.start) for o in self.operations if o.late)
        over = {(o.server, o.start) for o in self.operations if o.end is not None}
        assert set(self.ends) <= over | self.abandoned()
        assert all(count == 1 for count in self.ends.values())
        timeouts, ends = self.state.tallies("c1")
        assert (sum(timeouts.values()), sum(ends.values())) == (self.timeouts.total(), self.ends.total())

    def abandoned(self) -> set[tuple[str, float]]:
        """Operations without task state that nobody ended within a day."""
        return {
            (o.server, o.start)
            for o in self.operations
            if STATES[o.action] is None and (o.end is None or o.end - o.start > MEMORY)
        }


TestCloud = Cloud.TestCase
TestCloud.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_a_book_without_database() -> None:
    """It counts in memory, and begins where it first looks."""
    book = Book("c1", None, limits=LIMITS)
    book.load(0.0)
    stuck = server("defrosting")
    book.take(Snapshot(now=200.0, servers={"s1": stuck}, actions={"s1": [action("stop", 1.0)]}), cause=cause)
    assert [(found.name, found.timed_out) for found in book.opened] == [("power_off", True)]
    assert (book.pairs, book.unknown) == ({("vmware1", "power_off")}, {"task_state": 1})
    over = action("stop", 1.0, event(2.0, 250.0))
    book.take(Snapshot(now=300.0, servers={"s1": server()}, actions={"s1": [over]}), cause=cause)
    assert (book.pairs, book.opened) == ({("vmware1", "power_off")}, ())
    assert book.tallies == ({("vmware1", "power_off", "not_picked_up"): 1}, {("vmware1", "power_off", "success"): 1})
