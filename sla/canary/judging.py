"""The gate: begins a run, and judges it at any instant from what was written down. Pure and deterministic.

Whatever comes first ends a run: a hard guard, an operator, the days that are needed, or the last day allowed. What
became known after that changes nothing any more. There is one look at the days, when there are enough, so chance has
one try; a run that is inconclusive then stays it, and the next one may be given more days.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise

from sla.canary.arms import presences, table_of, unfit
from sla.canary.checks import Period, comparison_check, target_check
from sla.canary.cohort import CohortError
from sla.canary.course import Course, Known, course_of
from sla.canary.foresight import detectable
from sla.canary.guards import Watched, guard_check, trip, whole_days
from sla.canary.lines import occurrence_json, reading_json, run_json
from sla.canary.model import (
    DAY,
    SETTLE,
    Arm,
    Cohort,
    Kind,
    Observations,
    Occurrence,
    Phase,
    Reading,
    Run,
    State,
    begin_of,
    date_of,
    days_from,
)
from sla.canary.spec import Spec
from sla.canary.verdict import Check, Verdict, to_json, unbroken


def begin(spec: Spec, at: float, cohort: Cohort, *, history: Iterable[Reading] = ()) -> Run:
    """A run that starts at ``at``, with the differences that it can detect. Raises CohortError for another release's
    cohort. ``history`` are readings of the days before."""
    if (cohort.release, cohort.kind) != (spec.release, spec.unit):
        raise CohortError(f"the cohort is for {cohort.release}, not for {spec.release or 'this run'}; choose one anew")
    run = Run(spec, at, cohort)
    known = Known(run, table_of(run, _sorted(history)), ())
    days = _history(known)
    return replace(run, detectable=tuple(detectable(spec, one, known.table, days=days) for one in spec.comparisons))


def judge(run: Run, observations: Observations, at: float) -> Verdict:
    """The verdict at ``at``. Later occurrences, and days that end later than ``SETTLE`` before it, are not looked at.

    The worst of all checks counts: error, failed, inconclusive, passed. What is not required may fail a run, but
    does not hold it back. A run passes only with all its days; without data it never does.
    """
    scene = _scene(run, observations, at)
    ended = _ended(scene)
    if ended is not None and ended < at:
        scene = _scene(run, observations, ended)
    checks = _checks(scene)
    phase = _phase(scene, checks)
    course = scene.course
    return Verdict(
        release=run.release,
        phase=phase,
        at=at,
        decided_at=None if phase in {Phase.ERROR, Phase.PENDING, Phase.RUNNING} else ended,
        started=run.started,
        deadline=course.deadline,
        day=_day(run, course, scene.at),
        valid_days=len(course.valid),
        needed_days=run.spec.min_days,
        restarts=course.restarts,
        share=run.cohort.share,
        size_share=run.cohort.size_share,
        checks=checks,
        days=course.days,
        detectable=run.detectable,
        inputs_sha256=_inputs(scene),
        reason=_reason(scene, phase, checks),
    )


def deadline(run: Run, observations: Observations, at: float) -> float:
    """When the run will have ended at the latest, as far as is known at ``at``."""
    return _scene(run, observations, at).course.deadline


def trips(run: Run, observations: Observations, at: float) -> tuple[Occurrence, ...]:
    """Guards over measures that have failed with what is known of days that are not over: to be written down, so that
    a run ends at once and not only when the day is judged, and so that judging it again gives the same."""
    days = [day for day in _days(run, at) if begin_of(day) <= at]
    wanted = frozenset(days)
    readings = _sorted(one for one in _relevant(run, observations.readings) if one.date in wanted)
    watched = Watched(run, table_of(run, readings), (), tuple((day, at, min(DAY, at - begin_of(day))) for day in days))
    told = {one.name for one in observations.occurrences if one.kind is Kind.GUARD and run.started <= one.at <= at}
    found = ((guard, trip(guard, watched)) for guard in run.spec.guards if guard.measure and guard.name not in told)
    return tuple(Occurrence(at, Kind.GUARD, one.unit, guard.name, one.detail) for guard, one in found if one)


def verify(text: str, run: Run, observations: Observations) -> tuple[str, ...]:
    """What does not agree, a sentence each, when a verdict's text is judged again from what was written down."""
    if problem := unbroken(text):
        return (problem,)
    said = json.loads(text)
    if not isinstance(said.get("at"), int | float):
        return ("it does not say when it was judged",)
    again = json.loads(to_json(judge(run, observations, float(said["at"]))))
    differing = sorted(key for key in said.keys() | again.keys() if said.get(key) != again.get(key))
    return tuple(f"{key} is another one when judged again" for key in differing if key != "sha256")


@dataclass(frozen=True)
class _Scene:
    """All that counts at an instant."""

    known: Known
    readings: tuple[Reading, ...]
    course: Course
    at: float

    @property
    def watched(self) -> Watched:
        days = [day for day in _days(self.known.run, self.at) if begin_of(day) + DAY + SETTLE <= self.at]
        return Watched(self.known.run, self.known.table, self.known.occurrences, whole_days(days))


def _scene(run: Run, observations: Observations, at: float) -> _Scene:
    readings = _sorted(one for one in _relevant(run, observations.readings) if begin_of(one.date) + DAY + SETTLE <= at)
    occurrences = sorted((one for one in set(observations.occurrences) if one.at <= at), key=occurrence_json)
    occurrences.sort(key=lambda one: one.at)
    known = Known(run, table_of(run, readings), tuple(occurrences))
    return _Scene(known, readings, course_of(known, at), at)


