"""The three stores under one contract, and the real PostgreSQL that one of them needs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import postgresserver
import pytest
from postgresserver import Postgres

from sla.store.base import Store
from sla.store.memory import MemoryStore
from sla.store.postgres import PostgresStore
from sla.store.postgressession import Access
from sla.store.sqlite import SqliteStore

_NAMES = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL; each test takes a schema of its own in it."""
    with postgresserver.start() as server:
        yield server


@pytest.fixture
def access(postgres: Postgres) -> Access:
    """Where a test's own, still missing, schema is."""
    return Access(postgres.dsn, lambda: postgres.password, schema=f"test_{next(_NAMES)}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A store that can be closed and opened again: ``open`` gives the next handle on the same state."""

    open: Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.external)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """Each kind of store, empty."""
    opened: list[Store] = []
    memory = MemoryStore(monotonic=time.monotonic)

    def open_() -> Store:
        for store in opened:
            store.close()
        match request.param:
            case "memory":
                store: Store = memory
            case "sqlite":
                store = SqliteStore(tmp_path / "state")
            case _:
                store = PostgresStore(request.getfixturevalue("access"), monotonic=time.monotonic)
        opened.append(store)
        return store

    yield Kept(open_)
    for store in opened:
        store.close()
