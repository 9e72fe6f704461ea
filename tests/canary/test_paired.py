"""Two arms beside each other: exact tests of counts, differences of days that are like the days before."""

import math

import pytest
from canarysim import covariance

from sla.canary.distribution import binomial_least
from sla.canary.paired import Events, Levels, difference, quotient, scatter, spread

LEVELS = Levels(0.05, 0.05)


def test_known_counts() -> None:
    """In a tenth of the exposure, 4 events beside 9 have p = 0.034, and 3 beside 9 have p = 0.11 (by enumeration)."""
    assert binomial_least(4, 13, 0.1) == pytest.approx(0.034, abs=0.001)
    assert binomial_least(3, 12, 0.1) == pytest.approx(0.11, abs=0.001)
    assert quotient(Events(4, 10), Events(9, 90), LEVELS).lower > 1
    assert quotient(Events(3, 10), Events(9, 90), LEVELS).lower < 1


def test_bounds_are_where_the_test_turns() -> None:
    """At the bounds of the quotient, the exact test has just the level that was asked for."""
    canary, control = Events(7, 200.0), Events(5, 300.0)
    found = quotient(canary, control, Levels(0.01, 0.05))
    at_lower = found.lower * 200 / (found.lower * 200 + 300)
    at_upper = found.upper * 200 / (found.upper * 200 + 300)
    assert found.middle == pytest.approx((7 / 200) / (5 / 300))
    assert binomial_least(7, 12, at_lower) == pytest.approx(0.01)
    assert 1 - binomial_least(8, 12, at_upper) == pytest.approx(0.05)


def test_no_event_says_nothing() -> None:
    """Without an event, any quotient is possible; with events in one arm alone, one bound is known."""
    nothing = quotient(Events(0, 10), Events(0, 10), LEVELS)
    assert (nothing.middle, nothing.lower, nothing.upper) == (None, 0.0, math.inf)
    assert quotient(Events(0, 10), Events(9, 10), LEVELS).upper < 1
    alone = quotient(Events(9, 10), Events(0, 10), LEVELS)
    assert (alone.middle, alone.upper) == (None, math.inf)
    assert alone.lower > 1


def test_plain_t() -> None:
    """Without correlation it is the paired t interval: mean 2, deviation 1 and n = 7 give 2 -+ 1.943 / sqrt 7."""
    days = [2 + one for one in (-1.5, -0.5, -0.5, 0.0, 0.5, 0.5, 1.5)]
    found = difference(days, (), rho=0.0, levels=LEVELS)
    deviation = math.sqrt(sum((one - 2) ** 2 for one in days) / 6)
    assert found.middle == pytest.approx(2)
    assert (
        found.upper - 2 == pytest.approx(2 - found.lower) == pytest.approx(1.94318 * deviation / math.sqrt(7), abs=1e-4)
    )


def test_days_before_are_taken_away() -> None:
    """Only what is new since the release is a difference."""
    found = difference([3.0, 3.1, 2.9], [2.0, 2.1, 1.9, 2.0], rho=0.0, levels=LEVELS)
    assert found.middle == pytest.approx(1)
    assert found.lower < 1 < found.upper


def test_identical_days() -> None:
    """Without any scatter, the bounds are the difference itself."""
    found = difference([0.1] * 7, (), rho=0.45, levels=LEVELS)
    assert (found.lower, found.upper) == (pytest.approx(0.1), pytest.approx(0.1))


def test_correlation_widens() -> None:
    """A correlation of 0.45 makes the standard error of seven days 1.67 times as wide, a cautious figure for noise with
    phi = 0.999, which has 0.43 from one day to the next."""
    assert scatter(1.0, [7], 0.45).error / scatter(1.0, [7], 0.0).error == pytest.approx(1.67, abs=0.01)
    assert covariance(0.999, 1) / covariance(0.999, 0) == pytest.approx(0.43, abs=0.005)
    assert spread(7, 0.0) == 1
    assert spread(2, 0.5) == 1.5
