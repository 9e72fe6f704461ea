"""What is told of incidents, and for how long."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alertmanager.push import RESOLVED_FOR, Incidents, Ledger, alerts, chunks, watchdog
from exporter.alertmanager.wire import Outgoing
from sla.engine import Engine, Judged
from sla.incident import Incident
from sla.model import Announce, Health, Observation, PolicyChange, Selector, Tick, Window
from sla.policy import IncidentClass, Policy, Target

CLASS = IncidentClass(
    "api",
    (Target("resolution", 1800.0),),
    severity="major",
    open_after=0.0,
    open_count=1,
    clear_after=0.0,
    clear_count=1,
)
POLICY = Policy({"api": CLASS})
SITE = (("site", "dc1"), ("value", "17"))


def judged(now: float, *events: Any) -> tuple[Judged, ...]:
    """The incidents after these events."""
    engine = Engine(keep=True)
    for event in (PolicyChange(0.0, POLICY), *events, Tick(now)):
        engine.handle(event)
    return engine.judged(now)


def told(now: float, *events: Any) -> list[tuple[dict[str, str], float]]:
    """Labels and start of each alert at ``now``."""
    found = Incidents(judged(now, *events), POLICY, lambda at: at + 5.0, (("cluster", "x"),))
    return [(dict(one.labels), one.starts_at) for one in alerts(found).values()]


DOWN = Observation(1000.0, "api", "vc1", Health.DOWN, SITE)
BASE = {"class": "api", "resource": "vc1", "severity": "major", "site": "dc1", "cluster": "x"}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (1000.0, {"SlaIncident": 1005.0}),
        (1899.0, {"SlaIncident": 1005.0}),
        (1900.0, {"SlaIncident": 1005.0, "SlaTimerAtRisk": 1905.0}),
        (2800.0, {"SlaIncident": 1005.0, "SlaTimerBreached": 2805.0}),
        (9000.0, {"SlaIncident": 1005.0, "SlaTimerBreached": 2805.0}),
    ],
)
def test_an_open_incident_and_its_timers(now: float, expected: dict[str, float]) -> None:
    """Open, at risk, then breached, each since its exact instant by the wall clock, under labels that never change."""
    timed = {"target": "resolution"}
    assert told(now, DOWN) == [
        ({"alertname": name, **BASE, **({} if name == "SlaIncident" else timed)}, start)
        for name, start in expected.items()
    ]


def test_what_is_no_open_incident_is_not_told() -> None:
    """Neither what is over, nor what began within announced maintenance, until that is over."""
    assert told(1200.0, DOWN, Observation(1100.0, "api", "vc1", Health.UP)) == []
    window = Announce(500.0, Window("w", 900.0, 2000.0, Selector(), 500.0))
    assert told(1200.0, window, DOWN) == []
    assert [labels["alertname"] for labels, _ in told(2001.0, window, DOWN)] == ["SlaIncident"]


def test_an_incident_that_is_paused_later_goes_on() -> None:
    """Maintenance that begins after the failure hides nothing."""
    window = Announce(500.0, Window("w", 1100.0, 2000.0, Selector(), 500.0))
    assert [labels["alertname"] for labels, _ in told(1200.0, window, DOWN)] == ["SlaIncident"]


def alert(name: str, start: float = 0.0) -> Outgoing:
    """An alert that fires."""
    return Outgoing((("alertname", name),), start, start)


NAMES = st.frozensets(st.sampled_from("abc"))


@given(st.lists(st.tuples(st.floats(1.0, 200.0), NAMES), min_size=1, max_size=30))
def test_what_ended_is_told_for_five_minutes(turns: list[tuple[float, frozenset[str]]]) -> None:
    """Every turn tells all that fires, until three resends later, and each end of the last five minutes."""
    ledger, now = Ledger(30.0), 1000.0
    before: frozenset[str] = frozenset()
    ended: dict[str, float] = {}
    for passed, firing in turns:
        now += passed
        for name in before - firing:
            ended[name] = now
        before = firing
        found = {one.labels[0][1]: one.ends_at for one in ledger.turn({alert(n).labels: alert(n) for n in firing}, now)}
        over = {name: at for name, at in ended.items() if name not in firing and at > now - RESOLVED_FOR}
        assert found == {**dict.fromkeys(firing, now + 90.0), **over}


def test_no_alert_begins_after_it_ends() -> None:
    """A clock that was set back makes no alert that Alertmanager would refuse."""
    ledger = Ledger(30.0)
    [one] = ledger.turn({alert("a", 2000.0).labels: alert("a", 2000.0)}, 1000.0)
    assert (one.starts_at, one.ends_at) == (1000.0, 1090.0)
    [one] = ledger.turn({}, 990.0)
    assert one.starts_at <= one.ends_at


def test_the_watchdog() -> None:
    """An alert of its own, without a class, from when the agent began to live."""
    found = watchdog((("cluster", "x"),), 17.0)
    assert dict(found.labels) == {"alertname": "NovacenterWatchdog", "cluster": "x", "severity": "none"}
    assert found.starts_at == 17.0


def test_many_go_in_pieces() -> None:
    """No request has more than five hundred."""
    many = [alert(str(number)) for number in range(1001)]
    assert [len(part) for part in chunks(many)] == [500, 500, 1]
    assert list(chunks([])) == []


def test_a_class_that_the_policy_lost_has_no_severity() -> None:
    """An incident outlives its class."""
    [one] = judged(1000.0, DOWN)
    assert isinstance(one.incident, Incident)
    found = Incidents((replace(one),), Policy({}), lambda at: at)
    [made] = alerts(found)
    assert dict(made) == {"alertname": "SlaIncident", "class": "api", "resource": "vc1", "site": "dc1"}
