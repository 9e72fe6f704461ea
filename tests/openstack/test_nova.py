"""Nova's servers and actions, read cheaply: nothing is lost, nothing is asked twice without need, costs are bounded.

The cloud is the model in novamodel.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from novamodel import BEGIN, Action, FakeNova, fault, stamp

from exporter.errors import BadReply, SourceError, TimedOut
from exporter.openstack.cloud import CloudSnapshot
from exporter.openstack.cost import Cost
from exporter.openstack.fleet import KEEP
from exporter.openstack.nova import MARGIN, SWEEP, SWEEP_DOWN, TRUST, Nova

INTERVAL = 20.0


def states(snapshot: CloudSnapshot) -> dict[str, tuple[str, str | None]]:
    """What the agent has for the servers' states."""
    return {server.id: (server.status, server.task_state) for server in snapshot.servers.values()}


def finished(snapshot: CloudSnapshot) -> dict[str, bool]:
    """Whether each action that the agent knows is over, by request."""
    return {
        action.request: all(event.finish is not None for event in action.events or ())
        for actions in snapshot.actions.values()
        for action in actions
    }


async def cycles(cloud: FakeNova, nova: Nova, count: int) -> list[CloudSnapshot]:
    """So many cycles, the interval apart."""
    found = []
    for _ in range(count):
        found.append(await nova.cycle())
        cloud.now += INTERVAL
    return found


async def test_ten_thousand_servers_with_fifty_in_flight() -> None:
    """After the first cycle no cycle has more than 60 requests, while servers change; no operation is missed."""
    cloud = FakeNova()
    for number in range(10_000):
        cloud.boot(f"s{number:05}")
    cloud.now += 3600
    running = [(f"s{number:05}", cloud.begin(f"s{number:05}")) for number in range(0, 500, 10)]
    nova = Nova(cloud, clock=cloud.clock)

    first = (await cycles(cloud, nova, 1))[0]
    costs = []
    for turn in range(60):
        # Every minute one operation ends and another begins; the others hang.
        if turn % 3 == 0:
            name, action = running.pop(0)
            cloud.end(name, action)
            running.append((f"s{9000 + turn:05}", cloud.begin(f"s{9000 + turn:05}")))
        last = (await cycles(cloud, nova, 1))[0]
        costs.append(last.cost)

    assert len(first.servers) == 10_000
    assert first.cost.listing == 11
    assert max(cost.requests for cost in costs) <= 60
    assert max(cost.listing for cost in costs) == 1
    assert [cost.carried for cost in costs[5:]] == [0] * 55
    assert last.complete
    assert {action.request for _, action in running} <= {
        request for request, done in finished(last).items() if not done
    }
    assert len(last.watched) == 50


async def test_quiet_cloud_costs_one_request() -> None:
    """Where nothing happens, a cycle is one listing, and the picture stays."""
    cloud = FakeNova()
    cloud.boot("a")
    cloud.now += 1000
    first, second = await cycles(cloud, Nova(cloud, clock=cloud.clock), 2)

    assert cloud.asked == [
        "/servers/detail?all_tenants=1",
        f"/servers/detail?all_tenants=1&changes-since={stamp(first.mark - MARGIN)}Z&limit=1000".replace(":", "%3A"),
    ]
    assert second.cost == Cost(listing=1, received=second.cost.received)
    assert states(second) == {"a": ("ACTIVE", None)}
    assert second.actions == {}


async def test_life_of_an_operation() -> None:
    """An operation is seen in the cycle after it began, stays, and is seen to end; then nobody asks for it."""
    cloud = FakeNova()
    cloud.boot("a")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, 1)
    action = cloud.begin("a")
    seen = await cycles(cloud, nova, 3)
    cloud.end("a", action)
    seen += await cycles(cloud, nova, 3)

    assert [finished(snapshot) for snapshot in seen] == [{"req-1": False}] * 3 + [{"req-1": True}] * 3
    assert [snapshot.watched for snapshot in seen][:3] == [("a",)] * 3
    assert seen[-1].watched == ()
    assert seen[-1].cost.requests == 1


