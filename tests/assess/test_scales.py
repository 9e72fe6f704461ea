"""Axes of charts."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sla.objectives.charts import STEP, binned
from sla.objectives.scales import Scale, linear, logarithmic
from sla.sketch import Sketch

VALUES = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=20)


@given(VALUES, st.sampled_from([linear, logarithmic]))
def test_every_value_is_within(values: list[float], kind: type[Scale]) -> None:
    """Places lie between both ends, in the order of the values; ticks are within, few, and ascending."""
    scale = kind(values, 10.0, 110.0)  # type: ignore[call-arg, arg-type]
    places = [scale.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(10.0 - 1e-6 <= place <= 110.0 + 1e-6 for place in places)
    ticks = scale.ticks()
    assert list(ticks) == sorted(ticks)
    assert len(ticks) <= 8
    assert all(scale.low - 1e-6 <= tick <= scale.high * (1 + 1e-6) for tick in ticks)


@given(VALUES)
def test_shares_of_a_histogram_add_up(values: list[float]) -> None:
    """Bins follow each other without a gap; their shares are those of all values."""
    found = binned(Sketch.of(values))
    assert abs(sum(share for _, share in found) - 1) < 1e-6
    assert all(abs(after / before - STEP) < 1e-6 for (before, _), (after, _) in pairwise(found))
