"""Each edge on which we are the client, against real servers that require a client certificate."""

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest
import urllib3
from trust.edgelab import CLIENTS, LIMITS, SOAP, outcome, showing
from vcenter.tlslab import Authority, Pair, always, blocking_tls, server_context, serving

from exporter.config import Tls
from exporter.errors import ConfigError, SourceError
from exporter.openstack.fetch import Fetcher
from exporter.vcenter import tls

SET = "set tls.client_cert and tls.client_key to one that it trusts"
EXPECTED = {
    "TLSv1_2": {
        "absent": f"(SSLV3_ALERT_HANDSHAKE_FAILURE); where it asks for a client certificate, {SET}",
        "unknown": "(TLSV1_ALERT_UNKNOWN_CA); it does not know the CA of our client certificate: "
        f"{SET}, or give it that CA",
        "expired": "(SSLV3_ALERT_CERTIFICATE_EXPIRED); our client certificate has expired: renew tls.client_cert",
    },
    "TLSv1_3": {
        "absent": f"(TLSV13_ALERT_CERTIFICATE_REQUIRED); where it asks for a client certificate, {SET}",
        "unknown": "(TLSV1_ALERT_UNKNOWN_CA); it does not know the CA of our client certificate: "
        f"{SET}, or give it that CA",
        "expired": "(SSLV3_ALERT_CERTIFICATE_EXPIRED); our client certificate has expired: renew tls.client_cert",
    },
}
WHERE = {
    "vcenter": "vc1 (127.0.0.1:PORT), QueryPerf",
    "keystone": "127.0.0.1:PORT",
    "openstack": "127.0.0.1:PORT",
    "alertmanager": "TLS",
    "rabbitmq": "broker 127.0.0.1:PORT",
}


def demanding(authority: Authority, pair: Pair, version: str = "TLSv1_3") -> ssl.SSLContext:
    """A server that requires a client certificate of the authority."""
    made = server_context(pair, client_ca=authority.pem)
    made.maximum_version = ssl.TLSVersion[version]
    return made


@pytest.mark.parametrize("version", EXPECTED)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_certificate_that_is_not_taken(
    authority: Authority, stranger: Authority, server_pair: Pair, client: str, version: str
) -> None:
    """Absent, of an unknown CA, or expired: one CertificateError each, which says where and what to do."""
    pairs = {"absent": None, "unknown": stranger.issue("who"), "expired": authority.issue("late", days=-1)}
    found = {}
    for name, pair in pairs.items():
        async with blocking_tls(demanding(authority, server_pair, version)) as port:
            found[name] = await outcome(client, port, showing(authority, pair))
    assert found == {
        name: f"CertificateError: {WHERE[client]} ended the TLS handshake {said}"
        for name, said in EXPECTED[version].items()
    }


@pytest.mark.parametrize("client", ["vcenter", "openstack", "alertmanager"])
async def test_a_certificate_that_is_taken(
    authority: Authority, server_pair: Pair, client_pair: Pair, client: str
) -> None:
    """With a certificate that the server trusts the request is answered (Keystone: tests/openstack/test_session.py)."""
    async with serving(always(SOAP), context=demanding(authority, server_pair)) as server:
        assert await outcome(client, server.port, showing(authority, client_pair)) == "ok"
        assert len(server.requests) == 1


async def test_the_broker_takes_a_certificate(authority: Authority, server_pair: Pair, client_pair: Pair) -> None:
    """RabbitMQ's side of the handshake is passed: AMQP 0-9-1 begins."""
    began: asyncio.Queue[bytes] = asyncio.Queue()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began.put_nowait(await reader.readexactly(8))
        writer.transport.abort()

    context = demanding(authority, server_pair)
    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as server:
        said = await outcome("rabbitmq", server.sockets[0].getsockname()[1], showing(authority, client_pair))
    assert began.get_nowait() == b"AMQP\x00\x00\x09\x01"
    assert said.startswith("Unreachable: broker 127.0.0.1:")


async def test_a_renewed_client_certificate(
    authority: Authority, stranger: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    """Clients made before the renewal are let in after it: on the event loop (aiohttp), and in a thread (urllib3).

    While the certificate is new and its key still the old one, the pair before stays in force.
    """
    cert, key = tmp_path / "client.pem", tmp_path / "client.key"
    first, second = stranger.issue("first"), authority.issue("second")
    shutil.copy(first.cert, cert)
    shutil.copy(first.key, key)
    context = tls.context(Tls(authority.pem, cert, key))
    fetcher = Fetcher(context, timeouts=LIMITS, limit=100_000)
    pool = urllib3.PoolManager(ssl_context=context, retries=False)
    found = []
    async with serving(always(SOAP), context=demanding(authority, server_pair)) as server:
        url = f"https://127.0.0.1:{server.port}/"

        async def ask() -> tuple[str, str]:
            try:
                loop = str((await fetcher.get(url, {}, seconds=5.0)).status_code)
            except SourceError as error:
                loop = error.outcome
            try:
                thread = str((await asyncio.to_thread(pool.request, "GET", url)).status)
            except urllib3.exceptions.HTTPError:
                thread = "unreachable"
            return loop, thread

        found.append(await ask())
        shutil.copy(second.cert, cert)
        found.append(await ask())
        assert "KEY_VALUES_MISMATCH" in context.problem
        shutil.copy(second.key, key)
        found.append(await ask())
        await fetcher.close()
        pool.clear()
    assert found == [("unreachable", "unreachable"), ("unreachable", "unreachable"), ("200", "200")]
    assert (context.problem, context.renewals) == ("", 1)


def test_an_encrypted_key(authority: Authority, tmp_path: Path) -> None:
    """With client_key_password_file it is opened, line end or none; without, or with a wrong one, it is said which."""
    locked = authority.issue("locked", password=b"correct horse")
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_bytes(b"correct horse\n")
    wrong.write_bytes(b"battery staple\n")
    said = {}
    for name, file in (("right", right), ("none", None), ("wrong", wrong), ("missing", tmp_path / "nowhere")):
        try:
            tls.context(Tls(authority.pem, locked.cert, locked.key, client_key_password_file=file))
            said[name] = "ok"
        except ConfigError as error:
            said[name] = str(error).replace(str(tmp_path), "DIR").replace(str(authority.directory), "CA")
    assert said == {
        "right": "ok",
        "none": "tls.client_key CA/locked.key: the key is encrypted; set tls.client_key_password_file to a file with "
        "its password, or store the key decrypted, readable by this user only",
        "wrong": "tls.client_key CA/locked.key: the password in DIR/wrong does not open it "
        "(tls.client_key_password_file), or it is not the key of tls.client_cert",
        "missing": "tls.client_key_password_file DIR/nowhere: No such file or directory; check who may read it",
    }
