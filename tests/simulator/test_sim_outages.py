"""Lost datastores, busy hosts and a vCenter that is down: as pyVmomi sees them, and their end."""

import asyncio
import re
from typing import Any

import aiohttp
import pytest
from pyVmomi import vim
from simclient import NOON, Clock, Raw, ask, raw

from simulator.control import serve_control
from simulator.facts import Datastore, Host
from simulator.model import Model
from simulator.outages import Outages
from simulator.perf import Engine, Metric, Spec
from simulator.queryperf import Distortion, instant, render
from simulator.vcenter import Server, serve

TIME = '<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>'

FILTER = (
    '<CreateFilter xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this><spec><propSet>'
    "<type>HostSystem</type><pathSet>name</pathSet><pathSet>summary.hardware.model</pathSet></propSet>"
    '<objectSet><obj type="HostSystem">{}</obj></objectSet></spec><partialUpdates>true</partialUpdates></CreateFilter>'
)


def storage(content: Any, moid: str) -> tuple[bool, dict[str, tuple[bool, str | None]], dict[str, set[str]], list[str]]:
    """Of a datastore: accessible, host -> (mount accessible, why not), host -> states of its paths, events by host."""
    store = vim.Datastore(moid, content.propertyCollector._stub)
    mounts = {m.key._moId: (m.mountInfo.accessible, m.mountInfo.inaccessibleReason) for m in store.host}
    number = {host: [one._moId for one in vim.HostSystem(host, store._stub).datastore].index(moid) for host in mounts}
    paths = {}
    for host in mounts:
        luns = vim.HostSystem(host, store._stub).config.storageDevice.multipathInfo.lun
        paths[host] = {path.pathState for path in luns[number[host]].path}
    events = content.eventManager.QueryEvents(vim.event.EventFilterSpec())
    told = [f"{one.eventTypeId} {one.host.host._moId}" for one in events]
    return store.summary.accessible, mounts, paths, told


def samples(model: Model, spec: Spec) -> tuple[list[float], dict[Metric, list[int]]]:
    """Instants, and values by counter and instance, of one entity."""
    (text,) = render(Engine(model), [spec], Distortion())
    times = re.findall(r"<timestamp>(.*?)</timestamp>", text)
    series = re.findall(r"<counterId>(\d+)</counterId><instance>(.*?)</instance></id>(.*?)</value>(?!<value>)", text)
    rows = {(int(key), name): [int(one) for one in re.findall(r"<value>(\d+)", tail)] for key, name, tail in series}
    return [instant(time) for time in times], rows


def counter(model: Model, name: str) -> int:
    """The id of a counter by its full name."""
    return next(key for key, one in model.counters.items() if one.full_name == name)


def vmfs(model: Model, number: int = 0) -> tuple[str, list[str]]:
    """A VMFS datastore of the first cluster, and the hosts that have it."""
    node = [one for one in model.of_kind("Datastore") if one.facts.kind == "VMFS"][number]
    return node.moid, [host.moid for host in model.related("host.datastore", node.moid)]


@pytest.mark.parametrize(
    ("how", "reason", "event", "end"),
    [
        ("apd", "AllPathsDown_Start", "esx.problem.storage.apd.start", "esx.clear.storage.apd.exit"),
        (
            "pdl",
            "PermanentDeviceLoss",
            "esx.problem.scsi.device.state.permanentloss",
            "esx.clear.scsi.device.state.permanentloss.deviceonline",
        ),
    ],
)
async def test_a_datastore_is_lost(model: Model, server: Server, how: str, reason: str, event: str, end: str) -> None:
    """For vCenter and every host that has it, with dead paths and an event each; restored, all is as it was."""
    (moid, hosts), outages = vmfs(model), Outages(model)
    before = await ask(server, lambda content: storage(content, moid))
    assert before[:2] == (True, dict.fromkeys(hosts, (True, None)))
    outages.lose(model.get(moid).facts.name, how=how)
    accessible, mounts, paths, told = await ask(server, lambda content: storage(content, moid))
    assert (accessible, mounts) == (False, dict.fromkeys(hosts, (False, reason)))
    assert (paths, told) == ({host: {"dead"} for host in hosts}, [f"{event} {host}" for host in hosts])
    outages.restore(moid)
    accessible, mounts, paths, told = await ask(server, lambda content: storage(content, moid))
    assert (accessible, mounts, paths) == before[:3]
    assert told == [f"{one} {host}" for one in (event, end) for host in hosts]


