"""The session with a cloud, against real servers: login, catalogue, microversions, and each failure by its name.

The server speaks the recorded replies of a real Keystone and of real version documents, under one port.
"""

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cloudreplies import recorded
from vcenter.tlslab import Authority, always, http, never, server_context, serving

from exporter.clock import Clock
from exporter.config import Cloud, Secret, Timeouts, Tls
from exporter.errors import (
    BadReply,
    CertificateError,
    ConfigError,
    LoginRefused,
    NotAuthenticated,
    ReplyTooLarge,
    SourceError,
    TimedOut,
    Unreachable,
)
from exporter.openstack.cloud import ApiFault, NotOffered
from exporter.openstack.session import FRESH, Session

PASSWORD = "correct-horse"
RECORDED = "http://192.0.2.1:"
LIMITS = Timeouts(connect=2.0, read=2.0, total=4.0)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Hand:
    """A clock that stands still until it is moved."""

    seconds: float = 1000.0

    @property
    def clock(self) -> Clock:
        """The clock."""
        return Clock(now=lambda: self.seconds, monotonic=lambda: self.seconds)


@dataclass
class FakeCloud:
    """Keystone and the other services on one port; each service's port in the recording is the first step of its path.

    ``answers`` are tried first: the end of a path -> what happens. ``versions`` replaces a recorded version document.
    """

    url: str = ""
    password: str = PASSWORD
    answers: dict[str, Handler] = field(default_factory=dict)
    logins: list[Any] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    busy: int = 0
    busiest: int = 0
    max_version: str | None = None

    def here(self, content: Any) -> Any:
        """Recorded JSON, with its links leading here."""
        return json.loads(json.dumps(content).replace(RECORDED, f"{self.url}/"))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.requests.append(f"{request.method} {request.path_qs}")
        self.headers.append(dict(request.headers))
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            for end, answer in self.answers.items():
                if request.path.endswith(end):
                    return await answer(request)
            return await self.answer(request)
        finally:
            self.busy -= 1

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What a well cloud answers."""
        if request.path.endswith("/auth/tokens"):
            return await self.login(request)
        port, *rest = request.path.strip("/").split("/")
        service = {"5000": "identity", "8774": "compute", "8778": "placement", "9292": "image", "9696": "network"}[port]
        if not rest or rest in (["v2.1"], ["v3"]):
            content = recorded(f"{service}/{'version' if rest else 'versions'}").content
            if self.max_version and service == "compute":
                content["version"]["version"] = self.max_version
            return web.json_response(self.here(content), status=200 if rest or service != "image" else 300)
        if request.headers.get("X-Auth-Token", "") in {"", *self.revoked}:
            return web.json_response(recorded("compute/unauthorised").content, status=401)
        return web.json_response({"service": service, "rest": rest})

    async def login(self, request: web.Request) -> web.StreamResponse:
        """POST /v3/auth/tokens."""
        body = await request.json()
        self.logins.append(body["auth"])
        identity = body["auth"]["identity"]
        said = identity.get("password", {}).get("user", {}).get("password") or identity.get(
            "application_credential", {}
        ).get("secret")
        if said != self.password:
            return web.json_response(recorded("identity/token-refused").content, status=401)
        content = self.here(recorded("identity/token-admin").content)
        return web.json_response(content, status=201, headers={"X-Subject-Token": f"token-{len(self.logins)}"})

    def config(self, **changes: Any) -> Cloud:
        """A configuration for this cloud."""
        made = Cloud(
            "c1",
            auth_url=f"{self.url}/5000/v3",
            username="monitor",
            password=Secret(PASSWORD),
            project_name="admin",
            timeouts=LIMITS,
        )
        return replace(made, **changes)


@asynccontextmanager
async def running(cloud: FakeCloud, *, context: ssl.SSLContext | None = None) -> AsyncIterator[FakeCloud]:
    """The cloud behind a real server."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cloud.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    cloud.url = f"{'https' if context else 'http'}://127.0.0.1:{port}"
    try:
        yield cloud
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talking(
    cloud: FakeCloud | None = None,
    *,
    context: ssl.SSLContext | None = None,
    hand: Hand | None = None,
    region: str | None = None,
    **changes: Any,
) -> AsyncIterator[tuple[Session, FakeCloud]]:
    """A cloud and a session with it."""
    async with running(cloud or FakeCloud(), context=context) as there:
        clock = hand.clock if hand else Clock()
        session = Session(there.config(**changes), region=region, clock=clock, rng=random.Random(1))
        try:
            yield session, there
        finally:
            await session.close()


