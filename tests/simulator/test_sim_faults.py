"""Each fault as it is seen on the wire, and that the next call is fine again."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from simclient import Raw, envelope, fault_name, raw

from simulator.faults import Fault
from simulator.inventory import Size, build
from simulator.model import Model
from simulator.vcenter import Server, Tls, serve

QUERY = (
    '<QueryPerf xmlns="urn:vim25"><_this type="PerformanceManager">PerfMgr</_this>'
    '<querySpec><entity type="VirtualMachine">vm-1001</entity><maxSample>1</maxSample><intervalId>20</intervalId>'
    "<format>csv</format></querySpec>"
    '<querySpec><entity type="VirtualMachine">vm-1002</entity><maxSample>1</maxSample><intervalId>20</intervalId>'
    "<format>csv</format></querySpec></QueryPerf>"
)
TIME = '<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>'
OPTIONS = '<QueryOptions xmlns="urn:vim25"><_this type="OptionManager">VpxSettings</_this></QueryOptions>'


@pytest.fixture
async def client(plain: Server) -> AsyncIterator[Raw]:
    """A logged-in client of the plain server."""
    async with raw(plain) as one:
        yield one


async def good(client: Raw) -> str:
    """A QueryPerf that must succeed."""
    status, text = await client.post(QUERY)
    assert (status, text.count("<returnval ")) == (200, 2)
    return text


async def test_black_hole(plain: Server, client: Raw) -> None:
    """Accepted and never answered; cut off when the faults are cleared."""
    plain.faults.arm(Fault(kind="black_hole", method="QueryPerf"))
    call = asyncio.create_task(client.post(QUERY))
    await plain.faults.called("QueryPerf")
    assert (await client.post(TIME))[0] == 200, "other calls are answered meanwhile"
    assert not call.done()
    plain.faults.clear()
    with pytest.raises(aiohttp.ClientError):
        await call
    await good(client)


async def test_drip(plain: Server, client: Raw) -> None:
    """The right answer, one byte at a time."""
    expected = await client.post(OPTIONS)
    plain.faults.arm(Fault(kind="drip", seconds=0.0001))
    sizes = []
    async with client.http.post(plain.url, data=b"", headers={}) as reply:
        async for piece, _ in reply.content.iter_chunks():
            sizes.append(len(piece))
    assert len(sizes) > sum(sizes) // 10
    assert await client.post(OPTIONS) == expected


async def test_a_drip_ends_when_cleared(plain: Server, client: Raw) -> None:
    """A drip that would take an hour is cut off by clear()."""
    plain.faults.arm(Fault(kind="drip", method="QueryPerf", seconds=3600))
    call = asyncio.create_task(client.post(QUERY))
    await plain.faults.called("QueryPerf")
    plain.faults.clear()
    with pytest.raises(aiohttp.ClientError):
        await call
    await good(client)


async def test_reset(plain: Server, client: Raw) -> None:
    """Half of the body, then a reset connection."""
    plain.faults.arm(Fault(kind="reset", method="QueryPerf"))
    with pytest.raises(aiohttp.ClientError):
        await client.post(QUERY)
    await good(client)


async def test_truncate(plain: Server, client: Raw) -> None:
    """Status 200, a complete HTTP message, and XML that ends in the middle."""
    whole = await good(client)
    plain.faults.arm(Fault(kind="truncate", method="QueryPerf"))
    status, text = await client.post(QUERY)
    assert status == 200
    assert text == whole[: len(text)]
    assert len(text) == len(whole) // 2
    await good(client)


@pytest.mark.parametrize(
    "name", ["SystemError", "RestrictedByAdministrator", "ManagedObjectNotFound", "RequestCanceled"]
)
async def test_soap_fault(plain: Server, client: Raw, name: str) -> None:
    """Status 500 with the fault and the text that were asked for."""
    plain.faults.arm(Fault(kind="soap_fault", method="QueryPerf", fault=name, text="because <we> say so"))
    status, text = await client.post(QUERY)
    assert (status, fault_name(text)) == (500, name)
    assert "<faultstring>because &lt;we&gt; say so</faultstring>" in text
    await good(client)


@pytest.mark.parametrize("status", [200, 403, 503])
async def test_html(plain: Server, client: Raw, status: int) -> None:
    """A proxy's page instead of the answer."""
    plain.faults.arm(Fault(kind="html", method="QueryPerf", status=status))
    got, text = await client.post(QUERY)
    assert (got, text[:15]) == (status, "<!DOCTYPE html>")
    await good(client)


