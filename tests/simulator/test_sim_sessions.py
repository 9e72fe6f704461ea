"""Logins, rights and settings as clients meet them."""

import asyncio
import ssl
import time
from typing import Any

import aiohttp
import pytest
from pyVmomi import vim, vmodl
from simclient import LOGIN, Clock, Raw, ask, container, envelope, fault_name, raw, session, table, view_filter

from simulator import tls
from simulator.inventory import Size, build
from simulator.model import Model
from simulator.vcenter import Server, Tls, serve

TIME = '<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>'
OPTIONS = '<QueryOptions xmlns="urn:vim25"><_this type="OptionManager">VpxSettings</_this></QueryOptions>'


async def test_login_and_logout(server: Server) -> None:
    """One login opens one session, which currentSession shows; the logout ends it."""

    def work() -> tuple[str, int]:
        with session(server) as si:
            manager = si.content.sessionManager
            mine = manager.currentSession
            assert manager.SessionIsActive(mine.key, mine.userName)
            return mine.userName, len(manager.sessionList)

    assert await asyncio.to_thread(work) == ("administrator@vsphere.local", 1)
    assert len(server.service.sessions) == 0


async def test_a_wrong_password_is_refused(plain: Server) -> None:
    """InvalidLogin, in vCenter's words, and no session; also for the right password while logins are refused."""
    async with aiohttp.ClientSession() as http:
        client = Raw(http, plain.url)
        for body in (LOGIN.replace(">password<", ">wrong<"), LOGIN):
            status, text = await client.post(body)
            assert (status, fault_name(text)) == (500, "InvalidLogin")
            assert "Cannot complete login due to an incorrect user name or password." in text
            plain.faults.refuse_logins = True
    assert len(plain.service.sessions) == 0


async def test_nothing_without_a_session(plain: Server) -> None:
    """Before the login only the content and the time are given; all else is NotAuthenticated with status 500."""
    async with aiohttp.ClientSession() as http:
        client = Raw(http, plain.url)
        assert (await client.post(TIME))[0] == 200
        status, text = await client.post(OPTIONS)
    assert (status, fault_name(text)) == (500, "NotAuthenticated")


async def test_an_idle_session_ends(plain: Server, clock: Clock) -> None:
    """Thirty minutes without a call end a session; calls in between keep it."""
    async with raw(plain) as client:
        for _ in range(3):
            clock.seconds += 1790
            assert (await client.post(OPTIONS))[0] == 200
        clock.seconds += 1801
        status, text = await client.post(OPTIONS)
        assert (status, fault_name(text)) == (500, "NotAuthenticated")
        await client.login()
        assert (await client.post(OPTIONS))[0] == 200


async def test_another_can_end_a_session(server: Server) -> None:
    """TerminateSession: the next call of the ended session is NotAuthenticated."""

    def work() -> None:
        with session(server) as admin:
            with session(server) as victim:
                key = victim.content.sessionManager.currentSession.key
                folder = victim.content.rootFolder
                admin.content.sessionManager.TerminateSession([key])
                with pytest.raises(vim.fault.NotAuthenticated):
                    len(folder.name)
            with pytest.raises(vim.fault.NotFound):
                admin.content.sessionManager.TerminateSession([key])

    await asyncio.to_thread(work)


async def test_rights_can_be_taken_away(server: Server, model: Model) -> None:
    """A denied privilege shows in HasPrivilegeOnEntities and in what it guards."""
    model.denied = frozenset({"Global.Settings", "System.Read"})

    def work(content: Any) -> None:
        manager, machine = content.authorizationManager, vim.VirtualMachine("vm-1001", content.rootFolder._stub)
        key = content.sessionManager.currentSession.key
        (answer,) = manager.HasPrivilegeOnEntities([content.rootFolder], key, ["System.View", "Global.Settings"])
        assert {one.privId: one.isGranted for one in answer.privAvailability} == {
            "System.View": True,
            "Global.Settings": False,
        }
        (held,) = manager.FetchUserPrivilegeOnEntities([content.rootFolder], "administrator@vsphere.local")
        assert "System.View" in held.privileges
        assert "Global.Settings" not in held.privileges
        with pytest.raises(vim.fault.NoPermission) as caught:
            content.setting.QueryOptions("config.vpxd.stats.maxQueryMetrics")
        assert caught.value.privilegeId == "Global.Settings"
        with pytest.raises(vim.fault.NoPermission):
            content.perfManager.QueryPerf([vim.PerformanceManager.QuerySpec(entity=machine, intervalId=20)])
        spec = view_filter(container(content, vim.HostSystem), vim.HostSystem, "name", "summary")
        host = content.propertyCollector.RetrieveContents([spec])[0]
        assert [one.name for one in host.propSet] == ["name"]
        assert [(one.path, one.fault.privilegeId) for one in host.missingSet] == [("summary", "System.Read")]

    await ask(server, work)


async def test_settings(server: Server, model: Model) -> None:
    """QueryOptions by name and by prefix; a name that is not there is InvalidName."""
    model.settings["config.vpxd.stats.maxQueryMetrics"] = "64"
    model.settings["config.vpxd.other"] = 7

    def work(content: Any) -> None:
        query = content.setting.QueryOptions
        assert [(one.key, one.value) for one in query("config.vpxd.stats.maxQueryMetrics")] == [
            ("config.vpxd.stats.maxQueryMetrics", "64")
        ]
        assert {one.key: one.value for one in query("config.vpxd.")}["config.vpxd.other"] == 7
        with pytest.raises(vim.fault.InvalidName):
            query("config.vpxd.stats.maxQueryMetric")

    await ask(server, work)


