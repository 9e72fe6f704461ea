"""The engine against the oracle, and the invariants (a) to (i) of the reference, for anything that can happen."""

import json
import pickle
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from slalab import MANY, SOME, Scenario, event, expected, outcome, policy, run, scenarios, started
from slaoracle import Rules

from sla.engine import Engine, restore
from sla.facts import Fact, decode, encode
from sla.model import ClockJump, Jump, Observation, PolicyChange, Tick
from sla.record import Record


@MANY
@given(scenarios())
def test_agrees_with_the_table_walked_second_by_second(scenario: Scenario) -> None:
    """(e) States, resolutions, every crossing and every sum are those of an oracle that only counts seconds."""
    assert outcome(run(scenario), scenario.end) == expected(scenario)


@SOME
@given(scenarios(calendar=True))
def test_agrees_with_the_table_under_a_calendar(scenario: Scenario) -> None:
    """(e) Also where the clock runs in business hours only."""
    assert outcome(run(scenario), scenario.end) == expected(scenario)


def timeless(found: list[Fact]) -> list[tuple[str, str]]:
    """Keys and bodies of facts in the order of their keys, without when they were noticed."""
    told = []
    for fact in found:
        body = json.loads(encode(fact).body)
        told.append((fact.key, json.dumps({key: body[key] for key in body if key not in {"noticed_at", "late"}})))
    return sorted(told)


@MANY
@given(scenarios(), st.lists(st.integers(0, 400), max_size=40))
def test_ticks_change_nothing(scenario: Scenario, ticks: list[int]) -> None:
    """(a) The outcome and every fact are the same whenever and however often somebody looks."""
    silent: list[Fact] = []
    looked: list[Fact] = []
    alone = run(scenario, tell=silent.extend)
    often = run(scenario, ticks=[tick for tick in ticks if tick < scenario.end], tell=looked.extend)

    assert outcome(often, scenario.end) == outcome(alone, scenario.end)
    assert timeless(looked) == timeless(silent)


def log_of(engine: Engine, happenings: list[Any]) -> list[Record]:
    """The log of what follows from the happenings."""
    return [encode(fact) for happening in happenings for fact in engine.handle(event(happening))]


@SOME
@given(scenarios())
def test_the_log_is_the_state_at_every_prefix(scenario: Scenario) -> None:
    """(b) What is rebuilt from the log equals what is live after each event, as text and back."""
    engine = Engine(keep=True)
    log = [encode(fact) for fact in engine.handle(_policy_of(scenario))]
    for happening in scenario.happenings:
        log += log_of(engine, [happening])
        again = restore(log, keep=True)
        assert again.incidents == engine.incidents
        assert again.judged(engine.now) == engine.judged(engine.now)
        assert (again.windows, again.policy) == (engine.windows, engine.policy)
        assert again.next_deadline() == engine.next_deadline()
    assert [encode(decode(record)) for record in log] == log


def _policy_of(scenario: Scenario) -> Any:
    return PolicyChange(0.0, policy(scenario.rules))


@SOME
@given(scenarios(), st.integers(0, 60))
def test_a_restart_anywhere_changes_nothing(scenario: Scenario, cut: int) -> None:
    """(c) Rebuilt from its log in the middle, or pickled, the engine goes on to the same end.

    The one thing that a log does not know is the last bad observation before the restart; so what is certain of a
    stretch unobserved may be less afterwards, never more.
    """
    instant = scenario.happenings[cut][0] if cut < len(scenario.happenings) else scenario.end + 1
    before = [happening for happening in scenario.happenings if happening[0] < instant]
    after = [*scenario.happenings[len(before) :], (scenario.end, "tick")]
    live = Engine(keep=True)
    log = [encode(fact) for fact in live.handle(_policy_of(scenario))]
    log += log_of(live, before)
    restarted, copied = restore(log, keep=True), pickle.loads(pickle.dumps(live))  # noqa: S301 - our own bytes
    for engine in (live, restarted, copied):
        log_of(engine, after)

    wanted, got = outcome(live, scenario.end), outcome(restarted, scenario.end)
    assert outcome(copied, scenario.end) == wanted
    for one, other in zip(wanted, got, strict=True):
        for timer, again in zip(one["timers"], other["timers"], strict=True):
            assert again.pop("certain") <= timer.pop("certain")
    assert got == wanted


@SOME
@given(scenarios())
def test_time_only_adds(scenario: Scenario) -> None:
    """(d, f) Elapsed never shrinks, a crossing stays where it was, lies in the past, and comes in order of percent."""
    engine = started(scenario)
    seen: dict[tuple[str, int, str], tuple[float, list[float | None]]] = {}
    last = max((happening[0] for happening in scenario.happenings), default=0)
    pending = list(scenario.happenings)
    for now in range(last + 20):
        while pending and pending[0][0] <= now:
            engine.handle(event(pending.pop(0)))
        engine.handle(Tick(float(max(now, engine.now))))
        for judged in engine.judged(engine.now):
            for timer in judged.timers:
                key = (judged.incident.id, timer.cycle, timer.target)
                elapsed, crossings = seen.get(key, (0.0, [None] * 3))
                new = list(timer.crossings.values())
                assert timer.elapsed >= elapsed
                assert all(old in {None, at} for old, at in zip(crossings, new, strict=True))
                reached = [at for at in new if at is not None]
                assert reached == sorted(reached)
                assert new[: len(reached)] == reached
                assert all(at <= engine.now for at in reached)
                seen[key] = (timer.elapsed, new)


