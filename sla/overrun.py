"""Maintenance that takes longer than announced: an incident that began in a window and is open after its end. Pure."""

from collections.abc import Iterable

from sla.incident import Incident, State
from sla.model import Selector, Window

_OPEN = frozenset({State.OPEN, State.ACKED})


def overrun(incident: Incident, windows: Iterable[Window], now: float) -> Window | None:
    """The window whose end the incident has outlasted at ``now``; None where it has outlasted none.

    It has to have begun while maintenance paused its timers, and to be open. Of several windows over it the one that
    ended last counts; while one of them lasts there is no overrun. Windows that were announced too late are none.
    """
    if not incident.during_maintenance or incident.state not in _OPEN:
        return None
    one = Selector(incident.id, incident.class_, incident.resource, incident.labels)
    over = [
        window
        for window in windows
        if incident.start < window.end
        and window.start <= now
        and (window.announced_at is None or window.announced_at <= window.start)
        and window.scope.covers(one)
    ]
    last = max(over, key=lambda window: (window.end, window.id), default=None)
    return last if last is not None and last.end <= now else None
