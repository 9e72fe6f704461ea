"""One suite for every vCenter that is tested against: two releases of govmomi's simulator, and the embedded one.

What holds for all of them is what the product relies on; where the embedded simulator differs from govmomi's, it would
show here.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

from exporter import catalog
from exporter.clock import Clock
from exporter.config import Secret, Tls, VCenter
from exporter.configfile import DEFAULT_COUNTERS, DEFAULT_INSTANCES
from exporter.model import Family, Kind
from exporter.poller import Poller
from exporter.surroundings import Surroundings
from exporter.telemetry import Telemetry
from simulator import vcenter as embedded
from simulator.inventory import Size, build

PC = vmodl.query.PropertyCollector


@dataclass(frozen=True, slots=True)
class Target:
    """A vCenter, and who may log in."""

    name: str
    url: str
    user: str
    password: str
    thumbprint: str


@pytest.fixture(
    params=[
        pytest.param("classic", marks=pytest.mark.external),
        pytest.param("current", marks=pytest.mark.external),
        "embedded",
    ]
)
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    """Each vCenter in turn."""
    if request.param == "embedded":
        model = build(Size(hosts=4, vms=12), now=Clock().now)
        async with embedded.serve(model, tls=embedded.Tls()) as server:
            accounts = model.accounts
            yield Target("embedded", server.url, accounts.user, accounts.password, server.thumbprint)
        return
    vcsim = request.getfixturevalue(f"vcsim_{request.param}")
    yield Target(request.param, vcsim.url, vcsim.user, vcsim.password, vcsim.thumbprint)


@dataclass(slots=True)
class Read:
    """What our client read."""

    telemetry: Telemetry = field(default_factory=Telemetry)
    pages: dict[str, Mapping[Family, bytes]] = field(default_factory=dict)

    def publish(self, _: str, part: str, families: Mapping[Family, bytes], _series: Mapping[Family, int]) -> None:
        """Takes a part of the page."""
        self.pages[part] = families

    def moids(self, part: str) -> set[str]:
        """Managed object ids on a part of the page."""
        text = b"".join(self.pages[part].values()).decode()
        return {line.partition('moid="')[2].partition('"')[0] for line in text.splitlines()}


@asynccontextmanager
async def reading(target: Target) -> AsyncIterator[tuple[Poller, Read]]:
    """Our client with the whole inventory listed."""
    read = Read()
    world = Surroundings(
        clock=Clock(), rng=random.Random(1), telemetry=read.telemetry, publish=read.publish, labels=("cluster",)
    )
    vcenter = VCenter(
        name=target.name,
        url=target.url,
        username=target.user,
        password=Secret(target.password),
        tls=Tls(thumbprint=target.thumbprint),
        counters=DEFAULT_COUNTERS,
        instances=DEFAULT_INSTANCES,
    )
    poller = Poller(vcenter, world, marks={})
    try:
        await poller.list_inventory()
        yield poller, read
    finally:
        await poller.close()


async def ask(target: Target, work: Callable[[Any], Any]) -> Any:
    """What ``work`` returns, called with the service instance of a logged-in pyVmomi."""

    def run() -> Any:
        parts = urlsplit(target.url)
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        si = SmartConnect(host=parts.hostname, port=parts.port, user=target.user, pwd=target.password, sslContext=trust)
        try:
            return work(si)
        finally:
            Disconnect(si)
            si._stub.DropConnections()

    return await asyncio.to_thread(run)


def listed(si: Any) -> dict[str, dict[str, Any]]:
    """VMs and hosts by id, with name and power state, as every program lists them: a container view, page by page."""
    content = si.content
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine, vim.HostSystem], True)
    through = PC.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)
    paths = ["name", "runtime.powerState"]
    spec = PC.FilterSpec(
        objectSet=[PC.ObjectSpec(obj=view, skip=True, selectSet=[through])],
        propSet=[PC.PropertySpec(type=kind, pathSet=paths) for kind in (vim.VirtualMachine, vim.HostSystem)],
    )
    reply = content.propertyCollector.RetrievePropertiesEx([spec], PC.RetrieveOptions(maxObjects=3))
    found = list(reply.objects)
    while reply.token:
        reply = content.propertyCollector.ContinueRetrievePropertiesEx(reply.token)
        found += reply.objects
    view.Destroy()
    return {one.obj._moId: {item.name: item.val for item in one.propSet} for one in found}


async def test_our_inventory_is_pyvmomis(target: Target) -> None:
    """VMs and hosts, their names and power states are those that pyVmomi lists."""
    expected = await ask(target, listed)
    async with reading(target) as (poller, _):
        assert poller.inventory is not None
        entities, facts = poller.inventory.entities, poller.inventory.facts
        ours = {
            moid: {"name": entity.name, "runtime.powerState": facts[moid].power_state}
            for moid, entity in entities.items()
            if entity.kind in {Kind.VM, Kind.HOST}
        }

        assert poller.inventory.complete
        assert ours == {
            moid: {"name": values["name"].replace("%2f", "/"), "runtime.powerState": values["runtime.powerState"]}
            for moid, values in expected.items()
        }


async def test_every_entity_with_samples_is_on_the_page(target: Target) -> None:
    """One realtime cycle gives series of every VM and host that runs, and of nothing else."""
    async with reading(target) as (poller, read):
        await poller.realtime_cycle()
        assert poller.inventory is not None
        wanted = {
            moid
            for moid, entity in poller.inventory.entities.items()
            if entity.kind in {Kind.VM, Kind.HOST} and entity.queryable
        }

        assert poller.last_error is None
        assert read.moids("realtime") == wanted
        assert wanted


async def test_rollups(target: Target) -> None:
    """One historical cycle succeeds within vCenter's limit, and has series of every cluster."""
    async with reading(target) as (poller, read):
        await poller.historical_cycle()
        assert poller.inventory is not None
        clusters = {moid for moid, entity in poller.inventory.entities.items() if entity.kind is Kind.CLUSTER}

        assert poller.last_error is None
        assert read.moids("historical") >= clusters
        assert clusters


