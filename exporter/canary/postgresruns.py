"""Runs in a PostgreSQL database that several agents share: tables in a schema of their own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from exporter.canary.runs import LIMITS, Judgement, Limits, Note, RunsError, Started
from exporter.canary.sqliteruns import day, refuse
from sla.store.errors import StoreError
from sla.store.postgressession import Access, Session, open_session

SCHEMA = "novacenter_canary"
CHANGES: Mapping[int, tuple[str, ...]] = {
    1: (
        """
CREATE TABLE run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, release text NOT NULL UNIQUE, at float8 NOT NULL,
    text text NOT NULL, ended float8
)""",
        "CREATE UNIQUE INDEX run_open ON run ((ended IS NULL)) WHERE ended IS NULL",
        """
CREATE TABLE note (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, release text NOT NULL, key text NOT NULL, kind text NOT NULL,
    at float8 NOT NULL, noticed float8 NOT NULL, body text NOT NULL, UNIQUE (release, key)
)""",
        """
CREATE TABLE judgement (
    release text NOT NULL, day text NOT NULL, at float8 NOT NULL, text text NOT NULL, PRIMARY KEY (release, day)
)""",
    )
}
"""Statements by version; a released version is never edited."""

_RUN = "SELECT release, at, text, ended FROM run"
_NOTE = """
INSERT INTO note (release, key, kind, at, noticed, body)
SELECT %s, %s, %s, %s, %s, %s WHERE (SELECT count(*) FROM note WHERE release = %s) < %s
ON CONFLICT DO NOTHING
"""
_JUDGED = """
INSERT INTO judgement VALUES (%s, %s, %s, %s)
ON CONFLICT (release, day) DO UPDATE SET at = excluded.at, text = excluded.text WHERE excluded.at >= judgement.at
"""


class PostgresRuns:
    """See ``Runs``. Every call connects; the first one makes the tables."""

    def __init__(self, access: Access, *, monotonic: Callable[[], float], limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._access = access
        self._monotonic = monotonic

    def begin(self, run: Started) -> None:
        """See ``Runs``. Two that begin at once: one waits for the other's lock, then finds its run."""
        with self._session() as db, db.transaction():
            db.execute("LOCK TABLE run IN SHARE ROW EXCLUSIVE MODE")
            open_one = db.execute("SELECT release FROM run WHERE ended IS NULL").fetchone()
            there = db.execute("SELECT 1 FROM run WHERE release = %s", (run.release,)).fetchone()
            refuse(run.release, open_one[0] if open_one else None, again=there is not None)
            db.execute("INSERT INTO run (release, at, text) VALUES (%s, %s, %s)", (run.release, run.at, run.text))
            gone = db.execute("SELECT release FROM run ORDER BY id DESC OFFSET %s", (self._limits.runs,)).fetchall()
            names = [name for (name,) in gone]
            for table in ("run", "note", "judgement"):
                db.execute(f"DELETE FROM {table} WHERE release = ANY(%s)", (names,))  # noqa: S608 - our own names

    def newest(self) -> Started | None:
        """See ``Runs``."""
        return self._one(f"{_RUN} ORDER BY id DESC LIMIT 1")

    def find(self, release: str) -> Started | None:
        """See ``Runs``."""
        return self._one(f"{_RUN} WHERE release = %s", release)

    def note(self, release: str, notes: Sequence[Note]) -> None:
        """See ``Runs``."""
        if not notes:
            return
        with self._session() as db, db.transaction():
            for one in notes:
                values = (release, one.key, one.kind, one.at, one.noticed, one.body)
                db.execute(_NOTE, (*values, release, self._limits.notes))

    def notes(self, release: str) -> tuple[Note, ...]:
        """See ``Runs``."""
        sql = "SELECT key, kind, at, noticed, body FROM note WHERE release = %s ORDER BY id"
        return tuple(Note(*row) for row in self._rows(sql, release))

    def judged(self, release: str, judgement: Judgement, *, over: bool) -> None:
        """See ``Runs``."""
        with self._session() as db, db.transaction():
            db.execute(_JUDGED, (release, day(judgement.at), judgement.at, judgement.text))
            if over:
                db.execute("UPDATE run SET ended = %s WHERE release = %s AND ended IS NULL", (judgement.at, release))

    def judgements(self, release: str) -> tuple[Judgement, ...]:
        """See ``Runs``."""
        sql = "SELECT at, text FROM judgement WHERE release = %s ORDER BY at"
        return tuple(Judgement(*row) for row in self._rows(sql, release))

    def _one(self, sql: str, *values: object) -> Started | None:
        rows = self._rows(sql, *values)
        return Started(*rows[0]) if rows else None

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._session() as db:
            return db.execute(sql.encode(), values).fetchall()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with open_session(self._access, CHANGES, monotonic=self._monotonic) as db:
                yield db
        except (psycopg.Error, StoreError) as error:
            raise RunsError(
                f"canary: {self._access.where}: {str(error).strip()[:400]}; see that the server runs, and that the "
                f"user may create the schema {SCHEMA}"
            ) from error
