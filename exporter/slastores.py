"""Opens the store of the SLA engine that ``state`` names."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from exporter.configvalues import DatabaseUrl
from exporter.errors import ConfigError
from sla.store.base import Store
from sla.store.errors import StoreError
from sla.store.sqlite import FILE, SqliteStore

if TYPE_CHECKING:
    from sla.store.postgressession import Access


def opened(state: str, *, monotonic: Callable[[], float], exclusive: bool = True) -> Store:
    """The store in a directory, or in the database of a ``postgresql://`` URL.

    ``exclusive`` is the agent's mode; without it, it is for reading and for leaving messages. Raises ConfigError.
    """
    text = state.reveal() if isinstance(state, DatabaseUrl) else state
    try:
        if text.startswith("postgresql:"):
            return _postgres(text, monotonic)
        if not exclusive and not Path(text, FILE).is_file():
            raise ConfigError(
                f"state: there is no {FILE} in {text} yet; start the agent once, or name its configuration"
            )
        return SqliteStore(Path(text), exclusive=exclusive)
    except StoreError as error:
        raise ConfigError(str(error)) from error


def _postgres(url: str, monotonic: Callable[[], float]) -> Store:
    found = access(url)
    from sla.store.postgres import PostgresStore  # noqa: PLC0415 - psycopg is optional

    return PostgresStore(found, monotonic=monotonic)


def access(url: str, *, schema: str = "novacenter") -> "Access":
    """How to reach the database of a ``postgresql://`` URL, and our tables in it. Raises ConfigError and StoreError."""
    try:
        from sla.store.postgressession import Access  # noqa: PLC0415 - psycopg is optional
    except ImportError as error:
        raise ConfigError(
            "state: a PostgreSQL URL needs a library that is not installed; pip install 'novacenter[postgres]'"
        ) from error
    parts = urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    dsn = urlunsplit(parts._replace(netloc=f"{user}{at}{place}"))
    secret = unquote(password)
    found = Access(dsn, password=(lambda: secret) if colon else None, schema=schema)
    found.parameters()
    return found


def holder(pid: int, token: str) -> str:
    """A name that no other process has, nor this one's successor."""
    return f"{socket.gethostname()}:{pid}:{token}"
