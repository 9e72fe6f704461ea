"""Trust: what is accepted, what is refused, and that nothing is said to a stranger. Real handshakes."""

import asyncio
import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from vcenter.tlslab import Authority, Pair, always, blocking_tls, greeting, http, proxying, server_context, serving

from exporter.config import Timeouts, Tls
from exporter.errors import BadReply, CertificateError, ConfigError, TimedOut, Unreachable
from exporter.vcenter import tls

QUICK = Timeouts(connect=5.0, read=5.0, total=5.0)
HANG = Timeouts(connect=0.2, read=5.0, total=5.0)


def colons(digest: bytes) -> str:
    """A digest as vSphere shows it."""
    return digest.hex(":").upper()


async def shake(trust: Tls, *, server: ssl.SSLContext, name: str = "127.0.0.1") -> str:
    """Handshake with a server that has ``server``'s certificate: ``ok``, or what the operator is told."""
    async with serving(always(http(b"")), context=server) as running:
        try:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", running.port, ssl=tls.context(trust), server_hostname=name
            )
        except ssl.SSLError as error:
            explained = tls.explain(error, "vc1")
            return f"{type(explained).__name__}: {explained}"
        writer.transport.abort()
        await running.ended.get()
        return "ok"


async def test_verified_by_default(authority: Authority, server_pair: Pair) -> None:
    """The CA of ca_file is trusted for the names in its certificates; without ca_file it is unknown."""
    server = server_context(server_pair)
    assert {
        "with the CA": await shake(Tls(ca_file=authority.pem), server=server),
        "by name": await shake(Tls(ca_file=authority.pem), server=server, name="vcenter.test"),
        "other name": await shake(Tls(ca_file=authority.pem), server=server, name="other.test"),
        "other address": await shake(Tls(ca_file=authority.pem), server=server, name="127.0.0.2"),
        "unknown CA": await shake(Tls(), server=server),
        "insecure": await shake(Tls(insecure=True), server=server, name="other.test"),
    } == {
        "with the CA": "ok",
        "by name": "ok",
        "other name": "CertificateError: vc1: its certificate is not accepted: Hostname mismatch, certificate is not"
        " valid for 'other.test'.; it is for another name: use the name in the certificate in url",
        "other address": "CertificateError: vc1: its certificate is not accepted: IP address mismatch, certificate is"
        " not valid for '127.0.0.2'.; it is for another address: use the name in the certificate in url",
        "unknown CA": "CertificateError: vc1: its certificate is not accepted: unable to get local issuer certificate;"
        " its CA is unknown: set tls.ca_file to the CA of the server, or tls.thumbprint",
        "insecure": "ok",
    }


async def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    """The message says that it has expired, and who must act."""
    old = authority.issue("old", "127.0.0.1", days=-1)
    assert await shake(Tls(ca_file=authority.pem), server=server_context(old)) == (
        "CertificateError: vc1: its certificate is not accepted: certificate has expired;"
        " it has expired: renew the certificate of the server"
    )


async def test_a_thumbprint_replaces_the_ca(authority: Authority, server_pair: Pair) -> None:
    """SHA-256 or SHA-1, in any usual writing, whatever CA and name; any other certificate is refused and shown."""
    other = authority.issue("renewed", "127.0.0.1")
    for name in ("sha256", "sha1"):
        digest, shown = (colons(hashlib.new(name, pair.der).digest()) for pair in (server_pair, other))
        refused = (
            f"CertificateError: vc1: its certificate is not accepted: its {name} thumbprint is {shown}, which is not "
            "tls.thumbprint; change that if the certificate was replaced on purpose"
        )
        for written in (digest, digest.lower(), digest.replace(":", ""), digest.replace(":", " ")):
            trust = Tls(thumbprint=written)
            assert await shake(trust, server=server_context(server_pair), name="any.test") == "ok"
            assert await shake(trust, server=server_context(other)) == refused


async def test_insecure_does_not_undo_a_thumbprint(server_pair: Pair) -> None:
    """Both set: the thumbprint still decides."""
    trust = Tls(insecure=True, thumbprint="00" * 32)
    assert "which is not tls.thumbprint" in await shake(trust, server=server_context(server_pair))


