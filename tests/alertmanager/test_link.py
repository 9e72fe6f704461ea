"""The agent and a real Alertmanager: what fires opens an incident, what ends is noticed, what is marked pauses."""

from pathlib import Path
from typing import Any

import pytest
from alertmanagerlab import (
    API,
    TOKEN,
    Agent,
    Member,
    agent,
    alertmanager,
    config,
    equals,
    free_port,
    stamp,
    until,
    webhook_body,
)

from exporter.alertmanager.webhook import PATH
from exporter.clock import Clock
from exporter.config import Push
from sla.store.memory import MemoryStore
from sla.timers import Run

pytestmark = pytest.mark.external
DOWN = {"alertname": "ApiDown", "instance": "nova", "sla_class": API, "site": "dc1", "severity": "page"}
MARK = "MAINT: change 4711"


async def deliver(member: Member, port: int, body: bytes) -> int:
    """Posts a webhook's body to the agent; the status of its answer."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with member.http.post(f"http://127.0.0.1:{port}{PATH}", data=body, headers=headers) as reply:
        return reply.status


def timer(subject: Agent) -> Run:
    """What the only timer of the only incident does."""
    [judged] = subject.incidents()
    [found] = judged.timers
    return found.state


async def opened(subject: Agent, member: Member, **labels: str) -> None:
    """Fires an alert, and waits for its incident."""
    await member.fire(**DOWN | labels)
    await until(lambda: subject.incidents("open"))


async def test_a_webhook_opens_an_incident(tmp_path: Path) -> None:
    """Alertmanager's delivery opens the incident, with the alert's labels, from the alert's start; its end ends it."""
    port = free_port()
    async with (
        alertmanager(tmp_path, webhook=f"http://127.0.0.1:{port}{PATH}") as member,
        agent(config(member.url, interval=600.0), port=port) as subject,
    ):
        await until(lambda: subject.metric("last_reconcile_timestamp_seconds"))
        began = Clock().now()
        await member.fire(**DOWN)
        [judged] = await until(lambda: subject.incidents("open"))
        incident = judged.incident
        assert (incident.class_, incident.resource) == (API, "ApiDown/nova")
        assert dict(incident.labels) == {**DOWN, "condition": "alert"}
        assert began - 0.01 <= incident.start <= began + 1.0
        assert subject.metric("webhooks_total", outcome="taken") == 1

        await member.resolve(**DOWN)
        await until(lambda: subject.incidents("resolved", "closed"))
        assert subject.metric("alerts_total", outcome="resolved") == 1


async def test_a_delivery_again_changes_nothing(tmp_path: Path) -> None:
    """An occurrence, known by fingerprint and start, is taken once: while it fires, and after it was over."""
    port = free_port()
    async with (
        alertmanager(tmp_path) as member,
        agent(config(member.url), port=port) as subject,
    ):
        await opened(subject, member)
        found: Any = await member.alert("ApiDown")
        alert = {**found, "status": "firing", "endsAt": "0001-01-01T00:00:00Z"}
        # The API has milliseconds of the nanoseconds that a webhook has.
        alert["startsAt"] = alert["startsAt"].replace("Z", "987654Z")
        assert await deliver(member, port, webhook_body(alert)) == 200
        assert len(subject.incidents()) == 1

        await member.resolve(**DOWN)
        await until(lambda: subject.incidents("closed"))
        assert await deliver(member, port, webhook_body(alert)) == 200
        assert subject.metric("alerts_total", outcome="duplicate") == 2
        assert subject.metric("alerts_total", outcome="firing") == 1
        looked = subject.view.now
        await until(lambda: subject.view.now > looked + 0.5)
        assert [one.incident.state for one in subject.incidents()] == ["closed"]


async def test_a_webhook_alone_resolves_nothing(tmp_path: Path) -> None:
    """A delivery that says resolved makes the agent look; as long as the alert is listed, the incident is open."""
    port = free_port()
    async with (
        alertmanager(tmp_path) as member,
        agent(config(member.url, interval=600.0), port=port) as subject,
    ):
        await member.fire(**DOWN)
        found: Any = await member.until_alert("ApiDown")
        await until(lambda: subject.metric("last_reconcile_timestamp_seconds"))
        firing = {**found, "status": "firing", "endsAt": "0001-01-01T00:00:00Z"}
        assert await deliver(member, port, webhook_body(firing)) == 200
        await until(lambda: subject.incidents("open"))
        before = subject.metric("last_reconcile_timestamp_seconds")
        resolved = {**found, "status": "resolved", "endsAt": stamp(Clock().now())}
        assert await deliver(member, port, webhook_body(resolved)) == 200
        await until(lambda: subject.metric("last_reconcile_timestamp_seconds") > before)
        assert [one.incident.state for one in subject.incidents()] == ["open"]


