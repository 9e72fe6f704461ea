"""The statistics of a report. None of them says anything about nothing: without values there is no number."""

import math
from collections.abc import Iterable
from statistics import median

from sla.report.model import Statistics

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: what a two-sided interval of 95 % takes."""


def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """The 95 % interval of a proportion by Wilson's score (Wilson 1927, without continuity correction).

    Unlike the textbook's it stays within 0 to 1 and holds for few trials and shares near 1. None without trials.
    """
    if trials == 0:
        return None
    share = successes / trials
    scale = 1 + Z * Z / trials
    middle = share + Z * Z / (2 * trials)
    reach = Z * math.sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials))
    low = 0.0 if successes == 0 else max(0.0, (middle - reach) / scale)
    high = 1.0 if successes == trials else min(1.0, (middle + reach) / scale)
    return low, high


def statistics(values: Iterable[float]) -> Statistics:
    """Median, 90th percentile (nearest rank: the smallest value that 90 % do not exceed) and maximum, with n."""
    found = sorted(values)
    if not found:
        return Statistics(0)
    return Statistics(len(found), median(found), found[-(-9 * len(found) // 10) - 1], found[-1])
