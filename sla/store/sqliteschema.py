"""The schema of the embedded database: what each version adds to the one before."""

import sqlite3
from collections.abc import Mapping

from sla.store.schema import refuse_newer

CHANGES: Mapping[int, tuple[str, ...]] = {
    1: (
        """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    epoch INTEGER NOT NULL
)""",
        "CREATE INDEX event_incident ON event (incident)",
        "CREATE INDEX event_at ON event (at)",
        "CREATE TABLE lease (id INTEGER PRIMARY KEY CHECK (id = 1), holder TEXT NOT NULL, epoch INTEGER NOT NULL)",
        "INSERT INTO lease VALUES (1, '', 0)",
        "CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL, body TEXT NOT NULL)",
        "CREATE TABLE maintenance (id TEXT NOT NULL PRIMARY KEY, start REAL NOT NULL, stop REAL, body TEXT NOT NULL)",
        "CREATE TABLE policy (id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL)",
        """
CREATE TABLE aggregate (
    day TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (day, key)
) WITHOUT ROWID""",
        """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE, at REAL NOT NULL, body TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0
)""",
        "CREATE INDEX outbox_waiting ON outbox (id) WHERE sent = 0",
        """
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, at REAL NOT NULL, body TEXT NOT NULL
)""",
    ),
}
"""Statements by version. A released version is never edited: a change is a new one."""


def migrate(db: sqlite3.Connection, changes: Mapping[int, tuple[str, ...]], *, where: str) -> None:
    """Brings the database to the newest version in ``changes``, all of it or nothing.

    Raises SchemaRefused if it is newer than that. ``where`` is for the message.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        found = version(db)
        refuse_newer(found, max(changes), where=where)
        for number in range(found + 1, max(changes) + 1):
            for change in changes[number]:
                db.execute(change)
        db.execute(f"PRAGMA user_version = {max(changes):d}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def version(db: sqlite3.Connection) -> int:
    """The version of the database, 0 if it is empty."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])