async def test_what_a_truncated_delivery_left_out_is_read(tmp_path: Path) -> None:
    """truncatedAlerts above 0 is answered well, and what was left out is found by looking at once."""
    port = free_port()
    async with (
        alertmanager(tmp_path) as member,
        agent(config(member.url, interval=600.0), port=port) as subject,
    ):
        await until(lambda: subject.metric("last_reconcile_timestamp_seconds"))
        await member.fire(**DOWN)
        assert await deliver(member, port, webhook_body(truncated=3)) == 200
        await until(lambda: subject.incidents("open"))


async def test_an_alert_that_ends_while_silenced_is_noticed(tmp_path: Path) -> None:
    """No webhook says that a silenced alert is over; the list of what fires does. Silence pauses nothing."""
    port = free_port()
    async with (
        alertmanager(tmp_path, webhook=f"http://127.0.0.1:{port}{PATH}") as member,
        agent(config(member.url), port=port) as subject,
    ):
        await opened(subject, member)
        await member.silence("too loud", equals("alertname", "ApiDown"))
        await until(lambda: subject.metric("silences", outcome="unmarked"))
        before = subject.metric("last_reconcile_timestamp_seconds")
        await until(lambda: subject.metric("last_reconcile_timestamp_seconds") > before)
        assert [one.incident.state for one in subject.incidents()] == ["open"]
        assert timer(subject) is Run.RUNNING

        await member.resolve(**DOWN)
        await until(lambda: subject.incidents("closed"))
        assert subject.metric("alerts_total", outcome="resolved") == 0
        assert subject.view.windows == ()


@pytest.mark.parametrize(
    "matcher",
    [
        equals("site", "dc1"),
        {"name": "alertname", "value": "Api(Down|Slow)", "isRegex": True, "isEqual": True},
        equals("site", "dc2", isEqual=False),
        equals("resource", "ApiDown/nova"),
    ],
    ids=["equal", "regex", "unequal", "resource"],
)
async def test_a_marked_silence_pauses_until_it_is_ended(tmp_path: Path, matcher: Any) -> None:
    """MAINT: in front of the comment pauses the timers of incidents that its matchers select, until its end."""
    async with alertmanager(tmp_path) as member, agent(config(member.url)) as subject:
        await opened(subject, member)
        key = await member.silence(MARK, matcher)
        await until(lambda: timer(subject) is Run.PAUSED)
        [window] = subject.view.windows
        assert (window.source, window.comment) == ("silence", f"somebody: {MARK}")
        assert subject.metric("silences", outcome="applied") == 1

        await member.ask("DELETE", f"/silence/{key}")
        await until(lambda: timer(subject) is Run.RUNNING)
        [window] = subject.view.windows
        assert window.end <= subject.view.now
        assert subject.metric("windows_total", change="announced") == 1
        assert subject.metric("windows_total", change="ended") == 1


async def test_a_silence_that_is_edited_goes_on(tmp_path: Path) -> None:
    """Prolonged, it is the same silence and a second window; with other matchers, another silence and window."""
    async with alertmanager(tmp_path) as member, agent(config(member.url)) as subject:
        await opened(subject, member)
        key = await member.silence(MARK, equals("site", "dc1"))
        await until(lambda: timer(subject) is Run.PAUSED)
        [first] = subject.view.windows
        [silence] = [silence for silence, _ in subject.link.silences]
        prolonged = {"startsAt": stamp(silence.starts_at), "endsAt": stamp(silence.ends_at + 3600), "id": key}
        assert await member.silence(MARK, equals("site", "dc1"), **prolonged) == key
        await until(lambda: subject.metric("windows_total", change="ended") == 1)
        await until(lambda: len(subject.view.windows) == 2)
        assert max(window.end for window in subject.view.windows) - first.end == pytest.approx(3600, abs=0.01)
        assert timer(subject) is Run.PAUSED

        assert await member.silence(MARK, equals("site", "dc2"), id=key) != key
        await until(lambda: timer(subject) is Run.RUNNING)


@pytest.mark.parametrize(
    ("comment", "lasts", "outcome"),
    [("Maint", 3600.0, "unmarked"), (MARK, 90000.0, "too_long")],
)
async def test_what_is_no_announced_maintenance_is_shown_only(
    tmp_path: Path, comment: str, lasts: float, outcome: str
) -> None:
    """A silence without the mark, or longer than a day, becomes no window."""
    async with alertmanager(tmp_path) as member, agent(config(member.url)) as subject:
        await opened(subject, member)
        key = await member.silence(comment, equals("site", "dc1"), lasts=lasts)
        await until(lambda: subject.metric("silences", outcome=outcome) == 1)
        assert [(silence.id, why) for silence, why in subject.link.silences] == [(key, outcome)]
        assert subject.view.windows == ()
        assert timer(subject) is Run.RUNNING


