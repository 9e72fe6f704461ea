"""A distribution: exact where it says so, within 1 % where not, the same in whatever order it was put together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla.sketch import RELATIVE_ERROR, SPAN, Gathering, Sketch

NUMBERS = st.one_of(st.just(0.0), st.floats(1e-6, 1e9), st.integers(0, 100_000).map(float))
LISTS = st.lists(NUMBERS, max_size=60)
WILD = st.lists(st.floats(0, 1e200), max_size=30)


def alike(one: Sketch, other: Sketch) -> bool:
    """The same but for the rounding of the total."""
    same = (one.count, one.least, one.most, one.zeros, one.bins)
    return same == (other.count, other.least, other.most, other.zeros, other.bins) and math.isclose(
        one.total, other.total, rel_tol=1e-9
    )


@given(LISTS, LISTS)
def test_two_together_are_the_distribution_of_all(one: list[float], other: list[float]) -> None:
    """of(a + b) is of(a) plus of(b)."""
    assert alike(Sketch.of(one + other), Sketch.of(one).plus(Sketch.of(other)))


@given(WILD, WILD, WILD)
def test_order_does_not_matter(one: list[float], other: list[float], third: list[float]) -> None:
    """Merging is commutative and associative, also where more buckets would be needed than are kept."""
    a, b, c = Sketch.of(one), Sketch.of(other), Sketch.of(third)
    assert alike(a.plus(b), b.plus(a))
    assert alike(a.plus(b).plus(c), a.plus(b.plus(c)))


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_within_one_percent(values: list[float], q: float) -> None:
    """The quantile is within 1 % of the number of that rank."""
    exact = sorted(values)[math.floor(q * (len(values) - 1))]
    found = Sketch.of(values).quantile(q)
    assert found is not None
    assert abs(found - exact) <= RELATIVE_ERROR * exact * (1 + 1e-9)


@given(WILD)
def test_text_and_back(values: list[float]) -> None:
    """What was written as text is read as the same distribution, and no text is longer than its buckets allow."""
    sketch = Sketch.of(values)
    assert Sketch.from_json(sketch.to_json()) == sketch
    assert len(sketch.bins) <= SPAN


@given(LISTS)
def test_what_is_exact(values: list[float]) -> None:
    """Count, zeros, least, most and mean are those of the numbers; the pairs hold each of them."""
    sketch = Sketch.of(values)
    assert (sketch.count, sketch.zeros) == (len(values), values.count(0.0))
    assert (sketch.least, sketch.most) == ((min(values), max(values)) if values else (None, None))
    assert sketch.mean == (pytest.approx(sum(values) / len(values)) if values else None)
    assert sum(count for _, count in sketch.pairs()) == len(values)
    assert [value for value, _ in sketch.pairs()] == sorted(value for value, _ in sketch.pairs())


def test_nothing() -> None:
    """An empty distribution has no numbers, rather than zeros."""
    empty = Sketch.of([])
    assert (empty.mean, empty.quantile(0.5), empty.share_above(1), empty.pairs()) == (None, None, None, ())
    assert empty == Sketch() == empty.plus(empty)


def test_a_share() -> None:
    """The share above a limit, with numbers well away from it."""
    sketch = Sketch.of([0.0, 0.1, 0.2, 0.3, 0.4])
    assert sketch.share_above(0.25) == pytest.approx(0.4)
    assert sketch.share_above(0) == pytest.approx(0.8)
    assert sketch.share_above(1) == 0


def test_more_decades_than_are_kept() -> None:
    """What is 17 decades below the greatest goes into the lowest bucket kept; counts stay exact."""
    sketch = Sketch.of([1e-150, 1e-100, 1.0, 1e5])
    assert sum(count for _, count in sketch.bins) == 4
    assert sketch.bins[-1][0] - sketch.bins[0][0] == SPAN - 1
    assert sketch.quantile(1) == pytest.approx(1e5, rel=RELATIVE_ERROR)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, 1e201])
def test_what_cannot_be_counted(value: float) -> None:
    """A number that is none is refused, and leaves what was gathered as it was."""
    gathering = Gathering(Sketch.of([1.0]))
    with pytest.raises(ValueError, match="cannot be counted"):
        gathering.add(value)
    assert gathering.sketch() == Sketch.of([1.0])


def test_gathering_goes_on_from_what_was() -> None:
    """A gathering begins with a distribution, counts a number several times, and can be asked again and again."""
    gathering = Gathering(Sketch.of([1.0, 2.0]))
    gathering.add(4.0, times=3)
    before = gathering.copy()
    assert gathering.sketch() == gathering.sketch() == Sketch.of([1.0, 2.0, 4.0, 4.0, 4.0])
    gathering.add(0.0)
    assert (before.count, before.sketch()) == (5, Sketch.of([1.0, 2.0, 4.0, 4.0, 4.0]))
    assert (gathering.count, gathering.sketch()) == (6, Sketch.of([1.0, 2.0, 4.0, 4.0, 4.0, 0.0]))


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", "null", "[1,2]", "[1,1.0,1.0,1.0,0,[1]]",
        "[1,NaN,1.0,1.0,0,[1,1]]", "[2,1.0,1.0,1.0,0,[1,1]]", "[1,1.0,null,null,0,[1,1]]",
        '["1",1.0,1.0,1.0,0,[1,1]]', "[1,1.0,1.0,1.0,0,[1,-1]]", "[0,0,1.0,1.0,0,[]]", "[1,1.0,1.0,1.0,1,7]",
    ],
)  # fmt: skip
def test_texts_that_are_none(text: str) -> None:
    """A text that no distribution wrote is refused."""
    with pytest.raises(ValueError):  # noqa: PT011 - the reader's own, or json's
        Sketch.from_json(text)
