"""Faults from their order to the pager: simulators, agent, Prometheus and Alertmanager, each a process, in less time.

Rules, routes and configurations are the committed ones; only their durations are divided by a factor (``timelapse``),
and their receivers tell this process.
"""

import asyncio
import json
import os
import sys
import urllib.parse
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from alertmanagerlab import free_port
from externals import ROOT, require
from timelapse import compressed, seconds

from exporter.clock import Clock
from tools import stack

PASSWORD = "pass"
SAMPLES = 20.0
"""Seconds between two real-time samples of a vCenter, which no factor changes."""
PUSHED = 5.0
"""Seconds until the page shows what vCenter tells by itself: what its inventory has, and that it is gone."""
SLACK = 4.0
"""Seconds for the processes themselves, on a machine that has other things to do."""

_AGENT = """\
listen: {listen}
state: {state}
vcenters:
  - {{name: a, {a}}}
  - {{name: b, {b}}}
clouds:
  - name: a
    auth_url: {cloud}
    username: user
    password_env: PASSWORD
    project_name: admin
    vcenters: [a]
    interval: {interval}s
    limits: {{power_off: {limit}s}}
"""
_VCENTER = (
    'url: "{url}", username: user, password_env: PASSWORD, tls: {{thumbprint: "{thumbprint}"}}, '
    "realtime_interval: {interval}s"
)
POWER_OFF = 60.0
"""Seconds that a power-off may take here; 600 unless configured."""
CLOUD = 10.0
"""Seconds between two looks at the cloud."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the parts of the chain take at most, in seconds, when durations are divided by ``factor``."""

    factor: float

    def __call__(self, real: float) -> float:
        """A duration of the configuration."""
        return real / self.factor

    @property
    def samples(self) -> float:
        """From a host's load to the agent's page: the next sample, and the cycle that fetches it."""
        return SAMPLES + self.cycle

    @property
    def cycle(self) -> float:
        """Between two cycles of a vCenter."""
        return max(1.0, self(SAMPLES))

    @property
    def cloud(self) -> float:
        """Between two looks at the cloud."""
        return max(1.0, self(CLOUD))

    @property
    def limit(self) -> float:
        """That a power-off may take; not less than the agent needs to learn of vCenter's tasks."""
        return max(15.0, self(POWER_OFF))


@dataclass(frozen=True, slots=True)
class Simulated:
    """A running simulator: what its READY line said."""

    url: str
    thumbprint: str
    cloud_url: str
    control_url: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What a receiver was told of one alert."""

    at: float
    receiver: str
    firing: bool
    labels: Mapping[str, str]


@dataclass(slots=True)
class Life:
    """One alert as Alertmanager's API listed it: since when, until when (None: still), and who kept it back."""

    labels: Mapping[str, str]
    since: float
    until: float | None = None
    inhibitors: set[str] = field(default_factory=set)
    active: bool = False
    """Whether it was, at some time, kept back by nobody."""


@asynccontextmanager
async def process(*command: str | Path, log: Path, ready: str = "") -> AsyncIterator[str]:
    """A program until the block is left, and the first line on its standard output that begins with ``ready``."""
    with log.open("wb") as errors:
        started = await asyncio.create_subprocess_exec(
            *map(str, command),
            stdout=asyncio.subprocess.PIPE if ready else errors,
            stderr=errors,
            env={**os.environ, "PASSWORD": PASSWORD},
            cwd=ROOT,
        )
    try:
        line = ""
        async with asyncio.timeout(60):
            while ready and not line.startswith(ready):
                assert started.stdout is not None
                line = (await started.stdout.readline()).decode()
                assert line, f"{command} has ended:\n{_end_of(log)}"
        yield line.strip()
    finally:
        if started.returncode is None:
            started.terminate()
        else:
            sys.stderr.write(f"{' '.join(map(str, command))} ended with {started.returncode}:\n{_end_of(log)}\n")
        await started.wait()


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


@asynccontextmanager
async def simulator(log: Path, *more: str) -> AsyncIterator[Simulated]:
    """A simulated vCenter that takes orders at an address of its own."""
    anywhere = "127.0.0.1:0"
    account = ("--user", "user", "--password", PASSWORD, "--hosts", "6", "--vms", "24")
    command = (sys.executable, "-m", "simulator", "--listen", anywhere, "--control-listen", anywhere)
    async with process(*command, *account, *more, log=log, ready="READY") as line:
        yield Simulated(**dict(word.split("=", 1) for word in line.split()[1:]))