async def test_an_ended_session_is_renewed(target: Target) -> None:
    """A session that somebody ends costs one login more, and no cycle."""

    def end_others(si: Any) -> None:
        manager = si.content.sessionManager
        mine = manager.currentSession.key
        manager.TerminateSession([session.key for session in manager.sessionList if session.key != mine])

    async with reading(target) as (poller, _):
        await poller.realtime_cycle()
        await ask(target, end_others)
        await poller.realtime_cycle()

        assert poller.last_error is None
        assert poller.session.stats.logins_ok == 2


async def test_pyvmomi_queries_the_newest_sample(target: Target) -> None:
    """Plain pyVmomi gets one csv sample per series with maxSample 1, as every exporter asks."""

    def query(si: Any) -> Any:
        manager = si.content.perfManager
        ids = {f"{c.groupInfo.key}.{c.nameInfo.key}.{c.rollupType}": c.key for c in manager.perfCounter}
        moid = next(
            moid
            for moid, values in listed(si).items()
            if moid.startswith("vm-") and values["runtime.powerState"] == "poweredOn"
        )
        entity = vim.VirtualMachine(moid, si._stub)
        metric = vim.PerformanceManager.MetricId(counterId=ids["cpu.usage.average"], instance="")
        spec = vim.PerformanceManager.QuerySpec(
            entity=entity, metricId=[metric], intervalId=20, maxSample=1, format="csv"
        )
        return manager.QueryPerf([spec])[0]

    found = await ask(target, query)

    assert len(found.sampleInfoCSV.split(",")) == 2
    assert len(found.value) == 1
    assert 0 <= int(found.value[0].value) <= 10_000


NOT_FED = {
    "classic": {  # govmomi 0.24 has no alarms, no HA or DRS settings, no custom attributes, no certificates
        "vsphere_alarm_info",
        "vsphere_alarm_triggered_timestamp_seconds",
        "vsphere_alarms",
        "vsphere_cluster_drs_automation",
        "vsphere_cluster_drs_enabled",
        "vsphere_cluster_ha_admission_control_enabled",
        "vsphere_cluster_ha_enabled",
        "vsphere_custom_attribute_info",
        "vsphere_host_certificate_expiry_timestamp_seconds",
        "vsphere_host_ha_state",
        "vsphere_switch_uplinks",
        "vsphere_vm_boot_timestamp_seconds",
        "vsphere_vm_disk_consolidation_needed",
        "vsphere_vm_guest_info",
        "vsphere_vm_snapshot_oldest_timestamp_seconds",
    },
    "embedded": {  # nothing is withheld, pools have no limits, vApps no summary
        "novacenter_inventory_properties_missing",
        "vsphere_resource_pool_cpu_limit_hertz",
        "vsphere_resource_pool_memory_limit_bytes",
    },
}
"""Families of the catalogue that a vCenter of the tests has nothing for; vApps aside, small models have none."""


@pytest.mark.parametrize("target", ["classic", "embedded"], indirect=True)
async def test_every_family_that_can_be_fed_is(target: Target) -> None:
    """The page has each family of the catalogue that this vCenter can feed: no more is missing, and no less."""
    async with reading(target) as (_, read):
        shown = {family.name for family, body in read.pages["inventory"].items() if body}
    families = {family.name for family in catalog.every_family() if "_vapp_" not in family.name}

    assert families - shown == NOT_FED[target.name]