async def test_a_datastore_is_lost_by_one_host(model: Model, server: Server) -> None:
    """The others have it still, and so does vCenter; that host alone tells; ``clear`` ends it."""
    (moid, (host, *others)), outages = vmfs(model, 1), Outages(model)
    outages.lose(moid, hosts=[model.get(host).facts.name])
    accessible, mounts, paths, told = await ask(server, lambda content: storage(content, moid))
    assert (accessible, mounts[host]) == (True, (False, "AllPathsDown_Start"))
    assert {mounts[other] for other in others} == {(True, None)}
    assert (paths[host], told) == ({"dead"}, [f"esx.problem.storage.apd.start {host}"])
    outages.clear()
    accessible, mounts, _, told = await ask(server, lambda content: storage(content, moid))
    assert (accessible, set(mounts.values()), len(told)) == (True, {(True, None)}, 2)


def test_a_lost_nfs_datastore_names_its_server(model: Model) -> None:
    """NFS has no device: the event names server, mount point and volume, and no path is dead."""
    store = next(one for one in model.of_kind("Datastore") if one.facts.kind == "NFS")
    Outages(model).lose(store.moid)
    found: Datastore = store.facts
    assert not found.accessible
    told = {(event.type, tuple(event.arguments.values())) for event in model.events._found}
    assert told == {("esx.problem.vmfs.nfs.server.disconnect", ("nas.example.org", "/export", found.name))}
    assert all("dead" not in lun.paths for host in model.of_kind("HostSystem") for lun in host.facts.luns[1:])


def test_a_disconnected_host_tells_nothing(model: Model) -> None:
    """What vCenter is not connected to cannot tell it of an event."""
    moid, (host, *others) = vmfs(model)
    model.set_host(host, connection="disconnected")
    Outages(model).lose(moid)
    assert {event.host for event in model.events._found} == set(others)


@pytest.mark.parametrize(
    ("order", "error"),
    [({"name": "none"}, KeyError), ({"name": "", "how": "flood"}, ValueError)],
)
def test_a_loss_that_makes_no_sense(model: Model, order: dict[str, str], error: type[Exception]) -> None:
    """An unknown datastore or way is an error, and nothing is lost."""
    outages = Outages(model)
    with pytest.raises(error):
        outages.lose(order["name"], how=order.get("how", "apd"))
    assert all(one.facts.accessible for one in model.of_kind("Datastore"))


def test_a_busy_host(model: Model, clock: Clock) -> None:
    """Its CPU is at the ratio in the samples since the order and until its end, and as ever before and after."""
    host, usage = next(model.of_kind("HostSystem")), counter(model, "cpu.usage.average")
    mhz = counter(model, "cpu.usagemhz.average")
    metrics = ((usage, ""), (usage, "0"), (mhz, ""))
    spec = Spec(host.moid, "HostSystem", metrics=metrics, interval=20, start=NOON - 60)
    clock.seconds = NOON + 205
    _, as_ever = samples(model, spec)
    outages = Outages(model)
    clock.seconds = NOON + 45
    outages.load(host.facts.name, 0.95)
    facts: Host = host.facts
    assert facts.load == 0.95
    clock.seconds = NOON + 105
    outages.clear()
    clock.seconds = NOON + 205
    times, rows = samples(model, spec)
    ordered = [NOON + 45 < time <= NOON + 105 for time in times]
    full = {(usage, ""): 9500, (usage, "0"): 9500, (mhz, ""): round(0.95 * facts.cores * facts.mhz)}
    assert rows == {
        metric: [full[metric] if busy else own for busy, own in zip(ordered, values, strict=True)]
        for metric, values in as_ever.items()
    }
    assert ordered.count(True) == 3


def test_a_busy_host_in_one_sample(model: Model, clock: Clock) -> None:
    """What is asked for each cycle, the newest sample, is at the ratio too; other hosts are as ever."""
    one, other, *_ = model.of_kind("HostSystem")
    usage = counter(model, "cpu.usage.average")

    def newest(moid: str) -> int:
        spec = Spec(moid, "HostSystem", metrics=((usage, ""),), interval=20, max_sample=1)
        ((value,),) = samples(model, spec)[1].values()
        return value

    before = newest(other.moid)
    model.set_load(one.moid, 0.95)
    assert newest(one.moid) != 9500, "the sample is from before the order"
    clock.seconds += 20
    assert newest(one.moid) == 9500
    clock.seconds -= 20
    assert newest(other.moid) == before


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_a_load_that_makes_no_sense(model: Model, ratio: float) -> None:
    """A ratio outside 0 to 1 is an error."""
    with pytest.raises(ValueError, match="a ratio is from 0 to 1"):
        model.set_load(next(model.of_kind("HostSystem")).moid, ratio)


