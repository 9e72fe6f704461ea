"""Fixtures of the simulator's tests: a clock that stands still until it is moved, a small vCenter, its server."""

import time
from collections.abc import AsyncIterator

import pytest
from simclient import Clock

from simulator.inventory import Size, build
from simulator.model import Model
from simulator.openstack.cloud import Cloud
from simulator.openstack.population import populate
from simulator.openstack.server import CloudServer, serve_cloud
from simulator.tls import self_signed
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
    """The small vCenter over TLS, with a certificate that is good today."""
    certificate = self_signed("vcenter.example.org", now=time.time())
    async with serve(model, tls=Tls(certificate=certificate)) as running:
        yield running


@pytest.fixture
async def plain(model: Model) -> AsyncIterator[Server]:
    """The small vCenter over HTTP, for a look at the bytes."""
    async with serve(model) as running:
        yield running


@pytest.fixture
def cloud(model: Model) -> Cloud:
    """The cloud of the small vCenter, with six servers on KVM."""
    return populate(model, kvm=6)


@pytest.fixture
async def running(cloud: Cloud) -> AsyncIterator[CloudServer]:
    """That cloud over HTTP."""
    async with serve_cloud(cloud) as server:
        yield server