async def test_end_in_the_second_of_the_reading_is_not_lost() -> None:
    """Nova's times have whole seconds: an action that ends in the second in which it was read is read again."""
    cloud = FakeNova(now=BEGIN + 0.2)
    cloud.boot("a")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    action = cloud.begin("a", task_state=None)
    nova.look(["a"])
    before = await nova.cycle()
    cloud.now += 0.5
    cloud.end("a", action)
    cloud.now += INTERVAL
    after = await nova.cycle()

    assert (finished(before), finished(after)) == ({"req-1": False}, {"req-1": True})


async def test_what_hangs_for_long_is_asked_ever_less() -> None:
    """An operation that hangs for a day costs little, and its end is still seen within a twentieth of its age."""
    cloud = FakeNova()
    cloud.boot("a")
    action = cloud.begin("a", task_state=None)
    nova = Nova(cloud, clock=cloud.clock)
    nova.look(["a"])
    await cycles(cloud, nova, 1)
    cloud.now += 86_400
    await cycles(cloud, nova, 1)
    hung = await cycles(cloud, nova, 180)
    cloud.end("a", action)
    until_end = await cycles(cloud, nova, 220)

    assert sum(snapshot.cost.actions for snapshot in hung) <= 1
    assert any(finished(snapshot) == {"req-1": True} for snapshot in until_end)


async def test_what_the_listing_will_show_is_seldom_asked() -> None:
    """An operation with a task state costs nothing while it runs, for the listing shows its end, in the next cycle."""
    cloud = FakeNova()
    for name in ("ends", "hangs"):
        cloud.boot(name)
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, 1)
    ending, hanging = cloud.begin("ends"), cloud.begin("hangs")
    cloud.now += 5
    await cycles(cloud, nova, 1)
    running = await cycles(cloud, nova, 5)
    cloud.end("ends", ending)
    cloud.now += 5
    over = (await cycles(cloud, nova, 1))[0]
    later = await cycles(cloud, nova, 30)

    assert [snapshot.cost.requests for snapshot in running] == [1] * 5
    assert finished(over) == {ending.request: True, hanging.request: False}
    assert sum(snapshot.cost.actions for snapshot in later) == 30 * INTERVAL // TRUST


async def test_operation_that_no_host_has_picked_up_is_asked_often() -> None:
    """That a host picks an operation up changes nothing in the listing, but tells why it takes long."""
    cloud = FakeNova()
    cloud.boot("a")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, 1)
    action = cloud.begin("a")
    event = action.events.pop()
    cloud.now += 5
    await cycles(cloud, nova, 3)
    action.events.append(event)
    action.updated = cloud.now
    cloud.now += 5
    snapshot = (await cycles(cloud, nova, 1))[0]

    assert [len(found.events or ()) for found in snapshot.actions["a"]] == [1]


async def test_end_while_a_cell_is_down_unnoticed() -> None:
    """``changes-since`` leaves out a cell that is down, without a word: an end in that time is found before long."""
    cloud = FakeNova()
    cloud.boot("a")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, 1)
    action = cloud.begin("a")
    cloud.now += 5
    await cycles(cloud, nova, 2)
    cloud.servers["a"].is_down = True
    cloud.end("a", action)
    await cycles(cloud, nova, 10)
    cloud.servers["a"].is_down = False
    snapshots = await cycles(cloud, nova, int(TRUST / INTERVAL))

    assert finished(snapshots[-1]) == {action.request: True}


async def test_look_finds_what_the_listing_does_not_show() -> None:
    """Attaching a volume changes nothing in the listing; a server that is looked at has its newest actions read."""
    cloud = FakeNova()
    cloud.boot("a")
    nova = Nova(cloud, clock=cloud.clock)
    cloud.now += 1000
    await cycles(cloud, nova, 1)
    cloud.begin("a", "attach_volume", task_state=None)
    blind = (await cycles(cloud, nova, 1))[0]
    nova.look(["a"])
    seeing = (await cycles(cloud, nova, 1))[0]

    assert (finished(blind), finished(seeing)) == ({}, {"req-1": False})


