"""What the agent remembers across a restart: the high-water marks, in the embedded SQLite database.

Losing them costs no sample that is shown, only the catch-up of what came while the agent was down.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from exporter.errors import ConfigError

SCHEMA = 1
_FILE = "novacenter.db"
_TABLES = """
CREATE TABLE IF NOT EXISTS mark (
    vcenter TEXT NOT NULL, kind TEXT NOT NULL, moid TEXT NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (vcenter, kind, moid)
) WITHOUT ROWID
"""


class State:
    """The database in a directory. Every call opens, commits and closes: it may be used from any thread."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE

    def prepare(self) -> None:
        """Makes directory and tables. Raises ConfigError where that is not possible."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as db, db:
                found = db.execute("PRAGMA user_version").fetchone()[0]
                if found > SCHEMA:
                    raise ConfigError(
                        f"{self._path}: written by a newer novacenter (schema {found}, this one knows {SCHEMA}); "
                        "run the newer version, or point state: to another directory"
                    )
                db.execute(_TABLES)
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

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=5.0)
        db.execute("PRAGMA journal_mode = WAL")
        return db
