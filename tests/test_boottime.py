"""The machine's clocks as the kernel gives them, and what is done where it gives nothing."""

import re
import time
from pathlib import Path

from exporter.boottime import Clocks, boottime, synchronised


def test_this_machine() -> None:
    """The boot clock runs, the boot has a UUID, and whether NTP rules is known or not."""
    clocks = Clocks(time.time)
    first, second = clocks.read(), clocks.read()
    assert 0 < first.boottime <= second.boottime
    assert abs(first.wall - time.time()) < 60
    assert re.fullmatch(r"[0-9a-f-]{36}", first.boot_id)
    assert first.boot_id == second.boot_id
    assert first.synchronised in {True, False, None}


def test_the_boot_clock_runs_at_least_as_far_as_the_monotonic_one() -> None:
    """It counts what the machine slept, too."""
    assert boottime() >= time.monotonic() - 0.001
    assert synchronised() in {True, False, None}


def test_a_process_stopped_between_two_clocks() -> None:
    """It reads again, so that the stop does not look like a step."""
    ticks = iter([10.0, 70.0, 70.0, 70.01])
    walls = iter([1000.0, 1060.0])
    reading = Clocks(lambda: next(walls), lambda: next(ticks), lambda: True).read()
    assert (reading.boottime, reading.wall, reading.synchronised) == (70.01, 1060.0, True)


def test_a_machine_that_always_stumbles() -> None:
    """After a few attempts it takes what it has."""
    ticks = iter(range(100))
    reading = Clocks(lambda: 5.0, lambda: float(next(ticks)), lambda: None).read()
    assert (reading.boottime, reading.wall, reading.synchronised) == (9.0, 5.0, None)


def test_no_boot_id(tmp_path: Path) -> None:
    """Is an empty one, not an error."""
    assert Clocks(lambda: 5.0, boot_id=tmp_path / "none").read().boot_id == ""
