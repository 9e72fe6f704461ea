"""SIGKILL at any point: nothing that was acknowledged is lost, nothing is there twice, nothing is half there."""

import random
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from replicalab import APPENDER, ROOT

from sla.store.sqlite import FILE, SqliteStore


def run_and_kill(directory: Path, prefix: str, *, lines: int, delay: float) -> list[str]:
    """Lets a child append, kills it some time after so many lines, and returns what it had acknowledged."""
    command = [sys.executable, APPENDER, "sqlite", directory, prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        try:
            child.wait(delay)
        except subprocess.TimeoutExpired:
            child.kill()
        said += child.stdout.readlines()
    assert child.returncode == -9, said
    return [line.split()[1] for line in said if line.startswith("ack") and line.endswith("\n")]


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    """Five lives on one database, each ended at a random point: the log has every acknowledged batch, each once."""
    chance = random.Random(seed)
    acknowledged: list[str] = []
    for life in range(5):
        acknowledged += run_and_kill(
            tmp_path, f"life{life}", lines=chance.randrange(1, 60), delay=chance.uniform(0.0, 0.05)
        )
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(SqliteStore(tmp_path)) as store:
        found = Counter(stored.record.key for stored in store.read())
        notices = [notice.key for notice in store.outbox()]
    assert set(found.values()) == {1}
    assert set(acknowledged) <= set(notices), "an acknowledged batch was lost"
    assert len(notices) == len(set(notices)) <= len(acknowledged) + 5, "at most one batch a life is in doubt"
    whole = Counter(key for name in notices for key in (f"{name}/opened", f"{name}/resolved"))
    assert found == whole, "a batch is half there"
