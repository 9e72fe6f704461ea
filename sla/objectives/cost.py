"""What the ways cost over the years, per VM-hour, and from when on which is cheaper. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from sla.objectives.estimate import Estimate
from sla.objectives.judge import judged, measurement, missing
from sla.objectives.measured import Costs, Measured, Way
from sla.objectives.model import Line, Objective
from sla.objectives.words import number


def total(way: Way, years: float) -> float:
    """What a way costs until the end of so many years."""
    return way.first + way.yearly * years


def per_vm_hour(way: Way, costs: Costs) -> float | None:
    """What a way costs over the years looked at, for each hour of each machine; None without machines."""
    if not costs.vms:
        return None
    return total(way, costs.years) / (costs.vms * costs.hours * costs.years)


def break_even(way: Way, other: Way) -> float | None:
    """The years after which ``way`` is cheaper than ``other``: 0 where it always is, None where it never will be."""
    ahead, saved = way.first - other.first, other.yearly - way.yearly
    if ahead <= 0 and saved >= 0:
        return 0.0
    return ahead / saved if ahead > 0 and saved > 0 else None


def cost_vm_hour(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The way in use; unless told otherwise its target is the cheapest of the others."""
    costs = measured.costs
    used = None if costs is None else next((way for way in costs.ways if way.name == costs.use), None)
    if costs is None or used is None or not costs.vms:
        yield missing(objective, measured, "costs")
        return
    others = [value for way in costs.ways if way is not used and (value := per_vm_hour(way, costs)) is not None]
    own = per_vm_hour(used, costs) or 0.0
    if objective.target is None and others:
        objective = replace(objective, target=min(others))
    remarks = tuple(_compared(used, way) for way in costs.ways if way is not used)
    method = (
        f"{number(used.first)} and {number(used.yearly)} a year in {costs.currency}, over {number(costs.years)} years, "
        f"{number(costs.vms)} machines ({costs.counted}), {number(costs.hours)} hours a year"
    )
    found = measurement(Estimate(own, round(costs.vms)), measured, method)
    yield judged(objective, used.name, found, remarks=remarks)


def _compared(way: Way, other: Way) -> str:
    years = break_even(way, other)
    if years is None:
        return f"never cheaper than {other.title}" if way.yearly >= other.yearly else f"not cheaper than {other.title}"
    return f"cheaper than {other.title} " + ("from the first day" if years == 0 else f"after {years:.1f} years")
