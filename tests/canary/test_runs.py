"""Runs of canary releases, in both kinds of store, by one contract."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import postgresserver
import pytest
from postgresserver import Postgres

from exporter.canary import opening, runs
from exporter.canary.runs import AlreadyRunningError, Judgement, Limits, Note, Runs, RunsError, Started
from exporter.canary.sqliteruns import SqliteRuns
from exporter.configvalues import DatabaseUrl


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server with a password."""
    with postgresserver.start(password="p@ss/word") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty directory or database."""
    if request.param == "sqlite":
        return str(tmp_path)
    server = request.getfixturevalue("postgres")
    server.run("DROP SCHEMA IF EXISTS novacenter_canary CASCADE")
    return DatabaseUrl(f"postgresql://postgres:p%40ss%2Fword@127.0.0.1:{server.port}/postgres")


@pytest.fixture
def store(state: str) -> Runs:
    """An empty store."""
    return opening.runs(state, monotonic=lambda: 0.0)


def note(key: str, noticed: float, *, kind: str = "window") -> Note:
    """A note that became known at a time."""
    return Note(key, kind, noticed - 1, noticed, json.dumps({"end": 5}))


def test_nothing_is_known_before_the_first_run(store: Runs) -> None:
    """An empty store has no run, no notes and no verdicts, and says so without an error."""
    assert (store.newest(), store.find("r1"), store.notes("r1"), store.judgements("r1")) == (None, None, (), ())


def test_one_run_at_a_time(store: Runs) -> None:
    """A second run is refused until the first has its verdict; the same release never has two."""
    first = Started("r1", 100.0, "{}")
    store.begin(first)
    with pytest.raises(AlreadyRunningError, match="release r1 is being watched"):
        store.begin(Started("r2", 200.0, "{}"))
    store.judged("r1", Judgement(300.0, "verdict"), over=True)
    with pytest.raises(AlreadyRunningError, match="give this one another id, such as r1-2"):
        store.begin(Started("r1", 400.0, "{}"))
    store.begin(Started("r2", 50.0, "{}"))

    assert store.newest() == Started("r2", 50.0, "{}"), "the one that was begun last, also where it began in the past"
    assert store.find("r1") == Started("r1", 100.0, "{}", 300.0)


def test_notes_are_added_once_in_order(store: Runs) -> None:
    """What is noted twice stays as it was first; notes of another run are not mixed in."""
    store.begin(Started("r1", 0.0, "{}"))
    store.note("r1", [note("b", 10.0), note("a", 11.0)])
    store.note("r1", [note("b", 99.0), note("c", 12.0)])
    store.note("other", [note("x", 1.0)])
    store.note("r1", [])

    assert store.notes("r1") == (note("b", 10.0), note("a", 11.0), note("c", 12.0))
    assert store.notes("r1")[0].content == {"end": 5}


def test_notes_are_bounded(state: str) -> None:
    """Of one run no more are kept than is said."""
    store = opening.runs(state, monotonic=lambda: 0.0, limits=Limits(notes=3))
    store.note("r1", [note(str(number), number) for number in range(5)])
    store.note("r1", [note("more", 9.0)])

    assert [one.key for one in store.notes("r1")] == ["0", "1", "2"]


def test_the_last_verdict_of_each_day_is_kept(store: Runs) -> None:
    """A verdict replaces the earlier one of its UTC day; only the last one ends the run, once."""
    store.begin(Started("r1", 0.0, "{}"))
    for at in (3600.0, 7200.0, 90000.0):
        store.judged("r1", Judgement(at, f"at {at:g}"), over=False)
    assert store.find("r1") == Started("r1", 0.0, "{}")
    store.judged("r1", Judgement(100000.0, "end"), over=True)
    store.judged("r1", Judgement(100001.0, "end"), over=True)

    assert store.judgements("r1") == (Judgement(7200.0, "at 7200"), Judgement(100001.0, "end"))
    assert runs.last(store, "r1") == Judgement(100001.0, "end")
    assert runs.last(store, "r2") is None
    found = store.find("r1")
    assert found is not None
    assert found.ended == 100000.0


def test_old_runs_are_forgotten(state: str) -> None:
    """The newest ones are kept, with their notes and verdicts; the rest goes when a run begins."""
    store = opening.runs(state, monotonic=lambda: 0.0, limits=Limits(runs=2))
    for number in range(4):
        release = f"r{number}"
        store.begin(Started(release, float(number), "{}"))
        store.note(release, [note("a", 1.0)])
        store.judged(release, Judgement(float(number), "over"), over=True)

    assert [bool(store.find(f"r{number}")) for number in range(4)] == [False, False, True, True]
    assert [len(store.notes(f"r{number}")) for number in range(4)] == [0, 0, 1, 1]
    assert [len(store.judgements(f"r{number}")) for number in range(4)] == [0, 0, 1, 1]


def test_two_processes_share_a_directory(tmp_path: Path) -> None:
    """What one writes the other reads at once; reading makes no file."""
    one, other = SqliteRuns(tmp_path), SqliteRuns(tmp_path)
    assert other.newest() is None
    assert list(tmp_path.iterdir()) == []
    one.begin(Started("r1", 1.0, "{}"))
    other.note("r1", [note("a", 1.0)])
    assert (other.newest(), one.notes("r1")) == (Started("r1", 1.0, "{}"), (note("a", 1.0),))


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """What a newer version wrote is neither read nor changed."""
    with closing(sqlite3.connect(tmp_path / "canary.db")) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(RunsError, match="written by a newer novacenter"):
        SqliteRuns(tmp_path).newest()
    with pytest.raises(RunsError, match="written by a newer novacenter"):
        SqliteRuns(tmp_path).begin(Started("r1", 1.0, "{}"))


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    """A damaged file and a missing directory end in a sentence with what to do."""
    (tmp_path / "canary.db").write_bytes(b"no database" * 1000)
    with pytest.raises(RunsError, match="restore a copy"):
        SqliteRuns(tmp_path).newest()
    with pytest.raises(RunsError, match="run the command as the agent's user"):
        SqliteRuns(tmp_path / "missing").begin(Started("r1", 1.0, "{}"))
