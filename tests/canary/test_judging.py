"""The gate's verdicts: one example for each exit code, what counts as a day, what ends a run, what comes of absence."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from canarylab import DAYS, FIRST, SPEC, STARTED, UNITS, judged, readings, replaced, run_of, seen, times, unit

from sla.canary.checks import levels
from sla.canary.cohort import CohortError, choose
from sla.canary.judging import begin, deadline, judge, trips, verify
from sla.canary.model import DAY, EXIT, Arm, Kind, Observations, Occurrence, Phase, Reading, State, begin_of, days_from
from sla.canary.paired import Events, quotient
from sla.canary.recorded import write
from sla.canary.specfile import load
from sla.canary.verdict import Verdict, text_form, to_json

HISTORY = days_from("2026-10-19", 14)


def states(verdict: Verdict) -> dict[str, State]:
    """Every check with its state."""
    return {check.name: check.state for check in verdict.checks}


def test_passes_after_seven_days(golden: Callable[[str, str], None]) -> None:
    """Seven days within target and margin pass an hour after the last one ended, exit code 0; the whole verdict."""
    plain = run_of()
    history = readings(plain, HISTORY)
    run = run_of(history=history)
    verdict = judge(run, seen(history + readings(run)), judged(7))
    assert (verdict.phase, verdict.exit_code, verdict.decided_at, verdict.day) == (Phase.PASSED, 0, judged(7), 7)
    assert verdict.share == verdict.size_share == 0.25
    golden("canary/passed.json", to_json(verdict))
    golden("canary/passed.txt", text_form(verdict))


def test_never_passes_early() -> None:
    """A second before, with the same data, it is still running: exit code 12, and every state is provisional."""
    run = run_of()
    verdict = judge(run, seen(readings(run)), judged(7) - 1)
    assert (verdict.phase, verdict.exit_code, verdict.valid_days, verdict.decided_at) == (Phase.RUNNING, 12, 6, None)
    assert verdict.provisional
    assert states(verdict)["cpu"] is State.INCONCLUSIVE


def test_pending_before_the_first_whole_day() -> None:
    """The day of the start does not count: until midnight the run is pending, day 0, and nothing has been covered."""
    run = run_of()
    verdict = judge(run, seen(readings(run)), begin_of(FIRST) - 1)
    assert (verdict.phase, verdict.exit_code, verdict.day, verdict.days) == (Phase.PENDING, 12, 0, ())
    assert verdict.coverage == {}
    assert judge(run, Observations(), begin_of(FIRST)).phase is Phase.RUNNING


def test_start_at_midnight_counts_its_day() -> None:
    """A run that starts at the first instant of a day counts that day."""
    assert replace(run_of(), started=begin_of(FIRST)).first_day == FIRST


def test_missed_target_fails() -> None:
    """Canaries above the target fail, exit code 10, although their controls are no better, which is said."""
    run = run_of()
    verdict = judge(run, seen(readings(run, cpu={Arm.CANARY: 0.85, Arm.CONTROL: 0.85})), judged(7))
    assert (verdict.phase, verdict.exit_code, verdict.failing) == (Phase.FAILED, 10, ("cpu",))
    assert verdict.reason == "cpu: 0.8504 is not at most 0.8; neither is 0.8496, that of the controls"


def test_worse_than_controls_fails() -> None:
    """Within the target, but a quarter above the controls, fails, with the numbers that it fails by."""
    run = run_of()
    verdict = judge(run, seen(readings(run, cpu={Arm.CANARY: 0.5})), judged(7))
    check = next(check for check in verdict.checks if check.name == "cpu_compared")
    assert (verdict.phase, check.state, check.n, check.confidence) == (Phase.FAILED, State.FAILED, 7, 0.95)
    assert check.difference == pytest.approx(0.1, abs=0.002)
    assert check.margin == pytest.approx(0.04, abs=0.001)
    assert check.lower is not None
    assert check.upper is not None
    assert check.margin < check.lower < check.difference < check.upper


def test_what_differed_before_is_no_regression() -> None:
    """Canaries that used a quarter more before the release, too, pass."""
    run = run_of()
    made = readings(run, (*HISTORY, *DAYS), cpu={Arm.CANARY: 0.5})
    verdict = judge(run, seen(made), judged(7))
    assert verdict.phase is Phase.PASSED
    check = next(check for check in verdict.checks if check.name == "cpu_compared")
    assert check.difference == pytest.approx(0, abs=0.002)


def test_noise_is_inconclusive() -> None:
    """Days that scatter more than the margin show nothing: exit code 11, and the reason names the bounds."""
    run = run_of()
    made = readings(run)
    for number, date in enumerate(DAYS):
        noisy = times(0.2 if number % 2 else 0.6, 100)
        made = replaced(made, date, measure="unit_cpu_usage_ratio", sketch=noisy, unit=unit(run, Arm.CANARY))
    verdict = judge(run, seen(made), judged(7))
    assert (verdict.phase, verdict.exit_code) == (Phase.INCONCLUSIVE, 11)
    assert verdict.reason.startswith("cpu_compared: worse by -")
    assert "around the margin" in verdict.reason


def test_abort() -> None:
    """Aborted at once, exit code 13, with who did it; what comes later changes nothing."""
    run = run_of()
    stop = Occurrence(judged(3), Kind.ABORTED, detail="by ana: wrong build")
    breach = Occurrence(judged(4), Kind.SLA_BREACH, unit=unit(run, Arm.CANARY))
    verdict = judge(run, seen(readings(run), stop, breach), judged(14))
    assert (verdict.phase, verdict.exit_code, verdict.decided_at) == (Phase.ABORTED, 13, judged(3))
    assert (verdict.reason, verdict.day, verdict.valid_days) == ("by ana: wrong build", 4, 3)


def test_abort_after_the_decision_is_none() -> None:
    """A run that has passed stays so."""
    run = run_of()
    stop = Occurrence(judged(7) + 1, Kind.ABORTED)
    assert judge(run, seen(readings(run), stop), judged(8)).phase is Phase.PASSED


@pytest.mark.parametrize("kind", [Kind.ABORTED, Kind.VERSION_CHANGED, Kind.GUARD, Kind.EVALUATOR_DEAD])
def test_before_the_start_nothing_counts(kind: Kind) -> None:
    """What happened before the run began is not its business."""
    run = run_of()
    early = Occurrence(STARTED - 1, kind, name="timeouts")
    verdict = judge(run, seen(readings(run), early), judged(7))
    assert (verdict.phase, verdict.restarts) == (Phase.PASSED, ())


def test_contradiction_is_an_error() -> None:
    """Two values for the same unit, day and measure: exit code 1, nothing is decided, and it says where."""
    run = run_of()
    made = readings(run)
    other = replace(made[1], sketch=times(0.1, 3))
    verdict = judge(run, seen((*made, other)), judged(7))
    assert (verdict.phase, verdict.exit_code, verdict.decided_at) == (Phase.ERROR, 1, None)
    assert verdict.failing == ("readings",)
    assert f"{other.measure} of {other.unit} on {other.date} is there twice" in verdict.reason


def test_more_than_a_day_in_a_day_is_an_error() -> None:
    """A unit observed for 48 hours of one day was observed by two agents."""
    run = run_of()
    made = replaced(readings(run), FIRST, measure="unit_observed_seconds", sketch=times(20.0, 8640))
    verdict = judge(run, seen(made), judged(7))
    assert verdict.phase is Phase.ERROR
    assert "was observed for 48.0 hours on 2026-11-03" in verdict.reason


def test_the_same_twice_is_no_contradiction() -> None:
    """Readings and occurrences that are there twice count once."""
    run = run_of()
    made = readings(run)
    change = Occurrence(judged(1), Kind.VERSION_CHANGED)
    once, twice = (
        judge(run, seen(many, *changes), judged(9))
        for many, changes in ((made, (change,)), ((*made, *made), (change, change)))
    )
    assert once == twice


def test_exit_codes() -> None:
    """Every phase has its code, apart from those of usage errors."""
    assert {phase.value: code for phase, code in EXIT.items()} == {
        "passed": 0,
        "error": 1,
        "failed": 10,
        "inconclusive": 11,
        "pending": 12,
        "running": 12,
        "aborted": 13,
    }
    assert set(EXIT) == set(Phase)


# --- days


def days_of(verdict: Verdict) -> dict[str, str]:
    """Days that do not count, and why."""
    return {day.date: day.reason for day in verdict.days if not day.valid}


@pytest.mark.parametrize(("arm", "other"), [(Arm.CANARY, "canary"), (Arm.CONTROL, "control")])
def test_coverage_of_each_arm(arm: Arm, other: str) -> None:
    """22.7 hours of 24 are too few, in either arm; the day is made up for by the same weekday of the next week."""
    run = run_of()
    made = readings(run, DAYS[:2]) + readings(run, DAYS[2:3], hours={arm: 22.7}) + readings(run, DAYS[3:])
    before = judge(run, seen(made), judged(9))
    assert days_of(before) == {DAYS[2]: f"coverage 94.5 % in the {other} arm"}
    assert (before.phase, before.valid_days) == (Phase.RUNNING, 8)  # seven days, but no Thursday
    after = judge(run, seen(made), judged(10))
    assert (after.phase, after.decided_at) == (Phase.PASSED, judged(10))


def test_coverage_at_the_limit_counts() -> None:
    """22.8 hours are 95 %, which is enough."""
    run = run_of()
    verdict = judge(run, seen(readings(run, hours={Arm.CANARY: 22.8})), judged(7))
    assert (verdict.phase, verdict.coverage) == (Phase.PASSED, {Arm.CANARY: pytest.approx(0.95), Arm.CONTROL: 1.0})


def test_announced_maintenance() -> None:
    """Two hours of announced maintenance need not be observed; more than two hours and the day does not count."""
    run = run_of()
    canary = unit(run, Arm.CANARY)
    made = readings(run, DAYS[:1], hours={Arm.CANARY: 21.5}) + readings(run, DAYS[1:])
    begins = begin_of(FIRST) + 3600
    window = Occurrence(begins, Kind.MAINTENANCE, unit=canary, until=begins + 7200)
    assert days_of(judge(run, seen(made, window), judged(7))) == {}
    longer = Occurrence(begins + 7000, Kind.MAINTENANCE, until=begins + 7260)
    assert days_of(judge(run, seen(made, window, longer), judged(7))) == {
        FIRST: "maintenance of 2.0 h in the canary arm"
    }


def test_measured_maintenance() -> None:
    """A host that was in maintenance mode for three hours spoils the day, whether that was announced or not."""
    run = run_of()
    mode = Reading(FIRST, unit(run, Arm.CONTROL), "unit_maintenance", times(1.0, 540).plus(times(0.0, 3780)))
    verdict = judge(run, seen((*readings(run), mode)), judged(7))
    assert days_of(verdict) == {FIRST: "maintenance of 3.0 h in the control arm"}
    assert verdict.days[0].maintenance == ((Arm.CANARY, 0.0), (Arm.CONTROL, 10800.0))
    assert verdict.days[0].coverage == ((Arm.CANARY, 1.0), (Arm.CONTROL, 1.0))


def test_freeze() -> None:
    """Frozen days do not count."""
    run = run_of(SPEC + "freeze: [2026-11-04, 2026-11-05..2026-11-06]\n")
    verdict = judge(run, seen(readings(run)), judged(11))
    assert days_of(verdict) == dict.fromkeys(("2026-11-04", "2026-11-05", "2026-11-06"), "frozen")
    assert verdict.phase is Phase.PASSED


def test_change_restarts_at_day_0() -> None:
    """A version change in an arm starts the run again: day 0, no days, a new deadline; it is recorded, and the seven
    days that follow decide."""
    run = run_of()
    change = Occurrence(begin_of(DAYS[3]) + 5, Kind.VERSION_CHANGED, unit(run, Arm.CANARY), detail="8.0.1 to 8.0.2")
    later = replace(change, at=change.at + 9, unit=unit(run, Arm.CONTROL))
    known = seen(readings(run), change, later)
    verdict = judge(run, known, begin_of(DAYS[3]) + 20)
    assert (verdict.phase, verdict.day, verdict.valid_days) == (Phase.RUNNING, 0, 0)
    assert verdict.restarts == (change, later)
    assert verdict.deadline == deadline(run, known, verdict.at) == begin_of(DAYS[4]) + 14 * DAY + 3600
    assert judge(run, known, judged(11) - 1).phase is Phase.RUNNING
    assert judge(run, known, judged(11)).phase is Phase.PASSED


def test_change_in_the_rest_is_none() -> None:
    """What the rest runs does not matter; the whole cohort does."""
    run = run_of()
    for who, restarts in ((unit(run, Arm.REST), 0), ("vc1/host-99", 0), ("", 1)):
        change = Occurrence(judged(2), Kind.COHORT_CHANGED, who)
        assert len(judge(run, seen(readings(run), change), judged(3)).restarts) == restarts


def test_change_after_the_decision_is_none() -> None:
    """A run that has passed stays so when the version changes."""
    run = run_of()
    change = Occurrence(judged(7) + 1, Kind.VERSION_CHANGED)
    assert judge(run, seen(readings(run), change), judged(8)).phase is Phase.PASSED


def test_too_many_changes() -> None:
    """After more days of changes than allowed, the run is inconclusive at once."""
    run = run_of(SPEC + "max_restarts: 1\n")
    changes = [Occurrence(begin_of(DAYS[day]) + hour, Kind.VERSION_CHANGED) for day in (1, 3) for hour in (1, 2)]
    verdict = judge(run, seen(readings(run), *changes), judged(9))
    assert (verdict.phase, verdict.decided_at) == (Phase.INCONCLUSIVE, changes[2].at)
    assert verdict.reason == "0 of 7 days that count, and version or cohort changed too often"


def test_deadline_without_enough_days() -> None:
    """After fourteen days of which six counted: inconclusive, whatever they showed."""
    run = run_of()
    made = readings(run, DAYS[:6]) + readings(run, DAYS[6:], hours={Arm.CONTROL: 12})
    assert judge(run, seen(made), judged(14) - 1).phase is Phase.RUNNING
    verdict = judge(run, seen(made), judged(14) + DAY)
    assert (verdict.phase, verdict.decided_at, verdict.valid_days) == (Phase.INCONCLUSIVE, judged(14), 6)
    assert verdict.reason == "6 of 7 days that count, and no more days"


def test_a_weekday_that_never_counts() -> None:
    """Twelve days of two weeks without a Thursday, all within target and margin, are no full week: inconclusive."""
    run = run_of()
    thursdays = {"2026-11-05", "2026-11-12"}
    made = [one for one in readings(run) if one.date not in thursdays]
    assert judge(run, seen(made), judged(14) - 1).phase is Phase.RUNNING
    verdict = judge(run, seen(made), judged(14))
    assert (verdict.phase, verdict.valid_days, verdict.decided_at) == (Phase.INCONCLUSIVE, 12, judged(14))
    assert verdict.reason == "12 of 7 days that count, no full week, and no more days"


# --- absence


def test_no_data_never_passes() -> None:
    """Nothing at all: running until the deadline, inconclusive then."""
    run = run_of()
    assert judge(run, Observations(), judged(13)).phase is Phase.RUNNING
    assert judge(run, Observations(), judged(14)).phase is Phase.INCONCLUSIVE


@pytest.mark.parametrize("arm", [Arm.CANARY, Arm.CONTROL])
def test_covered_without_values(arm: Arm) -> None:
    """Units that were observed, without the measure: inconclusive, the check says how many days have data."""
    run = run_of()
    verdict = judge(run, seen(readings(run, cpu={arm: None})), judged(7))
    assert verdict.phase is Phase.INCONCLUSIVE
    assert "cpu_compared: 0 of 7 days with data" in verdict.reason


def test_a_day_without_values() -> None:
    """Six days of values in seven days that count are not enough."""
    run = run_of()
    made = readings(run, DAYS[:6]) + readings(run, DAYS[6:], cpu={Arm.CANARY: None})
    verdict = judge(run, seen(made), judged(7))
    assert verdict.phase is Phase.INCONCLUSIVE
    assert "cpu: 6 of 7 days with data" in verdict.reason


def test_too_few_events() -> None:
    """Fewer values than min_events: inconclusive."""
    run = run_of(SPEC.replace("min_events: 5", "min_events: 701"))
    verdict = judge(run, seen(readings(run)), judged(7))
    assert verdict.phase is Phase.INCONCLUSIVE
    assert "cpu: 700 of 701 events that are needed" in verdict.reason


def test_not_required_does_not_hold_back() -> None:
    """A check that is not required and has no data leaves a pass; when it fails, it fails the run."""
    ready = "ready: {measure: unit_cpu_ready_ratio, statistic: mean, margin: {absolute: 0.01}, required: false}"
    run = run_of(SPEC.replace("comparisons:", f"comparisons:\n  {ready}"))
    made = readings(run)
    passed = judge(run, seen(made), judged(7))
    assert (passed.phase, states(passed)["ready"]) == (Phase.PASSED, State.INCONCLUSIVE)
    assert passed.reason == "7 of 7 days that count; 1 checks that are not required cannot be judged"
    worse = [
        Reading(day, member.unit.id, "unit_cpu_ready_ratio", times(0.1 if member.arm is Arm.CANARY else 0.02, 9))
        for day in DAYS
        for member in run.cohort.members
    ]
    failed = judge(run, seen((*made, *worse)), judged(7))
    assert (failed.phase, failed.failing) == (Phase.FAILED, ("ready",))


# --- guards


def test_breach_of_a_canary_fails_at_once() -> None:
    """An SLA breach at a canary fails the run at that instant; at a control, or before the start, it does not."""
    run = run_of()
    breach = Occurrence(judged(2) + 5, Kind.SLA_BREACH, unit(run, Arm.CANARY), "api_communication", "a1b2")
    verdict = judge(run, seen(readings(run), breach), judged(2) + 5)
    assert (verdict.phase, verdict.decided_at, verdict.failing) == (Phase.FAILED, breach.at, ("sla",))
    assert verdict.reason == f"sla: sla breach api_communication a1b2 of {breach.unit}; at most 0 are allowed"
    for other in (replace(breach, unit=unit(run, Arm.CONTROL)), replace(breach, at=STARTED - 1)):
        assert judge(run, seen(readings(run), other), judged(7)).phase is Phase.PASSED


def test_guard_of_a_class() -> None:
    """A guard for one class of incidents leaves the others alone."""
    run = run_of(SPEC.replace("sla: {", "sla: {class: storage_connection, "))
    breach = Occurrence(judged(2), Kind.SLA_BREACH, unit(run, Arm.CANARY), "api_communication")
    assert judge(run, seen(readings(run), breach), judged(7)).phase is Phase.PASSED
    assert judge(run, seen(readings(run), replace(breach, name="storage_connection")), judged(7)).phase is Phase.FAILED


def test_dead_evaluator_fails() -> None:
    """When nobody watched the timers, the run fails."""
    run = run_of()
    verdict = judge(run, seen(readings(run), Occurrence(judged(1), Kind.EVALUATOR_DEAD)), judged(2))
    assert (verdict.phase, verdict.failing) == (Phase.FAILED, ("evaluator",))


def test_guard_of_a_measure() -> None:
    """More events than allowed since the start fail the run when the day is judged, those of the controls do not."""
    run = run_of()
    canary, control = unit(run, Arm.CANARY), unit(run, Arm.CONTROL)
    timeouts = [Reading(day, canary, "unit_task_timeouts", times(1.0, 1)) for day in DAYS[1:4]]
    others = [Reading(day, control, "unit_task_timeouts", times(1.0, 9)) for day in DAYS]
    verdict = judge(run, seen((*readings(run), *timeouts, *others)), judged(9))
    assert (verdict.phase, verdict.decided_at) == (Phase.FAILED, judged(4))
    assert verdict.reason == f"timeouts: 3 by {DAYS[3]}, at most 2 are allowed"
    assert judge(run, seen((*readings(run), *timeouts[1:], *others)), judged(9)).phase is Phase.PASSED


LEVEL = SPEC + "  errors: {measure: unit_error_ratio, above: 0.05, for: 30m}\n"


def test_guard_of_a_level() -> None:
    """Half an hour above the level within a day fails; never measured, the guard holds a pass back."""
    run = run_of(LEVEL)
    canary = unit(run, Arm.CANARY)
    quiet = [Reading(day, canary, "unit_error_ratio", times(0.01, 288)) for day in DAYS]
    assert judge(run, seen((*readings(run), *quiet)), judged(7)).phase is Phase.PASSED
    bad = replaced(quiet, DAYS[4], measure="unit_error_ratio", sketch=times(0.2, 6).plus(times(0.0, 282)))
    verdict = judge(run, seen((*readings(run), *bad)), judged(7))
    assert (verdict.phase, verdict.decided_at) == (Phase.FAILED, judged(5))
    assert verdict.reason == f"errors: unit_error_ratio of {canary} was above 0.05 for 1800 s on {DAYS[4]}"
    unknown = judge(run, seen(readings(run)), judged(7))
    assert (unknown.phase, unknown.reason) == (Phase.INCONCLUSIVE, "errors: unit_error_ratio was not measured")


def test_guard_of_a_level_in_the_time_observed() -> None:
    """Above the level for 3 % of a day of which half was observed, that is 21.6 minutes: not half an hour."""
    run = run_of(LEVEL)
    canary = unit(run, Arm.CANARY)
    made = readings(run, hours={Arm.CANARY: 12})
    bad = [Reading(day, canary, "unit_error_ratio", times(0.2, 3).plus(times(0.0, 97))) for day in DAYS]
    assert judge(run, seen((*made, *bad)), judged(7)).phase is Phase.RUNNING
    assert judge(run, seen((*readings(run), *bad)), judged(7)).phase is Phase.FAILED


def test_guard_of_an_open_day() -> None:
    """What has failed within a day is told at once, once; written down, it ends the run, whatever the day becomes."""
    run = run_of()
    now = begin_of(DAYS[2]) + 7200
    open_day = [Reading(DAYS[2], unit(run, Arm.CANARY), "unit_task_timeouts", times(1.0, 3))]
    found = trips(run, seen(open_day), now)
    assert found == (Occurrence(now, Kind.GUARD, "", "timeouts", f"3 by {DAYS[2]}, at most 2 are allowed"),)
    assert trips(run, seen(open_day, *found), now + 60) == ()
    verdict = judge(run, seen(readings(run), *found), judged(9))
    assert (verdict.phase, verdict.decided_at, verdict.failing) == (Phase.FAILED, now, ("timeouts",))
    assert judge(run, seen(readings(run), *found), now - 1).phase is Phase.RUNNING


def test_open_level() -> None:
    """The share of an open day is that of the time that has passed."""
    run = run_of(LEVEL)
    readings_ = [Reading(DAYS[2], unit(run, Arm.CANARY), "unit_error_ratio", times(0.2, 9))]
    assert trips(run, seen(readings_), begin_of(DAYS[2]) + 1799) == ()
    assert [one.name for one in trips(run, seen(readings_), begin_of(DAYS[2]) + 1800)] == ["errors"]


def test_whole_installation() -> None:
    """A target of the whole installation is judged on readings that belong to no unit."""
    target = "targets:\n  api: {measure: vcenter_api_seconds, statistic: p95, at_most: 0.25, scope: whole}"
    run = run_of(SPEC.replace("targets:", target))
    for seconds, phase in ((0.2, Phase.PASSED), (0.3, Phase.FAILED)):
        api = [Reading(day, "", "vcenter_api_seconds", times(seconds, 50)) for day in DAYS]
        assert judge(run, seen((*readings(run), *api)), judged(7)).phase is phase
    assert judge(run, seen(readings(run)), judged(7)).phase is Phase.INCONCLUSIVE


# --- ratios


RATIO = SPEC.replace(
    "comparisons:",
    "  failures: {measure: unit_build_failures, statistic: ratio, per: [unit_build_seconds, unit_build_failures],"
    " at_most: 0.05}\ncomparisons:\n"
    "  failures_compared: {measure: unit_build_failures, statistic: ratio,"
    " per: [unit_build_seconds, unit_build_failures], margin: {relative: 0.5}, required: false}",
)


@pytest.mark.parametrize(
    ("builds", "failed", "controls", "target", "compared"),
    [
        (100, 0, 0, State.PASSED, State.INCONCLUSIVE),  # 3/700: a bound without any failure; none to compare
        (8, 0, 0, State.INCONCLUSIVE, State.INCONCLUSIVE),  # 3/56 is above 5 %
        (100, 10, 1, State.FAILED, State.FAILED),
        (100, 1, 10, State.PASSED, State.PASSED),
        (100, 2, 2, State.PASSED, State.INCONCLUSIVE),
    ],
)
def test_ratio(*, builds: int, failed: int, controls: int, target: State, compared: State) -> None:
    """Counts of rare events by exact bounds: by day ``builds`` that went well, and those that failed in both arms."""
    run = run_of(RATIO)
    made = list(readings(run))
    for member in run.cohort.members:
        bad = failed if member.arm is Arm.CANARY else controls
        for day in DAYS:
            made.append(Reading(day, member.unit.id, "unit_build_seconds", times(40.0, builds)))
            if bad:
                made.append(Reading(day, member.unit.id, "unit_build_failures", times(1.0, bad)))
    found = states(judge(run, seen(made), judged(7)))
    assert (found["failures"], found["failures_compared"]) == (target, compared)


# --- beginning, again


def test_declares_what_it_can_detect() -> None:
    """Before the run: the difference that 80 % and 90 % of runs would fail for, from the days before; or why not."""
    plain = run_of()
    (unknown,) = plain.detectable
    assert (unknown.at_80, unknown.reason) == (None, "0 day(s) with data before the start, 3 are needed")
    (known,) = run_of(history=readings(plain, HISTORY)).detectable
    assert (known.check, known.n, known.shows_margin, known.reason) == ("cpu_compared", 14, True, "")
    assert known.margin == pytest.approx(0.04, abs=0.001)
    assert known.at_80 is not None
    assert known.at_90 is not None
    assert known.margin < known.at_80 < known.at_90 < 0.06


def test_declares_ratios() -> None:
    """A ratio's detectable difference shrinks with what is tried; without exposure it says so."""
    plain = run_of(RATIO)
    assert plain.detectable[0].reason == "nothing was tried in an arm before the start"
    found = []
    for builds in (100, 10_000):
        history = [
            *readings(plain, HISTORY),
            *(Reading(day, one.id, "unit_build_seconds", times(40.0, builds)) for day in HISTORY for one in UNITS),
            *(
                Reading(day, one.id, "unit_build_failures", times(1.0, builds // 50))
                for day in HISTORY
                for one in UNITS
            ),
        ]
        found.append(run_of(RATIO, history=history).detectable[0])
    few, many = found
    assert few.baseline == many.baseline == pytest.approx(1 / 51)
    assert (few.shows_margin, many.shows_margin) == (False, True)
    assert few.at_80 is not None
    assert many.at_80 is not None
    assert many.margin is not None
    assert few.at_80 > many.at_80 > many.margin


@pytest.mark.parametrize("builds", [100, 1000])
def test_declared_ratio_is_found(builds: int) -> None:
    """Of weeks whose rate of failures is worse by just what was declared for a power of 0.8, about so many fail (the
    exact test of small counts keeps its level by being careful: a little less)."""
    plain, rng = run_of(RATIO), random.Random(7)
    history = list(readings(plain, HISTORY))
    for day in HISTORY:
        for one in UNITS:
            history.append(Reading(day, one.id, "unit_build_seconds", times(40.0, builds)))
            history.append(Reading(day, one.id, "unit_build_failures", times(1.0, builds // 50)))
    run = run_of(RATIO, history=history)
    declared, week, allowed = run.detectable[0], 7 * builds * 1.02, levels(run.spec)
    assert declared.at_80 is not None
    assert declared.baseline is not None
    failed = 0
    for _ in range(300):
        canary = arrivals(rng, week * (declared.baseline + declared.at_80))
        control = arrivals(rng, week * declared.baseline)
        failed += quotient(Events(canary, week), Events(control, week), allowed).lower > 1.5
    assert 210 <= failed <= 260


def arrivals(rng: random.Random, mean: float) -> int:
    """A Poisson count."""
    count, reached = 0, rng.expovariate(1)
    while reached < mean:
        count, reached = count + 1, reached + rng.expovariate(1)
    return count


def test_cohort_of_another_release() -> None:
    """A cohort belongs to one release."""
    spec = load(SPEC, "spec.yml")
    with pytest.raises(CohortError, match="the cohort is for r1, not for r2; choose one anew"):
        begin(replace(spec, release="r2"), STARTED, choose(spec, UNITS))


def test_verify() -> None:
    """A verdict is judged again from what was written down: the same is verified, changed text or data is not."""
    run = run_of()
    known = seen(readings(run), Occurrence(judged(1), Kind.VERSION_CHANGED))
    text = to_json(judge(run, known, judged(9)))
    assert verify(text, run, known) == ()
    later = seen((*known.readings, *readings(run, days_from("2026-11-20", 3))), *known.occurrences)
    assert verify(text, run, later) == ()
    other = seen(readings(run, cpu={Arm.CANARY: 0.401}), *known.occurrences)
    assert "inputs_sha256 is another one when judged again" in verify(text, run, other)
    forged = text.replace('"phase": "passed"', '"phase": "failed"')
    assert forged != text
    assert verify(forged, run, known) == ("its sha256 is not that of its content: it was changed by hand",)
    assert verify("[]", run, known) == verify("{", run, known) == ("it is no verdict: no JSON object with sha256",)


def test_hash_is_of_the_content() -> None:
    """Anybody can check the hashes: SHA-256 of the document without it, keys sorted, no spaces; and of what went in."""
    run = run_of()
    document = json.loads(to_json(judge(run, Observations(), judged(1))))
    said = document.pop("sha256")
    lines = [*write(run, Observations())]
    assert document["inputs_sha256"] == sha256("\n".join(lines).encode()).hexdigest()
    assert said == sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
