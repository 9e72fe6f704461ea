"""Is the log what the engine would write again? Facts are taken for what they were told by, and judged anew. Pure."""

import math
from collections.abc import Iterable, Iterator, Sequence

from sla import facts
from sla.engine import Engine, restore
from sla.model import (
    Ack,
    AgentStarted,
    Announce,
    Approve,
    Cancel,
    CancelReason,
    ClockJump,
    EndWindow,
    Event,
    Gone,
    Health,
    Jump,
    Observation,
    PolicyChange,
    Reapply,
    Selector,
    Tick,
)
from sla.policy import policy_of
from sla.record import Record

_TOLD = (
    facts.Blip,
    facts.StillBad,
    facts.StillGood,
    facts.Recovering,
    facts.Flapped,
    facts.Reopened,
    facts.Unobserved,
)
_HEALTH = {
    facts.StillBad: Health.DOWN,
    facts.Flapped: Health.DOWN,
    facts.Reopened: Health.DOWN,
    facts.Unobserved: Health.UNKNOWN,
}


def differences(records: Sequence[Record], *, until: float) -> tuple[str, ...]:
    """What does not agree, a sentence each; empty where everything does. ``until`` is the last effective time reached.

    Each fact that comes from outside (an observation, a command, a window, a policy, a clock) is judged again in the
    order of the log. What the engine makes of it must be what the log says, at the same instants.
    """
    try:
        known = [facts.decode(record) for record in records]
        engine = restore(records, keep=True)
        again = _judged_again(known, until)
    except (ValueError, KeyError) as error:
        return (f"the log cannot be read: {error}",)
    told = {fact.key: fact for fact in known}
    anew = {fact.key: fact for fact in again}
    return (
        *(f"in the log, but not to be: {_named(told[key])}" for key in told if key not in anew),
        *(f"missing in the log: {_named(anew[key])}" for key in anew if key not in told),
        *(
            f"at {told[key].at!r} in the log, to be at {anew[key].at!r}: {_named(told[key])}"
            for key in told
            if key in anew and told[key].at != anew[key].at
        ),
        *_states(engine, again, records),
    )


def _named(fact: facts.Fact) -> str:
    return f"{fact.kind} of {fact.incident or 'the engine'} at {fact.at!r}"


def _states(engine: Engine, again: Sequence[facts.Fact], records: Sequence[Record]) -> Iterator[str]:
    """Open incidents that are another one when the facts are folded anew."""
    anew = {one.id: one for one in restore([facts.encode(fact) for fact in again], keep=True).incidents}
    for incident in engine.incidents:
        other = anew.get(incident.id)
        if other is not None and (other.state, other.start) != (incident.state, incident.start):
            yield f"incident {incident.id}: {incident.state} by the log, {other.state} when judged again"
    if len({record.key for record in records}) != len(records):
        yield "a fact is in the log twice"


def _judged_again(known: Iterable[facts.Fact], until: float) -> list[facts.Fact]:
    engine, found = Engine(), list[facts.Fact]()
    about: dict[str, facts.ObservedBad] = {}
    for fact in known:
        if isinstance(fact, facts.ObservedBad):
            about[fact.incident] = fact
        event = _event(fact, about.get(fact.incident))
        if event is not None:
            found += engine.handle(event)
    found += engine.handle(Tick(max(until, engine.now)))
    return found


def _event(fact: facts.Fact, about: facts.ObservedBad | None) -> Event | None:
    """What the fact was told by."""
    if about is not None and isinstance(fact, (*_TOLD, facts.ObservedBad)):
        if isinstance(fact, facts.ObservedBad):
            return Observation(fact.at, fact.class_, fact.resource, Health.DOWN, fact.labels)
        return Observation(fact.at, about.class_, about.resource, _HEALTH.get(type(fact), Health.UP), about.labels)
    if isinstance(fact, facts.Vanished) and about is not None:
        return Gone(fact.at, about.class_, about.resource)
    return (_command(fact) or _time(fact)) if fact.incident else _of_the_engine(fact)


def _time(fact: facts.Fact) -> Tick:
    """It followed from time alone, and that had come so far by then."""
    is_later = isinstance(fact, facts.Closed | facts.Cancelled)  # when the instant is over
    return Tick(math.nextafter(fact.at, math.inf) if is_later else fact.at)


def _command(fact: facts.Fact) -> Event | None:
    scope = Selector(incident=fact.incident)
    match fact:
        case facts.Acked():
            return Ack(fact.at, scope, fact.actor)
        case facts.Cancelled() if fact.reason != CancelReason.ORPHANED:
            return Cancel(fact.at, scope, CancelReason(fact.reason), fact.actor)
        case facts.ExclusionApproved():
            return Approve(fact.at, fact.window, scope, actor=fact.actor)
        case facts.Reapplied():
            return Reapply(fact.at, scope, fact.actor)
    return None


def _of_the_engine(fact: facts.Fact) -> Event | None:
    match fact:
        case facts.WindowAdded():
            return Announce(fact.at, fact.window)
        case facts.WindowEnded():
            return EndWindow(fact.at, fact.window, fact.actor)
        case facts.PolicySelected():
            return PolicyChange(fact.at, policy_of(fact.text))
        case facts.AgentRun():
            return AgentStarted(fact.at, fact.unobserved_since)
        case facts.ClockJumped():
            return ClockJump(fact.at, fact.delta, Jump(fact.jump))
    return None