async def failure(awaited: Awaitable[Any], kind: type[SourceError]) -> str:
    """The message of an error of exactly this kind, which holds no secret."""
    with pytest.raises(SourceError) as raised:
        await awaited
    assert type(raised.value) is kind
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


async def hang(_: web.Request) -> web.StreamResponse:
    """A service that hangs."""
    await asyncio.Event().wait()
    raise AssertionError


def saying(status: int, content: Any, **headers: str) -> Handler:
    """A service that answers the same to all."""

    async def answer(_: web.Request) -> web.StreamResponse:
        if isinstance(content, str):
            return web.Response(text=content, content_type="text/html", status=status, headers=headers)
        return web.json_response(content, status=status, headers=headers)

    return answer


# --- login, catalogue, versions ---------------------------------------------------------------------------------------


async def test_get() -> None:
    """One login, one look at the service's versions, and then only what was asked for, with token and microversion."""
    async with talking() as (session, cloud):
        first = await session.get("compute", "/servers/detail?limit=1")
        second = await session.get("compute", "/os-services")
        version = await session.microversion("compute")

    assert json.loads(first.body) == {"service": "compute", "rest": ["v2.1", "servers", "detail"]}
    assert json.loads(second.body)["rest"] == ["v2.1", "os-services"]
    assert cloud.requests == [
        "POST /5000/v3/auth/tokens",
        "GET /8774/v2.1/",
        "GET /8774/v2.1/servers/detail?limit=1",
        "GET /8774/v2.1/os-services",
    ]
    assert version == (2, 87)
    assert cloud.headers[-1]["OpenStack-API-Version"] == "compute 2.87"
    assert cloud.headers[-1]["X-Auth-Token"] == "token-1"
    assert first.date is not None
    assert 0 <= first.seconds < 4


async def test_every_service_is_found() -> None:
    """The catalogue and the version documents of a real cloud lead to the right paths."""
    async with talking() as (session, _):
        found = {
            service: json.loads((await session.get(service, "/x")).body)["rest"]
            for service in ("identity", "image", "network", "placement")
        }
        versions = [await session.microversion(service) for service in ("image", "network", "placement")]

    assert found == {"identity": ["v3", "x"], "image": ["v2", "x"], "network": ["v2.0", "x"], "placement": ["x"]}
    assert versions == [None, None, (1, 39)]


async def test_older_nova() -> None:
    """A Nova that offers less is asked for the most that it has."""
    async with talking(FakeCloud(max_version="2.53")) as (session, cloud):
        assert await session.microversion("compute") == (2, 53)
        await session.get("compute", "/servers")

    assert cloud.headers[-1]["OpenStack-API-Version"] == "compute 2.53"


async def test_service_that_is_not_there() -> None:
    """No such service, or not in this region, is absence; the service is not looked for elsewhere."""
    async with talking() as (session, _):
        message = await failure(session.get("block-storage", "/volumes"), NotOffered)
    async with talking(region="Mars") as (session, cloud):
        there = await failure(session.get("compute", "/servers"), NotOffered)

    assert message == "cloud c1, block-storage: the catalogue has no block-storage for the public interface"
    assert there == (
        "cloud c1, region Mars, compute: the catalogue has no compute for the public interface of region Mars"
    )
    assert cloud.requests == ["POST /5000/v3/auth/tokens"]


async def test_ways_to_log_in() -> None:
    """Password and project, or an application credential, as Keystone v3 wants them."""
    async with talking() as (session, cloud):
        await session.get("compute", "/a")
    async with talking(application_credential_id="42", secret=Secret(PASSWORD), username="", password=None) as (
        session,
        other,
    ):
        await session.get("compute", "/a")

    default = {"name": "Default"}
    user = {"name": "monitor", "domain": default, "password": PASSWORD}
    assert cloud.logins == [
        {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": default}},
        }
    ]
    assert [login["identity"]["application_credential"] for login in other.logins] == [{"id": "42", "secret": PASSWORD}]
    assert "scope" not in other.logins[0]


