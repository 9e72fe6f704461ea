"""One value against one objective."""

from dataclasses import replace

import pytest
from assesslab import nothing
from hypothesis import given
from hypothesis import strategies as st

from sla.objectives.assess import badness
from sla.objectives.estimate import Estimate
from sla.objectives.judge import judged, measurement, missing
from sla.objectives.measured import Measured
from sla.objectives.model import Bound, Objective, State

LATENCY = Objective(
    name="vcenter_latency",
    title="Latency",
    unit="seconds",
    said="120 to 250 ms",
    source="analysis",
    bound=Bound.AT_MOST,
    target=0.25,
    reference=(0.12, 0.25),
    least=30,
    advice="look",
    lacking="wait",
)
RATE = replace(LATENCY, name="builds_per_hour", unit="per_hour", bound=Bound.AT_LEAST, target=200, least=1, demand=True)


def found(value: float, n: int = 100, *, low: float | None = None, high: float | None = None) -> Estimate:
    """An estimate."""
    return Estimate(value, n, low, high)


@pytest.mark.parametrize(
    ("value", "state"), [(0.1, State.MET), (0.25, State.MET), (0.2501, State.MISSED)], ids=["below", "at", "above"]
)
def test_the_target_itself_is_good(value: float, state: State) -> None:
    """Met up to and at the target, missed beyond it; what to do is said only of the missed."""
    line = judged(LATENCY, "vc1", measurement(found(value), nothing(), "median"))
    assert (line.state, line.advice) == (state, "look" if state is State.MISSED else "")


def test_too_few_samples_say_nothing() -> None:
    """Not measurable, though the value is shown; and the reason has both numbers."""
    line = judged(LATENCY, "vc1", measurement(found(0.9, 29), nothing(), "median"))
    assert (line.state, line.reason, line.advice) == (
        State.NOT_MEASURABLE,
        "only 29 of at least 30 samples",
        "wait",
    )
    assert line.measurement is not None


@given(st.floats(0, 1e6), st.integers(1, 10**6))
def test_a_quiet_cloud_never_misses_what_demand_bounds(value: float, n: int) -> None:
    """Reaching the target is evidence that it can be reached; staying below it is evidence of nothing."""
    line = judged(RATE, "prod", measurement(found(value, n), nothing(), "busiest hour"))
    assert line.state is (State.MET if value >= 200 else State.NOT_MEASURABLE)
    assert bool(line.reason) is (value < 200)


def test_an_interval_beyond_the_target_is_said() -> None:
    """The state follows the value; where the interval reaches over the target it is not certain."""
    sure = judged(LATENCY, "", measurement(found(0.2, low=0.18, high=0.24), nothing(), ""))
    unsure = judged(LATENCY, "", measurement(found(0.2, low=0.18, high=0.26), nothing(), ""))
    assert (sure.state, sure.certain, unsure.state, unsure.certain) == (State.MET, True, State.MET, False)


def test_what_was_not_looked_at_has_the_reason_of_its_part() -> None:
    """The part's reason, or that nothing was recorded."""
    told = Measured(at=2.0, start=1.0, why={"calls": "no call was recorded"})
    assert missing(LATENCY, told, "calls").reason == "no call was recorded"
    assert missing(LATENCY, told, "hosts").reason == "nothing was recorded"


def test_without_target_every_value_is_good() -> None:
    """And none is worse than another."""
    free = replace(LATENCY, target=None)
    line = judged(free, "", measurement(found(9e9), nothing(), ""))
    assert (line.state, badness(line)) == (State.MET, 0.0)
