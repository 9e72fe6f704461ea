"""The embedded database: marks and operations outlive the process, and an older schema is taken over."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.state import KEPT, SCHEMA, Entry, Operations, State

SCHEMA_1 = """
CREATE TABLE mark (
    vcenter TEXT NOT NULL, kind TEXT NOT NULL, moid TEXT NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (vcenter, kind, moid)
) WITHOUT ROWID;
INSERT INTO mark VALUES ('vc1', 'vm', 'vm-1', 100);
PRAGMA user_version = 1;
"""


def entry(key: str, time: float = 10.0, outcome: str = "unknown") -> Entry:
    """A power-off of a server on vmware1."""
    return Entry("s1", key, time, "vmware1", "power_off", outcome)


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A new database."""
    found = State(tmp_path / "deep" / "state")
    found.prepare()
    return found


def version(path: Path) -> int:
    """The schema of a database."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_marks_are_replaced_vcenter_by_vcenter(state: State) -> None:
    """The last save of each vCenter is what is loaded."""
    state.save("vc1", {"vm": {"vm-1": 1}})
    state.save("vc2", {"vm": {"vm-1": 2}})
    state.save("vc1", {"host": {"host-1": 3}})
    assert (state.load("vc1"), state.load("vc2"), state.load("vc3")) == (
        {"host": {"host-1": 3}},
        {"vm": {"vm-1": 2}},
        {},
    )


def test_an_older_schema_is_taken_over(tmp_path: Path) -> None:
    """Its marks stay, and operations can be kept."""
    with closing(sqlite3.connect(tmp_path / "novacenter.db")) as db:
        db.executescript(SCHEMA_1)
    state = State(tmp_path)
    state.prepare()
    state.record("c1", Operations(seen=1.0, horizon=0.0), timeouts=[entry("r1")])
    assert (state.load("vc1"), version(tmp_path / "novacenter.db")) == ({"vm": {"vm-1": 100}}, SCHEMA)
    assert state.tallies("c1")[0] == {("vmware1", "power_off", "unknown"): 1}
    state.prepare()
    assert state.tallies("c1")[0] == {("vmware1", "power_off", "unknown"): 1}


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """Nothing in it is changed."""
    with closing(sqlite3.connect(tmp_path / "novacenter.db")) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    with pytest.raises(ConfigError, match="written by a newer novacenter"):
        State(tmp_path).prepare()
    assert version(tmp_path / "novacenter.db") == SCHEMA + 1


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """The message says what to do."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="make the directory and give it to the agent's user"):
        State(tmp_path / "file").prepare()


def test_operations_are_kept_cloud_by_cloud(state: State) -> None:
    """What is in flight is replaced, what ended is added to."""
    state.record("c1", Operations(seen=5.0, horizon=1.0, opened={("s1", "r1"): "a"}), ended=[entry("r0", 4.0)])
    state.record("c2", Operations(seen=6.0, horizon=2.0))
    state.record("c1", Operations(seen=7.0, horizon=1.0, opened={("s1", "r2"): "b"}), ended=[entry("r1", 7.0)])
    assert state.operations("c1") == Operations(
        seen=7.0, horizon=1.0, opened={("s1", "r2"): "b"}, ended={("s1", "r0"): 4.0, ("s1", "r1"): 7.0}
    )
    assert state.operations("c2") == Operations(seen=6.0, horizon=2.0)
    assert state.operations("c3") is None


def test_each_is_counted_once(state: State) -> None:
    """The same timeout again, even with another cause, is the same; of another cloud it is another."""
    now = Operations(seen=5.0, horizon=0.0)
    state.record("c1", now, timeouts=[entry("r1", outcome="vcenter_running"), entry("r1")])
    state.record("c1", now, timeouts=[entry("r1"), entry("r2", outcome="vcenter_running")], ended=[entry("r1")])
    state.record("c2", now, timeouts=[entry("r1")])
    assert state.tallies("c1") == (
        {("vmware1", "power_off", "vcenter_running"): 2},
        {("vmware1", "power_off", "unknown"): 1},
    )
    assert state.tallies("c2") == ({("vmware1", "power_off", "unknown"): 1}, {})


def test_all_of_a_cycle_or_nothing(state: State) -> None:
    """A failure in the middle leaves the cycle before."""
    state.record("c1", Operations(seen=5.0, horizon=0.0))
    broken = Entry("s1", "r2", 1.0, "vmware1", "power_off", None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        state.record(
            "c1",
            Operations(seen=6.0, horizon=0.0, opened={("s1", "r1"): "a"}),
            timeouts=[entry("r1")],
            ended=[entry("r1"), broken],
        )
    assert state.operations("c1") == Operations(seen=5.0, horizon=0.0)
    assert state.tallies("c1") == ({}, {})


def test_old_entries_go_their_number_stays(state: State) -> None:
    """Ends up to the horizon; timeouts after 90 days, but not of what is still in flight."""
    state.record("c1", Operations(seen=5.0, horizon=0.0), timeouts=[entry("r1"), entry("r2")], ended=[entry("r0")])
    later = Operations(seen=20.0 + KEPT, horizon=11.0, opened={("s1", "r2"): "still"})
    state.record("c1", later)
    found = state.operations("c1")
    assert found is not None
    assert found.ended == {}
    state.record("c1", later, timeouts=[entry("r2")])
    timeouts, ends = state.tallies("c1")
    assert (sum(timeouts.values()), sum(ends.values())) == (2, 1)
    state.record("c1", later, timeouts=[entry("r1")])
    assert sum(state.tallies("c1")[0].values()) == 3


def test_findings_are_kept(tmp_path: Path) -> None:
    """Since when each is seen comes back; what is seen no more is gone."""
    state = State(tmp_path)
    state.prepare()
    key = ("duplicate", "", "vc1", "s1")

    state.save_findings({key: 5.0, ("power_drift", "c1", "vc1", "s2"): 6.0})
    state.save_findings({key: 5.0})

    assert State(tmp_path).findings() == {key: 5.0}


def test_where_reading_goes_on_is_kept(tmp_path: Path) -> None:
    """The mark and the servers that wait come back."""
    state = State(tmp_path)
    state.prepare()
    operations = Operations(seen=9.0, horizon=1.0, mark=8.5, watched=("s1", "s2"))

    state.record("c1", operations)

    assert State(tmp_path).operations("c1") == operations
