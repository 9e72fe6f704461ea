"""What others ask of the one who judges, as messages of the store's inbox: the records of a replay, one each. Pure."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from sla.model import Ack, Announce, Approve, Cancel, EndWindow, Labels, Observation, Reapply, Selector
from sla.replay import event_of
from sla.store.base import Message

Wish: TypeAlias = Observation | Ack | Cancel | Approve | Reapply | Announce | EndWindow
"""What may be asked for; times are those of the wall clock, in seconds since the epoch."""


_LONGEST = 4096


def checked(wish: Wish) -> Wish:
    """The same wish. Raises ValueError for a text in it that is too long or holds a control character."""
    for text in _texts(_plain(wish)):
        if len(text) > _LONGEST or any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
            raise ValueError(f"a text is longer than {_LONGEST} characters, or has a control character in it")
    return wish


def _texts(made: object) -> Iterator[str]:
    if isinstance(made, str):
        yield made
    elif isinstance(made, Mapping):
        for key, value in made.items():
            yield from (*_texts(key), *_texts(value))


def message(wish: Wish) -> Message:
    """The message of a wish; the same wish has the same key."""
    body = json.dumps(_plain(wish), sort_keys=True, separators=(",", ":"))
    return Message(f"wish/{hashlib.sha256(body.encode()).hexdigest()[:32]}", wish.at, body)


def read(found: Message) -> Wish:
    """The wish in a message. Raises ValueError for what is none, of this version at least."""
    try:
        event = event_of(json.loads(found.body))
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(event, Observation | Ack | Cancel | Approve | Reapply | Announce | EndWindow):
        raise ValueError(f"asks for a {type(event).__name__}, which is not for others to say")
    return checked(event)


def shifted(wish: Wish, ahead: float, *, since: float, now: float) -> Wish:
    """The wish in effective time, which the wall clock is ``ahead`` of; a decision holds from ``since`` to ``now``.

    What was decided up to ``since``, the last look, stays decided.
    """
    if isinstance(wish, Observation):
        return replace(wish, at=min(wish.at - ahead, now))
    at = min(max(wish.at - ahead, since), now)
    if not isinstance(wish, Announce):
        return replace(wish, at=at)
    window = wish.window
    heard = window.announced_at
    moved = replace(
        window,
        start=window.start - ahead,
        end=window.end - ahead,
        announced_at=wish.at - ahead if heard is None else heard - ahead,
    )
    return Announce(at, moved)


def _plain(wish: Wish) -> dict[str, Any]:
    match wish:
        case Observation():
            made = {"class": wish.class_, "resource": wish.resource, "health": wish.health.value}
            return {"t": wish.at, **made, **_labels(wish.labels)}
        case Ack() | Reapply():
            kind = "ack" if isinstance(wish, Ack) else "reapply"
            return {"t": wish.at, kind: {**_scope(wish.scope), "actor": wish.actor}}
        case Cancel():
            return {"t": wish.at, "cancel": {**_scope(wish.scope), "reason": wish.reason.value, "actor": wish.actor}}
        case Approve():
            return {"t": wish.at, "approve": {**_scope(wish.scope), "window": wish.window, "actor": wish.actor}}
        case EndWindow():
            return {"t": wish.at, "window_end": {"id": wish.window, "actor": wish.actor}}
        case Announce():
            return {"t": wish.at, "window": _window(wish)}


def _window(wish: Announce) -> dict[str, Any]:
    window = wish.window
    made: dict[str, Any] = {"id": window.id, "start": window.start, "end": window.end, **_scope(window.scope)}
    if window.announced_at is not None:
        made["announced_at"] = window.announced_at
    return {**made, "source": window.source, "comment": window.comment}


def _scope(scope: Selector) -> Mapping[str, Any]:
    given = {"incident": scope.incident, "class": scope.class_, "resource": scope.resource}
    return {**{key: value for key, value in given.items() if value}, **_labels(scope.labels)}


def _labels(labels: Labels) -> Mapping[str, Any]:
    return {"labels": dict(labels)} if labels else {}
