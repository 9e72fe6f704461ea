"""Two arms beside each other: daily differences by Student's t, counts of rare events by an exact test. Pure.

Days are not independent: noise that decays slowly makes a day like the one before it, and the plain t test then finds
differences that are not there. The differences are taken for a first-order process with a correlation ``rho`` from one
day to the next, which fixes how much wider the mean scatters, and how much narrower the days lie around it:
for n days of variance s2, Var(mean) = s2 v / n and E(sample variance) = s2 (n - v) / (n - 1), with
v = 1 + 2 sum (1 - k/n) rho^k. The noise of one minute with phi = 0.999 makes daily means with rho = 0.43.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sla.canary.distribution import binomial_least, binomial_most, solved, t_quantile


@dataclass(frozen=True, slots=True)
class Levels:
    """How often each bound of an interval may be wrong: the lower one, which fails a release, and the upper one, which
    passes it."""

    fail: float
    passing: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference (or a quotient) with one-sided bounds; None: there is none."""

    middle: float | None
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Scatter:
    """The standard error of a mean difference, and its degrees of freedom."""

    error: float
    freedom: int


def spread(days: int, rho: float) -> float:
    """v above: by how much the variance of a mean of ``days`` grows."""
    return 1 + 2 * math.fsum((1 - k / days) * rho**k for k in range(1, days))


def scatter(deviation: float, sizes: Sequence[int], rho: float) -> Scatter:
    """Of one mean of daily differences, or of the difference of two such means, with this pooled deviation."""
    spreads = [spread(size, rho) for size in sizes]
    freedom = sum(sizes) - len(sizes)
    shrunk = math.fsum(size - v for size, v in zip(sizes, spreads, strict=True)) / freedom
    widened = math.fsum(v / size for size, v in zip(sizes, spreads, strict=True))
    return Scatter(deviation * math.sqrt(widened / shrunk), freedom)


def pooled(groups: Sequence[Sequence[float]]) -> float:
    """The standard deviation within groups of two numbers or more."""
    means = [fmean(group) for group in groups]
    squares = math.fsum((one - mean) ** 2 for group, mean in zip(groups, means, strict=True) for one in group)
    return math.sqrt(squares / sum(len(group) - 1 for group in groups))


def difference(after: Sequence[float], before: Sequence[float], *, rho: float, levels: Levels) -> Interval:
    """The mean of the daily differences ``after`` (two or more), less that of those ``before`` the release, if any.

    The latter takes away what made canaries and controls differ already.
    """
    groups = [after, before] if before else [after]
    middle = fmean(after) - (fmean(before) if before else 0.0)
    found = scatter(pooled(groups), [len(group) for group in groups], rho)
    return Interval(
        middle,
        middle - t_quantile(1 - levels.fail, found.freedom) * found.error,
        middle + t_quantile(1 - levels.passing, found.freedom) * found.error,
    )


@dataclass(frozen=True, slots=True)
class Events:
    """A number of events in an exposure (above 0)."""

    count: int
    exposure: float

    @property
    def rate(self) -> float:
        """Events for each unit of exposure."""
        return self.count / self.exposure


def quotient(canary: Events, control: Events, levels: Levels) -> Interval:
    """The canaries' rate over that of their controls. Exact, given the sum of both counts (Przyborowski and Wilenski
    1940, "Homogeneity of results in testing samples from Poisson series", Biometrika 31): the canaries' share of all
    events is binomial. Without any event, nothing is known."""
    both = canary.count + control.count
    middle = canary.rate / control.rate if control.count else None
    low = solved(lambda p: binomial_least(canary.count, both, p) - levels.fail, (0.0, 1.0)) if canary.count else 0.0
    high = solved(lambda p: levels.passing - binomial_most(canary.count, both, p), (0.0, 1.0)) if control.count else 1.0
    scale = control.exposure / canary.exposure
    return Interval(middle, low / (1 - low) * scale, high / (1 - high) * scale if high < 1 else math.inf)