async def test_expired_session_at_the_nth_call(plain: Server, client: Raw) -> None:
    """The third call finds its session gone, and so does the fourth, until a new login."""
    plain.faults.arm(Fault(kind="expire", method="QueryPerf", after=2))
    await good(client)
    await good(client)
    for _ in range(2):
        status, text = await client.post(QUERY)
        assert (status, fault_name(text)) == (500, "NotAuthenticated")
    await client.login()
    await good(client)


async def test_poison(plain: Server, client: Raw) -> None:
    """Whatever query holds the poison machine fails as a whole; the rest is unharmed."""
    plain.faults.poison = frozenset({"vm-1002"})
    status, text = await client.post(QUERY)
    assert (status, fault_name(text)) == (500, "SystemError")
    status, text = await client.post(QUERY.replace("vm-1002", "vm-1003"))
    assert status == 200


async def test_deleted_between_plan_and_query(plain: Server, client: Raw) -> None:
    """The entity goes just as it is asked for: ManagedObjectNotFound that names it."""
    plain.faults.arm(Fault(kind="delete", method="QueryPerf", moid="vm-1002"))
    status, text = await client.post(QUERY)
    assert (status, fault_name(text)) == (500, "ManagedObjectNotFound")
    assert '<obj type="VirtualMachine">vm-1002</obj>' in text


async def test_delay(plain: Server, client: Raw) -> None:
    """The right answer, late."""
    loop = asyncio.get_running_loop()
    plain.faults.arm(Fault(kind="delay", method="QueryPerf", seconds=0.2))
    began = loop.time()
    await good(client)
    assert loop.time() - began >= 0.2


async def test_huge(plain: Server, client: Raw) -> None:
    """As many bytes as ordered, well-formed so far, without saying how many will come; a client may hang up."""
    plain.faults.arm(Fault(kind="huge", method="QueryPerf", size=3_000_000, times=2))
    status, text = await client.post(QUERY)
    assert status == 200
    assert 3_000_000 < len(text) < 3_200_000
    async with client.http.post(plain.url, data=envelope(QUERY)) as reply:
        assert reply.content_length is None
        await reply.content.readexactly(100_000)
    await client.login()
    await good(client)


async def test_gaps_shuffle_and_normal_only(plain: Server, client: Raw) -> None:
    """Standing distortions of samples, until cleared."""
    straight = await good(client)
    for name, value, sign in (
        ("gaps", 0.5, ">-1<"),
        ("normal_only", True, '"PerfEntityMetric"'),
        ("shuffle", True, ""),
    ):
        setattr(plain.faults, name, value)
        text = await good(client)
        assert sign in text
        assert text != straight
        plain.faults.clear()
    assert await good(client) == straight


async def test_restart(plain: Server, client: Raw, model: Model) -> None:
    """While it is down connections are refused; afterwards the port is the same, sessions and counter ids are not."""
    ids = set(model.counters)
    plain.halt()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.post(QUERY)
    await plain.resume()
    await plain.restart()
    status, text = await client.post(QUERY)
    assert (status, fault_name(text)) == (500, "NotAuthenticated")
    await client.login()
    await good(client)
    assert ids.isdisjoint(model.counters)


