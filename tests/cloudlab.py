"""One cloud's poller against a cloud behind real HTTP, cycle by cycle, on a clock that stands still between cycles.

Keystone, version documents and the services beside Nova answer as recorded; Nova itself is the model in novamodel.
"""

import json
import random
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cloudreplies import recorded
from novamodel import FakeNova, fault

from exporter.cloudpoller import CloudPoller, CloudSurroundings
from exporter.config import Cloud, Secret, Timeouts
from exporter.errors import SourceError
from exporter.identity import Identity
from exporter.model import Family
from exporter.openstack.cloud import ApiFault
from exporter.openstack.session import Session
from exporter.poller import Poller
from exporter.state import State
from exporter.telemetry import Telemetry

RECORDED = "http://192.0.2.1:"
INTERVAL = 20.0
LIMITS = Timeouts(connect=2.0, read=2.0, total=4.0)
HOST = "vmware1"

Trouble = Callable[[web.Request], web.Response | None]
"""An answer instead of the usual one; None where it is to be the usual one."""


@dataclass
class CloudLab:
    """What a test moves and looks at. ``nova`` holds the clock; ``trouble`` may answer first."""

    directory: Path
    nova: FakeNova = field(default_factory=FakeNova)
    trouble: Trouble = lambda _: None
    settings: Mapping[str, Any] = field(default_factory=dict)
    vcenters: Mapping[str, Poller] = field(default_factory=dict)
    url: str = ""
    tokens: int = 0
    revoked: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    pages: dict[str, Mapping[Family, bytes]] = field(default_factory=dict)
    telemetry: Telemetry = field(init=False)
    poller: CloudPoller = field(init=False)

    def start(self) -> None:
        """A new agent with the same database: nothing else is remembered."""
        self.telemetry = Telemetry()
        self.pages = {}
        clock = self.nova.clock
        cloud = Cloud(
            "c1",
            auth_url=f"{self.url}/5000/v3",
            username="monitor",
            password=Secret("correct-horse"),
            project_name="admin",
            timeouts=LIMITS,
            limits={"power_off": 100.0, "attach_volume": 100.0},
            **self.settings,
        )
        state = State(self.directory)
        state.prepare()
        identity = Identity(clock=clock, publish=lambda *_: None, vcenters=dict)
        world = CloudSurroundings(
            clock=clock,
            telemetry=self.telemetry,
            publish=self._publish,
            state=state,
            vcenters=lambda: self.vcenters,
            identity=identity,
        )
        session = Session(cloud, region=None, clock=clock, rng=random.Random(1))
        self.poller = CloudPoller(cloud, session, name="c1", world=world)

    async def restart(self) -> None:
        """Ends the agent and starts another."""
        await self.poller.session.close()
        self.start()

    async def cycles(self, count: int = 1) -> None:
        """So many cycles of Nova, the interval after each."""
        for _ in range(count):
            await self.poller.operations_cycle()
            self.nova.now += INTERVAL

    def value(self, name: str, **labels: str) -> float | None:
        """A metric, the agent's own or of the cloud's page; None where there is no such series."""
        found = self.telemetry.registry.get_sample_value(name, {"cloud": "c1", **labels})
        return found if found is not None else self._shown(name, labels)

    def timeouts(self) -> float:
        """All timeouts that the page shows."""
        return sum(self._series("nova_vmware_task_timeouts_total").values())

    def _shown(self, name: str, labels: Mapping[str, str]) -> float | None:
        wanted = {"cloud": "c1", **labels}
        return next((v for found, v in self._series(name).items() if dict(found) == wanted), None)

    def _series(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        found = {}
        for page in self.pages.values():
            for line in b"".join(page.values()).decode().splitlines():
                if line.startswith(f"{name}{{"):
                    labels, _, value = line.removeprefix(name).rpartition(" ")
                    found[tuple(re.findall(r'(\w+)="([^"]*)"', labels))] = float(value)
        return found

    def _publish(
        self, _source: str, part: str, families: Mapping[Family, bytes], _series: Mapping[Family, int]
    ) -> None:
        self.pages[part] = families

    # --- what it answers ----------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.requests.append(f"{request.method} {request.path_qs}")
        reply = self.trouble(request) or await self._answer(request)
        date = datetime.fromtimestamp(int(self.nova.now), UTC)
        reply.headers.setdefault("Date", format_datetime(date, usegmt=True))
        return reply

    async def _answer(self, request: web.Request) -> web.Response:
        if request.path.endswith("/auth/tokens"):
            self.tokens += 1
            content = self._here(recorded("identity/token-admin").content)
            return web.json_response(content, status=201, headers={"X-Subject-Token": f"token-{self.tokens}"})
        port, *rest = request.path.strip("/").split("/")
        service = _PORTS.get(port)
        if service is None:
            return web.Response(status=404)
        if not rest or rest in (["v2.1"], ["v3"]):
            content = recorded(f"{service}/{'version' if rest else 'versions'}").content
            return web.json_response(self._here(content), status=200 if rest or service != "image" else 300)
        if request.headers.get("X-Auth-Token", "") in {"", *self.revoked}:
            return web.json_response(recorded("compute/unauthorised").content, status=401)
        if service == "compute" and rest[1] == "servers" and len(rest) > 2:
            return await self._nova(request.path_qs.removeprefix("/8774/v2.1"))
        return web.json_response(_beside(service, rest))

    async def _nova(self, path: str) -> web.Response:
        try:
            reply = await self.nova.get("compute", path)
        except ApiFault as error:
            return failing(error.code, error.text, retry_after=error.retry_after)
        except SourceError as error:
            return failing(500, str(error))
        return web.Response(body=reply.body, content_type="application/json")

    def _here(self, content: Any) -> Any:
        return json.loads(json.dumps(content).replace(RECORDED, f"{self.url}/"))


_PORTS = {"5000": "identity", "8774": "compute", "8778": "placement", "9292": "image", "9696": "network"}
_REST = {
    ("compute", "os-services"): "compute/services",
    ("compute", "os-hypervisors"): "compute/hypervisors",
    ("network", "agents"): "network/agents",
    ("placement", "traits"): "placement/traits-vmware1",
    ("placement", "usages"): "placement/usages-vmware1",
    ("placement", "inventories"): "placement/inventories-vmware1",
}


def _beside(service: str, rest: list[str]) -> Any:
    """The recorded answer of a service beside Nova's servers; anything else is an empty object."""
    name = next((name for (where, word), name in _REST.items() if where == service and word in rest), None)
    return recorded(name).content if name else {}


def failing(code: int, text: str = "no", *, retry_after: float | None = None) -> web.Response:
    """An error as Nova writes it."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:.0f}"}
    return web.json_response({"word": {"code": code, "message": text}}, status=code, headers=headers)


def on(end: str, answer: Callable[[], web.Response]) -> Trouble:
    """Trouble with what has ``end`` in its path."""
    return lambda request: answer() if end in request.path_qs else None


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged since the last look, but for information."""
    found = [record.getMessage() for record in caplog.records if record.levelname != "INFO"]
    caplog.clear()
    return found


@asynccontextmanager
async def cloud_lab(directory: Path, nova: FakeNova | None = None, **settings: Any) -> AsyncIterator[CloudLab]:
    """A cloud with a poller that has not run yet."""
    lab = CloudLab(directory, nova or FakeNova(), settings=settings)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", lab.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    lab.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    lab.start()
    try:
        yield lab
    finally:
        await lab.poller.session.close()
        await runner.cleanup()


__all__ = ["HOST", "INTERVAL", "CloudLab", "cloud_lab", "failing", "fault", "on", "said"]
