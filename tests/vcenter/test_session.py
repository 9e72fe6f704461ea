"""One login for everybody, renewed once when it ends, and a refused password left alone. Against real servers."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyVmomi import vim, vmodl
from vcenter.tlslab import Request, Server, envelope, fault, http, never, reset, serving
from vcsimulator import Vcsim

from exporter.clock import Clock
from exporter.config import Secret, Timeouts, Tls, VCenter
from exporter.errors import (
    BadReply,
    ConfigError,
    Fault,
    LoginRefused,
    NotAuthenticated,
    SourceError,
    TimedOut,
    Unreachable,
)
from exporter.vcenter import session as rules
from exporter.vcenter import typed
from exporter.vcenter.session import Session, SessionStats
from exporter.vcenter.soap import Observe, Transport

COOKIE = "vmware_soap_session"
CONTENT = envelope(
    '<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval>'
    '<rootFolder type="Folder">group-d1</rootFolder><propertyCollector type="PropertyCollector">pc</propertyCollector>'
    "<about><name>VMware vCenter Server</name><fullName>VMware vCenter Server 8.0.3 build-1</fullName>"
    "<vendor>VMware</vendor>"
    "<version>8.0.3</version><build>1</build><osType>linux-x64</osType><productLineId>vpx</productLineId>"
    "<apiType>VirtualCenter</apiType><apiVersion>8.0.3.0</apiVersion></about>"
    '<sessionManager type="SessionManager">SessionManager</sessionManager></returnval></RetrieveServiceContentResponse>'
)
USER = (
    "<returnval><key>52</key><userName>u</userName><fullName>u</fullName><loginTime>2026-01-02T03:04:05Z</loginTime>"
    "<lastActiveTime>2026-01-02T03:04:05Z</lastActiveTime><locale>en</locale><messageLocale>en</messageLocale></returnval>"
)
NOW = envelope("<CurrentTimeResponse><returnval>2026-01-02T03:04:05.5Z</returnval></CurrentTimeResponse>")
ENDED = fault("NotAuthenticated", "The session is not authenticated.")
REFUSED = fault("InvalidLogin", "Cannot complete login due to an incorrect user name or password.")
FAILED = "500 Internal Server Error"


@dataclass
class FakeVCenter:
    """Sessions as vpxd keeps them: every request without a live one gets a new cookie, and Login works once in each."""

    password: str = "hunter2"
    extension: str = "com.example.novacenter"
    forgetful: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    cookies: dict[str, bool] = field(default_factory=dict)
    arguments: list[dict[str, str]] = field(default_factory=list)
    replies: dict[str, bytes] = field(default_factory=dict)

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        call = ET.fromstring(request.body)[0][0]
        operation = call.tag.rpartition("}")[2]
        self.asked[operation] += 1
        self.arguments.append({child.tag.rpartition("}")[2]: child.text or "" for child in call})
        cookie = request.headers.get("cookie", "").removeprefix(f"{COOKIE}=")
        headers = []
        if cookie not in self.cookies:
            cookie = f'"{self.asked.total()}"'
            self.cookies[cookie] = False
            headers = [f"Set-Cookie: {COOKIE}={cookie}; Path=/; HttpOnly; Secure;"]
        body = self.answer(operation, cookie)
        writer.write(http(body, *headers, status=FAILED if b"<faultcode>" in body else "200 OK"))

    def answer(self, operation: str, cookie: str) -> bytes:
        """The reply to an operation within a session."""
        if operation == "RetrieveServiceContent":
            return CONTENT
        if operation in {"Login", "LoginExtensionByCertificate"}:
            good = {
                "Login": ("password", self.password),
                "LoginExtensionByCertificate": ("extensionKey", self.extension),
            }
            key, value = good[operation]
            if self.cookies[cookie] or self.arguments[-1][key] != value:
                return REFUSED
            self.cookies[cookie] = not self.forgetful
            return envelope(f"<{operation}Response>{USER}</{operation}Response>")
        if not self.cookies[cookie]:
            return ENDED
        return self.replies.get(operation, NOW)

    def end_sessions(self) -> None:
        """As after a restart of vpxd, or TerminateSession."""
        self.cookies.clear()


class Time:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.clock = Clock(now=lambda: self.seconds + 1_700_000_000, monotonic=lambda: self.seconds)


@dataclass(frozen=True)
class Lab:
    """A session with the vCenter that it talks to."""

    session: Session
    vcenter: FakeVCenter
    server: Server
    time: Time
    transport: Transport


@asynccontextmanager
async def lab(fake: FakeVCenter | None = None, observe: Observe | None = None, **changes: object) -> AsyncIterator[Lab]:
    """A session, not yet logged in."""
    fake = fake or FakeVCenter()
    time = Time()
    async with serving(fake) as server:
        config = VCenter("vc1", server.url, "monitor", Secret("hunter2"), timeouts=Timeouts(5.0, 5.0, 10.0))
        config = replace(config, **changes)  # type: ignore[arg-type]
        async with Transport(config, clock=Clock(), observe=observe) as transport:
            yield Lab(Session(transport, config, clock=time.clock, rng=random.Random(1)), fake, server, time, transport)


async def ask(session: Session) -> bytes:
    """A request like those of the pollers."""
    return await session.post(typed.request(typed.service_instance(), "CurrentTime"), operation="CurrentTime")


# --- logging in -------------------------------------------------------------------------------------------------------


async def test_one_login_for_many_requests(caplog: pytest.LogCaptureFixture) -> None:
    """50 callers at once, and more later: one login, said once, counted once."""
    caplog.set_level(logging.INFO, "novacenter")
    async with lab() as made:
        assert await asyncio.gather(*(ask(made.session) for _ in range(50))) == [NOW] * 50
        await made.session.login()
        assert await ask(made.session) == NOW
        assert made.vcenter.asked == {"RetrieveServiceContent": 1, "Login": 1, "CurrentTime": 51}
        assert made.vcenter.arguments[1] == {
            "_this": "SessionManager",
            "userName": "monitor",
            "password": "hunter2",
            "locale": "en_US",
        }
        assert made.session.stats == SessionStats(logins_ok=1, since=1_700_001_000.0)
    assert caplog.messages == ["vCenter vc1: logged in to VMware vCenter Server 8.0.3 build-1"]


async def test_what_a_session_knows() -> None:
    """content and about are known after the login; keep_alive gives the server's clock."""
    async with lab() as made:
        with pytest.raises(RuntimeError, match="the content is known after the first login"):
            _ = made.session.about
        assert await made.session.keep_alive() == 1767323045.5
        assert made.session.content.rootFolder == vim.Folder("group-d1")
        assert made.session.about.apiVersion == "8.0.3.0"


