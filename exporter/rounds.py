"""What looks at the whole agent, in rounds beside polling: record, trust, ways, assessment, canary."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from exporter.assess import service as assess
from exporter.canary import service as canary
from exporter.clock import Clock
from exporter.clouds import Clouds
from exporter.config import Config
from exporter.days import recorder
from exporter.days.recorder import Recorder
from exporter.jobs import Jobs
from exporter.poller import Poller
from exporter.slarunner import Runner
from exporter.surroundings import Publish
from exporter.telemetry import Telemetry
from exporter.trust import service as trust
from exporter.trust.edges import endpoints
from exporter.ways import service as ways


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What the rounds see of a running agent. ``own`` are paths of its server with credentials of their own."""

    clock: Clock
    telemetry: Telemetry
    publish: Publish
    config: Callable[[], Config]
    runner: Callable[[], Runner | None]
    vcenters: Callable[[], Mapping[str, Poller]]
    clouds: Clouds
    own: Iterable[str] = ()


class Rounds:
    """The rounds of one agent; ``trust`` guards its server, too. Raises ConfigError."""

    def __init__(self, agent: Agent, record: Recorder) -> None:
        self._config = agent.config
        self._days = record.days
        clouds = agent.clouds
        self._ways = ways.Ways(
            clock=agent.clock, publish=agent.publish, vcenters=agent.vcenters, identity=clouds.identity
        )
        self.trust = trust.opened(
            agent.config, agent.telemetry.registry, places=lambda: endpoints(clouds.pollers), own=agent.own
        )
        world = assess.World(
            clock=agent.clock,
            publish=agent.publish,
            config=agent.config,
            days=record.days,
            runner=agent.runner,
            vcenters=agent.vcenters,
            clouds=lambda: clouds.pollers,
            governed=lambda: self._ways.governed,
            edges=lambda: self.trust.edges,
        )
        self._assessor = assess.Assessor(world)
        self._canary = canary.gate(world, home=clouds.identity.home)

    def plan(self, jobs: Jobs) -> None:
        """Has each done at its interval."""
        jobs.every(recorder.PERIOD, self._days.beat, name="measured record")
        jobs.every(trust.PERIOD, self.trust.look, name="certificates", at_once=True)
        jobs.every(trust.ATTENTION, self.trust.attend, name="renewed certificates")
        jobs.every(assess.EAGER, self._assessor.attend, name="assessment")
        jobs.every(canary.PERIOD, self._canary.watch, name="canary", at_once=True)
        jobs.every(ways.PERIOD, lambda: self._ways.cycle(self._config().ways), name="ways")
        jobs.every(ways.PERIOD, lambda: self._ways.book.cycle(self._config().ways), name="tags")
