"""The estimates of an assessment: from merged sketches, never from averages of averages.

None of them says anything about nothing. Intervals are of 95 % and take samples as independent of each other; where
they come in bursts, the truth is wider.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from sla.report.numbers import Z
from sla.sketch import Sketch

DRAWS = 1000
"""Bootstrap samples: the 2.5 % tail then holds 25 of them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value from ``n`` samples with its interval, where there is one."""

    value: float
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Stratum:
    """Samples that may be compared: of one flavor, or at one load."""

    name: str
    above: Sketch
    below: Sketch


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """All samples of all of them."""
    whole = Sketch.of(())
    for sketch in sketches:
        whole = whole.plus(sketch)
    return whole


def quantile(sketch: Sketch, q: float) -> Estimate | None:
    """The quantile, and its interval between two order statistics (normal approximation of the binomial; for example
    Conover, Practical Nonparametric Statistics, 3.2). None without samples."""
    value, n = sketch.quantile(q), sketch.count
    if value is None or n == 0:
        return None
    reach = Z * math.sqrt(q * (1 - q) / n)
    low, high = sketch.quantile(max(0.0, q - reach)), sketch.quantile(min(1.0, q + reach))
    return Estimate(value, n, low, high)


def usable(strata: Iterable[Stratum], least: int) -> tuple[Stratum, ...]:
    """Those with at least so many samples of each kind, and at least one."""
    return tuple(one for one in strata if min(one.above.count, one.below.count) >= max(1, least))


def median_ratio(strata: Sequence[Stratum], *, least: int, rng: random.Random) -> Estimate | None:
    """How many times as large the samples ``above`` are as those ``below``: the medians' ratio within each stratum, and
    over the strata their mean on the logarithmic scale, each weighted by n·m / (n + m).

    Strata with fewer than ``least`` samples of either kind are left out; None where all are. The interval is the
    bootstrap's (percentiles of ``DRAWS``). The median of a sample drawn with replacement is an order statistic of it,
    whose rank is distributed as Beta((n + 1) / 2, (n + 1) / 2): that is drawn, in place of the n values.
    """
    pairs = [(_Ranks(one.above), _Ranks(one.below)) for one in usable(strata, least)]
    if not pairs or any(ranks.at(0.5) <= 0 for pair in pairs for ranks in pair):
        return None
    weights = [above.n * below.n / (above.n + below.n) for above, below in pairs]

    def mean(ratios: Iterable[float]) -> float:
        weighted = (weight * math.log(ratio) for weight, ratio in zip(weights, ratios, strict=True))
        return math.exp(sum(weighted) / sum(weights))

    value = mean(above.at(0.5) / below.at(0.5) for above, below in pairs)
    drawn = sorted(mean(above.drawn(rng) / below.drawn(rng) for above, below in pairs) for _ in range(DRAWS))
    tail = DRAWS // 40
    n = sum(above.n + below.n for above, below in pairs)
    return Estimate(value, n, drawn[tail - 1], drawn[DRAWS - tail])


class _Ranks:
    """The values of a sketch by their share of the rank; zeros count as the least positive value there is."""

    def __init__(self, sketch: Sketch) -> None:
        pairs = [(value, count) for value, count in sketch.pairs() if value > 0]
        self._values = [value for value, _ in pairs]
        self._ends = list(accumulate(count for _, count in pairs))
        self.n = self._ends[-1] if self._ends else 0

    def at(self, share: float) -> float:
        """0 without samples."""
        if not self._values:
            return 0.0
        rank = min(self.n, max(1, math.ceil(share * self.n)))
        return self._values[bisect_left(self._ends, rank)]

    def drawn(self, rng: random.Random) -> float:
        """The median of a sample drawn with replacement."""
        half = (self.n + 1) / 2
        return self.at(rng.betavariate(half, half))