@asynccontextmanager
async def receivers(told: list[Notification]) -> AsyncIterator[str]:
    """Where Alertmanager's receivers are: ``{address}/{receiver}``."""

    async def take(request: web.Request) -> web.Response:
        now, receiver = Clock().now(), request.match_info["receiver"]
        alerts = (await request.json())["alerts"]
        told.extend(Notification(now, receiver, one["status"] == "firing", one["labels"]) for one in alerts)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{receiver}", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def read(name: str) -> Any:
    """A committed file of alerts/, parsed."""
    return yaml.safe_load((ROOT / "alerts" / name).read_text(encoding="utf-8"))


class Stated:
    """The times that the committed files promise, divided: of an alert, and of those who are told of it."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        files = [compressed(yaml.safe_load(file.read_text("utf-8")), pace.factor) for file in rule_files()]
        groups = [group for content in files for group in content["groups"]]
        self._rules = {rule.get("alert"): (group, rule) for group in groups for rule in group["rules"]}
        settings = compressed(read("prometheus.yml"), pace.factor)["global"]
        self.scrape, self._evaluation = seconds(settings["scrape_interval"]), settings["evaluation_interval"]
        self.waits = dict(_waits(compressed(read("alertmanager.yml"), pace.factor)["route"], {}))

    def evaluation(self, alert: str) -> float:
        """Between two evaluations of the alert's rule."""
        return seconds(self._rules[alert][0].get("interval", self._evaluation))

    def fires(self, alert: str, shown: float) -> float:
        """From the fault to the alert: ``shown`` until the agent's page says so, a scrape, an evaluation, ``for``.

        An alert fires at the first evaluation at or after the end of ``for``, so that may cost one evaluation more.
        """
        evaluation = self.evaluation(alert)
        hold = seconds(self._rules[alert][1].get("for", "0s"))
        return shown + self.scrape + evaluation + hold + (evaluation if hold else 0) + SLACK

    def resolves(self, alert: str, shown: float) -> float:
        """From the end of the fault to that of the alert: as above, with ``keep_firing_for``."""
        evaluation = self.evaluation(alert)
        keep = seconds(self._rules[alert][1].get("keep_firing_for", "0s"))
        return shown + self.scrape + evaluation + keep + (evaluation if keep else 0) + SLACK

    def told(self, receiver: str) -> float:
        """From the alert, or its end, to the receiver: a new group waits, one that has told has its interval."""
        return max(self.waits[receiver]) + SLACK


def rule_files() -> Sequence[Path]:
    """The committed rules."""
    return sorted((ROOT / "alerts").glob("*.rules.yml"))


def _waits(route: Mapping[str, Any], inherited: Mapping[str, str]) -> Iterable[tuple[str, tuple[float, float]]]:
    """Receiver -> (group_wait, group_interval), as routes inherit them."""
    own = {**inherited, **{key: route[key] for key in ("receiver", "group_wait", "group_interval") if key in route}}
    yield own["receiver"], (seconds(own["group_wait"]), seconds(own["group_interval"]))
    for child in route.get("routes", ()):
        yield from _waits(child, own)


