"""Planned maintenance as windows: on which days, at which instants, and what a changed plan does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Maintenance
from exporter.slawindows import HORIZON, changes, occurrences
from sla.engine import Engine
from sla.model import Announce, EndWindow, PolicyChange, Selector
from sla.policy import Policy

BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str, zone: ZoneInfo = BERLIN) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def starts(planned: Maintenance, now: float, *, days: int) -> list[str]:
    """The beginnings of the windows of so many days, looked for every six hours, in Berlin."""
    found = {window.start for hours in range(0, days * 24, 6) for window in occurrences(planned, now + hours * 3600)}
    return [datetime.fromtimestamp(at, BERLIN).isoformat(" ", "minutes") for at in sorted(found)]


def test_days() -> None:
    """Weekdays, a weekday in its week of the month, the last of a month, and a day of the month."""
    plan = Maintenance("w", days=("2nd tue", "last fri", "15"), at=22 * 60, lasts=3600.0, zone="Europe/Berlin")

    assert starts(plan, moment("2026-10-01T00:00"), days=60) == [
        "2026-10-13 22:00+02:00",
        "2026-10-15 22:00+02:00",
        "2026-10-30 22:00+01:00",
        "2026-11-10 22:00+01:00",
        "2026-11-15 22:00+01:00",
        "2026-11-27 22:00+01:00",
    ]


def test_summer_time() -> None:
    """A time that the clock skips is the one an hour on; one that comes twice is the first; the length is real time."""
    plan = Maintenance("w", days=("sun",), at=150, lasts=3600.0, zone="Europe/Berlin")

    spring = [one for one in occurrences(plan, moment("2026-03-28T12:00")) if one.start < moment("2026-03-30T00:00")]
    autumn = [one for one in occurrences(plan, moment("2026-10-24T12:00")) if one.start < moment("2026-10-26T00:00")]
    assert [one.start for one in spring] == [datetime(2026, 3, 29, 1, 30, tzinfo=UTC).timestamp()]
    assert [one.start for one in autumn] == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()]
    assert autumn[0].end - autumn[0].start == 3600


@given(
    at=st.integers(0, 1439),
    lasts=st.integers(1, 72),
    hours=st.integers(0, 24 * 365),
    days=st.lists(st.sampled_from(["mon", "1st sun", "last wed", "31", "7"]), min_size=1),
)
def test_windows_are_seen_in_time(at: int, lasts: int, hours: int, days: list[str]) -> None:
    """Each is found from 8 days before it begins until it ends, always with the same id."""
    plan = Maintenance("w", days=tuple(days), at=at, lasts=lasts * 3600.0, zone="Europe/Berlin")
    now = moment("2026-01-01T00:00") + hours * 3600
    for window in occurrences(plan, now):
        assert now < window.end
        assert window.start <= now + HORIZON
        for other in (window.start - HORIZON, window.start, window.end - 1):
            assert window in list(occurrences(plan, other))
        assert window not in list(occurrences(plan, window.end))


def test_a_plan_is_announced_once_and_followed() -> None:
    """The engine hears of each window once; what is dropped ends; what was ended by hand is not begun again."""
    now = moment("2026-10-01T12:00")
    engine = Engine()
    engine.handle(PolicyChange(now, Policy({})))
    plan = Maintenance("w", Selector(resource="vc1"), start=now + 3600, end=now + 7200, comment="c")

    def follow(plans: list[Maintenance], at: float) -> list[type]:
        told = list(changes(plans, engine.windows, at))
        for event in told:
            engine.handle(event)
        return [type(event) for event in told]

    assert follow([plan], now) == [Announce]
    assert follow([plan], now + 10) == []
    assert follow([replace(plan, end=now + 9000)], now + 20) == [Announce]
    assert [(one.start - now, one.end - now) for one in engine.windows] == [(3600, 7200), (7200, 9000)]
    assert follow([plan], now + 30) == [EndWindow]
    assert follow([], now + 40) == [EndWindow]
    assert follow([], now + 50) == []
    assert follow([plan], now + 60) == []
    assert [one.end <= one.start for one in engine.windows] == [True, True]


def test_another_scope_is_another_window() -> None:
    """A window that covers something else from now on is ended, and a second one is announced."""
    now = moment("2026-10-01T12:00")
    engine = Engine()
    plan = Maintenance("w", Selector(resource="vc1"), start=now - 60, end=now + 7200)
    for event in changes([plan], engine.windows, now):
        engine.handle(event)
    told = list(
        changes([replace(plan, scope=Selector(resource="vc2"))], engine.windows, now + timedelta(1).seconds + 60)
    )

    assert [type(event) for event in told] == [EndWindow, Announce]
