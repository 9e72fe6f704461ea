"""Timers that are carried along with the clock equal timers that are computed, whatever happened before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slalab import SOME, Scenario, event, scenarios, started
from slaoracle import Rules

from sla.engine import Engine
from sla.model import Ack, Announce, Approve, ClockJump, Health, Jump, Observation, Selector, Tick, Window
from sla.timers import timers


def check(engine: Engine, now: float) -> None:
    """Every incident of the engine: what it says is what is computed."""
    known = [(track.incident, track.terms) for track in engine._tracks.values()] + engine._finished
    computed = {one.id: timers(one, terms, now) for one, terms in known if one is not None and terms is not None}
    assert {judged.incident.id: judged.timers for judged in engine.judged(now)} == computed


@SOME
@given(st.booleans().flatmap(lambda calendar: scenarios(calendar=calendar)), st.lists(st.floats(0, 60), max_size=4))
def test_carried_along_is_computed(scenario: Scenario, glances: list[float]) -> None:
    """After every event, at that instant, at any later one in any order, and back again."""
    engine = started(scenario)
    for happening in sorted(scenario.happenings):
        engine.handle(event(happening))
        for later in (0.0, *glances, 0.0):
            check(engine, happening[0] + later)
    end = float(scenario.end)
    for more in (Tick(end), Approve(end, "w0"), ClockJump(end + 2, 2.0, Jump.REBASE)):
        engine.handle(more)
        check(engine, end + 3)
        check(engine, end + 4)


def test_nothing_is_computed_twice() -> None:
    """Of an incident that goes on with nothing between, each timer is carried along from the first look on."""
    engine = started(Scenario(Rules(limits={"resolution": 30, "response": 10}), (), 0))
    for at in range(0, 40, 5):
        engine.handle(Observation(float(at), "c", "r", Health.DOWN))
    engine.handle(Ack(39.0, Selector("", "c", "r")))
    first = engine.judged(40.0)
    (track,) = engine._tracks.values()
    assert None not in track.standing._parts
    second = engine.judged(41.0)
    grown = [other.elapsed - one.elapsed for one, other in zip(first[0].timers, second[0].timers, strict=True)]
    assert set(grown) <= {0.0, 1.0}
    assert 1.0 in grown
    check(engine, 41.0)


@pytest.mark.parametrize("until", [55.0, 60.0])
def test_a_window_to_come(until: float) -> None:
    """It is carried along until the window begins, stands still in it, and is computed again after it."""
    engine = started(Scenario(Rules(limits={"resolution": 100}), (), 0))
    for at in range(0, 40, 5):
        engine.handle(Observation(float(at), "c", "r", Health.DOWN))
    engine.handle(Announce(40.0, Window("w", 50.0, until)))
    engine.judged(41.0)
    for now in (42.0, 49.9, 50.0, 50.1, 59.0, 60.0, 70.0):
        check(engine, now)
