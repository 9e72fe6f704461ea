"""What a report counts: each decision once, in the period that holds it; nothing that is not known."""

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slalab import Scenario, event, policy, scenarios
from slareportlab import berlin, built_in, line, log, observed, outage, report
from slareportmonth import API, HEARTBEAT, NOW, STORAGE, october, stored

from sla.engine import Engine
from sla.facts import encode
from sla.model import PolicyChange, Tick
from sla.report.make import UnknownNameError
from sla.report.period import Period, month
from sla.store.base import Stored

MINUTE = 60.0
KEYS = ("incidents", "met", "breached", "undecided")


def span(start: float, end: float) -> Period:
    """A period by its instants."""
    return Period(start, end, "UTC", "some time")


def day(lines: Iterable[str], *, start: str = "2026-10-01", end: str = "2026-10-02", **more: Any) -> dict[str, Any]:
    """The report from one date to another, Berlin time, made the day after; of the agent's life from September."""
    everything = [line(berlin("2026-09-01"), agent_started={}), *lines]
    found = Period(berlin(start), berlin(end), "Europe/Berlin", "a day")
    more = {"now": found.end + 86400, "heartbeat": found.end + 86400, **more}
    return report(log(built_in(), everything), found, **more)


def of(made: dict[str, Any], name: str = API) -> dict[str, Any]:
    """One class of a report."""
    return next(one for one in made["classes"] if one["class"] == name)


def counts(made: dict[str, Any], name: str = API) -> tuple[int, ...]:
    """Incidents, met, breached, undecided."""
    return tuple(of(made, name)["tally"][key] for key in KEYS)


def told(scenario: Scenario) -> list[Stored]:
    """The log of a scenario."""
    engine = Engine()
    facts = list(engine.handle(PolicyChange(0.0, policy(scenario.rules, calendar=scenario.calendar))))
    for happening in scenario.happenings:
        facts += engine.handle(event(happening))
    facts += engine.handle(Tick(float(scenario.end)))
    return [Stored(number, 1, encode(fact)) for number, fact in enumerate(facts, 1)]


@settings(max_examples=200, deadline=None)
@given(scenarios(), st.integers(0, 200), st.integers(1, 200), st.integers(0, 100))
def test_every_decision_counts_once(scenario: Scenario, start: int, length: int, cut: int) -> None:
    """Met, breached and undecided are all incidents; two periods that follow each other add up to the whole."""
    logged, end, now = told(scenario), start + length, float(max(scenario.end, start + length))
    middle = start + length * cut // 100
    made = [
        report(logged, span(float(a), float(b)), now=now, heartbeat=now)
        for a, b in ((start, end), (start, middle), (middle, end))
        if a < b
    ]
    for one in made:
        for tally in (of(one, "c")["tally"], *(target["total"] for target in of(one, "c")["targets"])):
            assert tally["met"] + tally["breached"] + tally["undecided"] == tally["incidents"]
            assert tally["breached_certain"] + tally["breached_possible"] == tally["breached"]
            assert tally["breached_approved"] <= tally["breached"]
    if len(made) == 3:
        whole, first, second = (of(one, "c") for one in made)
        for key in ("met", "breached"):
            assert whole["tally"][key] == first["tally"][key] + second["tally"][key]
        for key, value in whole["seconds"].items():
            assert value == pytest.approx(first["seconds"][key] + second["seconds"][key])
        assert whole["began"] == first["began"] + second["began"]


@settings(max_examples=200, deadline=None)
@given(scenarios(), st.integers(0, 200), st.integers(1, 200))
def test_seconds_are_told_apart(scenario: Scenario, start: int, length: int) -> None:
    """What is excluded or unknown is part of the down-time, availability is a share, and lanes do not overlap."""
    end = float(start + length)
    made = report(told(scenario), span(float(start), end), now=max(end, float(scenario.end)))
    one = of(made, "c")
    seconds, found = one["seconds"], one["availability"][0]
    excluded = sum(seconds[f"excluded_{kind}_seconds"] for kind in ("announced", "approved", "requested"))
    assert excluded <= seconds["down_seconds"] <= length
    assert seconds["unknown_seconds"] <= seconds["down_seconds"]
    assert found["observed_seconds"] + found["unknown_seconds"] <= length
    assert found["ratio"] is None or 0 <= found["ratio"] <= found["approved_ratio"] <= 1
    for lane in made["timeline"]["lanes"]:
        bars = lane["bars"]
        assert all(left["end"] <= right["start"] for left, right in pairwise(bars))
        assert sum(1 for bar in bars if bar["start"] >= bar["end"]) == 0


def test_straddling_the_beginning() -> None:
    """Begun before and resolved within: it counts here, with all of its elapsed time; only its part is down-time."""
    made = day(outage(API, "vc", berlin("2026-09-30 23:50"), seconds=25 * MINUTE))
    assert counts(made) == (1, 1, 0, 0)
    assert of(made)["seconds"]["down_seconds"] == 15 * MINUTE
    assert made["incidents"][0]["timers"][0]["elapsed_seconds"] == 25 * MINUTE
    assert (of(made)["began"], of(made)["mtbf_seconds"]) == (0, None)


