"""Targets and comparisons over the days that count. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sla.canary.arms import Table, events, tried, value
from sla.canary.distribution import poisson_lower, poisson_upper
from sla.canary.model import Arm, State
from sla.canary.paired import Events, Interval, Levels, difference, quotient
from sla.canary.spec import Comparison, Figure, Scope, Spec, Statistic, Target, Worse
from sla.canary.verdict import Check


@dataclass(frozen=True, slots=True)
class Period:
    """The days that count since the start, and those before it."""

    table: Table
    days: Sequence[str]
    history: Sequence[str] = ()


def levels(spec: Spec) -> Levels:
    """``alpha`` shared by all checks that can fail by chance; a pass needs all checks, so each may use it whole."""
    ratios = sum(target.figure.statistic is Statistic.RATIO for target in spec.targets)
    return Levels(spec.alpha / max(1, len(spec.comparisons) + ratios), spec.alpha)


def target_check(spec: Spec, target: Target, period: Period) -> Check:
    """Was the target met over these days, taken together?

    A week is looked at as a whole, it is no sample: the figure is what it is. Only a ratio of events is taken for a
    sample, with the exact bounds of a Poisson count.
    """
    arm = Arm.CANARY if target.scope is Scope.COHORT else None
    parts = period.table.over(period.days, arm)
    found = value(target.figure, parts)
    controls = value(target.figure, period.table.over(period.days, Arm.CONTROL)) if arm else None
    seen = sum(value(target.figure, period.table.of(day, arm)) is not None for day in period.days)
    made = _Made(target, found, controls, seen)
    if missing := _missing(spec, made, tried(target.figure, parts)):
        return made.check(State.INCONCLUSIVE, missing)
    if found is None:
        return made.check(State.INCONCLUSIVE, "no value")
    if target.figure.statistic is Statistic.RATIO:
        return _rate(target, made, (Events(events(target.figure, parts), tried(target.figure, parts)), levels(spec)))
    good = found >= target.limit if target.least else found <= target.limit
    reason = f"{_said(found)} is {'' if good else 'not '}{_wanted(target)}"
    if not good and controls is not None and (controls < target.limit if target.least else controls > target.limit):
        reason += f"; neither is {_said(controls)}, that of the controls"
    return made.check(State.PASSED if good else State.FAILED, reason)


def _rate(target: Target, made: "_Made", counted: tuple[Events, Levels]) -> Check:
    found, allowed = counted
    lower_alpha, upper_alpha = allowed.fail, allowed.passing
    if target.least:
        lower_alpha, upper_alpha = upper_alpha, lower_alpha
    lower = poisson_lower(found.count, lower_alpha) / found.exposure
    upper = poisson_upper(found.count, upper_alpha) / found.exposure
    bounds = Interval(found.rate, lower, upper)
    seen = f"{found.count} of {found.exposure:.0f}, so the rate is from {_said(lower)} to {_said(upper)}"
    good = lower >= target.limit if target.least else upper <= target.limit
    bad = upper < target.limit if target.least else lower > target.limit
    state = State.PASSED if good else State.FAILED if bad else State.INCONCLUSIVE
    word = {State.PASSED: "is", State.FAILED: "is not"}.get(state, "cannot be shown to be")
    return made.check(state, f"{seen}: it {word} {_wanted(target)}", bounds=bounds, confidence=1 - allowed.fail)


def comparison_check(spec: Spec, comparison: Comparison, period: Period) -> Check:
    """Are canaries worse than their controls by more than the margin?"""
    figure, table = comparison.figure, period.table
    canary, control = (table.over(period.days, arm) for arm in (Arm.CANARY, Arm.CONTROL))
    pairs = daily(figure, table, period.days)
    least = [tried(figure, canary), tried(figure, control)]
    if figure.statistic is Statistic.RATIO:
        made = _Made(comparison, value(figure, canary), value(figure, control), len(period.days))
        if missing := _missing(spec, made, min(least)):
            return made.check(State.INCONCLUSIVE, missing)
        counted = Events(events(figure, canary), least[0]), Events(events(figure, control), least[1])
        return _quotient(comparison, made, (*counted, levels(spec)))
    made = _Made(comparison, _mean([one for one, _ in pairs]), _mean([other for _, other in pairs]), len(pairs))
    if missing := _missing(spec, made, min(least)):
        return made.check(State.INCONCLUSIVE, missing)
    return paired_check(spec, comparison, pairs, before=daily(figure, table, period.history))


def paired_check(
    spec: Spec,
    comparison: Comparison,
    pairs: Sequence[tuple[float, float]],
    *,
    before: Sequence[tuple[float, float]] = (),
) -> Check:
    """The comparison of daily figures (canaries, controls), two days or more.

    Days ``before`` the release take away what differed already; fewer than ``min_days`` of them are not used.
    """
    sign = 1.0 if comparison.worse is Worse.HIGHER else -1.0
    control = fmean(other for _, other in pairs)
    made = _Made(comparison, fmean(one for one, _ in pairs), control, len(pairs))
    used = before if len(before) >= spec.min_days else ()
    rho, allowed = spec.day_correlation, levels(spec)
    after, earlier = ([sign * (one - other) for one, other in some] for some in (pairs, used))
    found = difference(after, earlier, rho=rho, levels=allowed)
    margin = comparison.margin.of(control)
    if found.lower > margin:
        state, reason = State.FAILED, f"worse by {_said(found.lower)} at least, more than the margin {_said(margin)}"
    elif found.upper <= margin:
        state, reason = State.PASSED, f"worse by {_said(found.upper)} at most, within the margin {_said(margin)}"
    else:
        state, reason = State.INCONCLUSIVE, f"worse by {_said(found.lower)} to {_said(found.upper)}, around the margin"
        reason += f" {_said(margin)}"
    reason += "" if used else "; without the days before, so what differed already is in it"
    shown = found if sign > 0 else Interval(-(found.middle or 0.0), -found.upper, -found.lower)
    return made.check(state, reason, bounds=shown, margin=margin, confidence=1 - allowed.fail)


def daily(figure: Figure, table: Table, days: Sequence[str]) -> list[tuple[float, float]]:
    """The figures of canaries and controls on each day that has both."""
    found = ((value(figure, table.of(day, Arm.CANARY)), value(figure, table.of(day, Arm.CONTROL))) for day in days)
    return [(one, other) for one, other in found if one is not None and other is not None]


def _quotient(comparison: Comparison, made: "_Made", counted: tuple[Events, Events, Levels]) -> Check:
    canary, control, allowed = counted
    found, margin = quotient(canary, control, allowed), 1 + comparison.margin.relative
    seen = f"{canary.count} of {canary.exposure:.0f} beside {control.count} of {control.exposure:.0f}"
    if not canary.count and not control.count:
        bound = poisson_upper(0, allowed.passing) / canary.exposure
        state, reason = State.INCONCLUSIVE, f"{seen}: no event, so the rate is {_said(bound)} at most, and not compared"
    elif found.lower > margin:
        state, reason = State.FAILED, f"{seen}: {found.lower:.3g} times as many at least, the margin is {margin:.3g}"
    elif found.upper <= margin:
        state, reason = State.PASSED, f"{seen}: {found.upper:.3g} times as many at most, the margin is {margin:.3g}"
    else:
        state = State.INCONCLUSIVE
        reason = f"{seen}: {found.lower:.3g} to {found.upper:.3g} times as many, around the margin {margin:.3g}"
    return made.check(state, reason, bounds=found, margin=margin, confidence=1 - allowed.fail)


def _missing(spec: Spec, made: "_Made", events_seen: float) -> str:
    """What is missing to judge at all; empty if nothing."""
    if made.n < spec.min_days:
        return f"{made.n} of {spec.min_days} days with data"
    if events_seen < made.of.min_events:
        return f"{events_seen:.0f} of {made.of.min_events} events that are needed"
    return ""


@dataclass(frozen=True, slots=True)
class _Made:
    """A check to be, without its state."""

    of: Target | Comparison
    value: float | None
    control: float | None
    n: int

    def check(
        self,
        state: State,
        reason: str,
        *,
        bounds: Interval | None = None,
        margin: float | None = None,
        confidence: float | None = None,
    ) -> Check:
        is_target = isinstance(self.of, Target)
        return Check(
            self.of.name,
            "target" if is_target else "comparison",
            state,
            reason,
            required=self.of.required,
            measure=self.of.figure.measure,
            statistic=self.of.figure.statistic,
            value=self.value,
            control=self.control,
            difference=bounds.middle if bounds and not is_target else None,
            lower=bounds.lower if bounds else None,
            upper=bounds.upper if bounds and bounds.upper < math.inf else None,
            limit=self.of.limit if isinstance(self.of, Target) else None,
            margin=margin,
            n=self.n,
            confidence=confidence,
            description=self.of.description,
        )


def _wanted(target: Target) -> str:
    return f"{'at least' if target.least else 'at most'} {_said(target.limit)}"


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _said(number: float) -> str:
    return f"{number:.4g}"
