"""The embedded store: SQLite in WAL mode, one writing process.

``synchronous=FULL``: what ``append`` returned survives the loss of power (https://www.sqlite.org/pragma.html#pragma_synchronous).
Not for network file systems (https://www.sqlite.org/wal.html, "Overview").
"""

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sla.record import Record
from sla.store.base import Aggregate, Batch, Heartbeat, Lease, Message, Stored, Window, check, check_holder
from sla.store.directory import Claim
from sla.store.errors import Fenced, SchemaRefused, Unavailable
from sla.store.schema import refuse_newer
from sla.store.sqliteschema import CHANGES, migrate, version

FILE = "sla.db"
_PAGE = 2000
_SETTINGS = ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000", "foreign_keys = ON")
_EVENT = "INSERT INTO event (incident, kind, at, key, body, epoch) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_BEAT = """
INSERT INTO heartbeat VALUES (1, ?, ?)
ON CONFLICT (id) DO UPDATE SET at = excluded.at, body = excluded.body WHERE excluded.at >= heartbeat.at
"""
_WINDOW = """
INSERT INTO maintenance VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET start = excluded.start, stop = excluded.stop, body = excluded.body
"""
_FORGET = "DELETE FROM event WHERE at < ? AND incident NOT IN (SELECT value FROM temp.keep)"


class SqliteStore:
    """The database ``sla.db`` in a directory. Raises Occupied, SchemaRefused or Unavailable.

    ``exclusive`` is the agent's mode: it holds the directory, and while it does nobody else can, so the lease needs no
    time limit (``ttl`` is not read) and starts free. Otherwise the store reads and posts, beside a running agent or
    without one; the schema must be current then, since only the agent may change it.
    """

    def __init__(
        self, directory: Path, *, exclusive: bool = True, changes: Mapping[int, tuple[str, ...]] = CHANGES
    ) -> None:
        self._path = directory / FILE
        self._lock = threading.RLock()
        self._claim = Claim(directory) if exclusive else None
        try:
            self._db = self._open(changes)
        except BaseException:
            if self._claim:
                self._claim.release()
            raise

    def append(self, batch: Batch, lease: Lease) -> tuple[Stored, ...]:
        """See ``Store``."""
        check(batch)
        with self._writing(lease) as db:
            new = tuple(stored for record in batch.records if (stored := _add(db, record, lease.epoch)))
            _also(db, batch)
        return new

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
        limits = {"incident = ?": incident, "kind = ?": kind, "at >= ?": start, "at < ?": end}
        given = {text: value for text, value in limits.items() if value is not None}
        where = " AND ".join(("seq > ?", *given))
        sql = f"SELECT * FROM event WHERE {where} ORDER BY seq LIMIT {_PAGE}"  # noqa: S608 - our own texts only
        while page := self._rows(sql, since, *given.values()):
            for seq, *values, epoch in page:
                yield Stored(seq, epoch, Record(*values))
            since = page[-1][0]

    def heartbeat(self) -> Heartbeat | None:
        """See ``Store``."""
        rows = self._rows("SELECT at, body FROM heartbeat")
        return Heartbeat(*rows[0]) if rows else None

    def windows(self) -> tuple[Window, ...]:
        """See ``Store``."""
        return tuple(Window(*row) for row in self._rows("SELECT * FROM maintenance ORDER BY start, id"))

    def policies(self) -> dict[str, str]:
        """See ``Store``."""
        return dict(self._rows("SELECT id, text FROM policy"))

    def aggregates(self, first: str, last: str) -> tuple[Aggregate, ...]:
        """See ``Store``."""
        sql = "SELECT * FROM aggregate WHERE day BETWEEN ? AND ? ORDER BY day, key"
        return tuple(Aggregate(*row) for row in self._rows(sql, first, last))

    def outbox(self) -> tuple[Message, ...]:
        """See ``Store``."""
        return tuple(Message(*row) for row in self._rows("SELECT key, at, body FROM outbox WHERE sent = 0 ORDER BY id"))

    def post(self, message: Message) -> bool:
        """See ``Store``."""
        check(Batch(notices=[message]))
        sql = "INSERT INTO inbox (key, at, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        with self._transaction() as db:
            return db.execute(sql, (message.key, message.at, message.body)).rowcount == 1

    def inbox(self) -> tuple[Message, ...]:
        """See ``Store``."""
        return tuple(Message(*row) for row in self._rows("SELECT key, at, body FROM inbox ORDER BY id"))

    def acquire(self, holder: str, ttl: float) -> Lease | None:  # noqa: ARG002 - the lock on the directory has no end
        """See ``Store``."""
        check_holder(holder)
        if not self._claim:
            return None
        with self._transaction() as db:
            db.execute("UPDATE lease SET holder = ?, epoch = epoch + 1 WHERE holder = ''", (holder,))
            row = db.execute("SELECT holder, epoch FROM lease WHERE holder = ?", (holder,)).fetchone()
        return Lease(*row) if row else None

    def release(self, lease: Lease) -> None:
        """See ``Store``."""
        with self._transaction() as db:
            db.execute("UPDATE lease SET holder = '' WHERE holder = ? AND epoch = ?", (lease.holder, lease.epoch))

    def forget(self, before: float, *, keep: Collection[str], lease: Lease) -> int:
        """See ``Store``."""
        with self._writing(lease) as db:
            db.execute("CREATE TEMP TABLE IF NOT EXISTS keep (value TEXT NOT NULL)")
            db.execute("DELETE FROM temp.keep")
            db.executemany("INSERT INTO temp.keep VALUES (?)", [(incident,) for incident in keep])
            gone = db.execute(_FORGET, (before,)).rowcount
            db.execute("DELETE FROM outbox WHERE sent = 1 AND at < ?", (before,))
        return gone

    def close(self) -> None:
        """See ``Store``. SQLite moves the log into the database file as the last connection closes."""
        with self._lock:
            self._db.close()
            if self._claim:
                self._claim.release()
                self._claim = None

    def _open(self, changes: Mapping[int, tuple[str, ...]]) -> sqlite3.Connection:
        with self._explained():
            mode = "rwc" if self._claim else "rw"
            uri = f"{self._path.absolute().as_uri()}?mode={mode}"
            db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            try:
                for setting in _SETTINGS:
                    db.execute(f"PRAGMA {setting}")
                if self._claim:
                    migrate(db, changes, where=str(self._path))
                    db.execute("UPDATE lease SET holder = ''")
                else:
                    _require(version(db), max(changes), where=str(self._path))
            except BaseException:
                db.close()
                raise
            return db

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._explained():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. IMMEDIATE, since a reader that becomes a writer may be refused at once."""
        with self._lock, self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _writing(self, lease: Lease) -> Iterator[sqlite3.Connection]:
        with self._transaction() as db:
            row = db.execute("SELECT holder, epoch FROM lease").fetchone()
            if not self._claim or not lease.holder or Lease(*row) != lease:
                raise Fenced(f"{self._path}: {lease.holder!r} with epoch {lease.epoch} may not write (any more)")
            yield db

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Unavailable(
                f"sla: {self._path}: {error}; look for a full disk, missing rights, or a damaged file (restore a copy)"
            ) from error