def test_decided_before() -> None:
    """Breached before the period, resolved in it: listed, its down-time and its repair count, its breach does not."""
    made = day(outage(API, "vc", berlin("2026-09-30 23:00"), seconds=100 * MINUTE))
    assert counts(made) == (0, 0, 0, 0)
    assert made["kept"]
    assert made["incidents"][0]["outcome"] == "earlier"
    assert of(made)["seconds"]["down_seconds"] == 40 * MINUTE
    assert of(made)["times"]["resolve"] == {
        "n": 1,
        "median_seconds": 100 * MINUTE,
        "p90_seconds": 100 * MINUTE,
        "max_seconds": 100 * MINUTE,
    }


def test_open_at_the_end() -> None:
    """Neither met nor missed, and nothing of what came later shows."""
    made = day(outage(API, "vc", berlin("2026-10-01 23:40"), seconds=60 * MINUTE))
    assert counts(made) == (1, 0, 0, 1)
    incident = made["incidents"][0]
    assert (incident["state"], incident["resolved_at"]) == ("open", None)
    assert incident["timers"][0]["elapsed_seconds"] == 20 * MINUTE
    assert [crossing["percent"] for crossing in incident["timers"][0]["crossings"]] == [50]
    assert of(made)["tally"]["within_ratio"] is None


def test_breached_and_open_at_the_end() -> None:
    """A limit that was reached in the period is missed, though nothing is resolved."""
    made = day(outage(API, "vc", berlin("2026-10-01 23:20"), seconds=60 * MINUTE))
    assert counts(made) == (1, 0, 1, 0)
    assert not made["kept"]


def test_the_edges_belong_to_the_later_period() -> None:
    """What is decided exactly at midnight counts in the day that begins."""
    lines = list(outage(API, "vc", berlin("2026-10-01 23:30"), seconds=60 * MINUTE))
    assert counts(day(lines)) == (1, 0, 0, 1)
    assert counts(day(lines, start="2026-10-02", end="2026-10-03")) == (1, 0, 1, 0)
    good = list(outage(API, "vc", berlin("2026-10-01 23:50"), seconds=10 * MINUTE))
    assert counts(day(good)) == (1, 0, 0, 1)
    assert counts(day(good, start="2026-10-02", end="2026-10-03")) == (1, 1, 0, 0)


def test_nothing_happened() -> None:
    """No incident: kept, available throughout, and no share, no time, no MTBF; the classes are there."""
    made = day([])
    assert [one["class"] for one in made["classes"]] == [API, STORAGE]
    one = of(made)
    assert counts(made) == (0, 0, 0, 0)
    assert (made["kept"], one["tally"]["within_ratio"], one["mtbf_seconds"]) == (True, None, None)
    assert one["times"]["resolve"] == {"n": 0, "median_seconds": None, "p90_seconds": None, "max_seconds": None}
    assert (one["availability"][0]["ratio"], one["availability"][1]["recorded"]) == (1, False)
    assert (made["incidents"], made["timeline"]["lanes"]) == ([], [])


def test_nobody_was_there() -> None:
    """Before the first record nothing was observed: no availability, not 100 %."""
    made = report([], month("2026-10", "UTC"), now=NOW)
    assert (made["classes"], made["quality"]["observed_seconds"]) == ([], 0)
    lines = [line(berlin("2026-10-01 18:00"), agent_started={})]
    found = Period(berlin("2026-10-01"), berlin("2026-10-02"), "Europe/Berlin", "a day")
    made = report(log(built_in(), lines), found, now=NOW, heartbeat=NOW)
    assert made["quality"]["unobserved_seconds"] == 18 * 3600
    assert of(made)["availability"][0]["observed_seconds"] == 6 * 3600


def test_the_agent_is_gone() -> None:
    """While no agent runs, the timer of an open incident runs on, and its breach is only possible."""
    start = berlin("2026-10-01 12:00")
    lines = observed(API, "vc", "down", span=(start, start + 10 * MINUTE))
    made = day(lines, now=start + 60 * MINUTE, heartbeat=start + 10 * MINUTE)
    assert counts(made) == (1, 0, 1, 0)
    tally = of(made)["tally"]
    assert (tally["breached_certain"], tally["breached_possible"]) == (0, 1)
    assert made["incidents"][0]["timers"][0]["breached_at"] == "2026-10-01T10:30:00Z"
    assert made["quality"]["unobserved"] == [{"start": "2026-10-01T10:10:00Z", "end": "2026-10-01T11:00:00Z"}]


def test_not_over_yet() -> None:
    """Within a period, the report is as of now; the budget is that of the whole, and says when it will be used up."""
    start = berlin("2026-10-01 06:00")
    made = day(
        outage(API, "vc", start, seconds=15 * MINUTE),
        now=berlin("2026-10-01 12:00"),
        heartbeat=berlin("2026-10-01 12:00"),
        objectives={"": 0.98},
    )
    budget = of(made)["budget"]
    assert made["period"]["until_at"] == "2026-10-01T10:00:00Z"
    assert budget["total_seconds"] == pytest.approx(0.02 * 86400)
    assert budget["used_seconds"] == 900
    assert budget["burn_rate"] == pytest.approx(900 / 43200 / 0.02, abs=1e-6)
    assert budget["projected_at"] == "2026-10-01T21:02:24Z"
    assert of(made)["tally"]["provisional"] == 0


