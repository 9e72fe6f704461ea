"""Planned maintenance -> windows for the engine, announced long before they begin. Pure."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from exporter.config import Maintenance
from sla.model import Announce, EndWindow, Window

SOURCE = "config"
HORIZON = 8 * 86400.0
"""Seconds before its start at which a window is announced at the latest, so that an agent that is down then does not
make it a late one."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKS = ("1st", "2nd", "3rd", "4th", "5th")


def occurrences(planned: Maintenance, now: float) -> Iterator[Window]:
    """The windows of it that are not over at ``now`` and begin within ``HORIZON``, by start."""
    if planned.start is not None and planned.end is not None:
        if planned.end > now:
            yield _window(planned, planned.start, planned.end)
        return
    where = ZoneInfo(planned.zone)
    first = datetime.fromtimestamp(now - planned.lasts, where).date() - timedelta(days=1)
    last = datetime.fromtimestamp(now + HORIZON, where).date()
    for offset in range((last - first).days + 1):
        local = first + timedelta(days=offset)
        if not any(_meets(local, day) for day in planned.days):
            continue
        # A time that the clock skips or shows twice on that day is the first one (PEP 495, fold=0).
        start = datetime(
            local.year, local.month, local.day, planned.at // 60, planned.at % 60, tzinfo=where
        ).timestamp()
        if start + planned.lasts > now and start <= now + HORIZON:
            yield _window(planned, start, start + planned.lasts)


def _meets(local: date, day: str) -> bool:
    if day.isdecimal():
        return local.day == int(day)
    week, _, weekday = day.rpartition(" ")
    if _DAYS[local.weekday()] != weekday:
        return False
    if week == "last":
        return (local + timedelta(days=7)).month != local.month
    return not week or _WEEKS[(local.day - 1) // 7] == week


def _window(planned: Maintenance, start: float, end: float) -> Window:
    scope = planned.scope
    mark = hashlib.sha256(repr((scope.class_, scope.resource, scope.labels)).encode()).hexdigest()[:6]
    return Window(
        id=f"{SOURCE}/{planned.name}/{mark}@{_stamp(start)}",
        start=start,
        end=end,
        scope=scope,
        source=SOURCE,
        comment=planned.comment,
    )


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def changes(planned: Iterable[Maintenance], known: Iterable[Window], now: float) -> Iterator[Announce | EndWindow]:
    """What brings the windows that the engine knows to what is planned at ``now``.

    What is not planned any more ends. What is planned longer goes on in a second window; what was ended by hand is not
    begun again.
    """
    wanted = {window.id: window for one in planned for window in occurrences(one, now)}
    covered: dict[str, float] = {}
    for window in known:
        if window.source != SOURCE:
            continue
        base = window.id.partition("+")[0]
        is_over = window.end <= max(now, window.start)
        covered[base] = max(covered.get(base, now), now if is_over else window.end)
        if is_over:
            continue
        plan = wanted.get(base)
        if plan is None or plan.end <= max(now, window.start):
            yield EndWindow(now, window.id, SOURCE)
    for id_, window in wanted.items():
        until = covered.get(id_)
        if until is None:
            yield Announce(now, window)
        elif now < until < window.end:
            more = Window(
                f"{id_}+{_stamp(until)}", until, window.end, window.scope, source=SOURCE, comment=window.comment
            )
            yield Announce(now, more)