async def test_a_regular_expression_meets_incidents_that_come_later(tmp_path: Path) -> None:
    """A silence that can only be compared with incidents pauses those, too, that open after it was read."""
    async with alertmanager(tmp_path) as member, agent(config(member.url)) as subject:
        await member.silence(MARK, {"name": "site", "value": "dc[0-9]", "isRegex": True, "isEqual": True})
        await until(lambda: subject.metric("silences", outcome="unmatched"))
        await opened(subject, member)
        await until(lambda: timer(subject) is Run.PAUSED)


async def test_what_cannot_be_asked_is_unknown(tmp_path: Path) -> None:
    """Without an answer from any member the incident stays open, unobserved; it is observed again with the next one."""
    async with (
        alertmanager(tmp_path / "1") as member,
        agent(config(member.url)) as subject,
    ):
        await opened(subject, member)
        assert member.process is not None
        member.process.kill()
        await until(lambda: subject.incidents()[0].incident.unobserved_since)
        assert [one.incident.state for one in subject.incidents()] == ["open"]
        assert subject.metric("requests_total", member=member.name, operation="alerts", outcome="unreachable") > 0


async def test_a_member_that_was_just_started_proves_nothing(tmp_path: Path) -> None:
    """A member forgets alerts when it restarts; what it does not list yet is not over."""
    async with alertmanager(tmp_path) as member, agent(config(member.url), settled=3600.0) as subject:
        await opened(subject, member)
        await member.resolve(**DOWN)
        await member.until_alert("ApiDown", fires=False)
        before = subject.metric("requests_total", member=member.name, operation="alerts", outcome="ok")
        await until(
            lambda: subject.metric("requests_total", member=member.name, operation="alerts", outcome="ok") > before + 2
        )
        assert subject.incidents("open")
        assert subject.metric("last_reconcile_timestamp_seconds") == 0


async def test_one_member_that_lists_it_is_enough(tmp_path: Path) -> None:
    """Members do not share alerts: it is over when none of them lists it."""
    async with (
        alertmanager(tmp_path / "1") as one,
        alertmanager(tmp_path / "2") as other,
        agent(config(one.url, other.url)) as subject,
    ):
        await opened(subject, other)
        before = subject.metric("last_reconcile_timestamp_seconds")
        await until(lambda: subject.metric("last_reconcile_timestamp_seconds") > before + 1)
        assert subject.incidents("open")
        await other.resolve(**DOWN)
        await until(lambda: subject.incidents("closed"))


async def test_what_ended_while_the_agent_was_away_is_noticed(tmp_path: Path) -> None:
    """After a restart the incidents that alerts opened are compared with what fires now."""
    store = MemoryStore(monotonic=Clock().monotonic)
    async with alertmanager(tmp_path) as member:
        async with agent(config(member.url), store=store) as subject:
            await opened(subject, member)
            await member.fire(**DOWN | {"instance": "keystone"})
            await until(lambda: len(subject.incidents("open")) == 2)
        await member.resolve(**DOWN)
        await member.resolve(**DOWN | {"instance": "keystone"})
        await member.fire(**DOWN | {"instance": "keystone"})
        async with agent(config(member.url), store=store) as subject:
            await until(lambda: subject.incidents("closed"))
            states = {one.incident.resource: one.incident.state for one in subject.incidents()}
            assert states == {"ApiDown/nova": "closed", "ApiDown/keystone": "open"}


async def test_incidents_are_told_to_every_member(tmp_path: Path) -> None:
    """Each member has incident and watchdog; a repaired resource ends the first, a dead agent both, at their endsAt."""
    async with (
        alertmanager(tmp_path / "source") as source,
        alertmanager(tmp_path / "1") as one,
        alertmanager(tmp_path / "2", peer=one.gossip) as other,
        agent(config(source.url, one.url, other.url, push=Push(0.5, (("cluster", "test"),)))) as subject,
    ):
        await opened(subject, source)
        expected = {"alertname": "SlaIncident", "class": API, "resource": "ApiDown/nova", "severity": "critical"}
        for member in (one, other):
            found = await member.until_alert("SlaIncident")
            assert found is not None
            assert found["labels"] == {**expected, "site": "dc1", "cluster": "test"}
            await member.until_alert("NovacenterWatchdog")
        assert subject.metric("alerts_pushed_total", member=other.name) > 0

        await source.resolve(**DOWN)
        for member in (one, other):
            await member.until_alert("SlaIncident", fires=False)
            assert await member.alert("NovacenterWatchdog")

        await opened(subject, source, instance="keystone")
        for member in (one, other):
            await member.until_alert("SlaIncident")
        await subject.stop()
        for member in (one, other):
            await member.until_alert("NovacenterWatchdog", fires=False)
            await member.until_alert("SlaIncident", fires=False)
