"""What the engine tells of its incidents: timers as they stand, what is due next, and a log that is damaged."""

from dataclasses import replace

import pytest
from slalab import Scenario, event, policy, started
from slaoracle import Rules

from sla.engine import Engine, UnknownClassError, restore
from sla.facts import encode
from sla.model import Announce, Approve, Gone, Health, Observation, PolicyChange, Reapply, Selector, Tick, Window
from sla.record import Record
from sla.timers import Run, Timer

RULES = Rules(limits={"resolution": 100})


def opened(rules: Rules = RULES, *, until: int = 20) -> Engine:
    """An engine with one incident that began at 0 and is open."""
    engine = started(Scenario(rules, (), 0))
    for second in range(0, until, 5):
        engine.handle(event((second, "down")))
    return engine


def timer(engine: Engine, now: float) -> Timer:
    """The only timer of the only incident."""
    (judged,) = engine.judged(now)
    (found,) = judged.timers
    return found


def test_a_pause_moves_the_deadline() -> None:
    """Known in advance, it counts from the announcement; while it lasts the timer is paused, and the deadline known."""
    engine = opened()
    assert (timer(engine, 20).state, timer(engine, 20).deadline, engine.next_deadline()) == (Run.RUNNING, 100, 50)
    engine.handle(Announce(20.0, Window("w", 40.0, 60.0)))

    assert (timer(engine, 30).state, timer(engine, 30).deadline, engine.next_deadline()) == (Run.RUNNING, 120, 40)
    engine.handle(Tick(50.0))
    during = timer(engine, 50)
    assert (during.state, during.deadline, during.elapsed, during.paused) == (Run.PAUSED, 120, 40, 10)
    assert engine.next_deadline() == 60


def test_a_breach_has_no_deadline_and_goes_on() -> None:
    """The overrun is counted, the instant of the breach stays."""
    engine = opened()
    engine.handle(Tick(250.0))

    found = timer(engine, 250)
    assert (found.state, found.elapsed, found.breached_at, found.deadline) == (Run.RUNNING, 250, 100, None)
    assert found.breach_certain


def test_a_breach_while_nobody_looked_is_only_possible() -> None:
    """Until a bad observation makes it certain; a good one never does."""
    engine = opened(until=90)
    engine.handle(event((90, "unknown")))
    engine.handle(Tick(120.0))
    assert (timer(engine, 120).breached_at, timer(engine, 120).breach_certain) == (100, False)
    again = restore([])
    assert again.incidents == ()

    good, bad = opened(until=90), opened(until=90)
    for other, health in ((good, "up"), (bad, "down")):
        other.handle(event((90, "unknown")))
        other.handle(event((120, health)))
    assert (timer(good, 120).elapsed, timer(good, 120).elapsed_certain) == (120, 85)
    assert (timer(good, 120).breach_certain, timer(bad, 120).breach_certain) == (False, True)


def test_both_numbers_of_a_window_announced_too_late() -> None:
    """Asked for, nothing changes; approved, the second number is less the window."""
    engine = opened()
    asked = engine.handle(Announce(20.0, Window("w", 5.0, 15.0)))
    assert [fact.kind for fact in asked] == ["window", "exclusion_request"]
    assert (timer(engine, 20).elapsed, timer(engine, 20).elapsed_approved) == (20, 20)

    engine.handle(Approve(21.0, "w", actor="anna"))

    assert (timer(engine, 21).elapsed, timer(engine, 21).elapsed_approved) == (21, 11)
    assert engine.handle(Approve(22.0, "w")) == ()
    assert engine.handle(Approve(22.0, "other")) == ()


def test_windows_select() -> None:
    """By class, resource, labels or incident; what does not fit is not paused."""
    scopes = {
        "all": Selector(),
        "class": Selector(class_="c"),
        "resource": Selector(resource="r"),
        "labels": Selector(labels=(("site", "lab"),)),
        "other class": Selector(class_="d"),
        "other resource": Selector(resource="s"),
        "other label": Selector(labels=(("site", "lab"), ("rack", "1"))),
        "other incident": Selector(incident="x"),
    }
    found = {}
    for name, scope in scopes.items():
        engine = Engine()
        engine.handle(PolicyChange(0.0, policy(RULES)))
        engine.handle(Announce(0.0, Window("w", 1.0, 2.0, scope)))
        engine.handle(Observation(0.0, "c", "r", Health.DOWN, (("site", "lab"),)))
        found[name] = timer(engine, 2).paused

    assert found == {name: 0.0 if name.startswith("other") else 1.0 for name in scopes}


def test_a_class_that_the_policy_lacks() -> None:
    """Observations of it are refused; an incident of it that is open goes on under the policy it began with."""
    engine = opened()
    with pytest.raises(UnknownClassError, match="no class 'x'"):
        engine.handle(Observation(20.0, "x", "r", Health.UP))
    engine.handle(PolicyChange(20.0, replace(policy(RULES), classes={})))

    assert engine.handle(Reapply(21.0, Selector())) == ()
    assert [fact.kind for fact in engine.handle(event((25, "up")))] == ["recovering"]
    for second in (30, 35, 40, 60):
        engine.handle(event((second, "up")))
    with pytest.raises(UnknownClassError, match="no class 'c'"):
        engine.handle(event((70, "down")))


def test_resources_that_left_long_ago_are_forgotten() -> None:
    """So that memory does not grow with every resource that ever was; one that came back is kept."""
    engine = started(Scenario(RULES, (), 0))
    for number in range(100):
        engine.handle(Observation(float(number), "c", f"r{number}", Health.UP))
        engine.handle(Gone(float(number), "c", f"r{number}"))
    engine.handle(Observation(90000.0, "c", "r7", Health.UP))
    engine.handle(Gone(90000.0, "c", "r7"))

    assert list(engine._tracks) == [("c", "r7")]


def test_a_damaged_log_is_refused() -> None:
    """By the key of the record that does not fit."""
    engine = Engine()
    log = [encode(fact) for fact in engine.handle(PolicyChange(0.0, policy(RULES)))]
    log += [encode(fact) for second in (0, 5, 10) for fact in engine.handle(event((second, "down")))]
    assert restore(log).incidents == engine.incidents

    for damaged, message in (
        ([log[0], *log[2:]], f"record {log[2].key}: comes before the beginning of its incident; the log is damaged"),
        ([*log, replace(log[2], kind="later")], f"record {log[2].key}: not a fact of this version (KeyError: 'later')"),
        ([*log, Record("", "window", 1.0, "/window/w", "{")], "record /window/w: not a fact of this version"),
    ):
        with pytest.raises(ValueError, match="record") as caught:
            restore(damaged)
        assert str(caught.value).startswith(message)
