"""Student's t, binomial and Poisson distributions, as far as the gate needs them. Pure.

The t distribution has whole degrees of freedom here, for which its probability is a finite sum (Abramowitz and Stegun,
Handbook of Mathematical Functions, 26.7.3 and 26.7.4). SciPy has all of this and would be the largest dependency.
"""

import math
from collections.abc import Callable
from functools import lru_cache

_NEGLIGIBLE = 1e-17
_STEPS = 200


def t_below(t: float, df: int) -> float:
    """P(T <= t) for Student's t with ``df`` (1 or more) degrees of freedom."""
    angle = math.atan2(abs(t), math.sqrt(df))
    cosine, sine = math.cos(angle), math.sin(angle)
    term = 1.0 if df % 2 == 0 else cosine
    total = 0.0
    for step in range(df % 2, df - 1, 2):
        total += term
        term *= cosine * cosine * (step + 1) / (step + 2)
    within = sine * total if df % 2 == 0 else 2 / math.pi * (angle + sine * total)
    return 0.5 + math.copysign(within / 2, t)


@lru_cache(maxsize=1024)
def t_quantile(p: float, df: int) -> float:
    """The t that P(T <= t) = p holds for, with 0 < p < 1."""
    if p < 0.5:
        return -t_quantile(1 - p, df)
    high = 1.0
    while t_below(high, df) < p and high < 1e9:
        high *= 2
    return solved(lambda t: t_below(t, df) - p, (0.0, high))


def binomial_least(k: int, n: int, p: float) -> float:
    """P(X >= k) for X binomial with ``n`` trials of probability ``p``."""
    if k <= 0:
        return 1.0
    if k > n or p <= 0:
        return 0.0
    if p >= 1:
        return 1.0
    if k <= n * p:
        return 1 - _tail(k - 1, lambda i: i / (n - i + 1) * (1 - p) / p, _log_binomial(k - 1, n, p), -1, 0)
    return _tail(k, lambda i: (n - i) / (i + 1) * p / (1 - p), _log_binomial(k, n, p), 1, n)


def binomial_most(k: int, n: int, p: float) -> float:
    """P(X <= k) for X binomial."""
    return binomial_least(n - k, n, 1 - p)


def poisson_most(k: int, mean: float) -> float:
    """P(X <= k) for X Poisson with this mean."""
    if mean <= 0:
        return 1.0
    log = k * math.log(mean) - mean - math.lgamma(k + 1)
    if k < mean:
        return _tail(k, lambda i: i / mean, log, -1, 0)
    log += math.log(mean) - math.log(k + 1)
    return 1 - _tail(k + 1, lambda i: mean / (i + 1), log, 1, k + 10_000_000)


def poisson_upper(k: int, alpha: float) -> float:
    """The mean that ``k`` events or fewer have the probability ``alpha`` at: the exact upper bound.

    For no event and alpha 0.05 that is 3.0 (the rule of three).
    """
    high = k + 10.0 + 20 * math.sqrt(k + 1)
    return solved(lambda mean: alpha - poisson_most(k, mean), (0.0, high))


def poisson_lower(k: int, alpha: float) -> float:
    """The mean that ``k`` events or more have the probability ``alpha`` at: the exact lower bound; 0 for no event."""
    if k <= 0:
        return 0.0
    return solved(lambda mean: 1 - poisson_most(k - 1, mean) - alpha, (0.0, float(k)))


def _log_binomial(k: int, n: int, p: float) -> float:
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choose + k * math.log(p) + (n - k) * math.log1p(-p)


def _tail(first: int, ratio: Callable[[int], float], log: float, step: int, last: int) -> float:  # noqa: PLR0917 - private, a sum in one place
    """The sum of terms from ``first`` on, each ``ratio`` times the one before, until they no longer matter."""
    term = math.exp(log) if log > -745 else 0.0
    total, at = term, first
    while at != last and term > _NEGLIGIBLE * total:
        term *= ratio(at)
        at += step
        total += term
    return min(total, 1.0)


def solved(rising: Callable[[float], float], between: tuple[float, float]) -> float:
    """Where a rising function is 0, by halving."""
    low, high = between
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
