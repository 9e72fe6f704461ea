"""Fixtures of the simulator's tests: a clock that stands still until it is moved, a small vCenter, its server."""

from collections.abc import AsyncIterator

import pytest
from simclient import Clock

from simulator.inventory import Size, build
from simulator.model import Model
from simulator.vcenter import Server, Tls, serve


@pytest.fixture
def clock() -> Clock:
    """2026-11-22 12:00:05 UTC until moved: five seconds after a sample."""
    return Clock()


@pytest.fixture
def model(clock: Clock) -> Model:
    """A small vCenter with everything in it that the inventory knows."""
    return build(Size(hosts=6, vms=40, hosts_per_cluster=3, standalone=1, datacenters=2), now=clock)


@pytest.fixture
async def server(model: Model) -> AsyncIterator[Server]:
    """The small vCenter over TLS."""
    async with serve(model, tls=Tls()) as running:
        yield running


@pytest.fixture
async def plain(model: Model) -> AsyncIterator[Server]:
    """The small vCenter over HTTP, for a look at the bytes."""
    async with serve(model) as running:
        yield running
