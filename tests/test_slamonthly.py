"""The monthly report as files: the last complete month of a zone, once, by the agent that judges."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from slarunnerlab import Hands, Lab

from exporter.config import MonthlyReport
from exporter.errors import NovacenterError
from exporter.replacement import replaced
from exporter.slamonthly import SETTLED, last_month, write
from sla.store.memory import MemoryStore

BERLIN = ZoneInfo("Europe/Berlin")


def berlin(text: str) -> float:
    """Epoch seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


NOVEMBER = berlin("2026-11-01")
DUE = NOVEMBER + SETTLED


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """An agent that judges since half an hour before midnight in Berlin, at the end of October."""
    made = Lab(MemoryStore(monotonic=lambda: made.hands.seconds), tmp_path, hands=Hands(NOVEMBER - 1800, boot=0.0))
    made.up(vc1=1.0)
    (tmp_path / "out").mkdir()
    yield made
    made.store.close()


def wanted(lab: Lab, *formats: str) -> MonthlyReport:
    """Into ``out``."""
    return MonthlyReport(lab.directory / "out", formats or ("json",), "Europe/Berlin")


def files(lab: Lab) -> list[str]:
    """What is in the directory."""
    return sorted(path.name for path in (lab.directory / "out").iterdir())


async def at(lab: Lab, seconds: float) -> None:
    """Time passes until then, with a look every five seconds, so that the lease holds."""
    await lab.run(seconds - lab.hands.seconds, step=5)


async def test_a_month_is_written_once_when_it_is_over(lab: Lab) -> None:
    """Not before it is over and settled; then whole, with the incident of its last minutes; and not again."""
    report = wanted(lab, "json", "html", "text")
    await lab.look()
    await at(lab, NOVEMBER - 600)
    lab.up(vc1=0.0)
    await at(lab, NOVEMBER - 300)
    lab.up(vc1=1.0)
    await at(lab, DUE - 1)
    await write(lab.runner, report)
    assert files(lab) == []

    await at(lab, DUE)
    await write(lab.runner, report)
    assert files(lab) == [f"novacenter-sla-2026-10.{end}" for end in ("html", "json", "txt")]
    made = json.loads((report.directory / "novacenter-sla-2026-10.json").read_text())
    assert (made["period"]["label"], made["period"]["zone"]) == ("October 2026", "Europe/Berlin")
    assert made["period"]["until_at"] == made["period"]["end"] == "2026-10-31T23:00:00Z"
    assert [(one["class"], one["resource"], one["state"]) for one in made["incidents"]] == [
        ("api_communication", "vc1", "resolved")
    ]

    before = {path: path.stat() for path in report.directory.iterdir()}
    await at(lab, DUE + 7200)
    await write(lab.runner, report)
    assert {path: path.stat() for path in report.directory.iterdir()} == before


async def test_only_what_is_missing_is_written(lab: Lab) -> None:
    """A file that is there stays as it is; a format that is added, or a file taken away, is made late."""
    await lab.look()
    await at(lab, DUE)
    mine = lab.directory / "out" / "novacenter-sla-2026-10.json"
    mine.write_text("mine")
    lab.hands.seconds += 9 * 86400
    await lab.look()
    await write(lab.runner, wanted(lab, "json", "csv"))

    assert files(lab) == ["novacenter-sla-2026-10.csv", "novacenter-sla-2026-10.json"]
    assert mine.read_text() == "mine"


async def test_a_month_before_the_first_policy_has_no_file(lab: Lab) -> None:
    """Nothing was promised in September."""
    await lab.look()
    await write(lab.runner, wanted(lab))

    assert files(lab) == []


async def test_a_follower_writes_nothing(lab: Lab) -> None:
    """Another agent judges, and writes the report; one that has not looked yet does not know."""
    await write(lab.runner, wanted(lab))
    await lab.look()
    await at(lab, DUE)
    judging = lab.runner
    lab.restart(holder="other")
    await lab.look()
    assert not lab.view.leader
    await write(lab.runner, wanted(lab))
    assert files(lab) == []

    await write(judging, wanted(lab))
    assert files(lab) == ["novacenter-sla-2026-10.json"]


async def test_a_directory_that_is_missing_is_said(lab: Lab) -> None:
    """What failed, where, and what to do; and it is made when that is done."""
    await lab.look()
    await at(lab, DUE)
    (lab.directory / "out").rmdir()
    with pytest.raises(
        NovacenterError, match=r"^sla\.report: .*/out/novacenter-sla-2026-10\.json: cannot be written \("
    ):
        await write(lab.runner, wanted(lab))

    (lab.directory / "out").mkdir()
    await write(lab.runner, wanted(lab))
    assert files(lab) == ["novacenter-sla-2026-10.json"]


@pytest.mark.parametrize(
    ("time", "zone", "month"),
    [
        ("2026-11-01T00:00:00+01:00", "Europe/Berlin", "2026-10"),
        ("2026-10-31T23:59:59+01:00", "Europe/Berlin", "2026-09"),
        ("2026-11-01T00:00:00+01:00", "UTC", "2026-09"),
        ("2026-11-01T00:00:00+00:00", "UTC", "2026-10"),
        ("2026-01-01T00:00:00+00:00", "UTC", "2025-12"),
        ("2026-03-31T12:00:00+02:00", "Europe/Berlin", "2026-02"),
        ("2026-11-01T03:59:59+00:00", "America/New_York", "2026-09"),
        ("2026-11-01T04:00:00+00:00", "America/New_York", "2026-10"),
    ],
)
def test_the_edges_of_months_are_those_of_the_zone(time: str, zone: str, month: str) -> None:
    """A month is due when it has been over for five minutes there."""
    assert last_month(datetime.fromisoformat(time).timestamp() + SETTLED, zone) == month


def test_a_draft_of_one_that_was_killed_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the next agent has the same process id."""
    monkeypatch.setattr("os.getpid", lambda: 1)
    (tmp_path / ".report.1").write_bytes(b"half")
    replaced(tmp_path / "report", b"whole")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"report": b"whole"}