def _relevant(run: Run, readings: Iterable[Reading]) -> Iterable[Reading]:
    wanted, first, arms = run.spec.measures, run.history[0], {Arm.CANARY, Arm.CONTROL}
    return (
        one
        for one in readings
        if one.date >= first and one.measure in wanted and (not one.unit or run.cohort.arm(one.unit) in arms)
    )


def _sorted(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """In an order of their own, each once."""
    found = sorted(readings, key=_order)
    return (*found[:1], *(one for before, one in pairwise(found) if one != before))


def _order(one: Reading) -> tuple[object, ...]:
    sketch = one.sketch
    return one.date, one.unit, one.measure, sketch.count, sketch.total, sketch.zeros, sketch.bins


def _days(run: Run, at: float) -> tuple[str, ...]:
    """From the first whole day up to that of ``at``."""
    count = (date_of(at) - date_of(begin_of(run.first_day))).days + 1
    return days_from(run.first_day, max(0, count))


def _history(known: Known) -> tuple[str, ...]:
    """The days before the start that would have counted."""
    first, last = known.run.history
    days = days_from(first, (date_of(begin_of(last)) - date_of(begin_of(first))).days + 1)
    return tuple(day for day in days if not unfit(known.run.spec, day, presences(known.table, day, known.occurrences)))


def _ended(scene: _Scene) -> float | None:
    """The first instant at which something ended the run; None while nothing has."""
    run, watched = scene.known.run, scene.watched
    failed = (trip(guard, watched) for guard in run.spec.guards)
    ends = [one.at for one in failed if one] + [one.at for one in scene.known.occurrences if _aborts(run, one)]
    if scene.course.decided_at is not None:
        ends.append(scene.course.decided_at)
    return min(ends, default=None)


def _aborts(run: Run, one: Occurrence) -> bool:
    return one.kind is Kind.ABORTED and one.at >= run.started


def _checks(scene: _Scene) -> tuple[Check, ...]:
    known, spec = scene.known, scene.known.run.spec
    period = Period(known.table, scene.course.valid, _history(known))
    errors = (Check("readings", "input", State.ERROR, problem) for problem in known.table.problems)
    return (
        *errors,
        *(target_check(spec, target, period) for target in spec.targets),
        *(guard_check(guard, scene.watched) for guard in spec.guards),
        *(comparison_check(spec, comparison, period) for comparison in spec.comparisons),
    )


def _phase(scene: _Scene, checks: Iterable[Check]) -> Phase:
    run, course = scene.known.run, scene.course
    counting = [one for one in checks if one.required or one.state is not State.INCONCLUSIVE]
    states = {one.state for one in counting}
    if State.ERROR in states:
        return Phase.ERROR
    if any(one.kind == "guard" and one.state is State.FAILED for one in counting):
        return Phase.FAILED
    if any(_aborts(run, one) for one in scene.known.occurrences):
        return Phase.ABORTED
    if course.decided_at is None:
        return Phase.PENDING if scene.at < begin_of(run.first_day) else Phase.RUNNING
    return _decided(course, states)


def _decided(course: Course, states: Collection[State]) -> Phase:
    if not course.enough:
        return Phase.INCONCLUSIVE
    if State.FAILED in states:
        return Phase.FAILED
    return Phase.INCONCLUSIVE if State.INCONCLUSIVE in states else Phase.PASSED


def _day(run: Run, course: Course, at: float) -> int:
    if course.decided_at is not None:
        return len(course.days)
    passed = (date_of(at) - date_of(begin_of(course.first))).days + 1
    return max(0, min(passed, run.spec.max_days))


def _inputs(scene: _Scene) -> str:
    """The hash of all that the verdict was made of: of the lines that ``recorded.write`` writes, in order."""
    digest = sha256(run_json(scene.known.run).encode())
    for one in scene.known.occurrences:
        digest.update(f"\n{occurrence_json(one)}".encode())
    for reading in scene.readings:
        digest.update(f"\n{reading_json(reading)}".encode())
    return digest.hexdigest()


def _reason(scene: _Scene, phase: Phase, checks: Iterable[Check]) -> str:
    course, spec = scene.course, scene.known.run.spec
    counted = f"{len(course.valid)} of {spec.min_days} days that count"
    if phase in {Phase.ERROR, Phase.FAILED}:
        wanted = State.ERROR if phase is Phase.ERROR else State.FAILED
        return "; ".join(f"{one.name}: {one.reason}" for one in checks if one.state is wanted)
    if phase is Phase.ABORTED:
        return next(one.detail or "aborted" for one in scene.known.occurrences if _aborts(scene.known.run, one))
    if phase is Phase.INCONCLUSIVE and not course.enough:
        if len({date_of(one.at) for one in course.restarts}) > spec.max_restarts:
            return f"{counted}, and version or cohort changed too often"
        return f"{counted}{', no full week' if len(course.valid) >= spec.min_days else ''}, and no more days"
    if phase is Phase.INCONCLUSIVE:
        held = (one for one in checks if one.required and one.state is State.INCONCLUSIVE)
        return "; ".join(f"{one.name}: {one.reason}" for one in held)
    unknown = sum(one.state is State.INCONCLUSIVE for one in checks) if phase is Phase.PASSED else 0
    return f"{counted}; {unknown} checks that are not required cannot be judged" if unknown else counted
