"""What the agent remembers across a restart, in the embedded SQLite database.

The high-water marks of samples: losing them costs no sample that is shown, only the catch-up of what came while the
agent was down. Since when findings are seen: losing it begins their time anew. And Nova's operations: losing them
counts timeouts again, or not at all.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from exporter.errors import ConfigError

SCHEMA = 3
KEPT = 90 * 86400.0
"""Seconds for which the log of timeouts is kept; their number stays in the tally."""
_FILE = "novacenter.db"
_MARKS = """
CREATE TABLE IF NOT EXISTS mark (
    vcenter TEXT NOT NULL, kind TEXT NOT NULL, moid TEXT NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (vcenter, kind, moid)
) WITHOUT ROWID
"""
_OPERATIONS = (
    """
CREATE TABLE IF NOT EXISTS cloud (
    cloud TEXT NOT NULL PRIMARY KEY, seen REAL NOT NULL, horizon REAL NOT NULL
) WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS operation (
    cloud TEXT NOT NULL, server TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (cloud, server, key)
) WITHOUT ROWID
""",
    *(
        f"""
CREATE TABLE IF NOT EXISTS {table} (
    cloud TEXT NOT NULL, server TEXT NOT NULL, key TEXT NOT NULL, time REAL NOT NULL,
    host TEXT NOT NULL, operation TEXT NOT NULL, outcome TEXT NOT NULL,
    PRIMARY KEY (cloud, server, key)
) WITHOUT ROWID
"""
        for table in ("timeout", "ending")
    ),
    """
CREATE TABLE IF NOT EXISTS tally (
    cloud TEXT NOT NULL, what TEXT NOT NULL, host TEXT NOT NULL, operation TEXT NOT NULL, outcome TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (cloud, what, host, operation, outcome)
) WITHOUT ROWID
""",
)

_PLACE = (
    "ALTER TABLE cloud ADD COLUMN mark REAL",
    "ALTER TABLE cloud ADD COLUMN watched TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX IF NOT EXISTS ending_time ON ending (cloud, time)",
    """
