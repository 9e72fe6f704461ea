"""The edge to PostgreSQL. libpq does TLS there, so it and the server are asked what came of it.

Whether the session is encrypted, and which client certificate the server verified, is in ``pg_stat_ssl`` (PostgreSQL
manual, 28.2.10). The server's certificate is read in a handshake of our own after an SSLRequest (manual, 54.7).
"""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporter import slastores
from exporter.errors import ConfigError, SourceError
from exporter.trust.edges import is_local
from exporter.trust.model import EdgeTrust, Expiry, Role, Trust
from exporter.trust.probe import file_ends
from exporter.vcenter import tls
from sla.store.errors import StoreError

LIMIT = 5.0
"""Seconds for the handshake, and for the session beside its own time limits."""

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_ASKED = "SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


async def look(url: str) -> EdgeTrust:
    """The trust on the edge to the database of a ``postgresql://`` URL. Raises nothing: what fails is its ``error``."""
    try:
        given = await asyncio.to_thread(lambda: slastores.access(url).parameters())
    except (ConfigError, StoreError) as error:
        return EdgeTrust("postgresql", "state", "", None, error=str(error))
    host, port = _first(given, "host", ""), int(_first(given, "port", "5432"))
    where = f"{host}:{port}" if host else "socket"
    own, problem = await asyncio.to_thread(file_ends, ((Role.CLIENT, _client(given)), (Role.CA, _ca(given))))
    seen = EdgeTrust("postgresql", where, where, None, is_local(host), own, problem)
    if host and not host.startswith("/"):
        seen = replace(seen, expiries=(*await _server(host, port), *own))
    try:
        return replace(seen, trust=await asyncio.to_thread(_trust, given))
    except StoreError as error:
        return replace(seen, error=str(error))


def _first(given: Mapping[str, Any], key: str, default: str) -> str:
    """The first of several hosts, or of their ports."""
    return str(given.get(key) or default).split(",")[0]


def _client(given: Mapping[str, Any]) -> Path | None:
    return _file(given.get("sslcert"), "postgresql.crt")


def _ca(given: Mapping[str, Any]) -> Path | None:
    return None if given.get("sslrootcert") == "system" else _file(given.get("sslrootcert"), "root.crt")


def _file(named: str | None, default: str) -> Path | None:
    """A file as libpq finds it (manual, 32.19): the one that is named, or that of the user, where there is one."""
    if named:
        return Path(named)
    with contextlib.suppress(RuntimeError, OSError):
        found = Path.home() / ".postgresql" / default
        return found if found.is_file() else None
    return None


def _trust(given: Mapping[str, Any]) -> Trust:
    """Blocks. Raises StoreError."""
    import psycopg  # noqa: PLC0415 - an extra

    try:
        with contextlib.closing(psycopg.connect(**given, autocommit=True)) as session:
            session.execute(f"SET statement_timeout = {round(LIMIT * 1000)}")
            row = session.execute(_ASKED).fetchone()
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        raise StoreError(
            f"the database cannot be asked ({said}); check state, its certificates and pg_hba.conf"
        ) from None
    encrypted, client = row or (False, None)
    if not encrypted:
        return Trust.PLAIN
    mode = given.get("sslmode", "prefer")
    verified = mode.startswith("verify-") or (mode == "require" and _ca(given) is not None)
    if not verified:
        return Trust.UNVERIFIED
    return Trust.MUTUAL if client else Trust.TLS


async def _server(host: str, port: int) -> tuple[Expiry, ...]:
    """The certificate that the server shows to anybody; none where it offers no TLS or cannot be reached."""
    with contextlib.suppress(OSError, EOFError, ssl.SSLError, SourceError):
        async with asyncio.timeout(LIMIT):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_SSL_REQUEST)
                if await reader.readexactly(1) != b"S":
                    return ()
                await writer.start_tls(tls.unverified(), server_hostname=host)
                shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            finally:
                writer.transport.abort()
        found = tls.parse_certificate(bytes(shown))
        return (Expiry(Role.SERVER, found.not_after, found.subject),)
    return ()