async def test_budget_carries_over_oldest_first() -> None:
    """What does not fit is counted and read in the next cycles, whoever waits longest first; nobody is passed over."""
    cloud = FakeNova()
    for number in range(20):
        cloud.boot(f"s{number:02}")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock, budget=9, workers=1)
    await cycles(cloud, nova, 1)
    for number in range(20):
        cloud.begin(f"s{number:02}", "attach_volume", task_state=None)
        nova.look([f"s{number:02}"])
    seen = await cycles(cloud, nova, 5)
    order = [path.split("/")[2] for path in cloud.asked if path.count("/") == 4]

    assert [snapshot.cost.requests for snapshot in seen] == [9] * 5
    assert [snapshot.cost.carried for snapshot in seen] == [16] * 5
    assert len(set(order[:20])) == 20
    assert not seen[0].complete
    assert seen[0].error is None
    assert set(seen[0].actions) == set(order[:4])


async def test_deleted_server_is_shown_then_forgotten() -> None:
    """A deletion is seen with its action; later the server and all that was known of it are gone."""
    cloud = FakeNova()
    cloud.boot("a")
    cloud.boot("b")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, 1)
    action = cloud.begin("a", "delete", task_state="deleting")
    cloud.now += 1
    cloud.end("a", action)
    cloud.delete("a")
    cloud.now += 5
    seen = (await cycles(cloud, nova, 1))[0]
    later = (await cycles(cloud, nova, int(KEEP / INTERVAL) + 2))[-1]

    assert (states(seen)["a"], finished(seen)) == (("DELETED", None), {"req-1": True})
    assert (states(later), later.actions, later.watched) == ({"b": ("ACTIVE", None)}, {}, ())


async def test_restart_misses_nothing() -> None:
    """What changed, ended or was deleted while the agent was down is read by its first cycle."""
    cloud = FakeNova()
    for name in ("ends", "goes", "quiet", "attaches"):
        cloud.boot(name)
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    ending = cloud.begin("ends")
    attaching = cloud.begin("attaches", "attach_volume", task_state=None)
    nova.look(["attaches"])
    before = (await cycles(cloud, nova, 2))[-1]
    cloud.now += 600
    cloud.end("ends", ending)
    cloud.end("attaches", attaching)
    gone = cloud.begin("goes", "delete", task_state="deleting")
    cloud.end("goes", gone)
    cloud.delete("goes")
    cloud.now += 30
    again = Nova(cloud, clock=cloud.clock, since=before.mark, watched=before.watched)
    after = await again.cycle()

    assert before.watched == ("attaches", "ends")
    assert finished(after) == {ending.request: True, attaching.request: True, gone.request: True}
    assert states(after)["goes"] == ("DELETED", None)
    assert "quiet" not in after.actions


async def test_server_that_is_purged() -> None:
    """A server whose actions Nova does not know any more is gone, and not asked for again."""
    cloud = FakeNova()
    cloud.boot("a")
    cloud.begin("a")
    nova = Nova(cloud, clock=cloud.clock, watched=["never"])
    await cycles(cloud, nova, 1)
    del cloud.servers["a"]
    cloud.now += TRUST
    first, second = await cycles(cloud, nova, 2)

    assert (first.gone, states(first), first.actions) == (frozenset({"a"}), {}, {})
    assert second.gone == frozenset()
    assert second.cost.requests == 1


