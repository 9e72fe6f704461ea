"""A real Alertmanager, and an agent that deals with it: the evaluator over an empty store, the link, the web server."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from externals import require
from prometheus_client import CollectorRegistry
from slarunnerlab import faster

from exporter.alertmanager.evaluator import World
from exporter.alertmanager.link import Link
from exporter.alertmanager.metrics import Metrics
from exporter.alertmanager.webhook import PATH, Receiver
from exporter.boottime import Clocks
from exporter.clock import Clock
from exporter.conditions import Sight
from exporter.config import Alertmanager, Credentials, Secret, Tls, Webhook
from exporter.publisher import Publisher
from exporter.slajudge import Setup
from exporter.slapolicy import policy as built_in
from exporter.slarunner import Runner, Surroundings
from exporter.slaview import View
from exporter.status import Status
from exporter.vcenter import tls
from exporter.web import application, serve
from sla.engine import Judged
from sla.store.base import Store
from sla.store.memory import MemoryStore

API = "api_communication"
TOKEN = "a-token"
DEADLINE = 30.0
STATUS = Status(version="", started=0.0, now=0.0, sources=())
AT_ONCE = faster(built_in(), open_after=0.0, open_count=1, clear_after=0.0, clear_count=1, reopen_within=0.0)
"""The built-in classes, without patience."""

_CONFIG = """\
global: {{resolve_timeout: 2s}}
route: {{receiver: {receiver}, group_by: [...], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: nobody
  - name: agent
    webhook_configs:
      - url: {url}
        http_config: {{authorization: {{credentials: {token}}}}}
"""


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


async def until(found: Callable[[], Any], *, deadline: float = DEADLINE) -> Any:
    """What ``found`` gives as soon as that is something."""
    async with asyncio.timeout(deadline):
        while not (result := found()):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)
    return result


def stamp(at: float) -> str:
    """As the API writes times."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def webhook_body(*alerts: Mapping[str, Any], truncated: int = 0) -> bytes:
    """A delivery as Alertmanager sends it."""
    made = {"version": "4", "groupKey": "{}", "truncatedAlerts": truncated, "status": "firing", "receiver": "agent"}
    return json.dumps({**made, "alerts": alerts}).encode()


@dataclass
class Member:
    """One running Alertmanager."""

    url: str
    gossip: str
    http: aiohttp.ClientSession
    process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        """The value of the label ``member``."""
        return self.url.removeprefix("http://")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer of its API v2."""
        async with self.http.request(method, f"{self.url}/api/v2{path}", json=body) as reply:
            text = await reply.text()
            assert reply.status == 200, text
            return json.loads(text) if text else None

    async def fire(self, lasts: float = 3600.0, **labels: str) -> None:
        """Tells it of an alert as Prometheus would."""
        now = Clock().now()
        await self.ask("POST", "/alerts", [{"labels": labels, "startsAt": stamp(now), "endsAt": stamp(now + lasts)}])

    async def resolve(self, **labels: str) -> None:
        """Tells it that the alert is over."""
        await self.ask("POST", "/alerts", [{"labels": labels, "endsAt": stamp(Clock().now())}])

    async def silence(self, comment: str, *matchers: Mapping[str, Any], lasts: float = 3600.0, **more: Any) -> str:
        """Silences, or edits the silence ``id``; the id."""
        now = Clock().now()
        times = {"startsAt": stamp(now), "endsAt": stamp(now + lasts)}
        made = {"comment": comment, "createdBy": "somebody", "matchers": list(matchers), **times, **more}
        found: str = (await self.ask("POST", "/silences", made))["silenceID"]
        return found

    async def alert(self, name: str) -> Mapping[str, Any] | None:
        """The alert of that name that fires, as the API lists it."""
        found = await self.ask("GET", f"/alerts?filter=alertname%3D%22{name}%22")
        return found[0] if found else None

    async def until_alert(self, name: str, *, fires: bool = True) -> Mapping[str, Any] | None:
        """Waits until an alert of that name fires, or does not."""
        async with asyncio.timeout(DEADLINE):
            while bool(found := await self.alert(name)) is not fires:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        return found


def equals(name: str, value: str, **more: bool) -> Mapping[str, Any]:
    """A matcher of a silence."""
    return {"name": name, "value": value, "isRegex": False, "isEqual": True, **more}


@asynccontextmanager
async def alertmanager(directory: Path, *, webhook: str = "", peer: str = "") -> AsyncIterator[Member]:
    """A member that tells ``webhook`` of alerts, or nobody; ``peer`` is the gossip address of another one."""
    program, port, gossip = require("alertmanager"), free_port(), free_port()
    directory.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    receiver = "agent" if webhook else "nobody"
    config = directory / "alertmanager.yml"
    config.write_text(_CONFIG.format(receiver=receiver, url=webhook or "http://127.0.0.1:1/", token=TOKEN))
    with (directory / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={config}",
            f"--storage.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--cluster.listen-address=127.0.0.1:{gossip}",
            "--cluster.settle-timeout=0s",
            *([f"--cluster.peer={peer}"] if peer else []),
            stdout=log,
            stderr=log,
        )
    try:
        async with aiohttp.ClientSession() as http:
            member = Member(f"http://127.0.0.1:{port}", f"127.0.0.1:{gossip}", http, process)
            async with asyncio.timeout(DEADLINE):
                while True:
                    with suppress(aiohttp.ClientConnectionError):
                        await member.ask("GET", "/status")
                        break
                    await asyncio.sleep(0.05)
            yield member
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@dataclass
class Agent:
    """The parts of an agent that deal with Alertmanager."""

    runner: Runner
    link: Link
    registry: CollectorRegistry
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def view(self) -> View:
        """What the evaluator shows."""
        return self.runner.view

    def incidents(self, *states: str) -> tuple[Judged, ...]:
        """The incidents, of these states only if any are given."""
        return tuple(one for one in self.view.incidents if not states or one.incident.state.value in states)

    def metric(self, name: str, **labels: str) -> float:
        """One of its metrics."""
        return self.registry.get_sample_value(f"novacenter_alertmanager_{name}", labels) or 0.0

    async def stop(self) -> None:
        """Dies."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def config(*urls: str, **more: Any) -> Alertmanager:
    """In a hurry."""
    webhook = Webhook(Credentials(Secret(TOKEN)))
    return replace(Alertmanager(urls=urls, interval=0.5, tls=Tls(insecure=True), webhook=webhook), **more)


@asynccontextmanager
async def agent(
    settings: Alertmanager, *, port: int = 0, settled: float = 0.0, store: Store | None = None
) -> AsyncIterator[Agent]:
    """An agent whose evaluator looks every 0.2 s at nothing but what it is told."""
    registry, clock = CollectorRegistry(), Clock()
    store = store or MemoryStore(monotonic=clock.monotonic)
    surroundings = Surroundings(
        clocks=Clocks(wall=clock.now, synchronised=lambda: True),
        monotonic=clock.monotonic,
        look=lambda _: Sight(),
        publish=lambda *_: None,
        period=0.2,
        glance=0.05,
    )
    runner = Runner(store, Setup(AT_ONCE), surroundings, holder=f"agent-{next(_NUMBERS)}")
    metrics = Metrics(registry)
    broken: list[str] = []
    world = World(runner, clock, metrics, broken=lambda: broken.append("broken"), settled=settled)
    link = Link(settings, world, tls.context(settings.tls))
    assert settings.webhook is not None
    routes = {PATH: Receiver(settings.webhook, metrics, link.deliver).handle}
    publisher = Publisher(registry, clock, budget=1000)
    app = application(publisher, status=lambda: STATUS, ready=lambda: True, late=lambda: (), webhooks=routes)
    async with AsyncExitStack() as stack:
        server = await serve(app, f"127.0.0.1:{port}", grace=0.2)
        stack.push_async_callback(server.stop)
        made = Agent(runner, link, registry)
        stack.push_async_callback(made.stop)
        made.tasks += [asyncio.create_task(runner.run()), asyncio.create_task(link.run())]
        await until(lambda: made.view.leader and made.view.now)
        yield made
    assert broken == []


_NUMBERS = itertools.count()
