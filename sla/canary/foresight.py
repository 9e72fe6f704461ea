"""What a run will be able to tell, from the days before it: declared at its start, not found out later. Pure."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from sla.canary.arms import Table, events, tried
from sla.canary.checks import daily, levels
from sla.canary.distribution import t_quantile
from sla.canary.model import Arm, Detectable
from sla.canary.paired import scatter
from sla.canary.spec import Comparison, Spec, Statistic

_LEAST_DAYS = 3
_POWERS = (0.8, 0.9)


def detectable(spec: Spec, comparison: Comparison, table: Table, *, days: Sequence[str]) -> Detectable:
    """Of one comparison. ``days`` are those before the start that would have counted."""
    if comparison.figure.statistic is Statistic.RATIO:
        return _of_ratio(spec, comparison, (table, days))
    return foreseen(spec, comparison, daily(comparison.figure, table, days))


def foreseen(spec: Spec, comparison: Comparison, pairs: Sequence[tuple[float, float]]) -> Detectable:
    """From daily figures (canaries, controls) before the start.

    A power is approximated as usual: the difference is as many standard errors from the margin as the quantiles of
    the test and of the power add up to.
    """
    n = len(pairs)
    if n < _LEAST_DAYS:
        reason = f"{n} day(s) with data before the start, {_LEAST_DAYS} are needed"
        return Detectable(comparison.name, n, None, None, None, None, None, shows_margin=False, reason=reason)
    deviation = stdev([one - other for one, other in pairs])
    baseline = fmean(other for _, other in pairs)
    margin = comparison.margin.of(baseline)
    sizes = [spec.min_days, n] if n >= spec.min_days else [spec.min_days]
    found, allowed = scatter(deviation, sizes, spec.day_correlation), levels(spec)
    fail, passing = (t_quantile(1 - level, found.freedom) for level in (allowed.fail, allowed.passing))
    powers = [t_quantile(power, found.freedom) for power in _POWERS]
    at_80, at_90 = (margin + (fail + power) * found.error for power in powers)
    shows = (passing + powers[0]) * found.error <= margin
    return Detectable(comparison.name, n, deviation, baseline, at_80, at_90, margin, shows)


def _of_ratio(spec: Spec, comparison: Comparison, known: tuple[Table, Sequence[str]]) -> Detectable:
    """By the square root of a Poisson count, whose variance is 1/4 whatever its mean."""
    table, days = known
    control, canary = (table.over(days, arm) for arm in (Arm.CONTROL, Arm.CANARY))
    a_day = [tried(comparison.figure, parts) / max(1, len(days)) for parts in (canary, control)]
    if min(a_day) <= 0:
        reason = "nothing was tried in an arm before the start"
        return Detectable(comparison.name, len(days), None, None, None, None, None, shows_margin=False, reason=reason)
    rate = (events(comparison.figure, control) + events(comparison.figure, canary)) / (sum(a_day) * len(days))
    times, allowed, normal = 1 + comparison.margin.relative, levels(spec), NormalDist()
    ours, theirs = (exposure * spec.min_days for exposure in a_day)
    noise = math.sqrt(1 + times * ours / theirs) / 2
    expected = math.sqrt(times * rate * ours)
    quantiles = [normal.inv_cdf(1 - allowed.fail) + normal.inv_cdf(power) for power in _POWERS]
    at_80, at_90 = ((expected + both * noise) ** 2 / ours - rate for both in quantiles)
    both = normal.inv_cdf(1 - allowed.passing) + normal.inv_cdf(_POWERS[0])
    shows = expected - math.sqrt(rate * ours) >= both * noise
    return Detectable(comparison.name, len(days), None, rate, at_80, at_90, (times - 1) * rate, shows)