async def test_operation_behind_a_deletion() -> None:
    """Of a server that is met in flight, the operation that hangs behind a deletion is read, too."""
    cloud = FakeNova()
    cloud.boot("a")
    for _ in range(5):
        cloud.end("a", cloud.begin("a", "reboot"))
        cloud.now += 100
    cloud.begin("a", "stop")
    cloud.now += 100
    cloud.begin("a", "delete", task_state="deleting")
    snapshot = await Nova(cloud, clock=cloud.clock).cycle()

    assert finished(snapshot) == {"req-7": False, "req-6": False, "req-5": True}


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (TimedOut("no"), 1),
        (fault(429), 1),
        (fault(503), 1),
        (fault(403), 1),
        (fault(500), 3),
        (BadReply("no"), 3),
    ],
)
async def test_failure_of_actions(error: SourceError, asked: int) -> None:
    """A failure that others would share ends the asking, another one does not; all is asked for again."""
    cloud = FakeNova(failing={"/a/os-instance-actions": error})
    for name in ("a", "b", "c"):
        cloud.boot(name)
        cloud.begin(name)
    nova = Nova(cloud, clock=cloud.clock, workers=1)
    failed = (await cycles(cloud, nova, 1))[0]
    count = sum(path.count("/") == 3 for path in cloud.asked)
    cloud.failing.clear()
    healed = (await cycles(cloud, nova, 1))[0]

    assert count == asked
    assert (failed.complete, failed.error, failed.cost.failed) == (False, error, 1)
    assert "a" not in failed.actions
    assert sorted(finished(healed)) == ["req-1", "req-2", "req-3"]
    assert (healed.complete, healed.error) == (True, None)


async def test_failed_listing_loses_no_time() -> None:
    """The cycle after a failed one covers the time of both."""
    cloud = FakeNova()
    cloud.boot("a")
    nova = Nova(cloud, clock=cloud.clock)
    cloud.now += 1000
    await cycles(cloud, nova, 1)
    cloud.failing["detail"] = TimedOut("no")
    action = cloud.begin("a")
    cloud.now += 1
    cloud.end("a", action)
    for _ in range(10):
        with pytest.raises(TimedOut):
            await nova.cycle()
        cloud.now += INTERVAL
    cloud.failing.clear()
    snapshot = (await cycles(cloud, nova, 1))[0]

    assert finished(snapshot) == {"req-1": True}


async def test_server_that_always_fails_does_not_hold_up_others() -> None:
    """Whose actions cannot be read waits behind the others, so that they are read however small the budget is."""
    cloud = FakeNova(failing={"/a/os-instance-actions": fault(500)})
    for name in ("a", "b", "c"):
        cloud.boot(name)
        cloud.begin(name, "attach_volume", task_state=None)
    nova = Nova(cloud, clock=cloud.clock, workers=1, budget=3)
    nova.look(["a", "b", "c"])
    seen = await cycles(cloud, nova, 8)

    assert {request for snapshot in seen for request in finished(snapshot)} == {"req-2", "req-3"}
    assert [snapshot.cost.requests for snapshot in seen] == [3] * 8


async def test_record_that_shows_late() -> None:
    """A record is committed some time after the time that it bears: windows of reading overlap by more than that."""
    cloud = FakeNova()
    cloud.boot("a")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, 2)
    action = cloud.begin("a")
    late = cloud.now - 40
    cloud.servers["a"].updated = action.updated = action.start = action.events[0].start = late
    seen = (await cycles(cloud, nova, 1))[0]

    assert (states(seen), finished(seen)) == ({"a": ("ACTIVE", "powering-off")}, {"req-1": False})


async def test_listing_in_circles_ends() -> None:
    """A server that hands out the same page again and again is not believed."""

    class Circle(FakeNova):
        def _listing(self, query: dict[str, str]) -> dict[str, Any]:
            return super()._listing({key: value for key, value in query.items() if key != "marker"})

    cloud = Circle(page=2)
    for name in ("a", "b"):
        cloud.boot(name)

    with pytest.raises(BadReply, match="goes in circles"):
        await Nova(cloud, clock=cloud.clock).cycle()


