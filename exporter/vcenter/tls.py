"""TLS towards one server: ``config.Tls`` -> ``ssl.SSLContext``, and what a certificate says.

Verified by default, with the system's CAs and ``ca_file``; TLS 1.2 at least. A thumbprint pins the certificate of the
server instead: it is compared at the end of the handshake, before a byte of a request leaves.
"""

import asyncio
import base64
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from exporter.config import Timeouts, Tls
from exporter.errors import BadReply, CertificateError, ConfigError, SourceError, TimedOut, Unreachable
from exporter.livetls import Live, live

_DIGESTS = {40: "sha1", 64: "sha256"}  # by number of hex digits; vCenter shows SHA-1, newer clients SHA-256
_HINTS = {  # verify codes of OpenSSL (x509_vfy.h), as in SSLCertVerificationError.verify_code
    10: "it has expired: renew the certificate of the server",
    18: "it is self-signed: set tls.ca_file to it, or tls.thumbprint",
    19: "its CA is unknown: set tls.ca_file to the CA of the server, or tls.thumbprint",
    20: "its CA is unknown: set tls.ca_file to the CA of the server, or tls.thumbprint",
    21: "its CA is unknown: set tls.ca_file to the CA of the server, or tls.thumbprint",
    62: "it is for another name: use the name in the certificate in url",
    64: "it is for another address: use the name in the certificate in url",
}