CREATE TABLE IF NOT EXISTS finding (
    kind TEXT NOT NULL, cloud TEXT NOT NULL, vcenter TEXT NOT NULL, subject TEXT NOT NULL, since REAL NOT NULL,
    PRIMARY KEY (kind, cloud, vcenter, subject)
) WITHOUT ROWID
""",
)

_CHANGES: Mapping[int, tuple[str, ...]] = {1: (_MARKS,), 2: _OPERATIONS, 3: _PLACE}
"""What each schema adds to the one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One timeout (``outcome`` is its cause) or end (its result) of an operation. ``time`` is in epoch seconds."""

    server: str
    key: str
    time: float
    host: str
    operation: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """One cloud's operations: ``opened`` as text by (server, key), ``ended`` when each was over, since ``horizon``.

    ``mark`` and ``watched`` are where reading goes on: what changed since, and servers that were still to be asked.
    """

    seen: float
    horizon: float
    mark: float | None = None
    watched: tuple[str, ...] = ()
    opened: Mapping[tuple[str, str], str] = field(default_factory=dict)
    ended: Mapping[tuple[str, str], float] = field(default_factory=dict)


Tally = Mapping[tuple[str, str, str], int]
"""How often: by host, operation and outcome."""


class State:
    """The database in a directory. Every call opens, commits and closes: it may be used from any thread."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE

    def prepare(self) -> None:
        """Makes directory and tables, adding what an older version lacks. Raises ConfigError where that fails."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as db, db:
                found = db.execute("PRAGMA user_version").fetchone()[0]
                if found > SCHEMA:
                    raise ConfigError(
                        f"{self._path}: written by a newer novacenter (schema {found}, this one knows {SCHEMA}); "
                        "run the newer version, or point state: to another directory"
                    )
                db.execute("BEGIN IMMEDIATE")
                for version in range(found + 1, SCHEMA + 1):
                    for change in _CHANGES[version]:
                        db.execute(change)
                db.execute(f"PRAGMA user_version = {SCHEMA}")
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"state: {self._path.parent} cannot be written ({error}); make the directory and give it to the "
                "agent's user, or set state: to another one"
            ) from error

    def save(self, vcenter: str, marks: Mapping[str, Mapping[str, int]]) -> None:
        """Replaces the marks of a vCenter (kind -> moid -> epoch seconds). Raises sqlite3.Error."""
        rows = [(vcenter, kind, moid, time) for kind, times in marks.items() for moid, time in times.items()]
        with closing(self._connect()) as db, db:
            db.execute("DELETE FROM mark WHERE vcenter = ?", (vcenter,))
            db.executemany("INSERT INTO mark VALUES (?, ?, ?, ?)", rows)

    def load(self, vcenter: str) -> dict[str, dict[str, int]]:
        """The saved marks of a vCenter. Raises sqlite3.Error."""
        marks: dict[str, dict[str, int]] = {}
        with closing(self._connect()) as db:
            for kind, moid, time in db.execute("SELECT kind, moid, time FROM mark WHERE vcenter = ?", (vcenter,)):
                marks.setdefault(kind, {})[moid] = time
        return marks

    def save_findings(self, since: Mapping[tuple[str, str, str, str], float]) -> None:
        """Replaces when findings were first seen, by kind, cloud, vCenter and subject. Raises sqlite3.Error."""
        with closing(self._connect()) as db, db:
            db.execute("DELETE FROM finding")
            db.executemany("INSERT INTO finding VALUES (?, ?, ?, ?, ?)", [(*key, at) for key, at in since.items()])

    def findings(self) -> dict[tuple[str, str, str, str], float]:
        """When findings were first seen. Raises sqlite3.Error."""
        with closing(self._connect()) as db:
            rows = db.execute("SELECT kind, cloud, vcenter, subject, since FROM finding").fetchall()
        return {(kind, cloud, vcenter, subject): since for kind, cloud, vcenter, subject, since in rows}

    def record(
        self, cloud: str, operations: Operations, *, timeouts: Iterable[Entry] = (), ended: Iterable[Entry] = ()
    ) -> None:
        """Takes over a cycle of a cloud, all of it or nothing: news, tallies, and what is in flight now.

        ``operations.ended`` is not read: each end comes once, in ``ended``. A timeout or end that was recorded before
        (same cloud, server and key) is not counted again. Raises sqlite3.Error.
        """
        seen, horizon = operations.seen, operations.horizon
        rows = [(cloud, *id_, text) for id_, text in operations.opened.items()]
        with closing(self._connect()) as db, db:
            db.execute("BEGIN IMMEDIATE")
            place = (operations.mark, " ".join(operations.watched))
            db.execute(
                "INSERT OR REPLACE INTO cloud (cloud, seen, horizon, mark, watched) VALUES (?, ?, ?, ?, ?)",
                (cloud, seen, horizon, *place),
            )
            db.execute("DELETE FROM operation WHERE cloud = ?", (cloud,))
            db.executemany("INSERT INTO operation VALUES (?, ?, ?, ?)", rows)
            for table, entries in (("timeout", timeouts), ("ending", ended)):
                for entry in entries:
                    _append(db, table, cloud=cloud, entry=entry)
            db.execute("DELETE FROM ending WHERE cloud = ? AND time < ?", (cloud, horizon))
            db.execute(
                "DELETE FROM timeout WHERE cloud = ? AND time < ? "
                "AND (server, key) NOT IN (SELECT server, key FROM operation WHERE cloud = ?)",
                (cloud, seen - KEPT, cloud),
            )

    def operations(self, cloud: str) -> Operations | None:
        """What was last recorded of a cloud; None if nothing ever was. Raises sqlite3.Error."""
        with closing(self._connect()) as db:
            found = db.execute("SELECT seen, horizon, mark, watched FROM cloud WHERE cloud = ?", (cloud,)).fetchone()
            if found is None:
                return None
            opened = db.execute("SELECT server, key, text FROM operation WHERE cloud = ?", (cloud,)).fetchall()
            ended = db.execute("SELECT server, key, time FROM ending WHERE cloud = ?", (cloud,)).fetchall()
        return Operations(
            seen=found[0],
            horizon=found[1],
            mark=found[2],
            watched=tuple(found[3].split()),
            opened={(server, key): text for server, key, text in opened},
            ended={(server, key): time for server, key, time in ended},
        )

    def tallies(self, cloud: str) -> tuple[Tally, Tally]:
        """How many timeouts, and how many ends, were ever recorded of a cloud. Raises sqlite3.Error."""
        with closing(self._connect()) as db:
            rows = db.execute(
                "SELECT what, host, operation, outcome, count FROM tally WHERE cloud = ?", (cloud,)
            ).fetchall()
        found: dict[str, dict[tuple[str, str, str], int]] = {"timeout": {}, "ending": {}}
        for what, host, operation, outcome, count in rows:
            found[what][host, operation, outcome] = count
        return found["timeout"], found["ending"]

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=5.0)
        db.execute("PRAGMA journal_mode = WAL")
        return db


def _append(db: sqlite3.Connection, table: str, *, cloud: str, entry: Entry) -> None:
    """Log an entry and count it, unless it is in the log. ``table`` is one of ours, never a text from outside."""
    values = (cloud, entry.server, entry.key, entry.time, entry.host, entry.operation, entry.outcome)
    once = f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cloud, server, key) DO NOTHING"  # noqa: S608
    added = db.execute(once, values)
    if added.rowcount:
        db.execute(
            "INSERT INTO tally VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            (cloud, table, entry.host, entry.operation, entry.outcome),
        )