async def test_clouds_yaml(tmp_path: Path) -> None:
    """An entry of clouds.yaml has everything: credentials, region, interface and trust."""
    authority = Authority(tmp_path, "ca")
    context = server_context(authority.issue("server", "127.0.0.1"))
    async with running(FakeCloud(), context=context) as cloud:
        auth = {
            "auth_url": f"{cloud.url}/5000/v3",
            "username": "monitor",
            "password": PASSWORD,
            "project_name": "admin",
        }
        auth |= {"user_domain_name": "Default", "project_domain_name": "Default"}
        entry = {"auth": auth, "region_name": "RegionOne", "interface": "internal", "cacert": str(authority.pem)}
        file = tmp_path / "clouds.yaml"
        file.write_text(json.dumps({"clouds": {"lab": entry}}))
        config = Cloud("c1", cloud="lab", clouds_file=file, timeouts=LIMITS)
        session = Session(config, region=None, clock=Clock(), rng=random.Random(1))
        message = await failure(session.get("block-storage", "/a"), NotOffered)
        await session.close()
        wrong = replace(config, cloud="other")
        with pytest.raises(ConfigError, match=r"cloud c1: Cloud other was not found\.; check clouds.yaml"):
            Session(wrong, region=None, clock=Clock(), rng=random.Random(1))

    assert message.endswith("for the internal interface of region RegionOne")


# --- the token --------------------------------------------------------------------------------------------------------


async def test_many_share_one_login() -> None:
    """However many ask at once, there is one login, and no more requests at the same time than allowed."""
    async with talking(connections=3) as (session, cloud):
        await asyncio.gather(*(session.get("compute", f"/{number}") for number in range(20)))

    assert len(cloud.logins) == 1
    assert cloud.busiest <= 3
    assert session.stats.logins_ok == 1


async def test_token_that_ends_early() -> None:
    """A token that is refused later on is replaced by one for all, and each request repeated once."""
    hand = Hand()
    async with talking(hand=hand) as (session, cloud):
        await session.get("compute", "/a")
        cloud.revoked.add("token-1")
        hand.seconds += FRESH
        await asyncio.gather(*(session.get("compute", f"/{number}") for number in range(10)))

    assert len(cloud.logins) == 2
    assert cloud.headers[-1]["X-Auth-Token"] == "token-2"


async def test_fresh_token_that_is_refused() -> None:
    """A service that refuses a fresh token has a fault of its own; Keystone is not asked again and again."""
    async with talking() as (session, cloud):
        cloud.answers["/servers"] = saying(401, recorded("compute/unauthorised").content)
        message = await failure(session.get("compute", "/servers"), NotAuthenticated)
        await failure(session.get("compute", "/servers"), NotAuthenticated)
        await session.get("network", "/agents")

    assert len(cloud.logins) == 1
    assert message.startswith("Unauthorized: cloud c1, compute: The request you have made requires authentication.")
    assert message.endswith("it refuses a fresh token: does it reach Keystone?")


async def test_token_is_renewed_before_its_end_whatever_the_clock() -> None:
    """A token's life is measured from our login: the recorded one ended long ago by our clock, yet is good."""
    hand = Hand(seconds=4_000_000_000.0)
    token = recorded("identity/token-admin").content["token"]
    async with talking(hand=hand) as (session, cloud):
        for _ in range(3):
            await session.get("compute", "/a")
        before = len(cloud.logins)
        life = datetime.fromisoformat(token["expires_at"]) - datetime.fromisoformat(token["issued_at"])
        hand.seconds += 0.95 * life.total_seconds()
        await session.get("compute", "/a")

    assert token["expires_at"] < "2090"
    assert (before, len(cloud.logins)) == (1, 2)


async def test_refused_login_is_tried_on_a_slow_schedule() -> None:
    """Wrong credentials are not offered every cycle, so that no account is locked; the operator can ask for a try."""
    hand = Hand()
    async with talking(FakeCloud(password="another"), hand=hand) as (session, cloud):
        message = await failure(session.get("compute", "/a"), LoginRefused)
        tries = []
        for second in range(3600):
            hand.seconds += 1
            count = len(cloud.logins)
            await failure(session.get("compute", "/a"), LoginRefused)
            if len(cloud.logins) > count:
                tries.append(second + 1)
        again = await failure(session.get("compute", "/a"), LoginRefused)
        cloud.password = PASSWORD
        session.retry_login_now()
        await session.get("compute", "/a")

    assert message == (
        "cloud c1: Keystone refused the login (The request you have made requires authentication.); check the "
        "credentials and whether the account is locked, then reload the configuration"
    )
    assert "; next try in " in again
    waits = [later - earlier for earlier, later in zip([0, *tries], tries, strict=False)]
    assert [low <= wait <= low * 1.25 + 1 for low, wait in zip((60, 120, 240, 480, 900, 900), waits, strict=False)] == [
        True
    ] * len(waits)
    assert len(tries) in {5, 6}
    assert (session.stats.logins_refused, session.stats.logins_ok) == (1 + len(tries), 1)


