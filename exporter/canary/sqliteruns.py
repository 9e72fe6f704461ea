"""Runs in ``canary.db`` in the state directory: SQLite in WAL mode, for several processes of one machine."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from exporter.canary.runs import LIMITS, AlreadyRunningError, Judgement, Limits, Note, RunsError, Started

FILE = "canary.db"
SCHEMA = 1
_TABLES = (
    """
CREATE TABLE run (
    id INTEGER PRIMARY KEY, release TEXT NOT NULL UNIQUE, at REAL NOT NULL, text TEXT NOT NULL, ended REAL
)
""",
    """
CREATE TABLE note (
    id INTEGER PRIMARY KEY, release TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL,
    noticed REAL NOT NULL, body TEXT NOT NULL, UNIQUE (release, key)
)
""",
    """
CREATE TABLE judgement (
    release TEXT NOT NULL, day TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL, PRIMARY KEY (release, day)
) WITHOUT ROWID
""",
)
_RUN = "SELECT release, at, text, ended FROM run"
_CROWD = "SELECT release FROM run ORDER BY id DESC LIMIT -1 OFFSET ?"


class SqliteRuns:
    """See ``Runs``. The file is made by the first ``begin``; before that there are no runs."""

    def __init__(self, directory: Path, *, limits: Limits = LIMITS) -> None:
        self._path = directory / FILE
        self._limits = limits

    def begin(self, run: Started) -> None:
        """See ``Runs``."""
        with self._writing() as db:
            open_one = db.execute("SELECT release FROM run WHERE ended IS NULL").fetchone()
            refuse(run.release, open_one[0] if open_one else None, again=self._one(db, run.release) is not None)
            db.execute("INSERT INTO run (release, at, text) VALUES (?, ?, ?)", (run.release, run.at, run.text))
            for (release,) in db.execute(_CROWD, (self._limits.runs,)).fetchall():
                for table in ("run", "note", "judgement"):
                    db.execute(f"DELETE FROM {table} WHERE release = ?", (release,))  # noqa: S608 - our own names

    def newest(self) -> Started | None:
        """See ``Runs``."""
        with self._reading() as db:
            row = db.execute(f"{_RUN} ORDER BY id DESC LIMIT 1").fetchone() if db else None
        return Started(*row) if row else None

    def find(self, release: str) -> Started | None:
        """See ``Runs``."""
        with self._reading() as db:
            return self._one(db, release) if db else None

    def note(self, release: str, notes: Sequence[Note]) -> None:
        """See ``Runs``."""
        if not notes:
            return
        with self._writing() as db:
            there = db.execute("SELECT count(*) FROM note WHERE release = ?", (release,)).fetchone()[0]
            free = self._limits.notes - there
            db.executemany(
                "INSERT INTO note (release, key, kind, at, noticed, body) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                [(release, one.key, one.kind, one.at, one.noticed, one.body) for one in notes[: max(0, free)]],
            )

    def notes(self, release: str) -> tuple[Note, ...]:
        """See ``Runs``."""
        sql = "SELECT key, kind, at, noticed, body FROM note WHERE release = ? ORDER BY id"
        with self._reading() as db:
            return tuple(Note(*row) for row in db.execute(sql, (release,))) if db else ()

    def judged(self, release: str, judgement: Judgement, *, over: bool) -> None:
        """See ``Runs``."""
        row = (release, day(judgement.at), judgement.at, judgement.text)
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO judgement VALUES (?, ?, ?, ?)", row)
            if over:
                db.execute("UPDATE run SET ended = ? WHERE release = ? AND ended IS NULL", (judgement.at, release))

    def judgements(self, release: str) -> tuple[Judgement, ...]:
        """See ``Runs``."""
        sql = "SELECT at, text FROM judgement WHERE release = ? ORDER BY at"
        with self._reading() as db:
            return tuple(Judgement(*row) for row in db.execute(sql, (release,))) if db else ()

    @staticmethod
    def _one(db: sqlite3.Connection, release: str) -> Started | None:
        row = db.execute(f"{_RUN} WHERE release = ?", (release,)).fetchone()
        return Started(*row) if row else None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """None where there is no file yet."""
        if not self._path.is_file():
            yield None
            return
        with self._explained(), closing(self._connect("rw")) as db:
            self._refuse_newer(db)
            yield db if _version(db) else None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; makes the tables where they are missing."""
        with self._explained(), closing(self._connect("rwc")) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                self._refuse_newer(db)
                if not _version(db):
                    for table in _TABLES:
                        db.execute(table)
                    db.execute(f"PRAGMA user_version = {SCHEMA}")
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        db = sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _refuse_newer(self, db: sqlite3.Connection) -> None:
        if _version(db) > SCHEMA:
            raise RunsError(
                f"canary: {self._path}: written by a newer novacenter (schema {_version(db)}, this one knows "
                f"{SCHEMA}); run the newer version"
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RunsError(
                f"canary: {self._path}: {error}; look for a full disk, missing rights (run the command as the agent's "
                "user), or a damaged file (restore a copy)"
            ) from error


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def day(at: float) -> str:
    """The UTC day of an instant: ``2026-11-23``."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def refuse(release: str, running: str | None, *, again: bool) -> None:
    """Raises AlreadyRunningError where a run cannot begin. ``running`` is the release whose run is not over."""
    if running is not None:
        raise AlreadyRunningError(
            f"canary: release {running} is being watched; wait for its verdict, or end it by novacenter canary abort"
        )
    if again:
        raise AlreadyRunningError(
            f"canary: release {release} had its run; give this one another id, such as {release}-2"
        )
