"""Both stores of the measured record under one contract, and the real PostgreSQL that one of them needs."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import postgresserver
import pytest
from postgresserver import Postgres

from exporter.days.dayspostgres import PostgresDays
from exporter.days.daysqlite import SqliteDays
from exporter.days.stores import DayStore
from sla.store.postgressession import Access

_NAMES = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL; each test takes a schema of its own in it."""
    with postgresserver.start() as server:
        yield server


@pytest.fixture
def access(postgres: Postgres) -> Access:
    """Where a test's own, still missing, schema is."""
    return Access(postgres.dsn, lambda: postgres.password, schema=f"days_{next(_NAMES)}")


Opening = Callable[[], DayStore]
"""Gives another handle on the same state."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.external)])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    """Each kind of store, empty at first."""
    opened: list[DayStore] = []

    def open_() -> DayStore:
        if request.param == "sqlite":
            store: DayStore = SqliteDays(tmp_path / "state")
        else:
            store = PostgresDays(request.getfixturevalue("access"), monotonic=time.monotonic)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(another: Opening) -> DayStore:
    """One handle."""
    return another()
