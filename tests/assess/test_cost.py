"""Costs: over the years, per VM-hour, and from when on one way is cheaper."""

from dataclasses import replace

import pytest
from assesslab import costs, everything, nothing, standard
from hypothesis import given
from hypothesis import strategies as st

from sla.objectives.cost import break_even, cost_vm_hour, per_vm_hour, total
from sla.objectives.measured import Way
from sla.objectives.model import State

DRIVER = Way("driver", "Driver", 15000, 8000)
MONEY = st.floats(0, 1e6)


def test_the_figures_of_the_analysis() -> None:
    """15,000 + 8,000 a year are 55,000 after five years: 0.196 cents for each of 640 machines' hours."""
    found = costs(vms=640)
    assert [total(way, 5) for way in found.ways] == [55000, 150000]
    assert per_vm_hour(found.ways[0], found) == pytest.approx(55000 / (640 * 8766 * 5))
    assert per_vm_hour(found.ways[0], costs(vms=None)) is None


@pytest.mark.parametrize(
    ("first", "yearly", "years"),
    [(10000, 8000, 0.0), (15000, 8000, 0.0), (25000, 6000, 5.0), (25000, 8000, None), (25000, 9000, None)],
    ids=["cheaper at once", "the same", "after five years", "never, as dear a year", "never, dearer a year"],
)
def test_break_even(first: float, yearly: float, years: float | None) -> None:
    """0 where a way is never dearer, None where it always is; else the year in which both have cost the same."""
    assert break_even(Way("other", "Other", first, yearly), DRIVER) == years


@given(MONEY, MONEY, MONEY, MONEY)
def test_at_break_even_both_cost_the_same(first: float, yearly: float, other_first: float, other_yearly: float) -> None:
    """Where it is reached later than at once, the totals of that moment are equal."""
    one, other = Way("a", "A", first, yearly), Way("b", "B", other_first, other_yearly)
    years = break_even(one, other)
    if years:
        assert total(one, years) == pytest.approx(total(other, years), rel=1e-6, abs=1e-6)


def test_the_way_in_use_is_judged_by_the_cheapest_other() -> None:
    """Unless there is a target, it must not cost more than another way."""
    [objective] = [one for one in standard().objectives if one.name == "cost_vm_hour"]
    dear = replace(costs(vms=640), use="middleware")
    [cheap_line] = cost_vm_hour(objective, everything())
    [dear_line] = cost_vm_hour(objective, replace(everything(), costs=dear))
    assert (cheap_line.state, dear_line.state) == (State.MET, State.MISSED)
    assert dear_line.objective.target == per_vm_hour(dear.ways[0], dear)
    assert dear_line.remarks == ("never cheaper than Nova's VMware driver",)
    [own] = cost_vm_hour(replace(objective, target=0.001), everything())
    assert own.state is State.MISSED


def test_without_machines_there_is_no_cost_of_an_hour() -> None:
    """Not measurable, with the reason of the part."""
    [objective] = [one for one in standard().objectives if one.name == "cost_vm_hour"]
    [line] = cost_vm_hour(objective, replace(nothing(), costs=costs(vms=None), why={"costs": "nobody counted"}))
    assert (line.state, line.reason) == (State.NOT_MEASURABLE, "nobody counted")
