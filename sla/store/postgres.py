"""The store for several replicas: PostgreSQL, one leader by a lease with a fencing epoch.

The lease is a row, not a session lock: a frozen leader would keep the latter for ever, since its kernel still answers.
Needs a session of its own (behind PgBouncer: pool mode ``session``), on a server that accepts writes.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from sla.record import Record
from sla.store import postgresschema as statements
from sla.store.base import Aggregate, Batch, Heartbeat, Lease, Message, Stored, Window, check, check_holder
from sla.store.errors import Fenced, Unavailable
from sla.store.postgressession import Access, Session, open_session

_PAGE = 2000
_TEXT = 400


class PostgresStore:
    """The tables in one schema of a database. Connects, and brings the schema up to date, at the first call.

    A lost connection is opened again at the next call. Any call may also raise SchemaRefused. ``monotonic`` gives
    seconds, for the limit of a call.
    """

    def __init__(
        self,
        access: Access,
        *,
        monotonic: Callable[[], float],
        changes: Mapping[int, tuple[str, ...]] = statements.CHANGES,
    ) -> None:
        self._access = access
        self._monotonic = monotonic
        self._changes = changes
        self._lock = threading.RLock()
        self._session: Session | None = None

    def append(self, batch: Batch, lease: Lease) -> tuple[Stored, ...]:
        """See ``Store``."""
        check(batch)
        rows = self._rows(statements.APPEND, **_arrays(batch), holder=lease.holder, epoch=lease.epoch)
        if not rows:
            raise self._fenced(lease)
        records = {record.key: record for record in reversed(batch.records)}
        return tuple(Stored(seq, lease.epoch, records[key]) for seq, key in rows if seq is not None)

    def read(
        self,
        *,
        since: int = 0,
        incident: str | None = None,
        kind: str | None = None,
        start: float | None = None,
        end: float | None = None,
    ) -> Iterator[Stored]:
        """See ``Store``. Pages by ``seq``: no lock and no snapshot is held while the caller thinks."""
        only = {"incident": incident, "kind": kind, "start": start, "end": end}
        while page := self._rows(statements.READ, since=since, limit=_PAGE, **only):
            for seq, *values, epoch in page:
                yield Stored(seq, epoch, Record(*values))
            since = page[-1][0]

    def heartbeat(self) -> Heartbeat | None:
        """See ``Store``."""
        rows = self._rows("SELECT at, body FROM heartbeat")
        return Heartbeat(*rows[0]) if rows else None

    def windows(self) -> tuple[Window, ...]:
        """See ``Store``."""
        rows = self._rows('SELECT id, start, stop, body FROM maintenance ORDER BY start, id COLLATE "C"')
        return tuple(Window(*row) for row in rows)

    def policies(self) -> dict[str, str]:
        """See ``Store``."""
        return dict(self._rows("SELECT id, text FROM policy"))

    def aggregates(self, first: str, last: str) -> tuple[Aggregate, ...]:
        """See ``Store``."""
        rows = self._rows(statements.AGGREGATES, first=first, last=last)
        return tuple(Aggregate(*row) for row in rows)

    def outbox(self) -> tuple[Message, ...]:
        """See ``Store``."""
        return tuple(Message(*row) for row in self._rows("SELECT key, at, body FROM outbox WHERE NOT sent ORDER BY id"))

    def post(self, message: Message) -> bool:
        """See ``Store``."""
        check(Batch(notices=[message]))
        return bool(self._rows(statements.POST, key=message.key, at=message.at, body=message.body))

    def inbox(self) -> tuple[Message, ...]:
        """See ``Store``."""
        return tuple(Message(*row) for row in self._rows("SELECT key, at, body FROM inbox ORDER BY id"))

    def acquire(self, holder: str, ttl: float) -> Lease | None:
        """See ``Store``."""
        check_holder(holder)
        rows = self._rows(statements.ACQUIRE, holder=holder, ttl=ttl)
        return Lease(holder, rows[0][0]) if rows else None

    def release(self, lease: Lease) -> None:
        """See ``Store``."""
        self._rows(statements.RELEASE, holder=lease.holder, epoch=lease.epoch)

    def forget(self, before: float, *, keep: Collection[str], lease: Lease) -> int:
        """See ``Store``."""
        held = {"holder": lease.holder, "epoch": lease.epoch}
        rows = self._rows(statements.FORGET, before=before, keep=list(keep), **held)
        if not rows:
            raise self._fenced(lease)
        return int(rows[0][0])

    def close(self) -> None:
        """See ``Store``."""
        with self._lock:
            self._drop()

    def _rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with self._lock, self._explained():
            if self._session is None:
                self._session = open_session(self._access, self._changes, monotonic=self._monotonic)
            cursor = self._session.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            # What state the session is in is not worth finding out: a new one costs little.
            self._drop()
            said = " ".join(str(error).split())[:_TEXT]
            raise Unavailable(
                f"sla: {self._access.where}: {said or type(error).__name__}; "
                "look at the server, the network and the rights of the user"
            ) from error

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(psycopg.Error):
                session.close()

    def _fenced(self, lease: Lease) -> Fenced:
        return Fenced(f"{self._access.where}: {lease.holder!r} with epoch {lease.epoch} may not write (any more)")


def _arrays(batch: Batch) -> dict[str, list[Any]]:
    """The batch by column, as APPEND takes it."""
    beats = [batch.heartbeat] if batch.heartbeat else []
    windows = {window.id: window for window in batch.windows}.values()  # a statement may change a row only once
    sums = {(found.day, found.key): found for found in batch.aggregates}.values()
    return {
        "incidents": [record.incident for record in batch.records],
        "kinds": [record.kind for record in batch.records],
        "ats": [float(record.at) for record in batch.records],
        "keys": [record.key for record in batch.records],
        "bodies": [record.body for record in batch.records],
        "beats": [float(beat.at) for beat in beats],
        "beat_bodies": [beat.body for beat in beats],
        "notice_keys": [notice.key for notice in batch.notices],
        "notice_ats": [float(notice.at) for notice in batch.notices],
        "notice_bodies": [notice.body for notice in batch.notices],
        "sent": list(batch.sent),
        "taken": list(batch.taken),
        "window_ids": [window.id for window in windows],
        "starts": [float(window.start) for window in windows],
        "stops": [None if window.end is None else float(window.end) for window in windows],
        "window_bodies": [window.body for window in windows],
        "policy_ids": list(batch.policies),
        "policy_texts": list(batch.policies.values()),
        "days": [found.day for found in sums],
        "sum_keys": [found.key for found in sums],
        "sum_bodies": [found.body for found in sums],
    }
