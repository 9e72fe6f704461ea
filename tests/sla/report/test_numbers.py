"""The statistics of a report against values from elsewhere, and what must hold for any input."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla.report.model import Statistics
from sla.report.numbers import Z, statistics, wilson
from sla.report.words import duration, interval, limit, percent

DURATIONS = st.lists(st.floats(0, 1e7), max_size=30)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_as_published(successes: int, trials: int, low: float, high: float) -> None:
    """The interval is that of the tables; 81 of 263 is the example of Newcombe 1998."""
    found = wilson(successes, trials)
    assert found is not None
    assert (round(found[0], 4), round(found[1], 4)) == (low, high)


@given(st.integers(1, 10_000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilson_solves_its_equation(counts: tuple[int, int]) -> None:
    """Each end p of the interval is where |share - p| is z standard errors of p, and the share lies between them."""
    successes, trials = counts
    share = successes / trials
    low, high = wilson(successes, trials) or (math.nan, math.nan)
    assert 0 <= low <= share <= high <= 1
    for end in {low, high} - {0.0, 1.0}:
        assert abs(share - end) == pytest.approx(Z * math.sqrt(end * (1 - end) / trials), abs=1e-9)


def test_nothing_of_nothing() -> None:
    """Without incidents there is no interval, and no duration; never 0."""
    assert wilson(0, 0) is None
    assert statistics([]) == Statistics(0, None, None, None)
    assert (percent(None), duration(None), interval(None, None)) == ("-", "-", "-")


@given(DURATIONS)
def test_percentile_is_of_the_values(values: list[float]) -> None:
    """The 90th percentile is one of the values, the least that 90 % do not exceed; the maximum is the maximum."""
    found = statistics(values)
    assert found.n == len(values)
    if values:
        enough = [value for value in values if sum(one <= value for one in values) * 10 >= 9 * len(values)]
        assert found.p90_seconds == min(enough)
        assert found.max_seconds == max(values)


def test_nothing_looks_better_than_it_is() -> None:
    """Shares and durations are cut off: one missed of very many is not 100 %, and a breach is not below its limit."""
    assert percent(0.999999, 3) == "99.999 %"
    assert percent(0.29) == "29.0 %"
    assert interval(0.26665, 0.81122) == "26.6 to 81.2 %"
    assert (duration(1799.999), duration(1800.0), duration(-90.0)) == ("0:29:59", "0:30:00", "-0:01:30")
    assert (limit(1800.0), limit(7200.0), limit(90.0), limit(0.5)) == ("30 min", "2 h", "90 s", "0.5 s")