_NEEDED = "where it asks for a client certificate, set tls.client_cert and tls.client_key to one that it trusts"
_ALERTS = {  # the ends of OpenSSL's reasons (ssl.h, SSL_AD_REASON_OFFSET), as a server sends them to a client
    "CERTIFICATE_EXPIRED": "our client certificate has expired: renew tls.client_cert",
    "UNKNOWN_CA": "it does not know the CA of our client certificate: set tls.client_cert and tls.client_key to one "
    "that it trusts, or give it that CA",
    "CERTIFICATE_REVOKED": "our client certificate is revoked: set tls.client_cert and tls.client_key to another",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an operator asks of a certificate. ``not_after`` is seconds since the epoch; digests are ``AB:CD:...``."""

    subject: str
    issuer: str
    not_after: float
    sha256: str
    sha1: str


def context(tls: Tls) -> Live:
    """The client's side of TLS, for asyncio and aiohttp. Raises ConfigError naming the file or key that is wrong.

    Files that are renewed count from the next connection on. A wrong thumbprint is raised from the handshake as
    ``ssl.SSLCertVerificationError``, like any failed verification. It is compared on connections of asyncio, which
    wraps memory, not on those of ``wrap_socket``.
    """
    return live(lambda: (_made(tls), files(tls)), str(tls.client_cert or tls.ca_file or "tls"))


def files(tls: Tls) -> tuple[Path, ...]:
    """The files that a context is made of."""
    named = (tls.ca_file, tls.client_cert, tls.client_key, tls.client_key_password_file)
    return tuple(file for file in named if file is not None)


def _made(tls: Tls) -> ssl.SSLContext:
    made = unverified() if tls.insecure or tls.thumbprint else _verified(tls)
    if tls.thumbprint:
        made.sslobject_class = _pinned(tls.thumbprint)
    _load_client(made, tls)
    return made


def parse_certificate(pem_or_der: bytes) -> Certificate:
    """The first certificate of ``pem_or_der`` (vCenter hands out those of hosts as PEM). BadReply if there is none."""
    load = x509.load_pem_x509_certificate if b"-----BEGIN" in pem_or_der else x509.load_der_x509_certificate
    try:
        certificate = load(pem_or_der)
        return Certificate(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            not_after=certificate.not_valid_after_utc.timestamp(),
            sha256=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
            sha1=certificate.fingerprint(hashes.SHA1()).hex(":").upper(),  # noqa: S303 - vCenter's name for it
        )
    except ValueError as error:
        raise BadReply(f"not an X.509 certificate: {error}") from error


async def peer_certificate(url: str, tls: Tls, timeouts: Timeouts, *, proxy: str | None = None) -> Certificate:
    """The certificate that the server at ``url`` shows, also where it cannot be verified. No request is sent.

    Raises Unreachable, TimedOut (over ``timeouts.connect``), CertificateError (the server wants another client
    certificate), and ConfigError where ``url`` is not https.
    """
    server = urlsplit(url)
    if server.scheme != "https" or not server.hostname:
        raise ConfigError(f"{url} is not an https:// URL, so it has no certificate")
    made = unverified()
    _load_client(made, tls)
    try:
        async with asyncio.timeout(timeouts.connect):
            return parse_certificate(await _shown(server, made, proxy))
    except TimeoutError as error:
        raise TimedOut(
            f"{server.netloc} showed no certificate within {timeouts.connect:g} s (timeouts.connect)"
        ) from error
    except ssl.SSLError as error:
        raise explain(error, server.netloc) from error
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise Unreachable(f"{server.netloc} cannot be reached for its certificate: {error}") from error


def explain(error: ssl.SSLError, where: str) -> SourceError:
    """OpenSSL's error as one that an operator understands: CertificateError, or Unreachable where it is not trust."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", None)  # missing where Python, not OpenSSL, raised it
        hint = f"; {_HINTS[code]}" if code in _HINTS else ""
        return CertificateError(
            f"{where}: its certificate is not accepted: {getattr(error, 'verify_message', error.strerror)}{hint}"
        )
    reason = error.reason or str(error)
    if "ALERT" in reason:
        hint = next((hint for alert, hint in _ALERTS.items() if reason.endswith(alert)), _NEEDED)
        return CertificateError(f"{where} ended the TLS handshake ({reason}); {hint}")
    return Unreachable(f"{where}: no TLS there ({reason}); check port and proxy")


def _verified(tls: Tls) -> ssl.SSLContext:
    # Not ssl.create_default_context: since Python 3.13 it refuses certificates without an authority key identifier,
    # as older VMware CAs issue them.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_default_certs()
    if tls.ca_file:
        try:
            made.load_verify_locations(tls.ca_file)
        except OSError as error:
            raise ConfigError(f"tls.ca_file {tls.ca_file}: {_reason(error)}; it must hold PEM certificates") from error
    return made


def unverified() -> ssl.SSLContext:
    """TLS to anybody, to see what is shown; nothing secret may be sent over it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def _load_client(made: ssl.SSLContext, tls: Tls) -> None:
    if tls.client_cert is None:
        if tls.client_key is not None:
            raise ConfigError(f"tls.client_key {tls.client_key}: also set tls.client_cert, the certificate of this key")
        return
    key, said = tls.client_key or tls.client_cert, False

    def password() -> bytes:  # without it OpenSSL would ask at the terminal
        nonlocal said
        if tls.client_key_password_file is None:
            raise ConfigError(
                f"tls.client_key {key}: the key is encrypted; set tls.client_key_password_file to a file with its "
                "password, or store the key decrypted, readable by this user only"
            )
        said = True
        return _password(tls.client_key_password_file)

    try:
        made.load_cert_chain(tls.client_cert, key, password=password)
    except OSError as error:
        if said:
            raise ConfigError(
                f"tls.client_key {key}: the password in {tls.client_key_password_file} does not open it "
                "(tls.client_key_password_file), or it is not the key of tls.client_cert"
            ) from error
        raise ConfigError(
            f"tls.client_cert {tls.client_cert}, tls.client_key {key}: {_reason(error)}; "
            "they must hold a PEM certificate and its private key"
        ) from error


def _password(file: Path) -> bytes:
    try:
        return file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise ConfigError(f"tls.client_key_password_file {file}: {_reason(error)}; check who may read it") from error


def _reason(error: OSError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or str(error)


def _pinned(thumbprint: str) -> type[ssl.SSLObject]:
    """An SSLObject whose handshake fails unless the server shows the certificate with this thumbprint."""
    digits = "".join(thumbprint.split()).replace(":", "").lower()
    if len(digits) not in _DIGESTS or set(digits) - set("0123456789abcdef"):
        raise ConfigError(f"tls.thumbprint {thumbprint!r}: not the hex digits of a SHA-256 (64) or SHA-1 (40) digest")
    algorithm, pinned = _DIGESTS[len(digits)], bytes.fromhex(digits)

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            shown = hashlib.new(algorithm, self.getpeercert(binary_form=True) or b"").digest()
            if shown != pinned:
                raise ssl.SSLCertVerificationError(
                    ssl.SSL_ERROR_SSL,
                    f"its {algorithm} thumbprint is {shown.hex(':').upper()}, which is not tls.thumbprint; "
                    "change that if the certificate was replaced on purpose",
                )

    return Pinned


async def opened(
    server: SplitResult, made: ssl.SSLContext, proxy: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection after the handshake. Raises OSError, ssl.SSLError, EOFError and Unreachable."""
    host, port = server.hostname, server.port or 443
    through = urlsplit(proxy) if proxy else None
    if through is None:
        return await asyncio.open_connection(host, port, ssl=made, server_hostname=host)
    reader, writer = await asyncio.open_connection(through.hostname, through.port or 80)
    try:
        await _connect(
            reader, writer, through=through, target=f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
        )
        await writer.start_tls(made, server_hostname=host)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


async def _shown(server: SplitResult, made: ssl.SSLContext, proxy: str | None) -> bytes:
    """The server's certificate (DER), after a handshake."""
    _, writer = await opened(server, made, proxy)
    try:
        return bytes(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    finally:
        writer.transport.abort()


async def _connect(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, through: SplitResult, target: str
) -> None:
    """Have the HTTP proxy open a tunnel (RFC 9110, section 9.3.6)."""
    login = ""
    if through.username is not None:
        pair = f"{unquote(through.username)}:{unquote(through.password or '')}"
        login = f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n".encode())
    status = (await reader.readuntil(b"\r\n\r\n")).split(None, 2)[1:2]
    if status != [b"200"]:
        code = b"".join(status)[:3].decode("latin-1")
        raise Unreachable(f"the proxy {through.hostname} opened no tunnel to {target}: HTTP {code}")