async def ordered(http: aiohttp.ClientSession, url: str, order: dict[str, Any] | None = None) -> int:
    """The status that an order gets; without one, of the end of all."""
    async with http.delete(url) if order is None else http.post(url, json=order) as answer:
        return answer.status


async def down(client: Raw) -> None:
    """Waits until the vCenter refuses connections."""
    async with asyncio.timeout(10):
        while True:
            try:
                await client.post(TIME)
            except aiohttp.ClientConnectionError:
                return


async def test_an_outage_without_end(plain: Server) -> None:
    """Ordered apart, the vCenter refuses connections until DELETE, and comes back on its port without sessions."""
    async with serve_control(plain, host="127.0.0.1", port=0) as url, raw(plain) as client:
        assert await ordered(client.http, url, {"kind": "outage"}) == 200
        await down(client)
        assert await ordered(client.http, url) == 200
        assert (await client.post(TIME))[0] == 200


async def test_an_outage_of_seconds(plain: Server) -> None:
    """It ends by itself; DELETE before that ends it at once, and the end of the time changes nothing."""
    async with serve_control(plain, host="127.0.0.1", port=0) as url, raw(plain) as client:
        assert await ordered(client.http, url, {"kind": "outage", "seconds": 0.2}) == 200
        await down(client)
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "order"))
        assert (await client.post(TIME))[0] == 200
        assert await ordered(client.http, url, {"kind": "outage", "seconds": 3600}) == 200
        await down(client)
        assert await ordered(client.http, url) == 200
        assert (await client.post(TIME))[0] == 200


async def test_orders_over_http(plain: Server, model: Model) -> None:
    """Each order reaches the model; what makes no sense is refused; DELETE ends all."""
    moid, hosts = vmfs(model)
    other, _ = vmfs(model, 1)
    busy = model.get(hosts[0]).facts.name
    async with serve_control(plain, host="127.0.0.1", port=0) as url, aiohttp.ClientSession() as http:
        for order in (
            {"kind": "datastore", "name": moid, "accessible": False},
            {"kind": "datastore", "name": other, "accessible": False, "hosts": hosts[:1], "how": "pdl"},
            {"kind": "host_load", "host": busy, "ratio": 0.95},
        ):
            assert await ordered(http, url, order) == 200
        for bad in (
            {"kind": "datastore", "name": "none", "accessible": False},
            {"kind": "datastore", "name": moid},
            {"kind": "host_load", "host": busy, "ratio": 95},
        ):
            assert await ordered(http, url, bad) == 400
        now = (model.get(moid).facts.accessible, model.get(other).facts.unmounted, model.get(hosts[0]).facts.load)
        assert now == (False, (hosts[0],), 0.95)
        assert await ordered(http, url, {"kind": "datastore", "name": moid, "accessible": True}) == 200
        assert model.get(moid).facts.accessible
        assert await ordered(http, url) == 200
        assert (model.get(other).facts.unmounted, model.get(hosts[0]).facts.load) == ((), None)


async def test_a_hidden_property(plain: Server, model: Model) -> None:
    """Those who begin to look hear that they may not see it; all else is there."""
    host = next(model.of_kind("HostSystem")).moid
    async with serve_control(plain, host="127.0.0.1", port=0) as url, raw(plain) as client:
        assert await ordered(client.http, url, {"kind": "hide", "properties": ["summary.hardware.model"]}) == 200
        status, made = await client.post(FILTER.format(host))
        assert status == 200, made
        _, update = await client.post(
            '<WaitForUpdatesEx xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this>'
            "</WaitForUpdatesEx>"
        )
        assert re.findall(r"<changeSet><name>(.*?)</name>", update) == ["name"]
        assert re.findall(r"<missingSet><path>(.*?)</path>", update) == ["summary.hardware.model"]
        assert "NoPermission" in update
        assert await ordered(client.http, url) == 200
        assert model.hidden == frozenset()


async def test_an_outage_that_nobody_could_end(model: Model) -> None:
    """At the vCenter's own address, an outage needs seconds."""
    async with serve(model, control=True) as server, aiohttp.ClientSession() as http:
        assert await ordered(http, server.url.replace("/sdk", "/fault"), {"kind": "outage"}) == 400
