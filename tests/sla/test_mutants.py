"""Every mistake planted in the engine is noticed by the oracle or by an invariant; so these are worth their while."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from externals import ROOT

TABLE = "test_agrees_with_the_table_walked_second_by_second"
NOTICED_BY = {
    "crossing depends on ticks": "test_ticks_change_nothing",
    "stale observations are taken": "test_delivered_twice_changes_nothing",
    "closed hours are open": "test_agrees_with_the_table_under_a_calendar",
    "skips are charged": "test_a_skip_of_effective_time_is_charged_to_nobody",
    "keys hang on the notice": "test_ticks_change_nothing",
}
"""The property that notices a mistake, where it is not the oracle."""
MUTANTS = {
    "crossing depends on ticks": ("edges.py", "Edge(at, _crossed(", "Edge(now, _crossed("),
    "stale observations are taken": ("engine.py", "if at <= track.last and", "if at < track.last - 9e9 and"),
    "resolved late": ("edges.py", "resolved_at=since", "resolved_at=at"),
    "no checkpoint while recovering": ("incident.py", "if self.good_since is not", "if self.resolved_at is not"),
    "overlapping windows count twice": ("timers.py", "for pause in self.pauses)", "for pause in self.pauses[:1])"),
    "the gap is charged": ("timers.py", "    yield from cycle.gaps\n", ""),
    "a late window pauses": ("engine.py", "<= window.start", "<= window.end"),
    "pauses before it was heard of": ("engine.py", "Pause(max(heard, window.start)", "Pause(window.start - 5"),
    "hold-down runs while nobody looks": ("edges.py", "deadline(*hold, held(incident, terms))", "sum(hold)"),
    "one observation is enough": ("edges.py", "incident.bad_count >= class_.open_count", "incident.bad_count >= 1"),
    "reopens for ever": ("edges.py", "class_.reopen_within, terms", "class_.reopen_within * 9, terms"),
    "flapping does not double": ("edges.py", "2 * class_.clear_after", "1 * class_.clear_after"),
    "flapping comes one change early": ("edges.py", "changes[-flap.on]", "changes[-flap.on + 1]"),
    "a flap does not charge the gap": (
        "incident.py",
        "good_since=None,\n        good_count=0,\n        doubt=None,\n        flaps",
        "flaps",
    ),
    "a new cycle keeps the clock": (
        "incident.py",
        "Cycle(fact.at) if again",
        "replace(incident.cycle, end=None) if again",
    ),
    "response ignores the ack": ("timers.py", "in (cycle.acked_at, cycle.first_end", "in (cycle.first_end"),
    "what is doubtful is certain": ("timers.py", "        yield incident.doubt\n", "        yield 0.0, 0.0\n"),
    "closed hours are open": ("timers.py", ", closed(calendar, *span))", ", ())"),
    "an ack is forgotten": ("incident.py", "State.ACKED if incident.acked else State.OPEN", "State.OPEN"),
    "orphans stay": ("edges.py", "if incident.vanished_since is not", "if incident.resolved_at is not"),
    "skips are charged": ("timers.py", "rebases\n    yield from cycle.gaps", "rebases[:0]\n    yield from cycle.gaps"),
    "keys hang on the notice": (
        "facts.py",
        "{self.target}/{self.percent}",
        "{self.target}/{self.percent}/{self.noticed_at}",
    ),
}
"""File, what stands there, and the mistake to put there."""


def noticed(overlay: Path, *names: str) -> bool:
    """Whether one of these tests of the machine fails with the ``sla`` in ``overlay``."""
    run = subprocess.run(
        [sys.executable, "-m", "slamutant", *names],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(overlay), str(ROOT / "tests")))},
        cwd=overlay,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in {0, 1}, run.stderr
    assert f"testing {overlay}" in run.stdout, run.stderr
    return run.returncode == 1


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A copy of the core."""
    shutil.copytree(ROOT / "sla", tmp_path / "sla", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mistake_is_noticed(overlay: Path, name: str) -> None:
    """None of these can be made without a test that fails."""
    file, right, wrong = MUTANTS[name]
    source = (overlay / "sla" / file).read_text(encoding="utf-8")
    assert source.count(right) == 1
    (overlay / "sla" / file).write_text(source.replace(right, wrong), encoding="utf-8")

    assert noticed(overlay, NOTICED_BY.get(name, TABLE))


def test_what_is_right_passes(overlay: Path) -> None:
    """Else nothing would follow from what does not."""
    assert not noticed(overlay, TABLE, *NOTICED_BY.values())
