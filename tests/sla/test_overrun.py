"""Maintenance that takes longer than announced."""

from dataclasses import replace

import pytest
from slalab import Scenario, event, started
from slaoracle import Rules

from sla.incident import Incident, State
from sla.model import Announce, Selector, Window
from sla.overrun import overrun

PATCH = Window("patch", 10.0, 30.0, announced_at=5.0)


@pytest.fixture
def incident() -> Incident:
    """One that began at 12, in a window from 10 to 30, and is open."""
    engine = started(Scenario(Rules(limits={"resolution": 100}), (), 0))
    engine.handle(Announce(5.0, PATCH))
    for second in range(12, 40, 4):
        engine.handle(event((second, "down")))
    (found,) = engine.incidents
    assert (found.state, found.during_maintenance) == (State.OPEN, True)
    return found


@pytest.mark.parametrize(
    ("windows", "now", "expected"),
    [
        ([PATCH], 29.0, None),
        ([PATCH], 30.0, "patch"),
        ([PATCH], 31.0, "patch"),
        ([], 31.0, None),
        ([PATCH, Window("more", 30.0, 50.0, announced_at=20.0)], 45.0, None),
        ([PATCH, Window("more", 30.0, 50.0, announced_at=20.0)], 51.0, "more"),
        ([PATCH, Window("to come", 60.0, 70.0, announced_at=20.0)], 51.0, "patch"),
        ([PATCH, Window("too late", 30.0, 50.0, announced_at=31.0)], 45.0, "patch"),
        ([PATCH, Window("before", 1.0, 12.0, announced_at=0.0)], 31.0, "patch"),
        ([PATCH, Window("of another", 30.0, 50.0, Selector(resource="x"), 20.0)], 45.0, "patch"),
        ([replace(PATCH, scope=Selector(resource="x"))], 31.0, None),
    ],
)
def test_the_window_that_was_outlasted(
    incident: Incident, windows: list[Window], now: float, expected: str | None
) -> None:
    """The last that has ended, once none lasts; late, other and coming windows are nothing."""
    found = overrun(incident, windows, now)
    assert (found and found.id) == expected


@pytest.mark.parametrize("state", [State.SUSPECT, State.RECOVERING, State.RESOLVED, State.CANCELLED])
def test_what_is_not_open(incident: Incident, state: State) -> None:
    """An incident that is none yet, or recovers, has no overrun."""
    assert overrun(replace(incident, state=state), [PATCH], 31.0) is None


def test_what_began_before(incident: Incident) -> None:
    """What was down already has not been brought down by maintenance."""
    assert overrun(replace(incident, during_maintenance=False), [PATCH], 31.0) is None