def _require(found: int, known: int, *, where: str) -> None:
    refuse_newer(found, known, where=where)
    if found < known:
        raise SchemaRefused(f"sla: {where} has schema {found}, needed is {known}; start the agent once to update it")


def _add(db: sqlite3.Connection, record: Record, epoch: int) -> Stored | None:
    values = (record.incident, record.kind, record.at, record.key, record.body, epoch)
    done = db.execute(_EVENT, values)
    return Stored(int(done.lastrowid or 0), epoch, record) if done.rowcount else None


def _also(db: sqlite3.Connection, batch: Batch) -> None:
    """Everything of a batch but its records."""
    if batch.heartbeat:
        db.execute(_BEAT, (batch.heartbeat.at, batch.heartbeat.body))
    db.executemany(
        "INSERT INTO outbox (key, at, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(notice.key, notice.at, notice.body) for notice in batch.notices],
    )
    db.executemany("UPDATE outbox SET sent = 1 WHERE key = ?", [(key,) for key in batch.sent])
    db.executemany("DELETE FROM inbox WHERE key = ?", [(key,) for key in batch.taken])
    db.executemany(_WINDOW, [(window.id, window.start, window.end, window.body) for window in batch.windows])
    db.executemany("INSERT INTO policy VALUES (?, ?) ON CONFLICT DO NOTHING", list(batch.policies.items()))
    db.executemany(
        "INSERT INTO aggregate VALUES (?, ?, ?) ON CONFLICT (day, key) DO UPDATE SET body = excluded.body",
        [(found.day, found.key, found.body) for found in batch.aggregates],
    )
