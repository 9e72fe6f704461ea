"""One session with PostgreSQL: how it is opened and trusted, how long it may take, how its schema is kept current.

Everything libpq knows may be in the connection string (``sslmode``, ``sslrootcert``, several hosts with
``target_session_attrs=read-write``, ``service``, ``passfile``), except the password.
"""

import ipaddress
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import conninfo, pq, sql

from sla.store import postgresschema as statements
from sla.store.errors import StoreError
from sla.store.schema import refuse_newer

_GRACE = 1.0
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds for a connection to one host, for any statement, and for a change of the schema."""

    connect: float = 5.0
    statement: float = 5.0
    migration: float = 300.0


@dataclass(frozen=True, slots=True)
class Access:
    """Where the database is. Raises StoreError for what cannot be used; nothing in it prints a password.

    ``dsn`` is libpq's connection string or URI, without a password. ``password`` is asked at every connect, so that a
    changed file counts; without it libpq looks for PGPASSWORD and ~/.pgpass. To a host that is not this machine, TLS is
    verified (``sslmode=verify-full``) unless the connection string, its service, or PGSSLMODE says otherwise.
    """

    dsn: str = field(repr=False)
    password: Callable[[], str] | None = field(default=None, repr=False)
    schema: str = "novacenter"
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not _SCHEMA.fullmatch(self.schema):
            raise StoreError(f"sla: {self.schema!r} is no schema name; use lower-case letters, digits and _")
        if "password" in self._given():
            raise StoreError("sla: the connection string contains a password; put it into a file or the environment")

    @property
    def where(self) -> str:
        """Host, port and database, for messages."""
        given = self._given()
        parts = (f"{name}={given[name]}" for name in ("service", "host", "port", "dbname", "user") if name in given)
        return " ".join(("PostgreSQL", *parts, f"schema={self.schema}"))

    def parameters(self) -> dict[str, Any]:
        """What ``psycopg.connect`` takes. Contains the password."""
        given: dict[str, Any] = {"application_name": "novacenter", **self._given()}
        given.setdefault("connect_timeout", max(2, round(self.limits.connect)))  # libpq counts whole seconds, from 2
        if self.password is not None:
            given["password"] = self.password()
        if "service" not in given and self._unprotected(given):
            given["sslmode"] = "verify-full"
        return given

    def _given(self) -> dict[str, Any]:
        try:
            return conninfo.conninfo_to_dict(self.dsn)
        except psycopg.Error:
            # The library's message quotes the text, and there may be a password in it.
            raise StoreError(
                "sla: the PostgreSQL connection string cannot be read; write postgresql://user@host/database, or "
                "host=... dbname=... with quotes around values that have spaces"
            ) from None

    @staticmethod
    def _unprotected(given: Mapping[str, Any]) -> bool:
        """Whether a host is elsewhere, and libpq would not insist on TLS (its default, ``prefer``)."""
        defaults = {option.keyword.decode(): option.val for option in pq.Conninfo.get_defaults()}
        mode = given.get("sslmode") or (defaults.get("sslmode") or b"prefer").decode()
        hosts = str(given.get("hostaddr") or given.get("host") or (defaults.get("host") or b"").decode())
        return mode == "prefer" and not all(_here(host) for host in hosts.split(","))


def _here(host: str) -> bool:
    """Whether it is a socket on this machine, or its loopback."""
    try:
        return not host or host.startswith(("/", "@")) or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Session(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose calls end in time even if the network went silent.

    The server's ``statement_timeout`` cannot end a call whose answer gets lost, and TCP notices nothing while somebody
    in between keeps acknowledging.
    """

    patience: float = float("inf")
    monotonic: Callable[[], float] = staticmethod(lambda: 0.0)

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """Psycopg waits here for everything but connecting; ``gen`` is resumed at least every 0.1 s."""
        return super().wait(self._limited(gen), *args, **kwargs)

    def _limited(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        end = self.monotonic() + self.patience
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and self.monotonic() > end:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer within {self.patience:g} s")
                wanted = gen.send(ready)
        except StopIteration as stop:
            return stop.value


def open_session(access: Access, changes: Mapping[int, tuple[str, ...]], *, monotonic: Callable[[], float]) -> Session:
    """Connects, and updates the schema if it is older. Raises psycopg.Error and SchemaRefused."""
    session = Session.connect(autocommit=True, prepare_threshold=None, **access.parameters())
    session.monotonic = monotonic
    try:
        _limit(session, access, access.limits.statement)
        if _version(session, access, changes) < max(changes):
            _limit(session, access, access.limits.migration)
            _migrate(session, access, changes)
            _limit(session, access, access.limits.statement)
    except BaseException:
        session.close()
        raise
    return session


def _limit(session: Session, access: Access, seconds: float) -> None:
    session.patience = seconds + _GRACE
    session.execute(statements.SETTINGS, {"schema": access.schema, "limit": f"{round(seconds * 1000)}ms"})


def _version(session: Session, access: Access, changes: Mapping[int, tuple[str, ...]]) -> int:
    exists = session.execute("SELECT to_regclass(%s)", (f"{access.schema}.version",)).fetchone()
    if exists is None or exists[0] is None:
        return 0
    row = session.execute(statements.VERSION).fetchone()
    found = 0 if row is None else int(row[0])
    refuse_newer(found, max(changes), where=access.where)
    return found


def _migrate(session: Session, access: Access, changes: Mapping[int, tuple[str, ...]]) -> None:
    """All of it or nothing. Two replicas that start together do it one after the other."""
    with session.transaction():
        session.execute(statements.LOCK, {"schema": access.schema})
        exists = session.execute("SELECT FROM pg_namespace WHERE nspname = %s", (access.schema,)).fetchone()
        if exists is None:  # asked first, since CREATE ... IF NOT EXISTS wants the right to create even if it exists
            session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(access.schema)))
        session.execute(statements.VERSIONS)
        for number in range(_version(session, access, changes) + 1, max(changes) + 1):
            for change in changes[number]:
                session.execute(change)
        session.execute(statements.UPDATED, {"schema": max(changes)})
