"""Our own server behind TLS, mutual TLS and passwords: real servers, real handshakes, real bcrypt."""

import asyncio
import base64
import shutil
import socket
import ssl
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from prometheus_client import CollectorRegistry
from trust.weblab import HOOK, client, get, guarded, hashed, mutual, serial, tls_section
from vcenter.tlslab import Authority, Pair

from exporter.config import Secret
from exporter.errors import ConfigError
from exporter.trust import basicauth, webtls
from exporter.trust.basicauth import MOST_WAITING, Busy, Guard
from exporter.trust.gate import Gate, Metrics


def written(directory: Path, text: str) -> Path:
    """The web configuration as a file."""
    file = directory / "web.yml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("highest", ["TLSv1_2", "TLSv1_3"])
async def test_each_policy_and_each_client(
    authority: Authority, stranger: Authority, server_pair: Pair, tmp_path: Path, highest: str
) -> None:
    """Who is let in under each client_auth_type, with no, a good, an expired and an unknown certificate."""
    clients = {
        "none": None,
        "good": authority.issue("good"),
        "expired": authority.issue("late", days=-1),
        "unknown": stranger.issue("who"),
    }
    texts = {
        "NoClientCert": tls_section(server_pair, "  client_auth_type: NoClientCert"),
        **{
            name: mutual(server_pair, authority, name)
            for name in ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
        },
    }
    found = {}
    for policy, text in texts.items():
        async with guarded(written(tmp_path, text)) as running:
            url = f"{running.server.url}/metrics"
            found[policy] = {name: await get(url, client(authority, pair, highest)) for name, pair in clients.items()}
            found[policy]["turned away"] = sorted(running.refused())
    refused = {"expired": "refused", "unknown": "refused"}
    assert found == {
        "NoClientCert": {"none": 200, "good": 200, "expired": 200, "unknown": 200, "turned away": []},
        "VerifyClientCertIfGiven": {"none": 200, "good": 200, **refused, "turned away": ["certificate"]},
        "RequireAndVerifyClientCert": {"none": "refused", "good": 200, **refused, "turned away": ["certificate"]},
    }


@pytest.mark.parametrize("highest", ["TLSv1_2", "TLSv1_3"])
async def test_who_is_turned_away_is_told_why(
    authority: Authority, stranger: Authority, server_pair: Pair, tmp_path: Path, highest: str
) -> None:
    """The alert of TLS reaches the client, which asyncio's servers by themselves do not send; then all is closed."""
    pairs = {"none": None, "expired": authority.issue("late", days=-1), "unknown": stranger.issue("who")}
    found = {}
    async with guarded(written(tmp_path, mutual(server_pair, authority))) as running:
        port = int(running.server.url.rpartition(":")[2])
        for name, pair in pairs.items():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client(authority, pair, highest))
                try:
                    await reader.read(1)
                finally:
                    writer.transport.abort()
            except ssl.SSLError as error:
                found[name] = error.reason
        assert running.refused() == {"certificate": 3}
    assert found == {
        "none": {"TLSv1_2": "SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSv1_3": "TLSV13_ALERT_CERTIFICATE_REQUIRED"}[highest],
        "expired": "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "unknown": "TLSV1_ALERT_UNKNOWN_CA",
    }