async def test_keystone_with_other_troubles() -> None:
    """Keystone down, out of order, or not Keystone: three different failures, and none counts as a refusal."""
    async with talking() as (session, cloud):
        cloud.answers["/auth/tokens"] = saying(503, recorded("compute/keystone-down").content)
        busy = await failure(session.get("compute", "/a"), ApiFault)
        cloud.answers["/auth/tokens"] = saying(200, "<html><title>Welcome</title>")
        html = await failure(session.get("compute", "/a"), BadReply)
        cloud.answers.clear()
        await session.get("compute", "/a")
        stats = session.stats
    async with talking(auth_url="http://127.0.0.1:1/v3") as (session, _):
        down = await failure(session.get("compute", "/a"), Unreachable)

    assert "The Keystone service is temporarily unavailable" in busy
    assert "titled 'Welcome'" in html
    assert down == "127.0.0.1:1: no connection (Connection refused); is the service up, and is this its port?"
    assert (stats.logins_ok, stats.logins_failed, stats.logins_refused) == (1, 2, 0)


# --- failures of services ---------------------------------------------------------------------------------------------


async def test_fault() -> None:
    """An API's error has its word, its code and the id of the request, by which the cloud's log is searched."""
    async with talking() as (session, cloud):
        content = recorded("compute/server-unknown").content
        cloud.answers["/servers/a"] = saying(404, content, **{"x-openstack-request-id": "req-7"})
        with pytest.raises(ApiFault) as raised:
            await session.get("compute", "/servers/a")

    assert (raised.value.name, raised.value.code, raised.value.request) == ("itemNotFound", 404, "req-7")
    assert str(raised.value) == (
        f"itemNotFound: cloud c1, compute: {content['itemNotFound']['message']} (HTTP 404, request req-7)"
    )


async def test_retry_after_is_heeded() -> None:
    """A service that asks to wait is left alone for that time; others are asked."""
    hand = Hand()
    async with talking(hand=hand) as (session, cloud):
        cloud.answers["/servers"] = saying(
            429, {"overLimit": {"code": 429, "message": "slow down"}}, **{"Retry-After": "30"}
        )
        for _ in range(3):
            with pytest.raises(ApiFault) as raised:
                await session.get("compute", "/servers")
            assert (raised.value.code, raised.value.retry_after, raised.value.outcome) == (429, 30.0, "rate_limited")
        await session.get("network", "/agents")
        cloud.answers.clear()
        hand.seconds += 30
        await session.get("compute", "/servers")

    assert sum(request.endswith("/servers") for request in cloud.requests) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            saying(200, "<html><title> Maintenance\n today</title>"),
            BadReply,
            "HTTP 200 with text/html titled 'Maintenance today'; something else than the service answers there",
        ),
        (saying(502, "<title>Bad Gateway</title>"), ApiFault, "Bad Gateway titled 'Bad Gateway' (HTTP 502)"),
        (saying(204, {}), BadReply, "HTTP 204"),
        (saying(200, {"a": "x" * 2_000_000}), ReplyTooLarge, "over the limit of 1000000 bytes (max_reply)"),
        (
            saying(302, {}, Location="http://evil.example/steal?token=1"),
            BadReply,
            "redirected to http://evil.example/steal; correct the endpoint",
        ),
        (saying(200, {}, **{"Content-Encoding": "br"}), BadReply, "Content-Encoding 'br' was not asked for"),
    ],
)
async def test_wrong_answer(answer: Handler, kind: type[SourceError], said: str) -> None:
    """What answers in the service's place is named, and the next request is a new try."""
    async with talking(max_reply_bytes=1_000_000) as (session, cloud):
        cloud.answers["/servers"] = answer
        message = await failure(session.get("compute", "/servers"), kind)
        cloud.answers.clear()
        await session.get("compute", "/servers")

    assert said in message
    assert "cloud c1, compute: " in message