def test_may_still_re_open() -> None:
    """A resolution counts at once, and is marked until it is final."""
    start = berlin("2026-10-01 12:00")
    now = start + 14 * MINUTE
    lines = list(outage(API, "vc", start, seconds=10 * MINUTE))
    made = day(lines, now=now, heartbeat=now)
    assert counts(made) == (1, 1, 0, 0)
    assert of(made)["tally"]["provisional"] == 1
    assert of(day(lines))["tally"]["provisional"] == 0


def test_recovering_is_not_resolved() -> None:
    """Good again, but not for long enough: still open, its timer as far as the first good observation."""
    start = berlin("2026-10-01 12:00")
    now = start + 11 * MINUTE
    made = day(
        [one for one in outage(API, "vc", start, seconds=10 * MINUTE) if json.loads(one)["t"] <= now],
        now=now,
        heartbeat=now,
    )
    assert counts(made) == (1, 0, 0, 1)
    assert (made["incidents"][0]["state"], made["incidents"][0]["timers"][0]["elapsed_seconds"]) == ("open", 600)


def test_re_opened_after_the_end() -> None:
    """Resolved at the end, re-opened in the next period: decided there, once."""
    start = berlin("2026-10-01 23:40")
    lines = [
        *outage(API, "vc", start, seconds=15 * MINUTE),
        *outage(API, "vc", start + 22 * MINUTE, seconds=20 * MINUTE),
    ]
    assert counts(day(lines)) == (1, 0, 0, 1)
    assert counts(day(lines, start="2026-10-02", end="2026-10-03")) == (1, 0, 1, 0)


def test_filters() -> None:
    """Only the class and the site that were asked for; a name that is not there is refused with those that are."""
    made = october(classes=(API,), sites=("berlin",))
    assert [one["class"] for one in made["classes"]] == [API]
    assert {(one["class"], one["site"]) for one in made["incidents"]} == {(API, "berlin")}
    assert {lane["site"] for lane in made["timeline"]["lanes"]} == {"berlin"}
    assert not of(made)["availability"][1]["recorded"]
    with pytest.raises(UnknownNameError, match=rf"class 'api': .* there are: {API}, {STORAGE}"):
        october(classes=("api",))
    with pytest.raises(UnknownNameError, match=r"site 'bonn': .* there are: berlin, munich"):
        october(sites=("bonn",))


def test_both_numbers_of_the_month() -> None:
    """As judged, and without what was approved afterwards; only requested changes neither."""
    api, storage = (of(october(), name) for name in (API, STORAGE))
    assert (api["tally"]["breached"], api["tally"]["breached_approved"]) == (4, 3)
    assert api["seconds"]["excluded_approved_seconds"] == 1800
    assert (storage["tally"]["breached"], storage["tally"]["breached_approved"]) == (2, 2)
    assert storage["seconds"]["excluded_requested_seconds"] == 3600
    assert api["availability"][0]["approved_ratio"] > api["availability"][0]["ratio"]


def test_one_policy_after_another() -> None:
    """The versions in force are told; an incident keeps its own."""
    engine = Engine()
    facts = [*engine.handle(PolicyChange(0.0, built_in())), *engine.handle(PolicyChange(500.0, policy_of_two()))]
    stored_ = [Stored(number, 1, encode(fact)) for number, fact in enumerate(facts, 1)]
    made = report(stored_, span(100.0, 1000.0), now=1000.0, heartbeat=1000.0)
    assert [one["version"] for one in made["quality"]["policies"]] == [built_in().version, policy_of_two().version]
    made = report(stored_, span(600.0, 1000.0), now=1000.0, heartbeat=1000.0)
    assert [one["version"] for one in made["quality"]["policies"]] == [policy_of_two().version]


def policy_of_two() -> Any:
    """Another policy."""
    found = built_in()
    return type(found)({name: one for name, one in found.classes.items() if name == API}, severities=("one", "two"))


def test_september_and_october_add_up() -> None:
    """Reports of consecutive months count every decision of the two of them once."""
    logged = stored()
    months = [report(logged, month(f"2026-{n:02}", "Europe/Berlin"), now=NOW, heartbeat=HEARTBEAT) for n in (9, 10, 11)]
    both = Period(berlin("2026-09-01"), berlin("2026-12-01"), "Europe/Berlin", "autumn")
    whole = report(logged, both, now=NOW, heartbeat=HEARTBEAT)
    for name in (API, STORAGE):
        for key in ("met", "breached"):
            assert of(whole, name)["tally"][key] == sum(of(one, name)["tally"][key] for one in months)
    assert counts(whole) == (10, 5, 5, 0)