class CountingExecutor(ThreadPoolExecutor):
    """Counts what it is given."""

    given = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Count, then do."""
        self.given += 1
        return super().submit(*args, **kwargs)


async def test_calls_are_typed() -> None:
    """call gives pyVmomi's types and raises faults; a large reply is decoded in a thread, a small one is not."""
    executor = CountingExecutor()
    asyncio.get_running_loop().set_default_executor(executor)
    option = '<returnval xsi:type="OptionValue"><key>k</key><value xsi:type="xsd:string">v</value></returnval>'
    async with lab() as made:
        manager = typed.reference("OptionManager", "VpxSettings")
        for size, threads in ((1, 0), (1 + rules.PARSE_INLINE // len(option), 1)):
            made.vcenter.replies["QueryOptions"] = envelope(
                f'<QueryOptionsResponse xmlns="urn:vim25">{option * size}</QueryOptionsResponse>'
            )
            found = await made.session.call(manager, "QueryOptions", name="config.")
            assert [(each.key, each.value) for each in found] == [("k", "v")] * size
            assert executor.given == threads
        made.vcenter.replies["QueryOptions"] = fault("InvalidName", "no such option")
        with pytest.raises(Fault, match="InvalidName: no such option"):
            await made.session.call(manager, "QueryOptions", name="config.")


async def test_login_by_extension() -> None:
    """With extension_key the certificate is the login; no password leaves."""
    client = Tls(client_cert=Path("unused"))
    fake = FakeVCenter()
    time = Time()
    async with serving(fake) as server:
        plain = VCenter("vc1", server.url)
        async with Transport(plain, clock=Clock()) as transport:
            config = replace(plain, extension_key=fake.extension, tls=client)
            session = Session(transport, config, clock=time.clock, rng=random.Random(1))
            assert await ask(session) == NOW
    assert fake.asked == {"RetrieveServiceContent": 1, "LoginExtensionByCertificate": 1, "CurrentTime": 1}
    assert fake.arguments[1] == {"_this": "SessionManager", "extensionKey": fake.extension, "locale": "en_US"}


async def test_incomplete_credentials_are_configuration_errors() -> None:
    """Said before anything is sent."""
    async with lab() as made:
        for changes, words in (
            ({"password": None}, "set username and a password"),
            ({"username": ""}, "set username and a password"),
            ({"extension_key": "k"}, "extension_key needs tls.client_cert"),
        ):
            config = replace(VCenter("vc1", made.server.url, "u", Secret("hunter2")), **changes)  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match=words):
                Session(made.transport, config, clock=made.time.clock, rng=random.Random(1))


# --- a session that ends ----------------------------------------------------------------------------------------------


async def test_an_ended_session_is_renewed_once_for_all() -> None:
    """50 requests at once meet an ended session: one login, and every request is answered.

    Each refusal carries a new cookie, as vpxd sends it; none of them may displace that of the renewed session.
    """
    async with lab() as made:
        await ask(made.session)
        for round_ in range(2, 5):
            made.vcenter.end_sessions()
            assert await asyncio.gather(*(ask(made.session) for _ in range(50))) == [NOW] * 50
            assert made.vcenter.asked["Login"] == round_
        assert made.session.stats.logins_ok == 4
        assert await ask(made.session) == NOW
        assert made.vcenter.asked["Login"] == 4


class Gates(FakeVCenter):
    """Holds back chosen operations: ``held`` is set when one has come, and its answer waits for ``release``."""

    def __init__(self, *operations: str) -> None:
        super().__init__()
        self.held = {name: asyncio.Event() for name in operations}
        self.release = {name: asyncio.Event() for name in operations}

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Wait for ``release``, where the operation has a gate."""
        for name, held in self.held.items():
            if f"<{name} ".encode() in request.body:
                held.set()
                await self.release[name].wait()
        await super().__call__(request, writer)


def options() -> bytes:
    """A request that can be told from ``ask``."""
    return typed.request(typed.reference("OptionManager", "VpxSettings"), "QueryOptions")


async def test_a_refusal_that_comes_late_logs_nobody_in() -> None:
    """A caller whose request was refused in a session that others have renewed meanwhile uses theirs."""
    fake = Gates("QueryOptions")
    async with lab(fake) as made:
        await ask(made.session)
        slow = asyncio.create_task(made.session.post(options(), operation="QueryOptions"))
        await fake.held["QueryOptions"].wait()
        fake.end_sessions()
        assert await ask(made.session) == NOW
        fake.release["QueryOptions"].set()
        assert await slow == NOW
    assert fake.asked["Login"] == 2


async def test_a_refusal_that_comes_later_still_waits_for_the_login_under_way() -> None:
    """The renewed session has ended too: a late caller joins the third login, and does not ask without a session."""
    fake = Gates("QueryOptions", "Login")
    fake.release["Login"].set()
    refused = asyncio.Event()

    def observe(method: str, _: str, **__: object) -> None:
        if method == "QueryOptions":
            refused.set()

    async with lab(fake, observe) as made:
        await ask(made.session)
        late = asyncio.create_task(made.session.post(options(), operation="QueryOptions"))
        await fake.held["QueryOptions"].wait()
        fake.end_sessions()
        await ask(made.session)
        fake.end_sessions()
        fake.release["Login"].clear()
        fake.held["Login"].clear()
        third = asyncio.create_task(ask(made.session))
        await fake.held["Login"].wait()
        fake.release["QueryOptions"].set()
        await refused.wait()
        with pytest.raises(NotAuthenticated):  # there is no session now, for whoever does not wait for it
            await made.transport.post(options(), operation="Barrier")
        fake.release["Login"].set()
        assert await asyncio.gather(third, late) == [NOW, NOW]
    assert fake.asked["Login"] == 3


async def test_a_session_that_does_not_hold_is_the_callers_failure() -> None:
    """A second NotAuthenticated is raised: one renewal per request, no loop."""
    async with lab(FakeVCenter(forgetful=True)) as made:
        for logins in (2, 3):
            with pytest.raises(NotAuthenticated):
                await ask(made.session)
            assert made.vcenter.asked["Login"] == logins


async def test_a_caller_that_gives_up_does_not_take_the_login_away() -> None:
    """The first caller is cancelled during the login; the others get their answers from that same login."""
    fake = Gates("Login")
    async with lab(fake) as made:
        first, second = (asyncio.create_task(ask(made.session)) for _ in range(2))
        await fake.held["Login"].wait()
        first.cancel()
        await asyncio.wait([first])
        fake.release["Login"].set()
        assert await second == NOW
    assert (first.cancelled(), fake.asked["Login"]) == (True, 1)


# --- logins that fail -------------------------------------------------------------------------------------------------

REFUSAL = (
    "vCenter vc1 refused the login of user monitor (InvalidLogin: Cannot complete login due to an incorrect user name "
    "or password.); check username and password, and whether the account is locked, then reload the configuration"
)


async def test_a_refused_password_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Tried again after 60, 120, ... 900 s and up to a quarter more; in between nothing is sent; said once."""
    async with lab(FakeVCenter(password="changed")) as made:
        waits = []
        for attempt in range(1, 8):
            with pytest.raises(LoginRefused) as caught:
                await ask(made.session)
            assert (str(caught.value), made.vcenter.asked["Login"]) == (REFUSAL, attempt)
            requests, began = len(made.server.requests), made.time.seconds
            with pytest.raises(LoginRefused) as caught:
                await ask(made.session)
            left = float(str(caught.value).removeprefix(f"{REFUSAL}; next try in ").removesuffix(" s"))
            made.time.seconds = began + left - 1.0
            with pytest.raises(LoginRefused):
                await made.session.keep_alive()
            assert len(made.server.requests) == requests
            made.time.seconds = began + left + 1.0
            waits.append(left)
        assert made.session.stats == SessionStats(logins_refused=7)
    for wait, base in zip(waits, (60, 120, 240, 480, 900, 900, 900), strict=True):
        assert base <= wait <= base * (1 + rules.JITTER)
    assert len(set(waits)) == 7
    (said,) = caplog.messages
    assert said == f"{REFUSAL}; tried again on a slow schedule, next in {waits[0]:.0f} s"


async def test_a_corrected_password_is_tried_at_once_when_told() -> None:
    """retry_login_now ends the waiting."""
    async with lab(FakeVCenter(password="changed")) as made:
        for _ in range(3):
            with pytest.raises(LoginRefused):
                await ask(made.session)
        made.vcenter.password = "hunter2"
        made.session.retry_login_now()
        assert await ask(made.session) == NOW
        assert made.session.stats == SessionStats(logins_ok=1, logins_refused=1, since=1_700_001_000.0)


async def test_a_success_ends_the_schedule() -> None:
    """The next refusal, some day, waits for the first wait again."""
    async with lab(FakeVCenter(password="changed")) as made:
        for _ in range(3):
            with pytest.raises(LoginRefused):
                await ask(made.session)
            made.time.seconds += 400.0
        made.vcenter.password = "hunter2"
        assert await ask(made.session) == NOW
        made.vcenter.password = "changed again"
        made.vcenter.end_sessions()
        with pytest.raises(LoginRefused):
            await ask(made.session)
        with pytest.raises(LoginRefused, match=r"next try in [67]\d s"):
            await ask(made.session)


async def test_a_login_is_not_sent_twice() -> None:
    """Where the connection breaks at the Login, the password may have counted: the caller decides when to ask again."""

    class Closing(FakeVCenter):
        async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
            if b"<Login " in request.body:
                self.asked["Login"] += 1
                reset(writer)
            else:
                await super().__call__(request, writer)

    async with lab(Closing()) as made:
        with pytest.raises(Unreachable):
            await ask(made.session)
        assert made.vcenter.asked == {"RetrieveServiceContent": 1, "Login": 1}


@pytest.mark.parametrize("name", sorted(rules._REFUSALS))
async def test_every_refusal_is_slow(name: str) -> None:
    """Faults that another try does not heal are LoginRefused; 50 callers cost one try."""

    class Refusing(FakeVCenter):
        def answer(self, operation: str, _: str) -> bytes:
            return CONTENT if operation == "RetrieveServiceContent" else fault(name, "no")

    async with lab(Refusing()) as made:
        failures = await asyncio.gather(*(ask(made.session) for _ in range(50)), return_exceptions=True)
        assert {type(failure) for failure in failures} == {LoginRefused}
        assert made.vcenter.asked == {"RetrieveServiceContent": 1, "Login": 1}


class Ill(FakeVCenter):
    """Answers the two steps of a login with given bytes; without bytes it resets the connection."""

    content = b""
    login = b""

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Answer, or reset."""
        reply = self.login if b"<Login " in request.body else self.content
        if reply:
            writer.write(http(reply))
        else:
            reset(writer)


async def test_a_vcenter_that_fails_is_asked_again_at_the_callers_speed(caplog: pytest.LogCaptureFixture) -> None:
    """Broken, not vCenter, or ill: counted as failed, each kind said once, and no waiting."""
    no_manager = CONTENT.replace(b"sessionManager", b"viewManager").replace(b"SessionManager", b"ViewManager")
    failures: list[tuple[bytes, bytes, type[SourceError]]] = [
        (b"", b"", Unreachable),
        (b"<html/>", b"", BadReply),
        (no_manager, b"", BadReply),
        (CONTENT, fault("SystemError", "out of memory"), Fault),
    ]
    fake = Ill()
    async with lab(fake) as made:
        for fake.content, fake.login, kind in failures:
            for _ in range(2):
                with pytest.raises(kind) as caught:
                    await ask(made.session)
            if fake.content == no_manager:
                assert str(caught.value) == "vCenter vc1 offers no SessionManager; is url that of vCenter or ESXi?"
        assert made.session.stats == SessionStats(logins_failed=8)
        where = f"vc1 (127.0.0.1:{made.server.port}), RetrieveServiceContent"
    assert [record.message.split(";")[0] for record in caplog.records] == [
        f"no login: {where}: the connection broke (Connection reset by peer)",
        f"no login: {where}: the reply is <html>, not a SOAP 1.1 envelope",
        "no login: SystemError: out of memory",
    ]


async def test_the_same_failure_is_said_again_after_a_success(caplog: pytest.LogCaptureFixture) -> None:
    """An outage, a recovery and the next outage are three lines."""
    caplog.set_level(logging.INFO, "novacenter")
    fake = FakeVCenter()
    async with lab(fake) as made:
        for password in ("changed", "hunter2", "changed"):
            fake.password = password
            fake.end_sessions()
            made.session.retry_login_now()
            with suppress(LoginRefused):
                await ask(made.session)
    assert [message.split(" (")[0] for message in caplog.messages] == [
        "vCenter vc1 refused the login of user monitor",
        "vCenter vc1: logged in to VMware vCenter Server 8.0.3 build-1",
        "vCenter vc1 refused the login of user monitor",
    ]


async def test_waiting_callers_share_a_failed_login() -> None:
    """50 callers of a vCenter that hangs wait for one login together, not one after the other."""
    async with serving(never) as server:
        config = VCenter("vc1", server.url, "monitor", Secret("hunter2"), timeouts=Timeouts(5.0, 0.2, 5.0))
        async with Transport(config, clock=Clock()) as transport:
            session = Session(transport, config, clock=Time().clock, rng=random.Random(1))
            failures = await asyncio.gather(*(ask(session) for _ in range(50)), return_exceptions=True)
            assert {type(failure) for failure in failures} == {TimedOut}
            assert (len(server.requests), session.stats) == (1, SessionStats(logins_failed=1))


class RefusingTransport:
    """Refuses every login, and notes when it was asked."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.logins: list[float] = []

    def forget_session(self) -> None:
        """Nothing is kept."""

    async def post(self, _: bytes, *, operation: str, **__: object) -> bytes:
        """The content, or a refusal."""
        if operation == "RetrieveServiceContent":
            return CONTENT
        self.logins.append(self.time.seconds)
        raise Fault("InvalidLogin", "no")


@settings(deadline=None)
@given(st.lists(st.floats(0.5, 400.0), max_size=200), st.integers())
async def test_no_polling_rhythm_locks_an_account(pauses: list[float], seed: int) -> None:
    """Whenever requests come, no 180 s see more than 3 logins: 5 would lock the account by default."""
    time = Time()
    transport = RefusingTransport(time)
    config = VCenter("vc1", "https://vc/sdk", "monitor", Secret("hunter2"))
    session = Session(cast("Transport", transport), config, clock=time.clock, rng=random.Random(seed))
    for pause in pauses:
        with suppress(LoginRefused):
            await session.login()
        time.seconds += pause
    for first, fourth in zip(transport.logins, transport.logins[3:], strict=False):
        assert fourth - first > 180.0


# --- leaving ----------------------------------------------------------------------------------------------------------


async def test_logout_ends_the_session_on_the_server() -> None:
    """Within the session, once; afterwards a request would log in again."""
    async with lab() as made:
        await made.session.logout()
        assert made.vcenter.asked == {}
        await ask(made.session)
        made.vcenter.replies["Logout"] = envelope('<LogoutResponse xmlns="urn:vim25"/>')
        await made.session.logout()
        await made.session.logout()
        assert (made.vcenter.asked["Logout"], made.server.requests[-1].headers["cookie"]) == (1, f'{COOKIE}="1"')
        assert made.session.stats == SessionStats(logins_ok=1)
        await ask(made.session)
        assert made.vcenter.asked["Login"] == 2


async def test_logout_is_at_best() -> None:
    """A vCenter that fails, or does not answer within 2 s, does not hold up the end."""
    async with lab() as made:
        await ask(made.session)
        made.vcenter.end_sessions()
        await made.session.logout()
        assert made.vcenter.asked["Logout"] == 1

    class Hanging(FakeVCenter):
        async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
            await (never if b"<Logout " in request.body else super().__call__)(request, writer)

    async with lab(Hanging()) as made:
        await ask(made.session)
        async with asyncio.timeout(rules.LOGOUT_LIMIT + 2):
            await made.session.logout()


async def test_logout_during_a_login_stops_it() -> None:
    """Nothing is left running, and who waits for the login is cancelled with it."""
    entered = asyncio.Event()

    async def handler(_: Request, __: asyncio.StreamWriter) -> None:
        entered.set()
        await asyncio.Event().wait()

    async with serving(handler) as server:
        config = VCenter("vc1", server.url, "monitor", Secret("hunter2"))
        async with Transport(config, clock=Clock()) as transport:
            session = Session(transport, config, clock=Time().clock, rng=random.Random(1))
            waiting = asyncio.create_task(ask(session))
            await entered.wait()
            await session.logout()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
            assert not [task for task in asyncio.all_tasks() if "_log_in" in repr(task.get_coro())]


# --- the real thing ---------------------------------------------------------------------------------------------------


@pytest.mark.external
@pytest.mark.parametrize("flavour", ["vcsim_classic", "vcsim_current"])
async def test_against_vcsim(flavour: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """govmomi's simulator: TLS by CA and by thumbprint, a wrong password, a session that another ends."""
    vcsim: Vcsim = request.getfixturevalue(flavour)
    ca = tmp_path / "ca.pem"
    ca.write_text(vcsim.certificate)
    config = VCenter("vc1", vcsim.url, vcsim.user, Secret(vcsim.password), tls=Tls(ca_file=ca))
    wrong = replace(config, password=Secret("wrong"), tls=Tls(thumbprint=vcsim.thumbprint))
    clock = Clock()
    async with Transport(config, clock=clock) as wire, Transport(wrong, clock=clock) as other:
        session = Session(wire, config, clock=clock, rng=random.Random(1))
        await session.keep_alive()
        assert session.about.apiType == "VirtualCenter"
        with pytest.raises(LoginRefused):
            await Session(other, wrong, clock=clock, rng=random.Random(1)).login()
        killer = Session(other, config, clock=clock, rng=random.Random(1))
        manager = session.content.sessionManager
        key = (await current(session)).key
        await killer.call(manager, "TerminateSession", sessionId=[key])
        assert await session.keep_alive() == pytest.approx(clock.now(), abs=60)
        assert session.stats.logins_ok == 2
        assert (await current(session)).key != key
        await asyncio.gather(session.logout(), killer.logout())


async def current(session: Session) -> vim.UserSession:
    """The session on the server, read as properties are to be read."""
    collector = vmodl.query.PropertyCollector
    manager = session.content.sessionManager
    wanted = collector.FilterSpec(
        objectSet=[collector.ObjectSpec(obj=manager)],
        propSet=[collector.PropertySpec(type=vim.SessionManager, pathSet=["currentSession"])],
    )
    found = await session.call(
        session.content.propertyCollector,
        "RetrievePropertiesEx",
        specSet=[wanted],
        options=collector.RetrieveOptions(),
    )
    return found.objects[0].propSet[0].val
