"""The interval arithmetic does what counting seconds does, and every mistake planted in it is noticed."""

import inspect
import math
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from slachecks import CHECKS, survives

from sla import intervals
from sla.intervals import crossing, deadline, subtract, union

MUTANTS = (
    ("if interval[0] < interval[1]", "if interval[0] <= interval[1]"),
    ("in sorted(interval for", "in list(interval for"),
    ("start <= merged[-1][1]", "start < merged[-1][1]"),
    ("if end > merged[-1][1]:", "if end < merged[-1][1]:"),
    ("(merged[-1][0], end)", "(start, end)"),
    ("cut = union(holes)", "cut = tuple(holes)"),
    ("in union(runs):\n        start", "in runs:\n        start"),
    ("if hole_end <= start:", "if hole_end < start - 1:"),
    ("if hole_start >= end:", "if hole_start >= start:"),
    ("if hole_start > start:", "if hole_start >= start:"),
    ("start = hole_end", "start = hole_start"),
    ("if start < end:\n            left", "if start <= end:\n            left"),
    ("min(end, at) - start", "end - start"),
    ("if start < at)", "if start <= at + 1)"),
    ("if need <= end - start:", "if need < end - start:"),
    ("return start + need", "return end"),
    ("need -= end - start", "need -= end"),
    ("if need > 0 else start", "if need > 1 else start"),
    ("((start, math.inf),), holes)", "((start, math.inf),), ())"),
    ("return math.inf if found is None else found", "return found or start"),
    ("subtract(((-math.inf, math.inf),), others)", "others"),
)
"""What stands in the module, and the mistake to put there."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_agrees_with_counting(check: Callable[[ModuleType], None]) -> None:
    """Whatever the spans are."""
    check(intervals)


def test_what_is_right_survives() -> None:
    """Else nothing would follow from what does not."""
    assert survives(inspect.getsource(sys.modules[union.__module__]), CHECKS, "unchanged")


@pytest.mark.parametrize(("right", "wrong"), MUTANTS, ids=range(len(MUTANTS)))
def test_every_mistake_is_noticed(right: str, wrong: str) -> None:
    """The checks are worth something: none passes with the mistake in place."""
    source = inspect.getsource(sys.modules[union.__module__])
    assert source.count(right) == 1

    assert not survives(source.replace(right, wrong), CHECKS, "mutant")


def test_the_end_of_a_run_counts() -> None:
    """What is reached exactly when a run ends is reached there, not when the next one begins."""
    assert crossing(subtract([(0, 30)], [(10, 20)]), 10) == 10
    assert crossing(subtract([(0, 30)], [(10, 20)]), 11) == 21


def test_never() -> None:
    """A hole without end lets nothing be reached."""
    assert deadline(5, 10, [(8, math.inf)]) == math.inf
    assert crossing([(0, 5)], 6) is None
