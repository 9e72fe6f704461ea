"""The file of objectives: what comes with the product, and what errors say."""

import pytest
from assesslab import standard

from sla.objectives.assess import ROWS
from sla.objectives.objectivefile import read
from sla.policyyaml import PolicyError

COSTS = "costs: {currency: USD, use: a, years: 5, hours: 8766, ways: {a: {title: A, first: 1, yearly: 2}}}\n"
GOOD = "{title: T, unit: ratio, said: s, bound: at_most, target: 0.5}"


def test_every_objective_can_be_judged() -> None:
    """Each name in the file has its row, each row its objective; all say what to do and where the figure is from."""
    found = standard().objectives
    assert {one.name for one in found} == set(ROWS)
    assert all(one.lacking and one.said and one.source for one in found)
    assert all(one.advice for one in found if not one.demand)


def test_the_reference_figures() -> None:
    """The figures of the analysis, unchanged."""
    found = {one.name: one.reference for one in standard().objectives}
    assert found["vcenter_latency"] == (0.12, 0.25)
    assert found["vcenter_hosts"] == (500, 500)
    assert found["creation_overhead"] == (1.4, 1.6)
    assert found["builds_per_hour"] == (200, 200)
    assert (found["vmdk_iops"], found["rdm_iops"], found["rdm_gain"]) == ((12500,) * 2, (16800,) * 2, (1.35,) * 2)
    assert (found["api_interruption"], found["storage_failure"]) == ((1800,) * 2, (7200,) * 2)
    assert [(way.first, way.yearly) for way in standard().ways] == [(15000, 8000), (50000, 20000)]


@pytest.mark.parametrize(
    ("objective", "problem"),
    [
        ("{title: T}", "file.yml:3: objectives.x: lacks unit; add it"),
        (GOOD.replace("ratio", "furlongs"), "file.yml:3: objectives.x.unit: is not known; use one of"),
        (GOOD.replace("at_most", "about"), "file.yml:3: objectives.x.bound: is not known; "),
        (GOOD.replace("}", ", reference: [2, 1]}"), "objectives.x.reference: is no reference; write one figure"),
        (GOOD.replace("}", ", colour: red}"), "objectives.x.colour: unknown key; "),
        (GOOD.replace("0.5", "half"), "objectives.x.target: is not a number; "),
    ],
)
def test_errors_name_file_line_and_key(objective: str, problem: str) -> None:
    """And say what to write."""
    with pytest.raises(PolicyError) as raised:
        read(f"source: s\nobjectives:\n  x: {objective}\n{COSTS}", "file.yml")
    assert problem in str(raised.value)
