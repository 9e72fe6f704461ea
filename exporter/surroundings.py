"""What a poller is given by the application, and hands back to it."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.late import LateSeries
from exporter.model import Family, Request
from exporter.telemetry import Telemetry
from exporter.vcenter.sampler import Report

Publish = Callable[[str, str, Mapping[Family, bytes], Mapping[Family, int]], None]
"""Source, part of it, rendered families, and how many series each has; empty mappings take the part off the page."""

Tags = Mapping[str, Mapping[str, str]]
"""Labels of VMs by managed object id."""

Marks = Mapping[str, Mapping[str, int]]
"""High-water marks to keep over a restart: kind -> moid -> epoch seconds."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a poller is given by the application. ``requested`` is told of each request."""

    clock: Clock
    rng: random.Random
    telemetry: Telemetry
    publish: Publish
    labels: tuple[str, ...] = ()
    late: Callable[[str, Iterator[LateSeries]], None] = lambda *_: None
    cycled: Callable[[str, Report], None] = lambda *_: None
    requested: Callable[[Request], None] = lambda _: None
