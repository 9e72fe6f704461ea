"""Slow looks at a cloud: when, what is shown, counted and said of them."""

import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from cloudlab import CloudLab, cloud_lab

from exporter.cloudsides import RETRY, Seen, Sides
from exporter.errors import SourceError, Unreachable
from exporter.model import Family, Row
from exporter.telemetry import Telemetry

FAMILY = Family("integration_test", "gauge", "A test.")


class Look:
    """A side that answers as it is told; ``interval`` in seconds."""

    name = "test"

    def __init__(self, answers: Iterable[float | SourceError | None], *, interval: float = 3600.0) -> None:
        self.interval = interval
        self.looks = 0
        self._answers = iter(answers)

    async def look(self) -> list[tuple[Family, Row]] | None:
        """The next answer."""
        self.looks += 1
        answer = next(self._answers)
        if isinstance(answer, SourceError):
            raise answer
        return None if answer is None else [(FAMILY, Row((), answer))]


def sides(seen: Seen, look: Look, telemetry: Telemetry) -> tuple[Sides, list[tuple[str, list[float]]]]:
    """The sides of a cloud, and what they show."""
    shown: list[tuple[str, list[float]]] = []

    def show(part: str, rows: Iterable[tuple[Family, Row]]) -> None:
        shown.append((part, [row.value for _, row in rows]))

    return Sides([look], seen=seen, telemetry=telemetry, show=show), shown


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[CloudLab]:
    """A cloud whose clock stands still."""
    async with cloud_lab(tmp_path) as found:
        yield found


async def test_looks_at_its_interval(lab: CloudLab) -> None:
    """An hourly side is asked once an hour, however often its loop beats; nothing new leaves the page as it is."""
    look = Look([1.0, None, 3.0])
    found, shown = sides(lab.poller, look, lab.telemetry)
    assert found.beats == {"test": RETRY}
    for _ in range(121):
        await found.beat("test")
        lab.nova.now += RETRY
    assert look.looks == 3
    assert shown == [("test", [1.0]), ("test", [3.0])]


async def test_a_failure_is_said_once_counted_and_tried_again_soon(
    lab: CloudLab, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not known any more is taken off the page; an hourly side is asked again after a minute."""
    caplog.set_level(logging.INFO)
    look = Look([1.0, Unreachable("no answer"), Unreachable("no answer"), 2.0])
    found, shown = sides(lab.poller, look, lab.telemetry)
    await found.beat("test")
    lab.nova.now += 3600
    for _ in range(3):
        await found.beat("test")
        lab.nova.now += RETRY
    assert shown == [("test", [1.0]), ("test", []), ("test", []), ("test", [2.0])]
    assert [record.getMessage() for record in caplog.records if "test" in record.getMessage()] == [
        "cloud c1: test: no answer",
        "cloud c1: test: works again after 2 failures (unreachable)",
    ]
    counts = {
        outcome: lab.telemetry.registry.get_sample_value(
            "novacenter_cloud_sides_total", {"cloud": "c1", "side": "test", "outcome": outcome}
        )
        for outcome in ("ok", "unreachable")
    }
    assert counts == {"ok": 2.0, "unreachable": 2.0}
    assert found.errors == {}


async def test_a_forgotten_cloud_has_no_counts(lab: CloudLab) -> None:
    """Nothing is left of a cloud that is no longer configured."""
    found, _ = sides(lab.poller, Look([1.0]), lab.telemetry)
    await found.look_at_all()
    lab.telemetry.forget_cloud("c1")
    assert b'novacenter_cloud_sides_total{cloud="c1"' not in lab.telemetry.text()
