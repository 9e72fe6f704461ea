"""Student's t, binomial and Poisson distributions against printed tables and exact sums."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sla.canary.distribution import (
    binomial_least,
    binomial_most,
    poisson_lower,
    poisson_most,
    poisson_upper,
    t_below,
    t_quantile,
)

TABLE = {  # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: upper critical values of Student's t
    1: (3.078, 6.314, 12.706, 31.821, 63.657),
    2: (1.886, 2.920, 4.303, 6.965, 9.925),
    3: (1.638, 2.353, 3.182, 4.541, 5.841),
    6: (1.440, 1.943, 2.447, 3.143, 3.707),
    7: (1.415, 1.895, 2.365, 2.998, 3.499),
    13: (1.350, 1.771, 2.160, 2.650, 3.012),
    19: (1.328, 1.729, 2.093, 2.539, 2.861),
    30: (1.310, 1.697, 2.042, 2.457, 2.750),
    100: (1.290, 1.660, 1.984, 2.364, 2.626),
}


@pytest.mark.parametrize(("df", "row"), TABLE.items())
def test_t_table(df: int, row: tuple[float, ...]) -> None:
    """The quantiles are those of the printed table, for odd and even degrees of freedom."""
    assert tuple(round(t_quantile(p, df), 3) for p in (0.9, 0.95, 0.975, 0.99, 0.995)) == row


@settings(deadline=None)
@given(st.floats(-60, 60), st.integers(1, 200))
def test_t_is_symmetric_and_rises(t: float, df: int) -> None:
    """P(T <= t) and P(T <= -t) make 1, and a greater t is never less probable."""
    assert t_below(t, df) + t_below(-t, df) == pytest.approx(1)
    assert t_below(t, df) <= t_below(t + 0.1, df) + 1e-12


@settings(deadline=None)
@given(st.floats(0.0005, 0.9995), st.integers(1, 120))
def test_t_quantile_inverts(p: float, df: int) -> None:
    """The quantile is where the probability is reached."""
    assert t_below(t_quantile(p, df), df) == pytest.approx(p, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 20))
def test_binomial_is_exact(k: int, n: int, twentieths: int) -> None:
    """The tails are those of a sum of fractions."""
    p = Fraction(twentieths, 20)
    exact = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
    assert binomial_least(k, n, float(p)) == pytest.approx(float(exact), abs=1e-12)
    assert binomial_most(k - 1, n, float(p)) == pytest.approx(float(1 - exact), abs=1e-12)


@settings(deadline=None)
@example(3, 5e-324)
@given(st.integers(0, 80), st.floats(0, 120))
def test_poisson_is_a_sum(k: int, mean: float) -> None:
    """The lower tail is the sum of its terms."""
    terms = (math.exp(-mean + i * math.log(mean) - math.lgamma(i + 1)) for i in range(k + 1)) if mean else (1.0,)
    assert poisson_most(k, mean) == pytest.approx(math.fsum(terms), abs=1e-12)


def test_rule_of_three() -> None:
    """No event in n trials: at most 3/n with 95 %, so 1 % for 300, 0.3 % for 1,000 and 0.03 % for 10,000."""
    bound = poisson_upper(0, 0.05)
    assert bound == pytest.approx(-math.log(0.05))
    assert [f"{bound / n:.1g}" for n in (300, 1_000, 10_000)] == ["0.01", "0.003", "0.0003"]


def test_poisson_table() -> None:
    """Exact limits of a count, two-sided 95 % (Garwood 1936, "Fiducial limits for the Poisson distribution")."""
    table = {1: (0.0253, 5.572), 3: (0.619, 8.767), 10: (4.795, 18.390), 50: (37.111, 65.919)}
    for count, (low, high) in table.items():
        assert poisson_lower(count, 0.025) == pytest.approx(low, abs=0.001)
        assert poisson_upper(count, 0.025) == pytest.approx(high, abs=0.001)
    assert poisson_lower(0, 0.025) == 0


def test_large_counts() -> None:
    """A million events take no time and are nearly normal."""
    assert poisson_upper(1_000_000, 0.05) == pytest.approx(1_000_000 + 1.645 * 1000, rel=1e-5)
    assert binomial_least(500_822, 1_000_000, 0.5) == pytest.approx(0.05, abs=0.001)
