"""The embedded database: one process, schemas old and new, trouble with the disk, and readers beside the agent."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sla.record import Record
from sla.store.base import Batch, Lease, Message
from sla.store.errors import Fenced, Occupied, SchemaRefused, Unavailable
from sla.store.sqlite import FILE, SqliteStore
from sla.store.sqliteschema import CHANGES

NEWEST = max(CHANGES)
KEPT = Record("i1", "opened", 1.5, "k1", '{"a": 1}')
_FILLED = (
    "INSERT INTO event (incident, kind, at, key, body, epoch) VALUES ('i1', 'opened', 1.5, 'k1', '{\"a\": 1}', 3)",
    "UPDATE lease SET epoch = 3",
)


def version(path: Path) -> int:
    """The schema of a database."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def write(store: SqliteStore, *records: Record) -> Lease:
    """Appends with a lease of its own, which it returns."""
    lease = store.acquire("test", 60.0)
    assert lease is not None
    store.append(Batch(records=records), lease)
    return lease


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """The sentence names the first one's pid, nothing is harmed, and after its end the next one may start."""
    with closing(SqliteStore(tmp_path)):
        code = (
            f"from pathlib import Path\nfrom sla.store.sqlite import SqliteStore\nSqliteStore(Path({str(tmp_path)!r}))"
        )
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
        assert second.returncode == 1
        assert f"Occupied: sla: {tmp_path} is in use by process {os.getpid()}; stop that one first" in second.stderr
        with pytest.raises(Occupied, match=str(os.getpid())):
            SqliteStore(tmp_path)
    SqliteStore(tmp_path).close()


def test_a_failed_start_lets_go(tmp_path: Path) -> None:
    """A process that refuses a database does not keep the directory."""
    (tmp_path / FILE).write_bytes(b"this is not a database, but it is long enough to look like one" * 20)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"sla\.db: file is not a database; look for a full disk"):
            SqliteStore(tmp_path)


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_newer_schema_is_refused(tmp_path: Path, exclusive: bool) -> None:
    """With both numbers, and nothing is changed."""
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute(f"PRAGMA user_version = {NEWEST + 1}")
    sentence = rf"written by a newer novacenter \(schema {NEWEST + 1}, this one knows {NEWEST}\); run the newer version"
    with pytest.raises(SchemaRefused, match=sentence):
        SqliteStore(tmp_path, exclusive=exclusive)
    assert version(tmp_path / FILE) == NEWEST + 1


@pytest.mark.parametrize("old", range(1, NEWEST + 1))
def test_every_older_schema_is_taken_over(tmp_path: Path, old: int) -> None:
    """Its records stay and more can be added."""
    with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        for number in range(1, old + 1):
            for change in (*CHANGES[number], *(_FILLED if number == 1 else ())):
                db.execute(change)
        db.execute(f"PRAGMA user_version = {old}")
    with closing(SqliteStore(tmp_path)) as store:
        lease = write(store, Record("i1", "resolved", 2.0, "k2", "{}"))
        assert [(stored.epoch, stored.record.key) for stored in store.read()] == [(3, "k1"), (4, "k2")]
        assert next(store.read()).record == KEPT
        assert lease.epoch == 4
    assert version(tmp_path / FILE) == NEWEST


def test_an_update_happens_whole_or_not_at_all(tmp_path: Path) -> None:
    """If its second statement fails, the first is undone, the version stays, and the old program goes on."""
    with closing(SqliteStore(tmp_path)) as store:
        write(store, KEPT)
    later = {**CHANGES, NEWEST + 1: ("ALTER TABLE event ADD COLUMN site TEXT", "nonsense")}
    with pytest.raises(Unavailable, match="syntax error"):
        SqliteStore(tmp_path, changes=later)
    with closing(SqliteStore(tmp_path)) as store:
        assert [stored.record for stored in store.read()] == [KEPT]
    good = {**CHANGES, NEWEST + 1: ("CREATE TABLE site (name TEXT)",)}
    SqliteStore(tmp_path, changes=good).close()
    with pytest.raises(SchemaRefused):
        SqliteStore(tmp_path)


def test_readers_beside_the_agent(tmp_path: Path) -> None:
    """They see what was written, leave messages, and can neither lead nor write."""
    with closing(SqliteStore(tmp_path)) as agent:
        lease = write(agent, KEPT)
        with closing(SqliteStore(tmp_path, exclusive=False)) as reader:
            assert [stored.record for stored in reader.read()] == [KEPT]
            assert reader.post(Message("m", 1.0, "ack"))
            assert reader.acquire("reader", 60.0) is None
            with pytest.raises(Fenced):
                reader.append(Batch(records=[KEPT]), lease)
        assert agent.inbox() == (Message("m", 1.0, "ack"),)


def test_readers_change_no_schema(tmp_path: Path) -> None:
    """Without a database, or with an old one, a reader says so and makes nothing."""
    with pytest.raises(Unavailable, match="unable to open database file"):
        SqliteStore(tmp_path, exclusive=False)
    sqlite3.connect(tmp_path / FILE).close()
    with pytest.raises(SchemaRefused, match="start the agent once to update it"):
        SqliteStore(tmp_path, exclusive=False)
    assert version(tmp_path / FILE) == 0


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """The message says what to do."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable, match="make the directory and give it to the agent's user"):
        SqliteStore(tmp_path / "file")


def test_a_full_disk(tmp_path: Path) -> None:
    """A batch that does not fit is written not at all, and once there is room it is written."""
    with closing(SqliteStore(tmp_path)) as store:
        lease = write(store, KEPT)
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        big = Batch(records=[Record("i1", "k", 1.0, f"big{number}", "x" * 2000) for number in range(100)])
        with pytest.raises(Unavailable, match="database or disk is full; look for a full disk"):
            store.append(big, lease)
        assert [stored.record for stored in store.read()] == [KEPT]
        store._db.execute("PRAGMA max_page_count = 1000000")
        assert len(store.append(big, lease)) == 100


def test_a_batch_that_fails_in_the_middle(tmp_path: Path) -> None:
    """Leaves nothing behind, and the next one is written."""
    with closing(SqliteStore(tmp_path)) as store:
        lease = write(store)
        store._db.execute(
            "CREATE TEMP TRIGGER broken BEFORE INSERT ON main.policy BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )
        with pytest.raises(Unavailable, match="broken"):
            store.append(Batch(records=[KEPT], policies={"p": "text"}), lease)
        assert list(store.read()) == []
        assert len(store.append(Batch(records=[KEPT]), lease)) == 1


def test_how_durable_it_is(tmp_path: Path) -> None:
    """Write-ahead log, synchronous FULL (2), foreign keys, five seconds of patience with a reader that locks."""
    with closing(SqliteStore(tmp_path)) as store:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        assert [store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas] == ["wal", 2, 1, 5000]


def test_a_new_process_has_a_new_epoch(tmp_path: Path) -> None:
    """Even under the same name: the lease of the one before is void."""
    with closing(SqliteStore(tmp_path)) as store:
        old = write(store, KEPT)
    with closing(SqliteStore(tmp_path)) as store:
        with pytest.raises(Fenced):
            store.append(Batch(records=[KEPT]), old)
        assert write(store).epoch == old.epoch + 1
