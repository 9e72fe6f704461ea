"""What both stores of the measured record promise, and what each says when it cannot be used."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgresserver import Postgres

from exporter.configvalues import DatabaseUrl
from exporter.days.dayspostgres import PostgresDays
from exporter.days.daysqlite import CHANGES, FILE, SqliteDays
from exporter.days.errors import STALE, DaysError, Fenced
from exporter.days.stores import DayStore, opened
from exporter.errors import ConfigError
from sla.days import Day, Key
from sla.sketch import Sketch
from sla.store.postgressession import Access

ONE = Key.of("vc1", "unit_up", unit_kind="host", unit="host-1", name='esx "one"\n', cluster="ü")
TWO = Key.of("vc2", "unit_up", unit_kind="host", unit="host-1", name="esx", cluster="")
API = Key.of("vc1", "vcenter_api_seconds", operation="QueryPerf")


def day(date: str, key: Key, *values: float) -> Day:
    """A day of these numbers."""
    return Day(date, key, Sketch.of(values))


def test_what_was_written_is_read(store: DayStore) -> None:
    """By date, source, measure and labels; from one date to another, both included; only what was asked for."""
    first, second = day("2026-11-22", TWO, 1.0), day("2026-11-23", API, 0.1, 0.25, 3.0)
    third, fourth = day("2026-11-23", ONE, 0.0, 1.0), day("2026-11-24", ONE, 1.0)
    store.write([second, fourth, first, third], epoch=1)
    assert store.rows("2026-01-01", "2026-12-31") == (first, third, second, fourth)
    assert store.rows("2026-11-23", "2026-11-23") == (third, second)
    assert store.rows("2026-11-22", "2026-11-24", measures={"unit_up"}) == (first, third, fourth)
    assert store.rows("2026-11-22", "2026-11-24", measures={"unit_up"}, sources=["vc2"]) == (first,)
    assert store.rows("2026-11-22", "2026-11-24", measures=()) == ()
    assert store.days() == ("2026-11-22", "2026-11-23", "2026-11-24")


def test_writing_again_changes_nothing(store: DayStore) -> None:
    """A row takes the place of the one before; what is gone goes, and is no error where it never was."""
    store.write([day("2026-11-23", ONE, 1.0), day("2026-11-23", TWO, 1.0)], epoch=1)
    for _ in range(2):
        store.write([day("2026-11-23", ONE, 1.0, 2.0)], epoch=1, gone=[("2026-11-23", TWO), ("2026-11-23", API)])
        assert store.rows("2026-11-23", "2026-11-23") == (day("2026-11-23", ONE, 1.0, 2.0),)


def test_who_was_replaced_cannot_write(another: Callable[[], DayStore]) -> None:
    """From the moment that a greater epoch claims the record, the one before changes nothing; it may read."""
    old, new = another(), another()
    old.claim(3)
    old.write([day("2026-11-23", ONE, 1.0)], epoch=3)
    new.claim(4)
    for call in (
        lambda: old.write([day("2026-11-23", ONE, 9.0)], epoch=3),
        lambda: old.forget("2027-01-01", epoch=3),
        lambda: old.claim(3),
    ):
        with pytest.raises(Fenced, match="another agent writes with epoch 4, this one had 3"):
            call()
    assert old.rows("2026-11-23", "2026-11-23") == (day("2026-11-23", ONE, 1.0),)
    new.claim(4)
    new.write([], epoch=4)


def test_epochs_that_begin_anew(tmp_path: Path) -> None:
    """A writer with a greater epoch holds nobody up once it was not heard of for a while: the SLA state is new."""
    old = SqliteDays(tmp_path)
    old.claim(40)
    with pytest.raises(Fenced):
        SqliteDays(tmp_path).claim(1)
    with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        db.execute("UPDATE writer SET at = at - ?", (STALE + 1,))
    with pytest.raises(Fenced):
        SqliteDays(tmp_path).write([], epoch=1)
    SqliteDays(tmp_path).claim(1)
    SqliteDays(tmp_path).write([day("2026-11-23", ONE, 1.0)], epoch=1)


@pytest.mark.external
def test_epochs_that_begin_anew_in_a_database(postgres: Postgres, access: Access) -> None:
    """The same, with the database's clock."""
    with closing(PostgresDays(access, monotonic=time.monotonic)) as store:
        store.claim(40)
        with pytest.raises(Fenced):
            store.claim(1)
        postgres.run("UPDATE writer SET at = at - interval '901 s'", access.schema)
        with pytest.raises(Fenced):
            store.write([], epoch=1)
        store.claim(1)
        store.write([day("2026-11-23", ONE, 1.0)], epoch=1)


