"""One look at an edge: does a handshake succeed as configured, what is shown, and is a client without certificate
turned away? No request is sent.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from exporter.errors import CertificateError, ConfigError, SourceError, TimedOut, Unreachable
from exporter.trust.edges import SECURE, Edge, is_local
from exporter.trust.model import EdgeTrust, Expiry, Role, Trust
from exporter.vcenter import tls

MOST_BYTES = 4 * 1024 * 1024
PATIENCE = 0.5
"""Seconds that a server has, beyond three times those of the handshake, to turn away a client. In TLS 1.3 it says so
only after the client has finished (RFC 8446, section 4.4.2.4)."""


def ends(role: Role, content: bytes) -> Expiry:
    """The certificate of a PEM file that ends first. Raises ValueError where it holds none."""
    found = min(x509.load_pem_x509_certificates(content), key=lambda one: one.not_valid_after_utc)
    return Expiry(role, found.not_valid_after_utc.timestamp(), found.subject.rfc4514_string())


def file_ends(files: Iterable[tuple[Role, Path | None]]) -> tuple[tuple[Expiry, ...], str]:
    """What the files hold, and what is wrong with one of them. Blocks."""
    found, problem = [], ""
    for role, file in files:
        if file is None:
            continue
        try:
            with file.open("rb") as opened:
                found.append(ends(role, opened.read(MOST_BYTES)))
        except OSError as error:
            problem = f"{file}: cannot be read ({error.strerror}); check that it exists and who may read it"
        except ValueError:
            problem = f"{file}: holds no certificate; it must be PEM"
    return tuple(found), problem


async def look(edge: Edge) -> EdgeTrust:
    """The trust on an edge now. Raises nothing: what fails is its ``error``."""
    own, problem = await asyncio.to_thread(
        file_ends, ((Role.CLIENT, edge.tls.client_cert), (Role.CA, None if edge.tls.thumbprint else edge.tls.ca_file))
    )
    seen = EdgeTrust(edge.edge, edge.peer, edge.address, None, is_local(edge.host), own, problem)
    if edge.scheme not in SECURE:
        return replace(seen, trust=Trust.PLAIN, expiries=())
    try:
        shown = await _accepted(edge, await asyncio.to_thread(tls.context, edge.tls))
        trust = await _trust(edge)
    except (SourceError, ConfigError) as error:
        return replace(seen, expiries=(*await _unverified(edge), *own), error=str(error))
    return replace(seen, trust=trust, expiries=(_expiry(shown), *own))


def _expiry(shown: bytes) -> Expiry:
    read = tls.parse_certificate(shown)
    return Expiry(Role.SERVER, read.not_after, read.subject)


async def _trust(edge: Edge) -> Trust:
    if edge.tls.insecure:
        return Trust.UNVERIFIED
    if edge.tls.client_cert is None:
        return Trust.TLS
    bare = replace(edge.tls, client_cert=None, client_key=None, client_key_password_file=None)
    try:
        await _accepted(edge, await asyncio.to_thread(tls.context, bare))
    except (CertificateError, Unreachable):  # some hang up in place of an alert; with the certificate all went well
        return Trust.MUTUAL
    return Trust.TLS


async def _unverified(edge: Edge) -> tuple[Expiry, ...]:
    """The server's certificate where it is not accepted: just then its end is of interest."""
    with contextlib.suppress(SourceError, ConfigError):
        found = await tls.peer_certificate(f"https://{edge.address}", edge.tls, edge.timeouts, proxy=edge.proxy)
        return (Expiry(Role.SERVER, found.not_after, found.subject),)
    return ()


async def _accepted(edge: Edge, context: ssl.SSLContext) -> bytes:
    """The server's certificate (DER), once it is sure to take us. Raises SourceError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(edge.timeouts.connect):
            began = loop.time()
            reader, writer = await tls.opened(urlsplit(f"https://{edge.address}"), context, edge.proxy)
            took = loop.time() - began
        try:
            shown = bytes(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            await _stays(reader, PATIENCE + 3 * took, where=edge.address)
        finally:
            writer.transport.abort()
    except TimeoutError as error:
        raise TimedOut(f"{edge.address}: no handshake within {edge.timeouts.connect:g} s; check firewall") from error
    except ssl.SSLError as error:
        raise tls.explain(error, edge.address) from error
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise Unreachable(f"{edge.address}: no connection ({error}); is it up, and is this its port?") from error
    return shown


async def _stays(reader: asyncio.StreamReader, patience: float, *, where: str) -> None:
    """Returns where the server waits for us to speak, or speaks. Raises ssl.SSLError, or CertificateError."""
    try:
        async with asyncio.timeout(patience):
            spoke = await reader.read(1)
    except TimeoutError:
        return
    except ConnectionError:
        spoke = b""
    if not spoke:
        raise CertificateError(
            f"{where} hung up right after the TLS handshake; where it asks for a client certificate, set "
            "tls.client_cert and tls.client_key to one that it trusts"
        )