async def test_old_tls_is_not_spoken(authority: Authority, server_pair: Pair) -> None:
    """TLS 1.2 is the least in every mode."""
    for trust in (Tls(ca_file=authority.pem), Tls(insecure=True), Tls(thumbprint="00" * 32)):
        assert tls.context(trust).minimum_version == ssl.TLSVersion.TLSv1_2


async def test_mutual_tls(authority: Authority, server_pair: Pair) -> None:
    """A client certificate is shown to the server that asks, whether that one is verified, pinned or neither."""
    client = authority.issue("client")
    server = server_context(server_pair, client_ca=authority.pem)
    pin = hashlib.sha256(server_pair.der).hexdigest()
    for trust in (Tls(ca_file=authority.pem), Tls(insecure=True), Tls(thumbprint=pin)):
        shown = Tls(trust.ca_file, client.cert, client.key, trust.thumbprint, trust.insecure)
        async with blocking_tls(server) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.context(shown))
            writer.transport.abort()


async def test_a_missing_client_certificate_is_said(authority: Authority, server_pair: Pair) -> None:
    """The server's alert names what the operator must set (TLS 1.2, where the handshake itself fails)."""
    server = server_context(server_pair, client_ca=authority.pem)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    async with blocking_tls(server) as port:
        with pytest.raises(ssl.SSLError) as caught:
            await asyncio.open_connection("127.0.0.1", port, ssl=tls.context(Tls(ca_file=authority.pem)))
    explained = tls.explain(caught.value, "vc1")
    assert isinstance(explained, CertificateError)
    assert str(explained) == (
        "vc1 ended the TLS handshake (SSLV3_ALERT_HANDSHAKE_FAILURE); where it asks for a client certificate, set "
        "tls.client_cert and tls.client_key to one that it trusts"
    )


def broken(authority: Authority, directory: Path) -> dict[str, Tls]:
    """Every way to have the files wrong."""
    good, other = authority.issue("good"), authority.issue("other")
    locked = authority.issue("locked", password=b"secret")
    text = directory / "text.pem"
    text.write_text("not PEM\n")
    absent = directory / "absent.pem"
    return {
        f"tls.ca_file {absent}: No such file or directory": Tls(ca_file=absent),
        f"tls.ca_file {text}: NO_CERTIFICATE_OR_CRL_FOUND": Tls(ca_file=text),
        f"tls.client_cert {absent}, tls.client_key {good.key}: No such file": Tls(
            client_cert=absent, client_key=good.key
        ),
        f"tls.client_cert {good.cert}, tls.client_key {absent}: No such file": Tls(
            client_cert=good.cert, client_key=absent
        ),
        f"tls.client_cert {good.cert}, tls.client_key {other.key}: KEY_VALUES_MISMATCH": Tls(
            client_cert=good.cert, client_key=other.key
        ),
        f"tls.client_cert {text}, tls.client_key {text}: ": Tls(client_cert=text),
        f"tls.client_key {locked.key}: the key is encrypted": Tls(client_cert=locked.cert, client_key=locked.key),
        f"tls.client_key {good.key}: also set tls.client_cert": Tls(client_key=good.key),
        "tls.thumbprint 'AB:CD': not the hex digits": Tls(thumbprint="AB:CD"),
        f"tls.thumbprint '{'xy' * 32}': not the hex digits": Tls(thumbprint="xy" * 32),
    }


def test_unusable_files_are_configuration_errors(authority: Authority, tmp_path: Path) -> None:
    """ConfigError names key, file and reason; an encrypted key does not ask at the terminal."""
    for words, trust in broken(authority, tmp_path).items():
        with pytest.raises(ConfigError) as caught:
            tls.context(trust)
        assert str(caught.value).startswith(words)