async def test_why_two_policies_are_refused(authority: Authority, stranger: Authority, server_pair: Pair) -> None:
    """ssl either asks for no certificate or verifies what comes: none of its modes asks and takes anything."""
    seen = {}
    for mode in (ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server_pair.cert, server_pair.key)
        context.load_verify_locations(authority.pem)
        context.verify_mode = mode
        shown: asyncio.Queue[object] = asyncio.Queue()

        async def connected(
            _: asyncio.StreamReader, writer: asyncio.StreamWriter, shown: asyncio.Queue[object] = shown
        ) -> None:
            shown.put_nowait(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            writer.close()

        async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            await get(url, client(authority, stranger.issue("any")))
        seen[mode] = "no connection" if shown.empty() else shown.get_nowait()
    assert seen == {ssl.CERT_NONE: None, ssl.CERT_OPTIONAL: "no connection", ssl.CERT_REQUIRED: "no connection"}


@pytest.mark.parametrize("highest", ["TLSv1_2", "TLSv1_3"])
async def test_no_tickets_where_certificates_are_verified(
    authority: Authority, server_pair: Pair, client_pair: Pair, tmp_path: Path, highest: str
) -> None:
    """A session ticket would outlive the client's certificate: there is none, so each connection verifies again."""
    context = client(authority, client_pair, highest)

    def exchange(port: int) -> bool:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while secure.recv(65536):
                pass
            return secure.session is not None and secure.session.has_ticket

    found = []
    for text in (tls_section(server_pair), mutual(server_pair, authority)):
        async with guarded(written(tmp_path, text)) as running:
            found.append(await asyncio.to_thread(exchange, int(running.server.url.rpartition(":")[2])))
    assert found == [True, False]


async def test_only_named_clients(authority: Authority, server_pair: Pair, tmp_path: Path) -> None:
    """client_allowed_sans lets in whose certificate has one of the names: DNS or address, exactly."""
    text = mutual(
        server_pair, authority, "RequireAndVerifyClientCert", "  client_allowed_sans: [a.test, 10.0.0.1, '2001:db8::1']"
    )
    pairs = {
        "named": authority.issue("n1", "b.test", "a.test"),
        "address": authority.issue("n2", "10.0.0.1"),
        "long address": authority.issue("n6", "2001:db8::1"),
        "other": authority.issue("n3", "b.test"),
        "below": authority.issue("n4", "x.a.test"),
        "nameless": authority.issue("a.test"),
    }
    async with guarded(written(tmp_path, text)) as running:
        url = f"{running.server.url}/metrics"
        found = {name: await get(url, client(authority, pair)) for name, pair in pairs.items()}
        assert found == {
            "named": 200,
            "address": 200,
            "long address": 200,
            "other": "refused",
            "below": "refused",
            "nameless": "refused",
        }
        assert set(running.refused()) == {"certificate"}


async def test_versions_suites_and_curves(authority: Authority, server_pair: Pair, tmp_path: Path) -> None:
    """What the file chooses is what a handshake can have, and nothing else."""
    text = tls_section(
        server_pair,
        "  max_version: TLS12",
        "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
        "  curve_preferences: [CurveP384]",
    )
    good, old, curve, suite = (client(authority) for _ in range(4))
    old.minimum_version = ssl.TLSVersion.TLSv1_3
    curve.set_ecdh_curve("prime256v1")
    suite.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    async with guarded(written(tmp_path, text)) as running:
        url = f"{running.server.url}/metrics"
        assert [await get(url, one) for one in (good, old, curve, suite)] == [200, "refused", "refused", "refused"]
        assert set(running.refused()) == {"handshake"}


async def test_a_renewed_certificate_without_restart(authority: Authority, tmp_path: Path) -> None:
    """The next handshake sees the new serial number on the same listener; connections that are open go on.

    While the certificate is new and its key still the old one, the pair before stays in force.
    """
    first, second = authority.issue("first", "127.0.0.1"), authority.issue("second", "127.0.0.1")
    cert, key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(first.cert, cert)
    shutil.copy(first.key, key)
    text = f"tls_server_config: {{cert_file: {cert.name}, key_file: {key.name}}}"
    async with (
        guarded(written(tmp_path, text)) as running,
        ClientSession(connector=TCPConnector(ssl=client(authority))) as kept,
    ):
        url = f"{running.server.url}/-/healthy"
        async with kept.get(url) as reply:
            assert await reply.text() == "healthy\n"
        seen = [await serial(running.server, client(authority))]
        shutil.copy(second.cert, cert)
        seen.append(await serial(running.server, client(authority)))
        assert running.loaded == 0
        shutil.copy(second.key, key)
        seen.append(await serial(running.server, client(authority)))
        assert running.loaded == 1
        async with kept.get(url) as reply:
            assert await reply.text() == "healthy\n"
        one, two = first.certificate.serial_number, second.certificate.serial_number
        assert seen == [one, one, two]


async def test_a_renewed_client_ca(
    authority: Authority, stranger: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    """Another CA of the clients counts at the next handshake, also through a link as Kubernetes renews secrets."""
    (tmp_path / "one").symlink_to(authority.pem)
    text = tls_section(server_pair, "  client_auth_type: RequireAndVerifyClientCert", "  client_ca_file: ca.pem")
    (tmp_path / "ca.pem").symlink_to("one")
    pairs = (authority.issue("ours"), stranger.issue("theirs"))
    async with guarded(written(tmp_path, text)) as running:
        url = f"{running.server.url}/metrics"
        before = [await get(url, client(authority, pair)) for pair in pairs]
        (tmp_path / "two").symlink_to(stranger.pem)
        (tmp_path / "two").replace(tmp_path / "one")
        after = [await get(url, client(authority, pair)) for pair in pairs]
    assert (before, after) == ([200, "refused"], ["refused", 200])


async def test_the_file_itself_is_read_again(authority: Authority, server_pair: Pair, tmp_path: Path) -> None:
    """Users, policy and headers count from the next request; what cannot be used changes nothing but the metric."""
    file = written(tmp_path, tls_section(server_pair))
    async with guarded(file) as running:
        url, trust = f"{running.server.url}/metrics", client(authority)
        found = [await get(url, trust)]
        users = f"basic_auth_users: {{a: {hashed('right')}}}\n"
        file.write_text(tls_section(server_pair) + users)
        found += [await get(url, trust), await get(url, trust, ("a", "right"))]
        for text in (tls_section(server_pair) + "basic_auth_users: {a: wrong}", users, "nonsense: ["):
            file.write_text(text)
            found += [await get(url, trust), await get(url, trust, ("a", "right"))]
            assert running.loaded == 0
        file.write_text(mutual(server_pair, authority) + users)
        found += [await get(url, trust), await get(url, client(authority, authority.issue("c")), ("a", "right"))]
        assert running.loaded == 1
    assert found == [200, 401, 200, 401, 200, 401, 200, 401, 200, "refused", 200]


async def test_tls_does_not_come_at_run_time(authority: Authority, server_pair: Pair, tmp_path: Path) -> None:
    """A server that began without TLS goes on without it, and says that a restart is wanted."""
    file = written(tmp_path, "")
    async with guarded(file) as running:
        file.write_text(mutual(server_pair, authority))
        assert await get(f"{running.server.url}/metrics") == 200
        assert (running.loaded, running.gate.config.tls) == (0, None)
        assert "tls_server_config was added" in running.gate.problem
        assert running.gate.problem.endswith("start the agent again")
        file.write_text("")
        assert await get(f"{running.server.url}/metrics") == 200
        assert (running.loaded, running.gate.problem) == (1, "")


async def test_what_needs_a_password(tmp_path: Path) -> None:
    """Everything but health and the webhook, which has credentials of its own; unknown paths, too.

    Readiness then tells a word and no reason, for reasons name sources.
    """
    users = f"basic_auth_users: {{prometheus: {hashed('right')}}}\n"
    paths = ("/", "/status.json", "/metrics", "/late", "/-/healthy", "/-/ready", "/none")
    async with guarded(written(tmp_path, users)) as running:
        url = running.server.url
        found = {path: [await get(url + path), await get(url + path, login=("prometheus", "right"))] for path in paths}
        hook = await get(url + HOOK, method="POST")
        async with ClientSession() as http, http.get(f"{url}/metrics") as reply:
            asked = reply.headers["WWW-Authenticate"]
        async with ClientSession() as http, http.get(f"{url}/-/ready") as reply:
            told = await reply.text()
        assert running.refused() == {"credentials": 6}
    assert found == {
        **{path: [401, 200] for path in ("/", "/status.json", "/metrics", "/late")},
        "/-/healthy": [200, 200],
        "/-/ready": [503, 503],
        "/none": [401, 404],
    }
    assert hook == 200
    assert asked == 'Basic realm="novacenter"'
    assert told == "not ready: no source has completed a cycle\n"


@pytest.mark.parametrize(
    "header",
    ["Bearer x", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), "Basic /w==", "basic\tx", ""],
)
async def test_headers_that_are_no_login(tmp_path: Path, header: str) -> None:
    """What is not well-formed HTTP Basic is as if nothing was said."""
    async with (
        guarded(written(tmp_path, f"basic_auth_users: {{a: {hashed('b')}}}\n")) as running,
        ClientSession() as http,
        http.get(f"{running.server.url}/metrics", headers={"Authorization": header}) as reply,
    ):
        assert reply.status == 401


async def test_passwords(tmp_path: Path) -> None:
    """Right is only the whole password of this user; 72 bytes count, as bcrypt has it; a colon may be in it."""
    long = "x" * 72
    users = {"a": Secret(hashed("s:e:c")), "b": Secret(hashed(long)), "c": Secret(hashed("é"))}
    guard = Guard(b"key")
    asked = [
        ("a", "s:e:c"),
        ("a", "s:e"),
        ("a", ""),
        ("b", long + "y"),
        ("c", "é"),
        ("d", "s:e:c"),
        ("a", "\0"),
        ("b", "s:e:c"),
    ]
    found = {pair: await guard.knows(users, *pair) for pair in asked}
    assert [pair for pair, right in found.items() if right] == [("a", "s:e:c"), ("b", long + "y"), ("c", "é")]


async def test_the_price_of_a_guess(tmp_path: Path) -> None:
    """An unknown user costs the time of a known one; a right password is paid for once, a wrong one each time."""
    users = {"a": Secret(hashed("right", cost=9))}
    guard = Guard(b"key")
    loop = asyncio.get_running_loop()

    async def price(user: str, password: str) -> float:
        began = loop.time()
        await guard.knows(users, user, password)
        return loop.time() - began

    unknown = min([await price("nobody", "guess") for _ in range(5)])
    wrong = min([await price("a", "guess") for _ in range(5)])
    first, again = await price("a", "right"), min([await price("a", "right") for _ in range(5)])
    assert 0.5 < unknown / wrong < 2
    assert again < min(wrong, first) / 5


async def test_a_crowd_cannot_queue(tmp_path: Path) -> None:
    """So many may wait for bcrypt; who is beyond them is told to come again, and who is known passes."""
    users = {"a": Secret(hashed("right", cost=8))}
    guard = Guard(b"key")
    assert await guard.knows(users, "a", "right")
    crowd = [asyncio.create_task(guard.knows(users, "a", f"guess {number}")) for number in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await guard.knows(users, "a", "one more")
    assert await guard.knows(users, "a", "right")
    assert await asyncio.gather(*crowd) == [False] * MOST_WAITING


def test_what_cannot_be_used(authority: Authority, server_pair: Pair, tmp_path: Path) -> None:
    """At the start a file that is missing, encrypted, or not what it should be is named, with what to do."""
    locked = authority.issue("locked", "127.0.0.1", password=b"secret")
    other = authority.issue("other", "127.0.0.1")
    texts = {
        "missing": f"tls_server_config: {{cert_file: none.pem, key_file: {server_pair.key}}}",
        "encrypted": tls_section(locked),
        "of another": f"tls_server_config: {{cert_file: {server_pair.cert}, key_file: {other.key}}}",
        "no CA": tls_section(
            server_pair, "  client_auth_type: RequireAndVerifyClientCert", f"  client_ca_file: {server_pair.key}"
        ),
    }
    said = {}
    for name, text in texts.items():
        with pytest.raises(ConfigError) as raised:
            Gate(written(tmp_path, text), Metrics(CollectorRegistry()), key=b"")
        said[name] = str(raised.value).replace(str(tmp_path), "DIR").replace(str(authority.directory), "CA")
    assert said == {
        "missing": "cert_file DIR/none.pem, key_file CA/server.key: No such file or directory; they must hold a PEM "
        "certificate and its private key",
        "encrypted": "key_file CA/locked.key: the key is encrypted, and the format of this file has no place for a "
        "password; store it decrypted, readable by this user only",
        "of another": "cert_file CA/server.crt, key_file CA/other.key: KEY_VALUES_MISMATCH; they must hold a PEM "
        "certificate and its private key",
        "no CA": "client_ca_file CA/server.key: NO_CERTIFICATE_OR_CRL_FOUND; it must hold PEM certificates",
    }


async def test_headers(tmp_path: Path) -> None:
    """The headers of the file are on every answer, refusals included, over those of the page."""
    text = (
        "http_server_config: {headers: {Strict-Transport-Security: max-age=1, "
        "Content-Security-Policy: default-src x}}\n"
        f"basic_auth_users: {{a: {hashed('b')}}}\n"
    )
    found = []
    async with guarded(written(tmp_path, text)) as running, ClientSession() as http:
        for path in ("/", "/-/healthy"):
            async with http.get(running.server.url + path) as reply:
                sent = reply.headers
                found.append([sent["Strict-Transport-Security"], sent["Content-Security-Policy"]])
    assert found == [["max-age=1", "default-src x"]] * 2


def test_names_are_all_kinds() -> None:
    """As Go's x509 lists them: DNS, e-mail, address and URI."""
    shown = {"subjectAltName": (("DNS", "a"), ("email", "b@c"), ("IP Address", "10.0.0.1"), ("URI", "spiffe://d/e"))}
    assert webtls.names(shown) == {"a", "b@c", "10.0.0.1", "spiffe://d/e"}
    assert basicauth.login("Basic " + base64.b64encode(b"u:p:q").decode()) == ("u", "p:q")
