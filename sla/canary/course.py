"""How far a run is: which days count, when it starts again, when it is decided. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sla.canary.arms import Table, presences, unfit
from sla.canary.model import DAY, SETTLE, Arm, Kind, Occurrence, Run, begin_of, date_of, days_from, whole_day
from sla.canary.verdict import DayResult

_CHANGES = {Kind.VERSION_CHANGED, Kind.COHORT_CHANGED}
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Course:
    """The days that are over since the (last) start on ``first``.

    ``decided_at``: when the days were enough (``enough``), or when they no longer could be; None while neither is so.
    """

    first: str
    deadline: float
    days: tuple[DayResult, ...]
    decided_at: float | None = None
    enough: bool = False
    restarts: tuple[Occurrence, ...] = ()

    @property
    def valid(self) -> tuple[str, ...]:
        """The dates that count."""
        return tuple(day.date for day in self.days if day.valid)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a run; ``occurrences`` are in order of time."""

    run: Run
    table: Table
    occurrences: Sequence[Occurrence]


def course_of(known: Known, at: float) -> Course:
    """How far the run is at ``at``, when all that is known has happened.

    A change of version or cohort starts the run again, with all its days still to come. Changes of one day are one
    change; after more than ``max_restarts`` days of changes, nothing will come of the run.
    """
    run = known.run
    begin = run.started
    restarts: list[Occurrence] = []
    for change in known.occurrences:
        if change.kind not in _CHANGES or change.at < run.started or not _concerns(run, change):
            continue
        found = _stretch(known, begin, until=change.at)
        if found.decided_at is not None:
            return replace(found, restarts=tuple(restarts))
        restarts.append(change)
        begin = change.at
        if len({date_of(one.at) for one in restarts}) > run.spec.max_restarts:
            return replace(_stretch(known, begin, until=begin), restarts=tuple(restarts), decided_at=begin)
    return replace(_stretch(known, begin, until=at), restarts=tuple(restarts))


def _concerns(run: Run, change: Occurrence) -> bool:
    return not change.unit or run.cohort.arm(change.unit) in {Arm.CANARY, Arm.CONTROL}


def _stretch(known: Known, begin: float, *, until: float) -> Course:
    """The days from a start until an instant, as far as they are needed."""
    spec, first = known.run.spec, whole_day(begin)
    deadline = begin_of(first) + spec.max_days * DAY + SETTLE
    made: list[DayResult] = []
    for number, day in enumerate(days_from(first, spec.max_days), 1):
        over = begin_of(day) + DAY + SETTLE
        if over > until:
            break
        made.append(_result(known, day, number))
        course = Course(first, deadline, tuple(made))
        weekdays = {date.fromisoformat(one).weekday() for one in course.valid}
        if len(course.valid) >= spec.min_days and len(weekdays) == _WEEK:
            return replace(course, decided_at=over, enough=True)
    return Course(first, deadline, tuple(made), decided_at=deadline if deadline <= until else None)


def _result(known: Known, day: str, number: int) -> DayResult:
    seen = presences(known.table, day, known.occurrences)
    why = unfit(known.run.spec, day, seen)
    coverage = tuple((arm, found.coverage) for arm, found in seen.items())
    return DayResult(day, number, not why, why, coverage, tuple((arm, one.maintenance) for arm, one in seen.items()))