def test_a_certificate_is_read_from_pem_and_der(server_pair: Pair) -> None:
    """Both forms, and PEM among other text, give the same; digests as vSphere shows them."""
    pem = server_pair.certificate.public_bytes(Encoding.PEM)
    sha256, sha1 = (colons(hashlib.new(name, server_pair.der).digest()) for name in ("sha256", "sha1"))
    expected = tls.Certificate(
        subject="CN=server",
        issuer="CN=ca",
        not_after=server_pair.certificate.not_valid_after_utc.timestamp(),
        sha256=sha256,
        sha1=sha1,
    )
    read = [tls.parse_certificate(data) for data in (pem, server_pair.der, b"host: esx1\n" + pem + pem)]
    assert read == [expected] * 3


@pytest.mark.parametrize("data", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_a_bad_reply(data: bytes) -> None:
    """BadReply, whatever the parser says."""
    with pytest.raises(BadReply, match="not an X\\.509 certificate: "):
        tls.parse_certificate(data)


async def test_the_certificate_of_any_server_is_seen(authority: Authority, server_pair: Pair) -> None:
    """Expired, of an unknown CA, for another name, pinned otherwise, behind a proxy: seen, and nothing is sent."""
    expired = authority.issue("expired", "other.test", days=-3)
    trust = Tls(thumbprint="00" * 32)
    async with serving(always(http(b"")), context=server_context(expired)) as server, proxying() as proxy:
        through = f"http://user:p%40ss@127.0.0.1:{proxy.port}"
        seen = [
            await tls.peer_certificate(server.url, trust, QUICK),
            await tls.peer_certificate(server.url, trust, QUICK, proxy=through),
        ]
        for _ in seen:
            await server.ended.get()
        assert seen == [tls.parse_certificate(expired.der)] * 2
        assert bytes(server.received) == b""
        assert [(request.line, request.headers["proxy-authorization"]) for request in proxy.requests] == [
            (f"CONNECT 127.0.0.1:{server.port} HTTP/1.1", "Basic dXNlcjpwQHNz")
        ]


async def test_the_certificate_of_a_server_with_mutual_tls_is_seen(authority: Authority, server_pair: Pair) -> None:
    """The client certificate is shown, as in a real connection."""
    client = authority.issue("client")
    trust = Tls(client_cert=client.cert, client_key=client.key)
    wanting = server_context(server_pair, client_ca=authority.pem)
    wanting.maximum_version = ssl.TLSVersion.TLSv1_2  # here the handshake fails without one
    async with blocking_tls(wanting) as port:
        seen = await tls.peer_certificate(f"https://127.0.0.1:{port}/sdk", trust, QUICK)
    assert seen == tls.parse_certificate(server_pair.der)


async def test_where_there_is_no_certificate(authority: Authority, server_pair: Pair) -> None:
    """Each reason is told: not https, nobody there, silence, no TLS, client certificate missing, proxy unwilling."""
    wanting = server_context(server_pair, client_ca=authority.pem)
    wanting.maximum_version = ssl.TLSVersion.TLSv1_2
    async with (
        blocking_tls(wanting) as mutual,
        greeting(b"") as silent,
        greeting(b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain,
        proxying(status="407 Proxy Authentication Required") as proxy,
    ):
        cases: list[tuple[str, str | None, type[Exception], str]] = [
            ("http://127.0.0.1/sdk", None, ConfigError, "is not an https:// URL"),
            (f"https://127.0.0.1:{silent}/sdk", None, TimedOut, "showed no certificate within 0.2 s"),
            (f"https://127.0.0.1:{plain}/sdk", None, Unreachable, "no TLS there (WRONG_VERSION_NUMBER)"),
            (f"https://127.0.0.1:{mutual}/sdk", None, CertificateError, "set tls.client_cert"),
            ("https://192.0.2.1:444/sdk", proxy.url, Unreachable, "opened no tunnel to 192.0.2.1:444: HTTP 407"),
            ("https://[::1]:444/sdk", proxy.url, Unreachable, "opened no tunnel to [::1]:444: HTTP 407"),
            ("https://127.0.0.1:1/sdk", None, Unreachable, "127.0.0.1:1 cannot be reached for its certificate"),
        ]
        for url, through, kind, words in cases:
            with pytest.raises(kind) as caught:
                await tls.peer_certificate(url, Tls(), HANG if kind is TimedOut else QUICK, proxy=through)
            assert words in str(caught.value)