def test_what_is_old_is_forgotten(store: DayStore) -> None:
    """What is older than the date goes, and it is told how many rows."""
    store.write([day("2025-10-18", ONE, 1.0), day("2025-10-19", ONE, 1.0), day("2025-10-19", TWO, 1.0)], epoch=1)
    assert store.forget("2025-10-19", epoch=1) == 1
    assert store.days() == ("2025-10-19",)


def test_many_rows(store: DayStore) -> None:
    """More rows than one statement takes."""
    rows = [day("2026-11-23", Key.of("vc1", "unit_up", unit=f"{n:05}"), 1.0) for n in range(4_500)]
    store.write(rows, epoch=1)
    assert store.rows("2026-11-23", "2026-11-23") == tuple(rows)
    store.write([], epoch=1, gone=[("2026-11-23", row.key) for row in rows[1:]])
    assert store.rows("2026-11-23", "2026-11-23") == (rows[0],)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), st.lists(st.floats(0, 1e200), max_size=5))
def test_any_labels(store: DayStore, source: str, labels: dict[str, str], values: list[float]) -> None:
    """Whatever is in names and values comes back as it was."""
    key = Key(source, "any", tuple(sorted(labels.items())))
    store.write([day("2026-11-23", key, *values)], epoch=1)
    assert day("2026-11-23", key, *values) in store.rows("2026-11-23", "2026-11-23", sources=[source])


def test_a_damaged_row(tmp_path: Path) -> None:
    """It says which, and what to do."""
    SqliteDays(tmp_path).write([day("2026-11-23", ONE, 1.0)], epoch=1)
    with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
        db.execute("UPDATE day SET sketch = '[1]'")
    with pytest.raises(DaysError, match=r"the record of unit_up of vc1 on 2026-11-23 is damaged .* restore a copy"):
        SqliteDays(tmp_path).rows("2026-11-23", "2026-11-23")


def test_a_newer_version(tmp_path: Path) -> None:
    """A file that a newer version wrote is left alone."""
    newer = {**CHANGES, 2: ("CREATE TABLE more (x)",)}
    SqliteDays(tmp_path, changes=newer)
    with pytest.raises(ConfigError, match=r"written by a newer novacenter \(schema 2, this one knows 1\)"):
        opened(str(tmp_path), exclusive=True)


def test_an_older_version(tmp_path: Path) -> None:
    """The agent updates it, and keeps what is in it; a reader says that the agent has to."""
    SqliteDays(tmp_path).write([day("2026-11-23", ONE, 1.0)], epoch=1)
    newer = {**CHANGES, 2: ("CREATE TABLE more (x)",)}
    with pytest.raises(DaysError, match="has schema 1, not 2; start the agent once to update it"):
        SqliteDays(tmp_path, exclusive=False, changes=newer)
    assert SqliteDays(tmp_path, changes=newer).days() == ("2026-11-23",)


def test_a_directory(tmp_path: Path) -> None:
    """The agent makes the file; others read it beside the agent, once it is there."""
    state = str(tmp_path / "state")
    with pytest.raises(ConfigError, match=r"there is no days\.db in .* yet; start the agent once"):
        opened(state)
    writer = opened(state, exclusive=True)
    reader = opened(state)
    writer.write([day("2026-11-23", ONE, 1.0)], epoch=1)
    assert reader.days() == ("2026-11-23",)


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    """What to do is said."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="look for a full disk, missing rights, or a damaged file"):
        opened(str(tmp_path / "file" / "state"), exclusive=True)
    (tmp_path / FILE).write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(ConfigError, match=r"days\.db: file is not a database"):
        opened(str(tmp_path), exclusive=True)


@pytest.mark.external
def test_a_database(postgres: Postgres) -> None:
    """A URL opens tables of their own beside the SLA engine's; no message holds its password."""
    url = f"postgresql://postgres:{postgres.password}@127.0.0.1:{postgres.port}/postgres"
    with closing(opened(DatabaseUrl(url))) as store:
        store.write([day("2026-11-23", ONE, 1.0)], epoch=1)
        assert postgres.run("SELECT count(*) FROM novacenter_days.day") == [(1,)]
    with closing(opened(DatabaseUrl(url.replace(postgres.password, "hush-hush")))) as refused:
        with pytest.raises(DaysError, match="look at the server, the network and the rights") as caught:
            refused.days()
        assert "hush-hush" not in str(caught.value)
