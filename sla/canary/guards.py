"""Hard guards: what ends a run at once. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sla.canary.arms import Table, exposure
from sla.canary.model import DAY, SETTLE, Arm, Kind, Occurrence, Run, State, begin_of
from sla.canary.spec import OBSERVED, Guard, Scope
from sla.canary.verdict import Check

_KINDS = {"sla_breach": Kind.SLA_BREACH, "evaluator_dead": Kind.EVALUATOR_DEAD}


class Trip(NamedTuple):
    """When and by whom a guard failed."""

    at: float
    unit: str
    detail: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What guards look at: occurrences in order of time, and whole days, each with the instant when it was known and
    the seconds of it that had passed."""

    run: Run
    table: Table
    occurrences: Sequence[Occurrence]
    days: Sequence[tuple[str, float, float]]


def whole_days(days: Iterable[str]) -> tuple[tuple[str, float, float], ...]:
    """Days that are over, for ``Watched``."""
    return tuple((day, begin_of(day) + DAY + SETTLE, DAY) for day in days)


def guard_check(guard: Guard, watched: Watched) -> Check:
    """Whether the guard has failed so far. A level that was never measured is not known to be good."""
    found = trip(guard, watched)
    state, reason, count = State.PASSED, "nothing happened", None
    if guard.above is None:
        count = float(_count(guard, watched))
        reason = f"{count:.0f}, at most {guard.limit} are allowed"
    elif not any(True for _ in _levels(guard, watched)):
        state, reason = State.INCONCLUSIVE, f"{guard.measure} was not measured"
    else:
        reason = f"not above {guard.above:g} for {guard.lasting:g} s within a day"
    if found:
        state, reason = State.FAILED, found.detail
    return Check(
        guard.name,
        "guard",
        state,
        reason,
        measure=guard.measure,
        statistic="events" if guard.above is None else "level",
        value=count,
        limit=float(guard.limit) if guard.above is None else guard.above,
        n=len(watched.days),
        description=guard.description,
    )


def trip(guard: Guard, watched: Watched) -> Trip | None:
    """The first failure; None while there is none."""
    told = (
        Trip(one.at, one.unit, one.detail or "it had failed within a day")
        for one in watched.occurrences
        if one.kind is Kind.GUARD and one.name == guard.name and one.at >= watched.run.started
    )
    if guard.above is None:
        found = [*told, *_counted(guard, watched)]
    else:
        found = [*told, *(one for one in _levels(guard, watched) if one.seconds >= guard.lasting)]
    return min(found, key=lambda one: one.at) if found else None


def _counted(guard: Guard, watched: Watched) -> Iterable[Trip]:
    """The event, or the day, by which there were more than allowed."""
    if guard.event:
        matching = _events(guard, watched)[guard.limit : guard.limit + 1]
        return [Trip(one.at, one.unit, _told(guard, one)) for one in matching]
    total = 0.0
    for day, at, _ in watched.days:
        total += _count_of(guard, watched, day)
        if total > guard.limit:
            return [Trip(at, "", f"{total:.0f} by {day}, at most {guard.limit} are allowed")]
    return []


def _told(guard: Guard, one: Occurrence) -> str:
    what = " ".join(word for word in (one.kind.replace("_", " "), one.name, one.detail) if word)
    return f"{what} of {one.unit or 'the installation'}; at most {guard.limit} are allowed"


def _count(guard: Guard, watched: Watched) -> float:
    if guard.event:
        return len(_events(guard, watched))
    return sum(_count_of(guard, watched, day) for day, _, _ in watched.days)


def _count_of(guard: Guard, watched: Watched, day: str) -> float:
    arm = Arm.CANARY if guard.scope is Scope.COHORT else None
    return exposure(watched.table.of(day, arm).get(guard.measure, ()), guard.measure)


def _events(guard: Guard, watched: Watched) -> list[Occurrence]:
    """Those that count, each once."""
    run = watched.run
    return [
        one
        for one in watched.occurrences
        if guard.event
        and one.kind is _KINDS[guard.event]
        and one.at >= run.started
        and (not guard.class_ or one.name == guard.class_)
        and (guard.scope is Scope.WHOLE or run.cohort.arm(one.unit) is Arm.CANARY)
    ]


def _levels(guard: Guard, watched: Watched) -> Iterable[Trip]:
    """The units that were above on a day, for how long; also those for which that is no time at all."""
    units = watched.table.units[Arm.CANARY] if guard.scope is Scope.COHORT else ("",)
    for day, at, passed in watched.days:
        for unit in units:
            found = watched.table.by_unit.get((day, unit), {})
            share = found[guard.measure].share_above(guard.above or 0.0) if guard.measure in found else None
            if share is not None:
                seen = min(found[OBSERVED].total, passed) if OBSERVED in found else passed
                detail = f"{guard.measure} of {unit or 'the installation'} was above {guard.above:g} for"
                yield Trip(at, unit, f"{detail} {share * seen:.0f} s on {day}", share * seen)