async def test_search_and_custom_attributes(server: Server, model: Model) -> None:
    """FindByUuid by BIOS and by instance UUID; the names of custom attributes; alarms by system name."""
    facts = model.get("vm-1001").facts

    def work(content: Any) -> None:
        find = content.searchIndex.FindByUuid
        assert find(None, facts.uuid, True)._moId == "vm-1001"
        assert find(None, facts.instance_uuid, True, True)._moId == "vm-1001"
        assert find(None, model.get("host-1").facts.uuid, False)._moId == "host-1"
        assert find(None, facts.uuid, False) is None
        assert {one.key: one.name for one in content.customFieldsManager.field}[101] == "owner"
        alarms = content.alarmManager.GetAlarm(content.rootFolder)
        assert "alarm.HostConnectionStateAlarm" in {one.info.systemName for one in alarms}
        spec = view_filter(container(content, vim.HostSystem), vim.HostSystem, "triggeredAlarmState", "customValue")
        hosts = table(content.propertyCollector.RetrieveContents([spec])).values()
        assert {one.overallStatus for host in hosts for one in host["triggeredAlarmState"]} == {"red"}
        assert content.taskManager.recentTask == []

    await ask(server, work)


async def test_skew(server: Server, model: Model, clock: Clock) -> None:
    """The vCenter's clock can be off."""
    model.skew = 40
    assert (await ask(server, lambda content: content.rootFolder._stub and _time(content))).timestamp() == clock() + 40


def _time(content: Any) -> Any:
    return vim.ServiceInstance("ServiceInstance", content.rootFolder._stub).CurrentTime()


async def test_a_method_that_is_not_simulated_says_so(server: Server) -> None:
    """MethodNotFound, not silence."""

    def work(content: Any) -> None:
        with pytest.raises(vmodl.fault.MethodNotFound):
            content.rootFolder.CreateFolder("new")

    await ask(server, work)


EXTENSION = (
    '<LoginExtensionByCertificate xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>'
    "<extensionKey>{}</extensionKey></LoginExtensionByCertificate>"
)


async def _extension(server: Server, context: ssl.SSLContext, key: str) -> str:
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector) as http:
        status, text = await Raw(http, server.url).post(EXTENSION.format(key))
        return fault_name(text) if status == 500 else f"{status} {'<extensionSession>true<' in text}"


async def test_login_by_certificate(tmp_path: Any) -> None:
    """An extension logs in with its key and a client certificate; without one, or with another key, it does not."""
    model = build(Size(hosts=1, vms=1), now=time.time)
    client = tls.self_signed("client", now=time.time())
    (tmp_path / "c.pem").write_bytes(client.certificate + client.key)
    async with serve(model, tls=Tls(client_ca=client.certificate)) as server:
        without = ssl.create_default_context(cadata=server.certificate.decode())
        with_it = ssl.create_default_context(cadata=server.certificate.decode())
        with_it.load_cert_chain(tmp_path / "c.pem")
        assert await _extension(server, without, "org.novacenter") == "NoClientCertificate"
        assert await _extension(server, with_it, "org.other") == "InvalidLogin"
        assert await _extension(server, with_it, "org.novacenter") == "200 True"


async def test_mutual_tls() -> None:
    """With ``client_required`` a client without a certificate does not get through the handshake."""
    model = build(Size(hosts=1, vms=1), now=time.time)
    client = tls.self_signed("client", now=time.time())
    async with serve(model, tls=Tls(client_ca=client.certificate, client_required=True)) as server:
        trust = ssl.create_default_context(cadata=server.certificate.decode())
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await _extension(server, trust, "org.novacenter")


async def test_gzip_for_those_who_ask(clock: Clock) -> None:
    """A server that compresses does so only for clients that offer it; the content is the same."""
    model = build(Size(hosts=1, vms=1), now=clock)
    async with serve(model, compress=True) as server, raw(server) as client:
        plain = await client.http.post(server.url, data=envelope(OPTIONS), headers={"Accept-Encoding": "identity"})
        packed = await client.http.post(server.url, data=envelope(OPTIONS), headers={"Accept-Encoding": "gzip"})
        assert (plain.headers.get("Content-Encoding"), packed.headers.get("Content-Encoding")) == (None, "gzip")
        assert await plain.text() == await packed.text()


@pytest.mark.parametrize("text", ["<a><b>{}</b></a>", '<e:Envelope xmlns:e="urn:x"><e:Body>{}</e:Body></e:Envelope>'])
async def test_an_envelope_that_is_not_soap(plain: Server, text: str) -> None:
    """A call outside of a SOAP envelope is InvalidRequest."""
    async with raw(plain) as client, client.http.post(plain.url, data=text.format(TIME)) as reply:
        assert (reply.status, fault_name(await reply.text())) == (500, "InvalidRequest")


@pytest.mark.parametrize(
    "body",
    [
        '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this></Login>',
        '<Login xmlns="urn:vim25"><userName>x</userName><password>y</password></Login>',
        '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><colour>red</colour></Login>',
        '<CurrentTime xmlns="urn:vim25"><_this type="Nonsense">x</_this></CurrentTime>',
        "</e:Body></e:Envelope>",
    ],
)
async def test_a_call_that_cannot_be_read(plain: Server, body: str) -> None:
    """Arguments that are missing, unknown or of no type, and no XML at all: InvalidRequest with status 500."""
    async with raw(plain) as client:
        status, text = await client.post(body)
    assert (status, fault_name(text)) == (500, "InvalidRequest")
