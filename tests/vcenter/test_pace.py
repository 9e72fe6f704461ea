"""Batch size and concurrency follow the response times."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.vcenter.pace import FAST, PATIENCE, SLOW, Bounds, Pace, adapt


def after(pace: Pace, seconds: Sequence[float], **more: float) -> Pace:
    """The pace after a cycle that was not long and had no time-outs, unless said otherwise."""
    facts = {"load": 0.1, "timeouts": 0, **more}
    return adapt(pace, seconds=seconds, bounds=Bounds(), **facts)


def test_slow_batches_are_halved_at_once() -> None:
    """The median decides, so that one slow batch among many does not."""
    assert after(Pace(250, 2, 2), [SLOW + 1] * 3) == Pace(125, 2, 0)
    assert after(Pace(250, 2), [SLOW + 9, 1.0, 1.0]) == Pace(250, 2)


def test_time_outs_also_take_a_connection_away() -> None:
    """Down to one; also where nothing was answered."""
    assert after(Pace(250, 2), [0.1] * 9, timeouts=1) == Pace(125, 1)
    assert after(Pace(125, 1), [], timeouts=3) == Pace(62, 1)


def test_a_long_cycle_gets_a_connection() -> None:
    """Up to as many as are allowed."""
    paces = [Pace(250, 1)]
    while paces[-1] not in paces[:-1]:
        paces.append(after(paces[-1], [1.0] * 9, load=0.6))
    assert [pace.concurrency for pace in paces] == [1, 2, 3, 4, 4]


def test_fast_batches_grow_after_patience() -> None:
    """Doubled after so many fast cycles in a row, at most to the largest; a cycle that is not fast starts anew."""
    pace, seen = Pace(62, 2), []
    for seconds in (0.1, 0.1, FAST, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, *[0.1] * 9):
        pace = after(pace, [seconds] * 9)
        seen.append(pace.entities)
    assert seen == [62] * 5 + [124] * 3 + [248] * 3 + [496] * 3 + [500] * 4
    assert PATIENCE == 3


@pytest.mark.parametrize("seconds", [[], [0.1], [0.1, 0.1]])
def test_few_batches_do_not_grow(seconds: list[float]) -> None:
    """Where every connection had at most one batch, larger ones would not help."""
    assert after(Pace(250, 2, 2), seconds).entities == 250


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(st.floats(0, 60), max_size=5), st.floats(0, 3), st.integers(0, 2)), max_size=40))
def test_a_pace_stays_within_its_bounds(cycles: list[tuple[list[float], float, int]]) -> None:
    """Whatever happens, between smallest and largest, and at least one connection."""
    pace, bounds = Pace(), Bounds(smallest=16, largest=500, connections=3)
    for seconds, load, timeouts in cycles:
        pace = adapt(pace, seconds=seconds, load=load, timeouts=timeouts, bounds=bounds)
        assert 16 <= pace.entities <= 500
        assert 1 <= pace.concurrency <= 3