async def test_marker_that_is_gone() -> None:
    """Where the last server of a page is purged before the next page is asked for, the one before it serves."""
    cloud = FakeNova(page=3)
    for number in range(8):
        cloud.boot(f"s{number}")
        cloud.now -= 1

    def purge() -> None:
        cloud.servers.pop("s2", None)

    cloud.page_hook = purge
    snapshot = await Nova(cloud, clock=cloud.clock).cycle()

    assert sorted(snapshot.servers) == [f"s{number}" for number in range(8)]


async def test_clock_skew_is_measured_and_harmless() -> None:
    """Windows follow Nova's clock: an hour of difference costs nothing and loses nothing."""
    for skew in (-3600.0, 3600.0):
        cloud = FakeNova(skew=skew)
        cloud.boot("a")
        nova = Nova(cloud, clock=cloud.clock)
        cloud.now += 1000
        await cycles(cloud, nova, 1)
        action = cloud.begin("a")
        cloud.now += 1
        cloud.end("a", action)
        cloud.now += 1.5
        seen = (await cycles(cloud, nova, 1))[0]

        assert (finished(seen), seen.cost.requests) == ({"req-1": True}, 3)
        assert seen.skew == pytest.approx(skew, abs=1)
        assert cloud.now - INTERVAL - 1 <= seen.now <= cloud.now - INTERVAL


async def test_cell_that_is_down() -> None:
    """Its servers stay with what was known, as UNKNOWN; what happened meanwhile is found when it is back."""
    cloud = FakeNova()
    cloud.boot("a")
    cloud.boot("b")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, 1)
    cloud.servers["a"].is_down = True
    action = cloud.begin("a")
    nova.relist()
    down = (await cycles(cloud, nova, 1))[0]
    cloud.now += 100
    cloud.end("a", action)
    cloud.now += 900
    cloud.servers["a"].is_down = False
    back = await cycles(cloud, nova, int(SWEEP_DOWN / INTERVAL) + 2)

    assert states(down) == {"a": ("UNKNOWN", None), "b": ("ACTIVE", None)}
    assert down.servers["a"].name == "a"
    assert states(back[-1])["a"] == ("ACTIVE", None)
    assert finished(back[-1]) == {action.request: True}


async def test_sweep_is_spread() -> None:
    """Once an hour everything is listed again, a page a cycle, whatever else fails."""
    cloud = FakeNova(page=2)
    for number in range(5):
        cloud.boot(f"s{number}")
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, int(SWEEP / INTERVAL))
    cloud.servers["s4"].task_state = "powering-off"  # without a trace in ``updated``
    seen = await cycles(cloud, nova, 8)

    assert max(snapshot.cost.listing for snapshot in seen) == 2
    assert [states(snapshot)["s4"][1] for snapshot in seen][-1] == "powering-off"
    assert sum(snapshot.cost.listing - 1 for snapshot in seen) == 3


async def test_old_nova() -> None:
    """Before 2.58 actions have no ``updated_at`` and no filter: what is open is read again, the rest is not."""
    cloud = FakeNova(version=(2, 40))
    cloud.boot("a")
    cloud.end("a", cloud.begin("a", "reboot"))
    cloud.now += 1000
    nova = Nova(cloud, clock=cloud.clock)
    await cycles(cloud, nova, 1)
    action = cloud.begin("a")
    cloud.now += 5
    running = await cycles(cloud, nova, 2)
    cloud.end("a", action)
    cloud.now += 5
    over = await cycles(cloud, nova, 2)

    assert "limit" not in "".join(path for path in cloud.asked if "os-instance-actions" in path)
    assert "since" not in "".join(path for path in cloud.asked if "os-instance-actions" in path)
    assert [finished(snapshot)[action.request] for snapshot in (*running, *over)] == [False, False, True, True]


