"""A log that was tampered with, or whose writer was wrong, is told from one that the engine would write again."""

from dataclasses import replace

import pytest
from hypothesis import given
from slalab import Scenario, policy, run, scenarios

from sla import facts
from sla.engine import Engine
from sla.model import Ack, Health, Observation, PolicyChange, Selector, Tick
from sla.policy import IncidentClass, Policy, Target
from sla.record import Record
from sla.verify import differences

RULES = Policy({"c": IncidentClass("c", (Target("resolution", 600.0), Target("late", 300.0)))})


def written() -> list[Record]:
    """An incident that opens, is acknowledged, crosses everything, and is resolved and closed."""
    engine, found = Engine(), list[facts.Fact]()
    found += engine.handle(PolicyChange(0.0, RULES))
    for second in range(0, 2000, 5):
        health = Health.DOWN if 50 <= second < 900 else Health.UP
        found += engine.handle(Observation(float(second), "c", "x", health))
        if second == 400:
            found += engine.handle(Ack(400.0, Selector(resource="x"), "jo"))
        found += engine.handle(Tick(float(second)))
    return [facts.encode(fact) for fact in found]


def test_what_was_written_agrees() -> None:
    """No difference."""
    assert differences(written(), until=1995.0) == ()


@given(scenario=scenarios())
def test_what_any_engine_wrote_agrees(scenario: Scenario) -> None:
    """Whatever happened, and whenever somebody looked."""
    rules = policy(scenario.rules, calendar=scenario.calendar)
    found = list(Engine().handle(PolicyChange(0.0, rules)))
    run(scenario, ticks=range(0, scenario.end, 7), tell=found.extend)
    log = [facts.encode(fact) for fact in found]

    assert differences(log, until=float(scenario.end)) == ()


@pytest.mark.parametrize("kind", ["opened", "crossed", "breached", "resolved", "closed"])
def test_a_missing_record_is_found(kind: str) -> None:
    """Whatever follows from others cannot be taken away unnoticed."""
    log = written()
    for index, record in enumerate(log):
        if record.kind == kind:
            found = differences([*log[:index], *log[index + 1 :]], until=1995.0)
            assert any(f"missing in the log: {kind} of" in line or "cannot be read" in line for line in found)


@pytest.mark.parametrize("kind", ["opened", "crossed", "breached", "resolved"])
def test_another_instant_is_found(kind: str) -> None:
    """Nor can it be moved."""
    log = written()
    index, record = next((index, record) for index, record in enumerate(log) if record.kind == kind)
    moved = replace(record, at=record.at - 1, key=record.key.replace(repr(record.at), repr(record.at - 1)))

    assert differences([*log[:index], moved, *log[index + 1 :]], until=1995.0)


def test_a_damaged_record_is_said() -> None:
    """What is no fact is named."""
    [line] = differences([Record("", "window", 0.0, "/window/w", "{}")], until=0.0)

    assert line.startswith("the log cannot be read: record /window/w")
