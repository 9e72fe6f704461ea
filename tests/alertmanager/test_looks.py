"""Who looks when, and what of it is kept, with an evaluator and a member that do as they are told."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from exporter.alertmanager.alertlook import AlertLook
from exporter.alertmanager.client import Client
from exporter.alertmanager.evaluator import NotReady, World
from exporter.alertmanager.metrics import Metrics
from exporter.alertmanager.silencelook import SilenceLook
from exporter.alertmanager.teller import Teller
from exporter.alertmanager.wire import Alert, Delivery
from exporter.clock import Clock
from exporter.config import Alertmanager, Push, Tls
from exporter.slaview import View
from exporter.vcenter import tls
from sla.engine import Engine, Judged
from sla.model import Health, Observation, PolicyChange, Window
from sla.policy import IncidentClass, Policy, Target
from sla.store.errors import Unavailable

POLICY = Policy({"plain": IncidentClass("plain", (Target("resolution", 1800.0),))})
START = "2026-11-23T10:00:00.000Z"
NOW = 1_795_430_400.0
"""2026-11-23 10:40:00 UTC"""
SILENCE = {
    "id": "1",
    "status": {"state": "active"},
    "updatedAt": START,
    "startsAt": START,
    "endsAt": "2026-11-23T12:00:00Z",
    "comment": "MAINT: x",
    "createdBy": "somebody",
    "matchers": [{"name": "site", "value": "dc1", "isRegex": False, "isEqual": True}],
}


@dataclass
class Evaluator:
    """Notes what it is told, unless it fails."""

    view: View = field(default_factory=lambda: View(now=NOW, leader=True, epoch=1, policy=POLICY))
    told: list[tuple[str, str]] = field(default_factory=list)
    fails: bool = False

    def _note(self, *what: str) -> None:
        if self.fails:
            raise Unavailable("the store is away")
        self.told.append((what[0], what[1]))

    async def observe(self, observation: Observation) -> None:
        """Notes resource and health."""
        self._note(observation.resource, observation.health.value)

    async def announce(self, window: Window) -> None:
        """Notes the window."""
        self._note("announced", window.id)

    async def end_window(self, window: str, *, actor: str = "") -> None:
        """Notes its end, and by whom."""
        assert actor == "alertmanager"
        self._note("ended", window)

    def wall(self, effective: float) -> float:
        """There is one clock only."""
        return effective

    def heard(self) -> list[tuple[str, str]]:
        """What was told since the last time."""
        told, self.told = self.told, []
        return told


@dataclass
class Lab:
    """An evaluator, and a member that answers with what the test wants."""

    evaluator: Evaluator = field(default_factory=Evaluator)
    seconds: float = 1000.0
    alerts: tuple[str, ...] = ()
    silences: tuple[Any, ...] = ()
    started: str = "2026-11-23T09:00:00Z"
    status: int = 200
    posted: list[Any] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    async def answer(self, request: web.Request) -> web.Response:
        """As Alertmanager would."""
        if request.method == "POST":
            self.posted.append(await request.json())
            return web.Response()
        match request.path:
            case "/api/v2/alerts":
                found: Any = [listed(name) for name in self.alerts]
            case "/api/v2/silences":
                found = self.silences
            case _:
                found = {"uptime": self.started}
        return web.Response(status=self.status, text=json.dumps(found))


def listed(name: str) -> dict[str, Any]:
    """An alert as the API lists it; what begins with ``?`` is of a class that there is not."""
    labels = {"sla_class": "other" if name.startswith("?") else "plain", "sla_resource": name}
    return {"fingerprint": name, "startsAt": START, "labels": labels}


def delivered(*names: str) -> Delivery:
    """A webhook with these alerts."""
    return Delivery(tuple(Alert(name, tuple(sorted(listed(name)["labels"].items())), NOW - 2400.0) for name in names))


def opened(down: Observation) -> tuple[Judged, ...]:
    """The incident that this observation opens."""
    at_once = replace(POLICY.classes["plain"], open_after=0.0, open_count=1)
    engine = Engine()
    engine.handle(PolicyChange(down.at, Policy({"plain": at_once})))
    engine.handle(down)
    return engine.judged(down.at)


@contextlib.asynccontextmanager
async def member(lab: Lab) -> AsyncIterator[tuple[Alertmanager, Client, World]]:
    """What a look is made from."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", lab.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = Alertmanager((f"http://127.0.0.1:{runner.addresses[0][1]}",), interval=60.0)
    metrics = Metrics(lab.registry)
    clock = Clock(now=lambda: NOW + lab.seconds - 1000.0, monotonic=lambda: lab.seconds)
    client = Client(settings, metrics, tls.context(Tls(insecure=True)))
    try:
        yield settings, client, World(lab.evaluator, clock, metrics)
    finally:
        await client.close()
        await runner.cleanup()


async def test_a_look_each_interval_or_soon_after_it_is_asked_for() -> None:
    """Once a minute; after a delivery that leaves something open, with the next beat two seconds later."""
    lab = Lab(alerts=("a",))
    async with member(lab) as parts:
        look = AlertLook(*parts)
        await look.beat()
        assert lab.evaluator.heard() == [("a", "down")]
        lab.alerts = ("a", "b")
        lab.seconds += 59.0
        await look.beat()
        assert lab.evaluator.heard() == []
        lab.seconds += 1.0
        await look.beat()
        assert lab.evaluator.heard() == [("b", "down")]
        await look.deliver(replace(delivered("c"), truncated=1))
        assert lab.evaluator.heard() == [("c", "down")]
        await look.beat()
        assert lab.evaluator.heard() == []
        lab.seconds += 2.0
        await look.beat()
        assert lab.evaluator.heard() == [("c", "up")]