async def test_memory_is_flat() -> None:
    """A thousand cycles in which operations come and go leave nothing behind but the servers."""
    cloud = FakeNova()
    nova = Nova(cloud, clock=cloud.clock)
    for turn in range(1000):
        cloud.boot(f"s{turn}")
        cloud.end(f"s{turn}", cloud.begin(f"s{turn}", "create", task_state="spawning"))
        if turn >= 10:
            cloud.delete(f"s{turn - 10}")
        cloud.servers.pop(f"s{turn - 200}", None)
        last = (await cycles(cloud, nova, 1))[0]

    known = int(KEEP / INTERVAL) + 15
    assert len(last.servers) <= known
    assert len(last.actions) <= known
    assert (len(nova._asked), len(nova._queue), len(nova._fleet._busy)) <= (2, 0, 2)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("boot"), st.integers(0, 11)),
        st.tuples(st.just("begin"), st.integers(0, 11)),
        st.tuples(st.just("end"), st.integers(0, 11)),
        st.tuples(st.just("delete"), st.integers(0, 11)),
        st.tuples(st.just("wait"), st.integers(0, 40)),
        st.tuples(st.just("cycle"), st.integers(0, 3)),
        st.tuples(st.just("fail"), st.integers(0, 1)),
    ),
    max_size=60,
)


class Story:
    """Steps in the cloud, between cycles and between the pages of a listing."""

    def __init__(self, cloud: FakeNova, told: list[tuple[str, int]]) -> None:
        self.cloud = cloud
        self.rest: Iterator[tuple[str, int]] = iter(told)
        self.running: dict[str, Action] = {}
        self.requests: Counter[str] = Counter()
        self.born = 0

    def step(self, what: str, number: int) -> None:
        """One thing that happens in the cloud."""
        alive = [name for name, server in self.cloud.servers.items() if server.status != "DELETED"]
        if what == "boot":
            self.born += 1
            self.cloud.now += 0.3
            self.cloud.boot(f"s{self.born:03}")
        elif what == "wait":
            self.cloud.now += number / 4
        elif alive:
            name = alive[number % len(alive)]
            if what == "begin" and name not in self.running:
                self.running[name] = self.cloud.begin(name)
                self.requests[self.running[name].request] += 1
            elif what == "end" and name in self.running:
                self.cloud.end(name, self.running.pop(name))
            elif what == "delete":
                if name in self.running:
                    self.cloud.end(name, self.running.pop(name))
                self.cloud.delete(name)

    def between_pages(self) -> None:
        """The cloud does not stand still while it is listed."""
        for what, number in self.rest:
            if what in {"cycle", "fail"}:
                return
            self.step(what, number)


@settings(max_examples=150, deadline=None)
@given(told=steps, page=st.integers(1, 4), budget=st.integers(5, 30), skew=st.sampled_from([0.0, -500.0, 500.0]))
async def test_no_server_and_no_operation_is_lost(
    told: list[tuple[str, int]], page: int, budget: int, skew: float
) -> None:
    """Whatever happens between cycles and pages: once it is quiet, the agent has each server as it is in the cloud, and
    it has read each operation and its end.
    """
    cloud = FakeNova(page=page, skew=skew)
    story = Story(cloud, told)
    nova = Nova(cloud, clock=cloud.clock, budget=budget, since=BEGIN)
    cloud.page_hook = story.between_pages
    seen: set[str] = set()
    for what, number in story.rest:
        if what in {"cycle", "fail"}:
            if what == "fail":
                cloud.failing["detail" if number % 2 else "os-instance"] = TimedOut("no")
            with suppress(TimedOut):
                seen |= set(finished(await nova.cycle()))
            cloud.failing.clear()
            cloud.now += INTERVAL
        else:
            story.step(what, number)
    cloud.page_hook = None
    snapshot = (await cycles(cloud, nova, 40))[-1]
    seen |= set(finished(snapshot))

    there = {name: (server.status, server.task_state) for name, server in cloud.servers.items()}
    assert {name: state for name, state in states(snapshot).items() if state[0] != "DELETED"} == {
        name: state for name, state in there.items() if state[0] != "DELETED"
    }
    assert states(snapshot).items() <= there.items()
    assert {request for request, done in finished(snapshot).items() if not done} == {
        action.request for action in story.running.values()
    }
    assert seen == set(story.requests)
    assert snapshot.complete
