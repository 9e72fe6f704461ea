"""October 2026 of two vCenters and a cloud, told by an agent in Berlin: one of everything that a report must tell."""

import json
from collections.abc import Iterator
from typing import Any

from slareportlab import berlin, built_in, line, log, observed, outage, report

from sla.report.period import month
from sla.store.base import Aggregate, Stored

API, STORAGE = "api_communication", "storage_connection"
NOW = berlin("2026-11-02 08:00")
HEARTBEAT = berlin("2026-11-02 07:59:57")
MINUTE, HOUR = 60, 3600


def lines() -> Iterator[str]:
    """What was observed and done from 1 September to 1 November."""
    yield line(berlin("2026-09-01"), agent_started={})
    yield from _api()
    yield from _maintenance()
    yield from _storage()
    yield from _trouble()


def _api() -> Iterator[str]:
    yield from outage(API, "vc-berlin-1", berlin("2026-09-30 23:50"), seconds=25 * MINUTE, site="berlin")
    yield from outage(API, "vc-berlin-1", berlin("2026-10-02 09:14:10"), seconds=11 * MINUTE, site="berlin")
    late = berlin("2026-10-05 22:40")
    yield from outage(API, "cloud-a/keystone", late, seconds=47 * MINUTE)
    yield line(late + 6 * MINUTE, ack={"class": API, "resource": "cloud-a/keystone", "actor": "m.huber"})
    again = berlin("2026-10-08 03:00")
    yield from outage(API, "vc-berlin-1", again, seconds=20 * MINUTE, site="berlin")
    yield from outage(API, "vc-berlin-1", again + 25 * MINUTE, seconds=8 * MINUTE, site="berlin")
    cancelled = berlin("2026-10-20 10:00")
    yield from observed(API, "cloud-a/nova", "down", span=(cancelled, cancelled + 12 * MINUTE))
    order = {"class": API, "resource": "cloud-a/nova", "reason": "false_positive", "actor": "m.huber"}
    yield line(cancelled + 12 * MINUTE, cancel=order)
    yield from observed(API, "cloud-a/nova", "up", span=(cancelled + 12 * MINUTE + 5, cancelled + 15 * MINUTE))
    # Summer time ends: 40 minutes from 02:50 to the second 02:30.
    yield from outage(API, "cloud-a/nova", berlin("2026-10-25 02:50"), seconds=40 * MINUTE)
    flaps = berlin("2026-10-29 09:00")
    for minutes in range(0, 12, 3):
        yield from observed(API, "cloud-a/keystone", "down", span=(flaps + minutes * 60, flaps + minutes * 60 + 150))
        yield from observed(
            API, "cloud-a/keystone", "up", span=(flaps + minutes * 60 + 150, flaps + minutes * 60 + 180)
        )
    yield from observed(API, "cloud-a/keystone", "up", span=(flaps + 12 * MINUTE, flaps + 30 * MINUTE))
    yield from outage(API, "vc-munich-1", berlin("2026-10-31 23:45"), seconds=45 * MINUTE, site="munich")


def _maintenance() -> Iterator[str]:
    start = berlin("2026-10-12 01:00")
    window = {
        "id": "CHG-1041",
        "class": API,
        "labels": {"site": "munich"},
        "source": "cli",
        "comment": "vCenter update",
    }
    yield line(berlin("2026-10-10 12:00"), window={**window, "start": start, "end": start + HOUR})
    yield from outage(API, "vc-munich-1", start + 30, seconds=70 * MINUTE, site="munich")
    start = berlin("2026-10-15 14:00")
    window = {"id": "CHG-1057", "class": API, "resource": "vc-munich-1", "source": "cli", "comment": "emergency patch"}
    yield from outage(API, "vc-munich-1", start, seconds=50 * MINUTE, site="munich")
    yield line(start + 20 * MINUTE, window={**window, "start": start + 5 * MINUTE, "end": start + 35 * MINUTE})
    yield line(start + 55 * MINUTE, approve={"window": "CHG-1057", "actor": "s.klein"})


def _storage() -> Iterator[str]:
    gold = "vc-berlin-1/esx-07/ds-gold"
    yield from outage(STORAGE, gold, berlin("2026-10-07 11:00"), seconds=95 * MINUTE, site="berlin")
    start = berlin("2026-10-21 04:00")
    yield from observed(STORAGE, "vc-munich-1/esx-11", "down", span=(start, start + 80 * MINUTE), site="munich")
    blind = (start + 80 * MINUTE, start + 145 * MINUTE)
    yield from observed(STORAGE, "vc-munich-1/esx-11", "unknown", span=blind, site="munich")
    yield from observed(STORAGE, "vc-munich-1/esx-11", "up", span=(blind[1], blind[1] + 180), site="munich")
    start = berlin("2026-10-28 16:00")
    yield from outage(STORAGE, gold, start, seconds=130 * MINUTE, site="berlin")
    window = {"id": "CHG-1102", "start": start + HOUR, "end": start + 2 * HOUR, "class": STORAGE, "source": "silence"}
    yield line(start + 90 * MINUTE, window={**window, "comment": "said afterwards"})


def _trouble() -> Iterator[str]:
    """The agent was away while vc-berlin-2 was down, and a clock was set."""
    start = berlin("2026-10-18 05:20")
    yield from observed(API, "vc-berlin-2", "down", span=(start, start + 10 * MINUTE), site="berlin")
    back = start + 55 * MINUTE
    yield line(back, agent_started={"last_heartbeat": start + 10 * MINUTE})
    yield from outage(API, "vc-berlin-2", back + 10, seconds=5 * MINUTE, site="berlin")
    yield line(berlin("2026-10-19 12:00"), clock_jump={"delta": -7.5, "kind": "step"})


def stored() -> list[Stored]:
    """The log of that."""
    return log(built_in(), lines(), epochs=[berlin("2026-10-18 06:00")])


def aggregates() -> list[Aggregate]:
    """The agent's looks at two vCenters: seconds observed, down, excluded, unknown, for every UTC day of October."""
    usual = {"vc-berlin-1": [86400, 0, 0, 0], "vc-munich-1": [86400, 0, 0, 0]}
    days: dict[int, dict[str, list[float]]] = {
        2: {"vc-berlin-1": [86400, 660, 0, 0]},
        12: {"vc-munich-1": [86400, 630, 3600, 0]},
        18: {"vc-berlin-1": [83700, 0, 0, 2700], "vc-munich-1": [83700, 0, 0, 2700]},
    }
    found = []
    for day in range(1, 32):
        body = {"until": berlin("2026-11-01 01:00"), "resources": usual | days.get(day, {})}
        found.append(Aggregate(f"2026-10-{day:02}", "usage/api_communication", json.dumps(body)))
    return found


def october(**asked: Any) -> dict[str, Any]:
    """The report of the month."""
    asked = {"objectives": {API: 0.995}, "aggregates": aggregates(), **asked}
    return report(stored(), month("2026-10", "Europe/Berlin"), now=NOW, heartbeat=HEARTBEAT, **asked)
