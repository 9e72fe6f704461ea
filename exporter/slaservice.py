"""Puts the SLA evaluator together for the agent: configuration, store, clocks, and what the agent exports."""

import os
import secrets
from collections.abc import Callable

from exporter.boottime import Clocks
from exporter.bridge import sight
from exporter.clock import Clock
from exporter.config import Config
from exporter.publisher import Publisher
from exporter.slajudge import Setup
from exporter.slapolicy import policy
from exporter.slarunner import Runner, Surroundings
from exporter.slastores import holder, opened
from exporter.slaview import View
from exporter.telemetry import Telemetry

RETENTION_PERIOD = 6 * 3600.0
"""Seconds between two lookings for what is older than the retention."""


def setup(config: Config) -> Setup:
    """What the configuration says of the SLA. Reads files of the product."""
    sla = config.sla
    return Setup(sla.policy or policy(), sla.sites, sla.windows, sla.retention)


def runner(
    config: Config,
    *,
    clock: Clock,
    telemetry: Telemetry,
    publisher: Publisher,
    untried: Callable[[], frozenset[str]],
    shown: Callable[[View], None] = lambda _: None,
) -> Runner:
    """An evaluator whose store is open. ``untried`` are vCenters not asked yet. Raises ConfigError."""
    store = opened(config.state, monotonic=clock.monotonic)
    world = Surroundings(
        clocks=Clocks(clock.now),
        monotonic=clock.monotonic,
        look=lambda names: sight(telemetry.registry, publisher.parts(), names=names, untried=untried()),
        publish=publisher.put,
        broken=telemetry.loop_errors.labels("sla").inc,
        shown=shown,
    )
    return Runner(store, setup(config), world, holder=holder(os.getpid(), secrets.token_hex(8)))
