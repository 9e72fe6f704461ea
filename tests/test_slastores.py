"""Which store ``state`` opens, what is said where it cannot be, and that no password is printed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import postgresserver
import pytest
from postgresserver import Postgres
from slarunnerlab import Hands, Lab

from exporter.configvalues import DatabaseUrl
from exporter.errors import ConfigError
from exporter.slastores import holder, opened
from sla.store.sqlite import SqliteStore


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A real server."""
    with postgresserver.start(password="p@ss/word") as server:
        yield server


def test_a_directory(tmp_path: Path) -> None:
    """The agent has it for itself; others read beside it, once it is there."""
    state = str(tmp_path / "state")
    with pytest.raises(ConfigError, match=r"there is no sla\.db in .* yet; start the agent once"):
        opened(state, monotonic=lambda: 0.0, exclusive=False)
    with closing(opened(state, monotonic=lambda: 0.0)) as store:
        assert isinstance(store, SqliteStore)
        with closing(opened(state, monotonic=lambda: 0.0, exclusive=False)) as reader:
            assert reader.windows() == ()
        with pytest.raises(ConfigError, match=r"is in use by process \d+; stop that one first"):
            opened(state, monotonic=lambda: 0.0)


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    """What to do is said."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="make the directory and give it to the agent's user"):
        opened(str(tmp_path / "file" / "state"), monotonic=lambda: 0.0)


def test_a_url_that_cannot_be_used() -> None:
    """The error holds no password."""
    with pytest.raises(ConfigError) as caught:
        opened(DatabaseUrl("postgresql://u:hush@h/db?password=hush2"), monotonic=lambda: 0.0)

    assert "hush" not in str(caught.value)


@pytest.mark.external
async def test_a_database(postgres: Postgres, tmp_path: Path) -> None:
    """The evaluator judges over PostgreSQL, and another one goes on where it ended; the password is in the URL."""
    url = DatabaseUrl(f"postgresql://postgres:p%40ss%2Fword@127.0.0.1:{postgres.port}/postgres")
    hands = Hands()
    labs = []
    for name in ("one", "two"):
        store = opened(url, monotonic=lambda: hands.seconds)
        labs.append(Lab(store, tmp_path, hands=hands, holder=name))
        labs[-1].up(vc1=0.0)
    first, second = labs
    await first.look()
    await second.look()
    await first.run(100)
    await second.look()
    assert (first.view.leader, second.view.leader) == (True, False)
    assert second.incident() == first.incident()

    await first.runner._close()
    await second.run(900)
    assert (second.view.leader, second.view.epoch) == (True, 2)
    assert second.incident().timers[0].elapsed == 1000
    assert (
        second.value('sla_threshold_crossings_total{class="api_communication",percent="50",target="resolution"}') == 1
    )
    second.store.close()


def test_holders_differ() -> None:
    """By process and by life."""
    assert len({holder(1, "a"), holder(2, "a"), holder(1, "b")}) == 3