def write(directory: Path, pace: Pace, *, addresses: Mapping[str, str], webhooks: str) -> None:
    """The committed rules and configurations, divided, with these addresses and receivers."""
    for file in rule_files():
        rules = compressed(yaml.safe_load(file.read_text("utf-8")), pace.factor)
        (directory / file.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    prometheus = compressed(stack.prometheus_config(read("prometheus.yml"), addresses), pace.factor)
    prometheus["rule_files"] = [f"{directory}/*.rules.yml"]
    for job in prometheus["scrape_configs"]:
        job.pop("scrape_timeout", None)  # then it is the interval: divided, it is too short for a busy machine
    alertmanager = compressed(read("alertmanager.yml"), pace.factor)
    alertmanager["receivers"] = [
        {
            "name": receiver["name"],
            "webhook_configs": [{"url": f"{webhooks}/{receiver['name']}", "send_resolved": True}],
        }
        for receiver in alertmanager["receivers"]
    ]
    for name, content in (("prometheus", prometheus), ("alertmanager", alertmanager)):
        (directory / f"{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")


def agent_config(directory: Path, pace: Pace, *, listen: str, a: Simulated, b: Simulated) -> Path:
    """The agent's configuration: two vCenters and the cloud on the first."""
    sources = {
        name: _VCENTER.format(url=one.url, thumbprint=one.thumbprint, interval=f"{pace.cycle:g}")
        for name, one in (("a", a), ("b", b))
    }
    file = directory / "novacenter.yml"
    text = _AGENT.format(
        listen=listen,
        state=directory / "state",
        cloud=a.cloud_url,
        interval=f"{pace.cloud:g}",
        limit=f"{pace.limit:g}",
        **sources,
    )
    file.write_text(text, encoding="utf-8")
    return file


@dataclass
class Lab:
    """All of it while it runs."""

    pace: Pace
    stated: Stated
    a: Simulated
    b: Simulated
    http: aiohttp.ClientSession
    addresses: Mapping[str, str]
    told: list[Notification]
    lives: list[Life] = field(default_factory=list)

    async def order(self, where: Simulated, **order: Any) -> bool:
        """Whether the simulator took the order."""
        async with self.http.post(where.control_url, json=order) as reply:
            return bool(reply.status == 200)

    async def end(self, where: Simulated) -> None:
        """Ends all that goes wrong there."""
        async with self.http.delete(where.control_url) as reply:
            assert reply.status == 200

    async def ask(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """What a query gives now, with its durations divided."""
        path = urllib.parse.urlencode({"query": expression})
        async with self.http.get(f"http://{self.addresses['prometheus']}/api/v1/query?{path}") as reply:
            answer = await reply.json()
        assert answer["status"] == "success", f"{expression}\n{answer}"
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    async def until(self, expression: str, limit: float = 60.0) -> list[tuple[Mapping[str, str], float]]:
        """The first answer that is not empty."""
        async with asyncio.timeout(limit):
            while True:
                with suppress(aiohttp.ClientConnectionError, aiohttp.ContentTypeError):
                    if found := await self.ask(expression):
                        return found
                await asyncio.sleep(0.3)

    async def watch(self) -> None:
        """Reads Alertmanager's alerts until cancelled, into ``lives``."""
        while True:
            await self._look()
            await asyncio.sleep(0.2)

    async def _look(self) -> None:
        async with self.http.get(f"http://{self.addresses['alertmanager']}/api/v2/alerts") as reply:
            found = {alert["fingerprint"]: alert for alert in json.loads(await reply.text())}
        now, open_ = Clock().now(), {}
        for life in (one for one in self.lives if one.until is None):
            if life.labels["fingerprint"] in found:
                open_[life.labels["fingerprint"]] = life
            else:
                life.until = now
        for key, alert in found.items():
            if key not in open_:
                open_[key] = Life({**alert["labels"], "fingerprint": key}, now)
                self.lives.append(open_[key])
            open_[key].inhibitors |= set(alert["status"]["inhibitedBy"])
            open_[key].active |= alert["status"]["state"] == "active"

    def alerts(self, **labels: str) -> list[Life]:
        """Alerts with these labels that were ever seen, in the order of their beginning."""
        return [life for life in self.lives if labels.items() <= life.labels.items()]

    def notifications(self, *, firing: bool, **labels: str) -> list[Notification]:
        """Whom somebody was told of, that has these labels."""
        return [one for one in self.told if one.firing is firing and labels.items() <= one.labels.items()]

    async def reached(self, what: Any, *, within: float, since: float) -> Any:
        """What ``what()`` gives as soon as that is something; None where it is not, that long after ``since``."""
        while not (found := what()) and Clock().now() < since + within:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
        return found


@asynccontextmanager
async def lab(directory: Path, factor: float) -> AsyncIterator[Lab]:
    """Everything, running and watched."""
    pace, told = Pace(factor), list[Notification]()
    addresses = {name: f"127.0.0.1:{free_port()}" for name in stack.SHIPPED}
    async with AsyncExitStack() as entered:
        enter = entered.enter_async_context
        webhooks = await enter(receivers(told))
        a = await enter(simulator(directory / "a.log", "--cloud-listen", "127.0.0.1:0"))
        b = await enter(simulator(directory / "b.log", "--seed", "2"))
        write(directory, pace, addresses=addresses, webhooks=webhooks)
        for name, command in _programs(directory, addresses).items():
            await enter(process(*command, log=directory / f"{name}.log"))
        config = agent_config(directory, pace, listen=addresses["agent"], a=a, b=b)
        await enter(process(sys.executable, "-m", "exporter", "run", "--config", config, log=directory / "agent.log"))
        http = await enter(aiohttp.ClientSession())
        made = Lab(pace, Stated(pace), a, b, http, addresses, told)
        await made.until("min(vsphere_up) == 1 and on () novacenter_cloud_up == 1")
        watching = asyncio.create_task(made.watch())
        try:
            yield made
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


def _programs(directory: Path, addresses: Mapping[str, str]) -> Mapping[str, Sequence[str | Path]]:
    return {
        "alertmanager": (
            require("alertmanager"),
            f"--config.file={directory}/alertmanager.yml",
            f"--storage.path={directory}/alertmanager",
            f"--web.listen-address={addresses['alertmanager']}",
            "--cluster.listen-address=",
        ),
        "prometheus": (
            require("prometheus"),
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/prometheus",
            f"--web.listen-address={addresses['prometheus']}",
        ),
    }
