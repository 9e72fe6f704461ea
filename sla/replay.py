"""A policy tried out on recorded observations: the engine that the agent runs, over lines of JSON. Pure.

One record a line, ``t`` in seconds since the epoch or as RFC 3339 time, sorted or not::

    {"t": 0, "class": "api_communication", "resource": "vc1", "health": "up|down|unknown", "labels": {"site": "lab"}}
    {"t": 0, "ack": {"class": "...", "resource": "...", "actor": "..."}}
    {"t": 0, "cancel": {"class": "...", "resource": "...", "reason": "false_positive|duplicate|out_of_scope"}}
    {"t": 0, "window": {"id": "...", "start": 0, "end": 0, "class": "...", "resource": "...", "labels": {}}}
    {"t": 0, "window_end": {"id": "..."}}      {"t": 0, "approve": {"window": "...", "class": "...", "resource": "..."}}
    {"t": 0, "reapply": {"class": "...", "resource": "...", "actor": "..."}}
    {"t": 0, "gone": {"class": "...", "resource": "..."}}
    {"t": 0, "agent_started": {"last_heartbeat": 0}}      {"t": 0, "clock_jump": {"delta": 0, "kind": "step|rebase"}}
    {"t": 0, "tick": true}

In ``ack``, ``cancel``, ``reapply``, ``window`` and ``approve``, class, resource and labels select; what is left out
matches all. A window counts as announced at ``t``, or at its ``announced_at``. At one instant, what became of clock and
agent comes first, then observations, and ticks last.
The newest ``t`` of the file is now: what would have happened later has not.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sla.engine import Engine, Judged, UnknownClassError
from sla.incident import Incident, State
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
    Labels,
    Observation,
    PolicyChange,
    Reapply,
    Selector,
    Tick,
    Window,
)
from sla.policy import Policy
from sla.timers import Timer

_HEALTH: Mapping[object, Health] = {health.value: health for health in Health}
_SCOPE = frozenset({"class", "resource", "labels", "incident"})
_KEYS: Mapping[str, frozenset[str]] = {
    "ack": _SCOPE | {"actor"},
    "cancel": _SCOPE | {"actor", "reason"},
    "window": _SCOPE | {"id", "start", "end", "announced_at", "source", "comment"},
    "window_end": frozenset({"id", "actor"}),
    "approve": _SCOPE | {"window", "actor"},
    "reapply": _SCOPE | {"actor"},
    "gone": frozenset({"class", "resource"}),
    "agent_started": frozenset({"last_heartbeat"}),
    "clock_jump": frozenset({"delta", "kind"}),
}
_RANKS: Mapping[type[object], int] = {ClockJump: -1, AgentStarted: -1, Observation: 0, Tick: 2}
_FURTHEST = 1e12
_NUMBERS = frozenset({int, float})


class ReplayError(ValueError):
    """A line is not a record. The message says which line, what is wrong with it and what to write."""


def replay(policy: Policy, lines: Iterable[str]) -> dict[str, Any]:
    """What the policy makes of the records: JSON-able, ``{"incidents": [...]}``, ordered by start.

    Times are seconds since the epoch, None where not reached. A suspicion whose hold-down is not over is no incident
    yet. Where the policy begins a new cycle at a re-opening, ``timers`` has those of each cycle, in order.
    Raises ReplayError.
    """
    judged, _ = replayed(policy, lines)
    return {"incidents": [_incident(one) for one in judged if one.incident.state is not State.SUSPECT]}


def replayed(policy: Policy, lines: Iterable[str]) -> tuple[tuple[Judged, ...], Engine]:
    """All incidents with their timers, suspicions included, and the engine as it ended. Raises ReplayError."""
    engine = Engine(keep=True)
    records = _records(lines)
    if not records:
        return (), engine
    engine.handle(PolicyChange(records[0][0], policy))
    observe, number = engine.observe, 0
    try:
        for _, rank, number, event in records:  # noqa: B007 - needed where an error ends the loop
            if rank == 0:
                observe(event)
            else:
                engine.handle(event)
    except UnknownClassError as error:
        raise ReplayError(f"line {number}: {error}; it has: {', '.join(sorted(policy.classes))}") from None
    engine.handle(Tick(engine.now))
    return engine.judged(engine.now), engine


def event_of(record: object) -> Event:
    """The event that one record tells of, as in a line. Raises ValueError, which says what is wrong with it."""
    return _event(record)


def events(lines: Iterable[str]) -> list[Event]:
    """The records as events, in the order in which an engine is to be told of them. Raises ReplayError."""
    return [event for *_, event in _records(lines)]


def _records(lines: Iterable[str]) -> list[tuple[float, int, int, Any]]:
    """Time, rank, line and event, sorted by the first three."""
    found: list[tuple[float, int, int, Any]] = []
    decode = json.JSONDecoder(parse_constant=_refuse).decode
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        try:
            event = _event(decode(line))
        except json.JSONDecodeError as error:
            raise ReplayError(f"line {number}: is not JSON ({error.msg}); write one JSON object a line") from None
        except ValueError as error:
            raise ReplayError(f"line {number}: {error}") from None
        except RecursionError:
            raise ReplayError(f"line {number}: is nested too deeply; write one flat JSON object a line") from None
        found.append((event.at, _RANKS.get(type(event), 1), number, event))
    found.sort(key=_order)
    return found


def _order(record: tuple[float, int, int, Any]) -> tuple[float, int, int]:
    return record[:3]


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON; write seconds")


def _event(record: Any) -> Event:
    """The event that a record tells of. Raises ValueError."""
    if not isinstance(record, dict):
        raise ValueError('is not a JSON object; write {"t": ..., "class": ...}')
    at: Any = record.get("t")
    if type(at) not in _NUMBERS or not -_FURTHEST < at < _FURTHEST:
        at = _time(record, "t")
    at = float(at)
    if "health" in record:
        return _observation(record, at)
    kinds = record.keys() & _READERS.keys()
    if len(kinds) != 1 or len(record) != 2:
        raise ValueError(f"needs t, and health (with class and resource) or one of: {', '.join(_READERS)}")
    kind = kinds.pop()
    made = record[kind]
    if kind == "tick":
        return Tick(at)
    if not isinstance(made, dict):
        raise ValueError(f'{kind} must be an object, such as {{"class": ..., "resource": ...}}')
    if unknown := made.keys() - _KEYS[kind]:
        raise ValueError(f"{kind} has no key {min(unknown)!r}; use: {', '.join(sorted(_KEYS[kind]))}")
    return _READERS[kind](at, made)


def _observation(record: dict[str, Any], at: float) -> Observation:
    health = record["health"]
    health = _HEALTH.get(health) if type(health) is str else None
    if health is None:
        raise ValueError("health must be up, down or unknown")
    labels: Labels = ()
    if len(record) != 4:
        if unknown := record.keys() - {"t", "class", "resource", "health", "labels"}:
            raise ValueError(f"an observation has no key {min(unknown)!r}; use: t, class, resource, health, labels")
        labels = _labels(record)
    class_, resource = record.get("class"), record.get("resource")
    if not class_ or not resource or type(class_) is not str or type(resource) is not str:
        class_, resource = _text(record, "class"), _text(record, "resource")
    return Observation(at, class_, resource, health, labels)


def _time(made: dict[str, Any], key: str) -> float:
    value = made.get(key)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.timestamp()
    elif isinstance(value, int | float) and not isinstance(value, bool) and -_FURTHEST < value < _FURTHEST:
        return float(value)
    raise ValueError(f"{key} must be seconds since the epoch, or a time with its zone such as 2026-10-01T08:00:00Z")


def _text(made: dict[str, Any], key: str, default: str | None = None) -> str:
    value = made.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise ValueError(f"{key} must be text")
    return value


def _labels(made: dict[str, Any]) -> Labels:
    labels = made.get("labels", {})
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ValueError("labels must be an object of texts")
    return tuple(sorted(labels.items()))


def _scope(made: dict[str, Any]) -> Selector:
    incident, class_, resource = (_text(made, key, "") for key in ("incident", "class", "resource"))
    return Selector(incident, class_, resource, _labels(made))


def _ack(at: float, made: dict[str, Any]) -> Event:
    return Ack(at, _scope(made), _text(made, "actor", ""))


def _cancel(at: float, made: dict[str, Any]) -> Event:
    reasons = [reason for reason in CancelReason if reason is not CancelReason.ORPHANED]
    if made.get("reason") not in reasons:
        raise ValueError(f"reason must be one of: {', '.join(reasons)}")
    return Cancel(at, _scope(made), CancelReason(made["reason"]), _text(made, "actor", ""))


def _window(at: float, made: dict[str, Any]) -> Event:
    start, end = _time(made, "start"), _time(made, "end")
    if start >= end:
        raise ValueError("the window's end must be after its start")
    announced_at = _time(made, "announced_at") if made.get("announced_at") is not None else at
    texts = {key: _text(made, key, "") for key in ("source", "comment")}
    return Announce(at, Window(_text(made, "id"), start, end, _scope(made), announced_at=announced_at, **texts))


def _window_end(at: float, made: dict[str, Any]) -> Event:
    return EndWindow(at, _text(made, "id"), _text(made, "actor", ""))


def _approve(at: float, made: dict[str, Any]) -> Event:
    return Approve(at, _text(made, "window"), _scope(made), actor=_text(made, "actor", ""))


def _gone(at: float, made: dict[str, Any]) -> Event:
    return Gone(at, _text(made, "class"), _text(made, "resource"))


def _agent_started(at: float, made: dict[str, Any]) -> Event:
    return AgentStarted(at, _time(made, "last_heartbeat") if made.get("last_heartbeat") is not None else None)


def _clock_jump(at: float, made: dict[str, Any]) -> Event:
    delta, kind = made.get("delta"), made.get("kind", Jump.STEP.value)
    if not isinstance(delta, int | float) or isinstance(delta, bool) or not abs(delta) < _FURTHEST:
        raise ValueError("delta must be seconds")
    if kind not in set(Jump):
        raise ValueError(f"kind must be one of: {', '.join(Jump)}")
    if kind == Jump.REBASE and delta <= 0:
        raise ValueError("effective time is never set back; delta of a rebase must be positive")
    return ClockJump(at, float(delta), Jump(kind))


_READERS: Mapping[str, Callable[[float, dict[str, Any]], Event]] = {
    "ack": _ack,
    "cancel": _cancel,
    "window": _window,
    "window_end": _window_end,
    "approve": _approve,
    "reapply": lambda at, made: Reapply(at, _scope(made), _text(made, "actor", "")),
    "gone": _gone,
    "agent_started": _agent_started,
    "clock_jump": _clock_jump,
    "tick": lambda at, _: Tick(at),
}


def _incident(judged: Judged) -> dict[str, Any]:
    incident: Incident = judged.incident
    return {
        "class": incident.class_,
        "resource": incident.resource,
        "state": incident.state.value,
        "started_at": _number(incident.start),
        "resolved_at": _number(incident.resolved_at),
        "reopen_count": incident.reopens,
        "timers": [_timer(timer) for timer in judged.timers],
    }


def _timer(timer: Timer) -> dict[str, Any]:
    return {
        "target": timer.target,
        "limit_seconds": _number(timer.limit),
        "elapsed_seconds": _number(timer.elapsed),
        "paused_seconds": _number(timer.paused),
        "breached_at": _number(timer.breached_at),
        "crossings": {str(percent): _number(at) for percent, at in timer.crossings.items()},
    }


def _number(value: float | None) -> float | int | None:
    """Without the noise of sums of fractions, and whole where it is."""
    if value is None:
        return None
    rounded = round(value, 6)
    return int(rounded) if rounded.is_integer() else rounded