async def _trusts(url: str, certificate: bytes) -> bool:
    trust = ssl.create_default_context(cadata=certificate.decode())
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http:
            return (await Raw(http, url).post(TIME))[0] == 200
    except aiohttp.ClientConnectorCertificateError:
        return False


async def test_changed_certificate() -> None:
    """Another self-signed certificate on the same port: who trusted the old one is warned."""
    async with serve(build(Size(hosts=1, vms=1), now=time.time), tls=Tls()) as server:
        before, thumbprint, url = server.certificate, server.thumbprint, server.url
        assert await _trusts(url, before)
        server.change_certificate()
        assert (server.url, server.thumbprint == thumbprint) == (url, False)
        assert not await _trusts(url, before)
        assert await _trusts(url, server.certificate)


def test_an_unknown_fault_is_refused() -> None:
    """A misspelt kind is an error where it is armed, not silence."""
    with pytest.raises(ValueError, match="no such fault: 'blackhole'"):
        Fault(kind="blackhole")


@pytest.mark.parametrize(
    ("order", "check"),
    [
        ({"kind": "skew", "seconds": 40}, lambda s: s.model.skew == 40),
        ({"kind": "poison", "moids": ["vm-1"]}, lambda s: s.faults.poison == {"vm-1"}),
        ({"kind": "gaps", "share": 0.5}, lambda s: s.faults.gaps == 0.5),
        ({"kind": "missing", "counters": ["a.b.c"]}, lambda s: s.model.missing_counters == {"a.b.c"}),
        ({"kind": "deny", "privileges": ["Global.Settings"]}, lambda s: s.model.denied == {"Global.Settings"}),
        ({"kind": "shuffle"}, lambda s: s.faults.shuffle),
        ({"kind": "normal_only"}, lambda s: s.faults.normal_only),
        ({"kind": "refuse_logins"}, lambda s: s.faults.refuse_logins),
        ({"kind": "html", "status": 503}, lambda s: s.faults.take("Login").status == 503),
    ],
)
async def test_faults_over_http(model: Model, order: dict[str, Any], check: Callable[[Server], bool]) -> None:
    """POST /fault does what the same word does in process; DELETE /fault ends it."""
    async with serve(model, control=True) as server, aiohttp.ClientSession() as http:
        url = server.url.replace("/sdk", "/fault")
        async with http.post(url, json=order) as reply:
            assert reply.status == 200
        assert check(server)
        async with http.delete(url) as reply:
            assert reply.status == 200
        assert (server.model.skew, server.model.denied, server.faults.poison) == (0, frozenset(), frozenset())
        assert server.faults.take("Login") is None


async def test_server_faults_over_http(model: Model) -> None:
    """Restart and another certificate by POST: the reply comes first."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with serve(model, control=True) as server, aiohttp.ClientSession(connector=connector) as http:
        url = server.url.replace("/sdk", "/fault")
        ids = set(model.counters)
        for kind in ("restart", "certificate"):
            async with http.post(url, json={"kind": kind}) as reply:
                assert reply.status == 200
            await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "order"))
        assert ids.isdisjoint(model.counters)


@pytest.mark.parametrize("order", ['{"kind": "nonsense"}', "{}", "[]", "no json", '{"kind": "html", "colour": 1}'])
async def test_a_bad_order_is_refused(model: Model, order: str) -> None:
    """What is not a fault is status 400 with the reason."""
    async with (
        serve(model, control=True) as server,
        aiohttp.ClientSession() as http,
        http.post(server.url.replace("/sdk", "/fault"), data=order) as reply,
    ):
        assert (reply.status, bool(await reply.text())) == (400, True)


async def test_no_control_without_the_flag(plain: Server, client: Raw) -> None:
    """Faults cannot be ordered from outside unless that was asked for."""
    async with client.http.post(plain.url.replace("/sdk", "/fault"), json={"kind": "shuffle"}) as reply:
        assert reply.status == 404