async def test_one_that_follows_passes_on_and_does_not_look() -> None:
    """Its webhooks reach the evaluator; once it leads, it tells everything that fires."""
    lab = Lab(alerts=("a",))
    lab.evaluator.view = replace(lab.evaluator.view, leader=False, epoch=0)
    async with member(lab) as parts:
        look = AlertLook(*parts)
        await look.beat()
        await look.deliver(delivered("a"))
        assert lab.evaluator.heard() == [("a", "down")]
        lab.evaluator.view = replace(lab.evaluator.view, leader=True, epoch=2)
        await look.beat()
        assert lab.evaluator.heard() == [("a", "down")]


async def test_before_the_first_picture_nothing_is_taken() -> None:
    """What comes before the evaluator has looked is to be sent again."""
    lab = Lab()
    lab.evaluator.view = View()
    async with member(lab) as parts:
        look = AlertLook(*parts)
        with pytest.raises(NotReady):
            await look.deliver(delivered("a"))
        assert lab.evaluator.heard() == []


async def test_what_could_not_be_kept_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    """A delivery raises and is taken when it is sent again; a look that fails is made again, and said once."""
    lab = Lab(alerts=("a",))
    async with member(lab) as parts:
        look = AlertLook(*parts)
        lab.evaluator.fails = True
        with pytest.raises(Unavailable):
            await look.deliver(delivered("a"))
        for _ in range(2):
            await look.beat()
            lab.seconds += 60.0
        assert [record.getMessage() for record in caplog.records] == [
            "alerts of incident classes cannot be kept now; they are looked at again: the store is away"
        ]
        lab.evaluator.fails = False
        await look.beat()
        assert lab.evaluator.heard() == [("a", "down")]
        await look.deliver(delivered("a"))
        assert lab.evaluator.heard() == []


async def test_nobody_knows_after_a_while() -> None:
    """A member that fails for 2.5 minutes makes what fired unknown, once; with its answer it is down again."""
    lab = Lab(alerts=("a",))
    async with member(lab) as parts:
        look = AlertLook(*parts)
        await look.beat()
        lab.evaluator.heard()
        lab.status = 500
        heard = []
        for _ in range(5):
            lab.seconds += 60.0
            await look.beat()
            heard.append(lab.evaluator.heard())
        assert heard == [[], [], [("a", "unknown")], [], []]
        lab.status = 200
        lab.seconds += 60.0
        await look.beat()
        assert lab.evaluator.heard() == [("a", "down")]


async def test_a_class_that_is_not_known_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """It is counted for each occurrence, and one line says which class, and what to do."""
    lab = Lab(alerts=("?a", "?b"))
    async with member(lab) as parts:
        look = AlertLook(*parts)
        for _ in range(3):
            await look.beat()
            lab.seconds += 60.0
        await look.deliver(delivered("?a"))
        name = "novacenter_alertmanager_alerts_total"
        assert lab.registry.get_sample_value(name, {"outcome": "unknown_class"}) == 3
        assert [record.getMessage() for record in caplog.records] == [
            "alert '' is left out: the policy has no class 'other'; add it, or correct the label sla_class"
        ]


async def test_silences_are_followed_by_the_one_that_judges() -> None:
    """One look, one window; what could not be kept is announced later; where nobody answers, nothing ends."""
    lab = Lab(silences=(SILENCE,))
    async with member(lab) as parts:
        look = SilenceLook(*parts)
        lab.evaluator.view = replace(lab.evaluator.view, leader=False)
        await look.look()
        assert lab.evaluator.heard() == []
        lab.evaluator.view = replace(lab.evaluator.view, leader=True)
        lab.evaluator.fails = True
        await look.look()
        lab.evaluator.fails = False
        await look.match()
        [(what, key)] = lab.evaluator.heard()
        assert what == "announced"
        await look.match()
        assert lab.evaluator.heard() == []

        window = Window(key, NOW - 2400.0, NOW + 4800.0, source="silence")
        lab.evaluator.view = replace(lab.evaluator.view, windows=(window,))
        lab.status = 500
        await look.look()
        assert lab.evaluator.heard() == []
        lab.status = 200
        lab.silences = ({**SILENCE, "status": {"state": "expired"}},)
        await look.look()
        await look.match()
        assert lab.evaluator.heard() == [("ended", key)]


async def test_who_hangs_is_silent() -> None:
    """The watchdog is told as long as the picture is new; from a minute on nothing is, so that it ends by itself."""
    lab = Lab()
    async with member(lab) as (_, client, world):
        teller = Teller(Push(), client, world)
        lab.seconds += 59.0
        await teller.tell()
        assert [one["labels"]["alertname"] for one in lab.posted[0]] == ["NovacenterWatchdog"]
        lab.seconds += 2.0
        await teller.tell()
        assert len(lab.posted) == 1


async def test_that_it_is_resolved_is_told_again() -> None:
    """After an incident is over, each round of five minutes says at which instant, and then no more."""
    lab = Lab(alerts=("a",))
    down = Observation(NOW, "plain", "a", Health.DOWN)
    async with member(lab) as (_, client, world):
        teller = Teller(Push(), client, world)
        lab.evaluator.view = replace(lab.evaluator.view, incidents=opened(down))
        await teller.tell()
        lab.evaluator.view = replace(lab.evaluator.view, incidents=())
        for _ in range(11):
            lab.seconds += 30.0
            lab.evaluator.view = replace(lab.evaluator.view, now=NOW + lab.seconds - 1000.0)
            await teller.tell()
        ends = [
            [one["endsAt"] for one in round_ if one["labels"]["alertname"] == "SlaIncident"] for round_ in lab.posted
        ]
        assert ends == [["2026-11-23T10:41:30.000Z"], *[["2026-11-23T10:40:30.000Z"]] * 10, []]
