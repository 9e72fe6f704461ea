"""Estimates: from all samples merged, nothing from nothing, and intervals that hold what they promise."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla.objectives.estimate import Estimate, Stratum, median_ratio, merged, quantile, usable
from sla.sketch import Sketch

VALUES = st.lists(st.floats(0.001, 1000.0), min_size=5, max_size=60)


def rng() -> random.Random:
    """The same each time."""
    return random.Random(1)


def test_the_median_is_of_all_samples_not_of_averages() -> None:
    """A hundred fast calls and one slow operation with three: the median is that of the hundred."""
    fast, slow = Sketch.of([0.1] * 100), Sketch.of([5.0] * 3)
    found = quantile(merged([fast, slow]), 0.5)
    assert found is not None
    assert found.n == 103
    assert found.value == pytest.approx(0.1, rel=0.011)


def test_nothing_is_said_of_nothing() -> None:
    """Without samples there is neither a quantile nor a ratio; below the least number there is no ratio."""
    few = Stratum("m1", Sketch.of([2.0] * 4), Sketch.of([1.0] * 40))
    assert quantile(Sketch(), 0.5) is None
    assert median_ratio([], least=1, rng=rng()) is None
    assert median_ratio([few], least=5, rng=rng()) is None
    assert usable([few], 4) == (few,)


def test_a_stratum_with_zeros_alone_has_no_ratio() -> None:
    """Values of 0 have no place on a logarithmic scale."""
    assert median_ratio([Stratum("m1", Sketch.of([0.0] * 9), Sketch.of([1.0] * 9))], least=1, rng=rng()) is None


def test_like_is_compared_with_like() -> None:
    """VMware builds many large servers and native many small ones: within each flavor both take the same time."""
    strata = [
        Stratum("small", Sketch.of([10.0] * 5), Sketch.of([10.0] * 95)),
        Stratum("large", Sketch.of([100.0] * 95), Sketch.of([100.0] * 5)),
    ]
    found = median_ratio(strata, least=5, rng=rng())
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert found.n == 200


@given(VALUES, VALUES, st.floats(0.1, 10.0))
def test_ratio_follows_the_scale(above: list[float], below: list[float], factor: float) -> None:
    """All values of one side times a factor: so is the ratio. Its interval holds it, and is the same each time."""
    plain = Stratum("m1", Sketch.of(above), Sketch.of(below))
    scaled = Stratum("m1", Sketch.of([value * factor for value in above]), Sketch.of(below))
    one, other = (median_ratio([stratum], least=1, rng=rng()) for stratum in (plain, scaled))
    assert one is not None
    assert other is not None
    assert other.value == pytest.approx(one.value * factor, rel=0.021)
    for found in (one, other):
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.value * (1 + 1e-9)
        assert found.high >= found.value * (1 - 1e-9)
    assert median_ratio([plain], least=1, rng=rng()) == one


def test_intervals_hold_the_truth_as_often_as_promised() -> None:
    """Over 300 draws of two times 40 builds of a true ratio of 1.5, about 95 % of the intervals hold it."""
    chance, held = random.Random(5), 0
    for _ in range(300):
        above = Sketch.of(60 * chance.lognormvariate(0, 0.3) for _ in range(40))
        below = Sketch.of(40 * chance.lognormvariate(0, 0.3) for _ in range(40))
        found = median_ratio([Stratum("m1", above, below)], least=5, rng=chance)
        assert found is not None
        held += (found.low or 0.0) <= 1.5 <= (found.high or 0.0)
    assert 0.9 <= held / 300 <= 0.99


def test_the_interval_of_a_median_holds_the_truth() -> None:
    """Over 300 draws of 200 calls, about 95 % of the intervals hold the true median."""
    chance, held = random.Random(6), 0
    for _ in range(300):
        found = quantile(Sketch.of(0.2 * chance.lognormvariate(0, 0.5) for _ in range(200)), 0.5)
        assert isinstance(found, Estimate)
        held += (found.low or 0.0) <= 0.2 <= (found.high or 0.0)
    assert 0.9 <= held / 300 <= 0.99