@pytest.mark.parametrize("at", ["/8774/v2.1/", "/servers"])
async def test_service_that_hangs(at: str) -> None:
    """A service that hangs takes one time limit, not one for each way to find it; others are not held up."""
    async with talking(timeouts=Timeouts(2.0, 0.3, 4.0)) as (session, cloud):
        cloud.answers[at] = hang
        message = await failure(session.get("compute", "/servers"), TimedOut)
        hung = sum("8774" in request for request in cloud.requests)
        await session.get("network", "/agents")

    assert message.endswith("no data for 0.3 s (timeouts.read); the service hangs, or needs longer")
    assert hung == (1 if at == "/8774/v2.1/" else 2)


async def test_reply_that_trickles() -> None:
    """A server that sends a byte now and then cannot hold a request for longer than the whole limit."""

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" " * 70_000)
            await asyncio.sleep(0.05)  # the server's slowness itself, nothing is waited for

    async with talking(timeouts=Timeouts(2.0, 1.0, 0.5)) as (session, cloud):
        cloud.answers["/servers"] = trickle
        message = await failure(session.get("compute", "/servers"), TimedOut)

    assert message.endswith("not done within 0.5 s (timeouts.total); the cloud or the network is slow")


async def test_connections_that_break() -> None:
    """No HTTP, nothing, half an answer: each is named."""
    async with (
        serving(always(b"SSH-2.0-OpenSSH\r\n\r\n")) as ssh,
        serving(always(http(b"{}", "Content-Length: 99", kind="application/json")[:-40])) as half,
        serving(never) as silent,
    ):
        for server, kind, said in (
            (ssh, BadReply, "the reply is not HTTP"),
            (half, TimedOut, "no data for 0.3 s"),
            (silent, TimedOut, "no data for 0.3 s"),
        ):
            url = f"http://127.0.0.1:{server.port}/v3"
            async with talking(auth_url=url, timeouts=Timeouts(2.0, 0.3, 4.0)) as (session, _):
                assert said in await failure(session.get("compute", "/a"), kind)
    async with talking(auth_url="http://keystone.invalid/v3") as (session, _):
        assert "the name is unknown" in await failure(session.get("compute", "/a"), Unreachable)


async def test_kept_connection_that_was_closed() -> None:
    """A server that closes an idle connection just as a request leaves is asked once more."""

    async def leave(request: web.Request) -> web.StreamResponse:
        cloud.answers.clear()
        assert request.transport
        request.transport.abort()
        return web.Response()

    async with talking() as (session, cloud):
        await session.get("compute", "/a")
        cloud.answers["/b"] = leave
        reply = await session.get("compute", "/b")

    assert json.loads(reply.body)["rest"] == ["v2.1", "b"]


# --- TLS --------------------------------------------------------------------------------------------------------------


async def test_tls(tmp_path: Path) -> None:
    """A server is trusted by its CA alone, or by nobody's where that is switched off."""
    authority = Authority(tmp_path, "ca")
    context = server_context(authority.issue("server", "127.0.0.1"))
    for tls, problem in (
        (Tls(ca_file=authority.pem), None),
        (Tls(insecure=True), None),
        (Tls(), "its CA is unknown: set tls.ca_file to the CA of the server"),
    ):
        async with talking(context=context, tls=tls) as (session, _):
            if problem is None:
                await session.get("compute", "/a")
            else:
                assert problem in await failure(session.get("compute", "/a"), CertificateError)


async def test_certificate_of_another_host(tmp_path: Path) -> None:
    """A good certificate for another address is none."""
    authority = Authority(tmp_path, "ca")
    context = server_context(authority.issue("server", "127.0.0.2"))
    async with talking(context=context, tls=Tls(ca_file=authority.pem)) as (session, _):
        assert "it is for another address" in await failure(session.get("compute", "/a"), CertificateError)


async def test_client_certificate(tmp_path: Path) -> None:
    """Where the cloud asks for one, our certificate is shown."""
    authority = Authority(tmp_path, "ca")
    mine = authority.issue("client")
    context = server_context(authority.issue("server", "127.0.0.1"), client_ca=authority.pem)
    tls = Tls(ca_file=authority.pem, client_cert=mine.cert, client_key=mine.key)
    async with talking(context=context, tls=tls) as (session, _):
        await session.get("compute", "/a")
    async with talking(context=context, tls=Tls(ca_file=authority.pem)) as (session, _):
        with pytest.raises((CertificateError, Unreachable)):  # TLS 1.3 may show the alert as a broken connection
            await session.get("compute", "/a")
