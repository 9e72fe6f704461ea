"""``novacenter sla status``: the incidents that are not over, and how much time is left; as a table or JSON. Pure."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.slaview import View, counts, is_over, present
from sla.engine import Judged
from sla.incident import State
from sla.model import Window
from sla.timers import Run, Timer

SCHEMA = 1
"""Version of the JSON; it rises when a key changes its meaning or is taken away."""
STALE = 60.0
"""Seconds without a heartbeat after which it is said that no agent judges."""
_BOX = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)
_WORDS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))


def document(view: View, heartbeat: float | None) -> dict[str, Any]:
    """Everything as JSON-able values; times are epoch seconds, durations seconds, null where there is none."""
    return {
        "schema": SCHEMA,
        "now": view.now,
        "heartbeat": heartbeat,
        "incidents": [_incident(one) for one in _shown(view)],
        "windows": [_window(one, view.now) for one in view.windows if one.end > max(view.now, one.start)],
    }


def _shown(view: View) -> list[Judged]:
    return [judged for judged in view.incidents if not is_over(judged)]


def _incident(judged: Judged) -> dict[str, Any]:
    incident = judged.incident
    return {
        "id": incident.id,
        "class": incident.class_,
        "resource": incident.resource,
        "labels": dict(incident.labels),
        "state": incident.state.value,
        "started_at": incident.start,
        "acked_by": incident.acked_by or None,
        "resolved_at": incident.resolved_at,
        "unobserved_since": incident.unobserved_since,
        "flapping": incident.flapping,
        "policy_version": incident.policy,
        "timers": [_timer(timer) for timer in present(judged)],
    }


def _timer(timer: Timer) -> dict[str, Any]:
    return {
        "target": timer.target,
        "state": timer.state.value,
        "limit_seconds": timer.limit,
        "elapsed_seconds": timer.elapsed,
        "paused_seconds": timer.paused,
        "deadline": timer.deadline,
        "breached_at": timer.breached_at,
    }


def _window(window: Window, now: float) -> dict[str, Any]:
    scope = window.scope
    return {
        "id": window.id,
        "start": window.start,
        "end": window.end,
        "active": window.start <= now < window.end,
        "announced_at": window.announced_at,
        "source": window.source,
        "comment": window.comment,
        "incident": scope.incident,
        "class": scope.class_,
        "resource": scope.resource,
        "labels": dict(scope.labels),
    }


def as_json(view: View, heartbeat: float | None) -> str:
    """``document`` as text."""
    return json.dumps(document(view, heartbeat), indent=1) + "\n"


def table(view: View, heartbeat: float | None) -> RenderableType:
    """What a terminal shows: one line for each timer, the most urgent first."""
    shown = _shown(view)
    made = Table(box=_BOX, pad_edge=False)
    for name in ("incident", "class", "resource", "state", "since", "target", "elapsed", "used", "left"):
        made.add_column(name, overflow="fold", justify="right" if name in {"elapsed", "used", "left"} else "left")
    for judged, timer in sorted(_lines(shown), key=_urgency):
        made.add_row(*_row(judged, timer, view.now))
    parts: list[RenderableType] = [_headline(shown, view, heartbeat)]
    if shown:
        parts.append(made)
    active = [window for window in view.windows if window.start <= view.now < window.end]
    parts += [
        Text(f"maintenance until {moment(one.end)}: {clean(one.id)} {clean(one.comment)}".rstrip()) for one in active
    ]
    return Group(*parts)


def _lines(shown: Iterable[Judged]) -> Iterator[tuple[Judged, Timer]]:
    for judged in shown:
        for timer in present(judged):
            yield judged, timer


def _urgency(line: tuple[Judged, Timer]) -> tuple[bool, float, str, str]:
    judged, timer = line
    return (
        timer.state not in {Run.RUNNING, Run.PAUSED},
        -timer.elapsed / timer.limit,
        judged.incident.id,
        timer.target,
    )


def _headline(shown: list[Judged], view: View, heartbeat: float | None) -> Text:
    count = sum(counts(judged) for judged in shown)
    text = Text(f"{count} incident{'' if count == 1 else 's'} at {moment(view.now)}", "bold")
    if heartbeat is None:
        text.append("; no agent has judged yet", "bold red")
    elif view.now - heartbeat > STALE:
        text.append(f"; no agent has judged for {length(view.now - heartbeat)}", "bold red")
    return text


def _row(judged: Judged, timer: Timer, now: float) -> tuple[RenderableType, ...]:
    incident = judged.incident
    used = timer.elapsed / timer.limit
    style = "bold red" if used >= 1 else "yellow" if used >= 0.8 else ""
    notes = [
        *(["acked"] if incident.acked and incident.state is not State.ACKED else []),
        *(["unobserved"] if incident.unobserved_since is not None else []),
        *(["flapping"] if incident.flapping else []),
    ]
    state = f"{incident.state.value} ({', '.join(notes)})" if notes else incident.state.value
    return (
        incident.id,
        Text(clean(incident.class_)),
        Text(clean(incident.resource)),
        state,
        moment(incident.start),
        Text(clean(timer.target)),
        length(timer.elapsed),
        Text(f"{used * 100:.0f} %", style),
        Text(_left(timer, now), style),
    )


def _left(timer: Timer, now: float) -> str:
    match timer.state:
        case Run.MET:
            return "breached" if timer.breached_at is not None else "met"
        case Run.VOID:
            return ""
    if timer.breached_at is not None:
        return f"breached for {length(now - timer.breached_at)}"
    left = length(timer.limit - timer.elapsed)
    return f"{left}, paused" if timer.state is Run.PAUSED else left


def length(seconds: float) -> str:
    """A duration in its two greatest units: ``1h 05m``."""
    rest = max(0, round(seconds))
    for index, (unit, word) in enumerate(_WORDS):
        if rest >= unit:
            more = _WORDS[index + 1] if index + 1 < len(_WORDS) else None
            whole = int(rest // unit)
            return f"{whole}{word}" + (f" {int(rest % unit // more[0]):02d}{more[1]}" if more else "")
    return "0s"


def moment(at: float) -> str:
    """An instant in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def clean(text: str) -> str:
    """One line without control characters: others choose parts of it, and a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def windows(view: View) -> RenderableType:
    """What ``window list`` shows: the windows that are not over."""
    made = Table(box=_BOX, pad_edge=False)
    for name in ("window", "from", "to", "announced", "for", "comment"):
        made.add_column(name, overflow="fold")
    for window in view.windows:
        if window.end > max(view.now, window.start):
            late = window.announced_at is not None and window.announced_at > window.start
            made.add_row(
                Text(clean(window.id)),
                moment(window.start),
                moment(window.end),
                "too late" if late else "in time",
                Text(scope(window)),
                Text(clean(window.comment)),
            )
    return made if made.row_count else Text("no window is open or to come")


def scope(window: Window) -> str:
    """What a window covers, in words."""
    given = window.scope
    pairs = (("incident", given.incident), ("class", given.class_), ("resource", given.resource), *given.labels)
    return clean(", ".join(f"{name}={value}" for name, value in pairs if value)) or "everything"


def rendered(shown: RenderableType, *, width: int, colour: bool) -> str:
    """As text; without ``colour`` it holds no control sequences."""
    text = StringIO()
    console = Console(
        file=text,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(shown)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