@SOME
@given(scenarios(), st.integers(0, 2**32))
def test_delivered_twice_changes_nothing(scenario: Scenario, seed: int) -> None:
    """(g) Every event again, at once or later, after others: no fact is different, and each has its own key."""
    random = Random(seed)
    once: list[Fact] = []
    twice: list[Fact] = []
    alone = run(scenario, tell=once.extend)
    engine = started(scenario)
    late: list[Any] = []
    for happening in scenario.happenings:
        twice += engine.handle(event(happening))
        late.append(happening)
        for _ in range(random.randrange(3)):
            again = random.choice(late)
            if again[1] != "lost":
                twice += engine.handle(event(again))
    twice += engine.handle(Tick(float(scenario.end)))

    assert outcome(engine, scenario.end) == outcome(alone, scenario.end)
    assert timeless(twice) == timeless(once)
    keys = [encode(fact).key for fact in once]
    assert len(keys) == len(set(keys))


@SOME
@given(scenarios(), st.integers(0, 200), st.integers(1, 10**7), st.sampled_from([Jump.STEP, Jump.BEHIND]))
def test_a_step_of_the_wall_clock_changes_nothing(scenario: Scenario, at: int, by: int, kind: Jump) -> None:
    """(i) It is recorded, and that is all, whichever way and however far it goes."""
    engine = started(scenario)
    told = False
    for happening in [*scenario.happenings, (scenario.end, "tick")]:
        if not told and happening[0] > at:
            (fact,) = engine.handle(ClockJump(float(at), float(-by), kind))
            assert (fact.kind, fact.at) == ("clock_jump", at)
            told = True
        engine.handle(event(happening))

    assert outcome(engine, scenario.end) == outcome(run(scenario), scenario.end)


@SOME
@given(scenarios(), st.integers(0, 100), st.integers(1, 10**6))
def test_a_skip_of_effective_time_is_charged_to_nobody(scenario: Scenario, at: int, by: int) -> None:
    """(i) When effective time is set forward, every sum stays, and every instant after it moves by as much."""
    happenings = [one for one in scenario.happenings if one[1] in {"up", "down", "unknown", "ack", "gone"}]
    scenario = replace(scenario, happenings=tuple(happenings))
    plain = outcome(run(scenario), scenario.end)
    engine, told = started(scenario), False
    for happening in [*happenings, (scenario.end, "tick")]:
        if not told and happening[0] > at:
            engine.handle(ClockJump(float(at + by), float(by), Jump.REBASE))
            told = True
        engine.handle(event((happening[0] + (by if told else 0), *happening[1:])))

    def moved(instant: float | None) -> float | None:
        return instant if instant is None or instant <= at else instant + by

    for one in plain:
        one["start"], one["resolved"] = moved(one["start"]), moved(one["resolved"])
        for timer in one["timers"]:
            timer["crossings"] = [moved(crossing) for crossing in timer["crossings"]]
            timer.pop("paused"), timer.pop("gaps")
    shifted = outcome(engine, scenario.end + (by if told else 0))
    for one in shifted:
        for timer in one["timers"]:
            timer.pop("paused"), timer.pop("gaps")
    assert shifted == plain


@SOME
@given(scenarios(), st.lists(st.tuples(st.integers(0, 80), st.integers(1, 40)), min_size=1, max_size=4))
def test_overlapping_windows_count_once(scenario: Scenario, spans: list[tuple[int, int]]) -> None:
    """(h) Many windows are as good as one for each stretch that they cover, and one announced twice is one."""
    bare = tuple(one for one in scenario.happenings if one[1] not in {"window", "end_window"})
    union = sorted({second for start, length in spans for second in range(start, start + length)})
    many = [(0, "window", f"w{n}", start, start + length) for n, (start, length) in enumerate([*spans, *spans])]
    each = [(0, "window", f"s{second}", second, second + 1) for second in union]

    one = run(replace(scenario, happenings=(*many, *bare)))
    other = run(replace(scenario, happenings=(*each, *bare)))
    assert outcome(one, scenario.end) == outcome(other, scenario.end)


@SOME
@given(scenarios())
def test_nothing_is_due_before_the_next_deadline(scenario: Scenario) -> None:
    """Who sleeps until ``next_deadline`` misses nothing: a tick before it changes nothing."""
    engine = started(scenario)
    for happening in scenario.happenings:
        due = engine.next_deadline()
        if due is None or due >= happening[0]:
            assert engine.handle(Tick(happening[0] - 0.001)) == ()
        engine.handle(event(happening))


def test_observations_that_come_too_late_are_counted_and_ignored() -> None:
    """A second one of the same instant and health, or an older one."""
    scenario = Scenario(Rules(), (), 0)
    engine = started(scenario)
    assert policy(scenario.rules).version == (engine.policy and engine.policy.version)
    for at, health in ((5, "down"), (5, "down"), (4, "up"), (5, "unknown")):
        seen = event((at, health))
        assert isinstance(seen, Observation)
        engine.handle(seen)

    assert engine.stale == 2
