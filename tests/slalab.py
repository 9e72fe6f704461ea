"""Scenarios for the engine: one resource, a few dozen events, in seconds; run by the engine and by the oracle."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st
from slaoracle import Oracle, Rules

from sla.calendar import Calendar
from sla.engine import Engine, Facts
from sla.model import (
    Ack,
    AgentStarted,
    Announce,
    Cancel,
    CancelReason,
    EndWindow,
    Event,
    Gone,
    Health,
    Observation,
    PolicyChange,
    Selector,
    Tick,
    Window,
)
from sla.policy import Flap, IncidentClass, Policy, Reopen, Target, Unknown, Until

MANY = settings(max_examples=300, deadline=None)
SOME = settings(max_examples=100, deadline=None)

Happening: TypeAlias = tuple[Any, ...]
"""Second, what (``down``, ``ack``, ...), and more."""

OFFICE = Calendar("office", "UTC", (((0, 1), (2, 3), (4, 6)),) * 7)
"""Open in the first, third, fifth and sixth minute of the day."""


@dataclass(frozen=True)
class Scenario:
    """The rules, what happens in order, and the second at which to look."""

    rules: Rules
    happenings: tuple[Happening, ...]
    end: int
    calendar: bool = False


def policy(rules: Rules, *, calendar: bool = False) -> Policy:
    """The rules as a policy with the one class ``c``."""
    made = IncidentClass(
        name="c",
        targets=tuple(
            Target(name, float(limit), Until.ACK if name == "response" else Until.RESOLUTION)
            for name, limit in rules.limits.items()
        ),
        calendar="office" if calendar else "",
        open_after=float(rules.open_after),
        open_count=rules.open_count,
        clear_after=float(rules.clear_after),
        clear_count=rules.clear_count,
        reopen_within=float(rules.reopen_within),
        reopen_policy=Reopen(rules.reopen_policy),
        flap=Flap(rules.flap_on, rules.flap_off, float(rules.flap_window), float(rules.clear_max)),
        unknown_policy=Unknown(rules.unknown_policy),
        pausable=rules.pausable,
        orphan_after=float(rules.orphan_after),
    )
    return Policy({"c": made}, {"office": OFFICE} if calendar else {})


ONE = Selector(class_="c", resource="r")


_EVENTS: dict[str, Callable[..., Event]] = {
    "ack": lambda at: Ack(at, ONE, "somebody"),
    "cancel": lambda at: Cancel(at, ONE, CancelReason.DUPLICATE),
    "gone": lambda at: Gone(at, "c", "r"),
    "lost": lambda at, back: AgentStarted(float(back), at),
    "window": lambda at, name, start, end: Announce(at, Window(name, float(start), float(end))),
    "end_window": EndWindow,
    "tick": Tick,
    **{health.value: partial(lambda health, at: Observation(at, "c", "r", health), health) for health in Health},
}


def event(happening: Happening) -> Event:
    """The happening as the engine knows it."""
    at, kind, *more = happening
    return _EVENTS[kind](float(at), *more)


def started(scenario: Scenario) -> Engine:
    """An engine that knows the policy."""
    engine = Engine(keep=True)
    engine.handle(PolicyChange(0.0, policy(scenario.rules, calendar=scenario.calendar)))
    return engine


def run(scenario: Scenario, *, ticks: Iterable[int] = (), tell: Callable[[Facts], None] | None = None) -> Engine:
    """The engine after everything, with ticks at these seconds and one at the end."""
    engine = started(scenario)
    everything = [*scenario.happenings, *((at, "tick") for at in ticks)]
    for happening in sorted(everything, key=lambda one: (one[0], one[1] == "tick")):
        facts = engine.handle(event(happening))
        if tell is not None:
            tell(facts)
    facts = engine.handle(Tick(float(scenario.end)))
    if tell is not None:
        tell(facts)
    return engine


def outcome(engine: Engine, now: float) -> list[dict[str, Any]]:
    """What came of it, in the oracle's words."""
    return [
        {
            "start": judged.incident.start,
            "state": judged.incident.state.value,
            "resolved": judged.incident.resolved_at,
            "reopens": judged.incident.reopens,
            "flaps": judged.incident.flaps,
            "flapping": judged.incident.flapping,
            "timers": [
                {
                    "target": timer.target,
                    "elapsed": timer.elapsed,
                    "paused": timer.paused,
                    "gaps": timer.gaps,
                    "certain": timer.elapsed_certain,
                    "crossings": list(timer.crossings.values()),
                }
                for timer in judged.timers
            ],
        }
        for judged in engine.judged(now)
    ]


def expected(scenario: Scenario) -> list[dict[str, Any]]:
    """What the oracle says."""
    rules = scenario.rules
    if scenario.calendar:
        opened = {second for opens, closes in OFFICE.week[0] for second in range(opens * 60, closes * 60)}
        rules.closed = set(range(scenario.end + 2)) - opened
    oracle = Oracle(rules)
    for at, kind, *more in scenario.happenings:
        oracle.until(at)
        if kind in {"up", "down", "unknown"}:
            oracle.observe(kind)
        else:
            oracle.act(kind, *more)
    oracle.until(scenario.end)
    return oracle.outcome()


def _rules() -> st.SearchStrategy[Rules]:
    return st.builds(
        Rules,
        open_after=st.integers(0, 8),
        open_count=st.integers(1, 3),
        clear_after=st.integers(0, 8),
        clear_count=st.integers(1, 3),
        reopen_within=st.integers(0, 20),
        reopen_policy=st.sampled_from(["resume", "resume", "new_cycle", "total_span"]),
        flap_on=st.integers(3, 5),
        flap_off=st.integers(1, 2),
        flap_window=st.integers(5, 60),
        clear_max=st.integers(4, 20),
        unknown_policy=st.sampled_from(["run", "run", "pause"]),
        pausable=st.sampled_from([True, True, True, False]),
        orphan_after=st.integers(3, 30),
    )


_KINDS = (
    *("down",) * 20,
    *("up",) * 20,
    *("unknown",) * 4,
    *("ack", "ack", "ack", "window", "window", "window", "end_window", "gone", "lost", "cancel"),
)


@st.composite
def scenarios(draw: st.DrawFn, *, calendar: bool = False) -> Scenario:
    """Anything that can happen to a resource, most of it bad."""
    happenings: list[Happening] = []
    at, windows = 1, 0
    least = draw(st.sampled_from([0, 10, 30]))
    steps = st.lists(st.tuples(st.sampled_from(_KINDS), st.integers(0, 7)), min_size=least, max_size=least + 15)
    for kind, gap in draw(steps):
        at += gap
        match kind:
            case "window":
                start = at + draw(st.integers(-4, 10))
                happenings.append((at, kind, f"w{windows}", start, start + draw(st.integers(1, 15))))
                windows += 1
            case "end_window":
                happenings.append((at, kind, f"w{draw(st.integers(0, max(0, windows - 1)))}"))
            case "lost":
                back = at + draw(st.integers(1, 10))
                happenings.append((at, kind, back))
                at = back
            case _:
                happenings.append((at, kind))
    # At one instant observations come first: that is the order in which the agent and a replay deliver them.
    happenings.sort(key=lambda one: (one[0], one[1] not in {"up", "down", "unknown"}))
    return Scenario(draw(_rules()), tuple(happenings), at + draw(st.integers(0, 40)), calendar)
