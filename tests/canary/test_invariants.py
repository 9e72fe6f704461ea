"""What holds for any run, whatever happened in it."""

from collections.abc import Sequence
from dataclasses import replace

from canarylab import DAYS, SPEC, STARTED, judged, readings, run_of, times, unit
from hypothesis import given, settings
from hypothesis import strategies as st

from sla.canary.judging import judge, verify
from sla.canary.model import DAY, Arm, Kind, Observations, Occurrence, Phase, Reading, days_from
from sla.canary.verdict import Verdict, to_json

PLAIN = run_of()
HISTORY = readings(PLAIN, days_from("2026-10-19", 14))
RUN = run_of(history=HISTORY)
WORST_FIRST = [Phase.ERROR, Phase.FAILED, Phase.ABORTED, Phase.INCONCLUSIVE, Phase.PENDING, Phase.RUNNING, Phase.PASSED]

MEASURES = st.sets(st.sampled_from(["unit_cpu_usage_ratio", "unit_observed_seconds"]), min_size=1)
instants = st.integers(0, 16 * 24 * 4).map(lambda quarters: STARTED + quarters * 900.0)
arms = st.sampled_from([Arm.CANARY, Arm.CONTROL, Arm.REST])


@st.composite
def occurrences(draw: st.DrawFn) -> Occurrence:
    """Anything that can happen, to anybody, at any time."""
    kind = draw(st.sampled_from([Kind.VERSION_CHANGED, Kind.COHORT_CHANGED, Kind.MAINTENANCE, Kind.ABORTED]))
    who, at = draw(st.sampled_from(["", *(unit(RUN, arm) for arm in Arm)])), draw(instants)
    until = at + draw(st.integers(1, 10)) * 3600.0 if kind is Kind.MAINTENANCE else None
    return Occurrence(at, kind, who, until=until)


@st.composite
def worlds(draw: st.DrawFn) -> Observations:
    """Days of which some are thin, missing, unmeasured or worse, and things that happened in between."""
    made: list[Reading] = list(HISTORY)
    for day in DAYS:
        hours = {arm: draw(st.sampled_from([24.0, 24.0, 24.0, 24.0, 24.0, 23.0, 20.0, 0.0])) for arm in arms_of()}
        cpu = {arm: draw(st.sampled_from([0.4, 0.4, 0.4, 0.4, 0.41, 0.6, 0.9, None])) for arm in arms_of()}
        made += readings(RUN, [day], hours=hours, cpu=cpu)
    return Observations(tuple(made), tuple(draw(st.lists(occurrences(), max_size=3))))


def arms_of() -> Sequence[Arm]:
    """Those that are judged."""
    return (Arm.CANARY, Arm.CONTROL)


def rank(verdict: Verdict) -> int:
    """Lower is worse."""
    return WORST_FIRST.index(verdict.phase)


@settings(max_examples=60, deadline=None)
@given(worlds(), instants)
def test_passing_takes_a_full_week(world: Observations, at: float) -> None:
    """No pass, and no failure but a guard's, with less than seven days that count, or without one of the weekdays."""
    verdict = judge(RUN, world, at)
    if verdict.phase is Phase.PASSED:
        assert verdict.valid_days >= 7
        assert at >= judged(7)
        assert len({day.number % 7 for day in verdict.days if day.valid}) == 7
        assert all(check.state == "passed" for check in verdict.checks)
    if verdict.phase is Phase.FAILED:
        assert verdict.valid_days >= 7


@settings(max_examples=40, deadline=None)
@given(worlds(), instants, instants, st.sampled_from([Kind.SLA_BREACH, Kind.EVALUATOR_DEAD, Kind.GUARD]))
def test_a_guard_never_helps(world: Observations, at: float, when: float, kind: Kind) -> None:
    """A guard that fails makes no verdict better."""
    bad = Occurrence(when, kind, unit(RUN, Arm.CANARY), "timeouts" if kind is Kind.GUARD else "")
    worse = replace(world, occurrences=(*world.occurrences, bad))
    before, after = judge(RUN, world, at), judge(RUN, worse, at)
    assert rank(after) <= rank(before) or before.phase is Phase.ABORTED
    if when <= at and (before.decided_at is None or when <= before.decided_at):
        assert after.phase is Phase.FAILED


@settings(max_examples=40, deadline=None)
@given(worlds(), instants, instants)
def test_later_days_change_nothing(world: Observations, at: float, cut: float) -> None:
    """What is known later, of days that end later and of later events, does not change a verdict on an earlier instant;
    nor does anything change a decision."""
    early, late = min(at, cut), max(at, cut)
    known = Observations(
        tuple(one for one in world.readings if judged(1) + DAY * _number(one.date) <= early + 1e-6),
        tuple(one for one in world.occurrences if one.at <= early),
    )
    verdict = judge(RUN, world, early)
    assert to_json(judge(RUN, known, early)) == to_json(verdict)
    if verdict.decided_at is not None:
        assert replace(judge(RUN, world, late), at=early) == verdict


def _number(date: str) -> int:
    """Days since the first one."""
    return round((judged_at(date) - judged(1)) / DAY)


def judged_at(date: str) -> float:
    """The instant from which a day is judged."""
    return judged(1) + DAY * (DAYS.index(date) if date in DAYS else -30)


@settings(max_examples=40, deadline=None)
@given(worlds(), instants, st.randoms(use_true_random=False))
def test_order_is_irrelevant(world: Observations, at: float, random: object) -> None:
    """The same verdict, to the last digit, in whatever order things became known."""
    made, happened = list(world.readings), list(world.occurrences)
    random.shuffle(made)  # type: ignore[attr-defined]
    random.shuffle(happened)  # type: ignore[attr-defined]
    text = to_json(judge(RUN, world, at))
    assert to_json(judge(RUN, Observations(tuple(made), tuple(happened)), at)) == text
    assert verify(text, RUN, world) == ()


@settings(max_examples=30, deadline=None)
@given(
    worlds(), instants, st.sets(st.sampled_from(["unit_cpu_usage_ratio", "unit_observed_seconds"]), min_size=1), arms
)
def test_no_data_never_passes(world: Observations, at: float, missing: set[str], arm: Arm) -> None:
    """Without one of the measures, in one of the arms, nothing ever passes."""
    who = {one.id for one in RUN.cohort.units(arm)}
    left = tuple(one for one in world.readings if one.measure not in missing or one.unit not in who)
    verdict = judge(RUN, replace(world, readings=left), at)
    assert arm is Arm.REST or verdict.phase is not Phase.PASSED


@settings(max_examples=30, deadline=None)
@given(worlds(), instants)
def test_units_outside_change_nothing(world: Observations, at: float) -> None:
    """What the rest and unknown units bring, and measures that nobody asked for, do not matter."""
    strangers = [unit(RUN, Arm.REST), "vc1/host-99"]
    more = [Reading(day, who, "unit_cpu_usage_ratio", times(0.99, 7)) for day in DAYS for who in strangers]
    more += [Reading(day, unit(RUN, Arm.CANARY), "unit_memory_usage_ratio", times(0.99, 7)) for day in DAYS]
    rest = tuple(one for one in world.readings if one.unit not in strangers)
    plain = judge(RUN, replace(world, readings=rest), at)
    assert judge(RUN, replace(world, readings=(*rest, *more)), at) == plain


def test_spec_is_what_the_tests_think() -> None:
    """The checks that the invariants above rely on are there."""
    names = {check.name for check in judge(RUN, Observations(), STARTED).checks}
    assert names == {"cpu", "cpu_compared", "sla", "evaluator", "timeouts"}
    assert "min_events: 5" in SPEC
