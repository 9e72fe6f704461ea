"""The measured record in SQLite: ``days.db`` in the state directory."""

import math
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from exporter.days import rowform
from exporter.days.errors import STALE, DaysError, Fenced
from sla.days import Day, Key

FILE = "days.db"

CHANGES: Mapping[int, tuple[str, ...]] = {
    1: (
        # By measure first: an assessment reads few measures of many days.
        """
CREATE TABLE day (
    measure TEXT NOT NULL, date TEXT NOT NULL, source TEXT NOT NULL, labels TEXT NOT NULL, sketch TEXT NOT NULL,
    PRIMARY KEY (measure, date, source, labels)
) WITHOUT ROWID""",
        "CREATE TABLE writer (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, at INTEGER NOT NULL)",
        "INSERT INTO writer VALUES (1, 0, 0)",
    ),
}
"""Statements by version. A released version is never edited: a change is a new one."""

# NORMAL: the loss of power may cost the last flush, never the file (https://www.sqlite.org/pragma.html#pragma_synchronous).
_SETTINGS = ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 5000")
_PUT = """
INSERT INTO day (date, source, measure, labels, sketch) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (measure, date, source, labels) DO UPDATE SET sketch = excluded.sketch
"""
_TAKE = "DELETE FROM day WHERE measure = ? AND date = ? AND source = ? AND labels = ?"


class SqliteDays:
    """See ``DayStore``. ``exclusive`` is the agent's: it makes the file and updates it; others read.

    Every call opens and closes the database. Raises DaysError.
    """

    def __init__(
        self, directory: Path, *, exclusive: bool = True, changes: Mapping[int, tuple[str, ...]] = CHANGES
    ) -> None:
        self._path = directory / FILE
        self._mode = "rwc" if exclusive else "rw"
        with self._opened() as db:
            self._prepare(db, changes)

    def rows(
        self,
        since: str,
        until: str,
        *,
        measures: Collection[str] | None = None,
        sources: Collection[str] | None = None,
    ) -> tuple[Day, ...]:
        """See ``DayStore``."""
        where, values = ["date BETWEEN ? AND ?"], [since, until]
        for name, wanted in (("measure", measures), ("source", sources)):
            if wanted is not None:
                where.append(f"{name} IN ({','.join('?' * len(wanted))})")
                values += sorted(wanted)
        sql = f"SELECT date, source, measure, labels, sketch FROM day WHERE {' AND '.join(where)} ORDER BY 1, 2, 3, 4"  # noqa: S608
        with self._opened() as db:
            found = db.execute(sql, values).fetchall()
        return tuple(rowform.day(*names, labels=labels, sketch=sketch) for *names, labels, sketch in found)

    def days(self) -> tuple[str, ...]:
        """See ``DayStore``."""
        with self._opened() as db:
            return tuple(date for (date,) in db.execute("SELECT DISTINCT date FROM day ORDER BY date"))

    def claim(self, epoch: int) -> None:
        """See ``DayStore``."""
        with self._writing(epoch, stale=STALE) as db:
            db.execute("UPDATE writer SET epoch = ?", (epoch,))

    def write(self, rows: Iterable[Day], *, epoch: int, gone: Collection[tuple[str, Key]] = ()) -> None:
        """See ``DayStore``."""
        texts = [rowform.row(day) for day in rows]
        keys = [(key.measure, date, key.source, rowform.labels_text(key)) for date, key in gone]
        with self._writing(epoch) as db:
            db.executemany(_TAKE, keys)
            db.executemany(_PUT, texts)

    def forget(self, before: str, *, epoch: int) -> int:
        """See ``DayStore``."""
        with self._writing(epoch) as db:
            return db.execute("DELETE FROM day WHERE date < ?", (before,)).rowcount

    def close(self) -> None:
        """See ``DayStore``."""

    def _prepare(self, db: sqlite3.Connection, changes: Mapping[int, tuple[str, ...]]) -> None:
        newest = max(changes)
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found > newest:
            raise DaysError(
                f"state: {self._path} was written by a newer novacenter (schema {found}, this one knows {newest}); "
                "run the newer version, or point state: to another directory"
            )
        if found == newest:
            return
        if self._mode != "rwc":
            raise DaysError(f"state: {self._path} has schema {found}, not {newest}; start the agent once to update it")
        with _transaction(db):
            for number in range(found + 1, newest + 1):
                for change in changes[number]:
                    db.execute(change)
            db.execute(f"PRAGMA user_version = {newest:d}")

    @contextmanager
    def _writing(self, epoch: int, *, stale: float = math.inf) -> Iterator[sqlite3.Connection]:
        with self._opened() as db, _transaction(db):
            found, age = db.execute("SELECT epoch, CAST(strftime('%s') AS INTEGER) - at FROM writer").fetchone()
            if found > epoch and age < stale:
                raise Fenced(f"state: {self._path}: another agent writes with epoch {found}, this one had {epoch}")
            db.execute("UPDATE writer SET at = CAST(strftime('%s') AS INTEGER)")
            yield db

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._mode == "rwc":
                self._path.parent.mkdir(parents=True, exist_ok=True)
            uri = f"{self._path.absolute().as_uri()}?mode={self._mode}"
            with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
                for setting in _SETTINGS:
                    db.execute(f"PRAGMA {setting}")
                yield db
        except (sqlite3.Error, OSError) as error:
            raise DaysError(
                f"state: {self._path}: {error}; look for a full disk, missing rights, or a damaged file (restore a "
                "copy, or move it away: it holds the measured record alone)"
            ) from error


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
