"""``novacenter sla report`` as an operator runs it, on the state that an agent left."""

import argparse
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from slareportlab import berlin, built_in, line, log, outage
from slareportmonth import API, HEARTBEAT, NOW, aggregates, stored

from exporter import slareport
from exporter.clock import Clock
from exporter.errors import ConfigError
from sla.store.base import Batch, Heartbeat, Stored
from sla.store.memory import MemoryStore
from sla.store.sqlite import SqliteStore

MONTH = ("--month", "2026-10", "--zone", "Europe/Berlin", "--now", str(NOW))
CONFIG = """\
state: {state}
vcenters:
  - {{name: vc1, url: "https://127.0.0.1:1/sdk", username: user, password_env: PW}}
"""
GOLDEN = Path(__file__).parent.parent.parent / "golden"


def kept(directory: Path, found: list[Stored]) -> Path:
    """A configuration whose state has this log."""
    store = SqliteStore(directory)
    lease = store.acquire("test", 60)
    assert lease is not None
    records = [one.record for one in found]
    store.append(Batch(records=records, heartbeat=Heartbeat(HEARTBEAT), aggregates=aggregates()), lease)
    store.close()
    config = directory / "novacenter.yml"
    config.write_text(CONFIG.format(state=directory))
    return config


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of the agent of October 2026."""
    return kept(tmp_path_factory.mktemp("state"), stored())


def report(config: Path, *options: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Runs the command to its end."""
    command = [sys.executable, "-m", "exporter", "sla", "report", "--config", config, *options]
    return subprocess.run(
        command, capture_output=True, timeout=60, check=False, env={**os.environ, "COLUMNS": "80", "PW": "-"}
    )


def test_missed(state: Path) -> None:
    """A target was missed: exit code 10; all of the text on standard output, without colours, nothing beside."""
    done = report(state, *MONTH, "--objective", f"{API}=99.5")
    assert (done.returncode, done.stderr) == (10, b"")
    expected = (GOLDEN / "sla-report-october.txt").read_text(encoding="utf-8")
    # One leader wrote this store.
    assert done.stdout.decode() == re.sub(r"(leader changes  ).*", r"\1none", expected)


def test_met(tmp_path: Path) -> None:
    """Every target was met: exit code 0."""
    lines = [line(berlin("2026-09-01"), agent_started={}), *outage(API, "vc", berlin("2026-10-03 12:00"), seconds=600)]
    done = report(kept(tmp_path, log(built_in(), lines)), *MONTH, "--format", "json")
    assert (done.returncode, done.stderr) == (0, b"")
    made = json.loads(done.stdout)
    assert (made["schema"], made["kept"]) == ("novacenter/sla-report/1", True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--month", "October"), "month 'October': write year and month such as 2026-10"),
        (("--from", "2026-10-01"), "--from and --to belong together"),
        (("--month", "2026-10", "--to", "2026-11-01"), "--from and --to belong together"),
        (("--month", "2026-10", "--last", "3d"), "not allowed with argument"),
        (("--zone", "Bonn"), "zone 'Bonn': is not in the time zone database"),
        (("--class", "api"), "class 'api': is not in the policy"),
        (("--objective", "100"), "--objective '100': write a percentage below 100"),
        (("--format", "docx"), "invalid choice"),
        (("--format", "pdf"), "a terminal cannot show it"),
        (("--now", "soon"), "time 'soon'"),
    ],
)
def test_usage(options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be used is refused in a sentence, as ConfigError or by argparse: both are exit code 2."""
    parser, out = argparse.ArgumentParser(), io.BytesIO()
    slareport.add(parser.add_subparsers())
    store, terminal = MemoryStore(monotonic=lambda: 0.0), slareport.Terminal(out, io.StringIO(), shown=True)
    with pytest.raises((ConfigError, SystemExit)) as caught:
        slareport.run(parser.parse_args(["report", *options]), store, terminal, clock=Clock(now=lambda: NOW))
    assert message in str(caught.value) + capsys.readouterr().err
    assert out.getvalue() == b""


def test_usage_in_a_process(state: Path) -> None:
    """That is exit code 2, with the sentence on standard error."""
    done = report(state, "--class", "api")
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"there are: {API}, storage_connection" in done.stderr.decode()


def test_no_state(tmp_path: Path) -> None:
    """There never was an agent: exit code 2, which says so."""
    config = tmp_path / "novacenter.yml"
    config.write_text(CONFIG.format(state=tmp_path))
    done = report(config)
    assert done.returncode == 2
    assert "start the agent once" in done.stderr.decode()


def test_nothing_was_promised(state: Path) -> None:
    """A period before the first policy is no success: exit code 1."""
    done = report(state, "--month", "2026-07", "--now", str(NOW))
    assert (done.returncode, done.stdout) == (1, b"")
    assert "no policy was in force" in done.stderr.decode()


def test_output_is_replaced_whole(state: Path, tmp_path: Path) -> None:
    """The file holds the old report or the new one; a directory that cannot be written leaves it, and says so."""
    file = tmp_path / "october.pdf"
    file.write_bytes(b"old")
    done = report(state, *MONTH, "--format", "pdf", "--output", file)
    assert (done.returncode, done.stdout, done.stderr) == (10, b"", b"")
    assert file.read_bytes().startswith(b"%PDF-")
    assert [one.name for one in tmp_path.iterdir()] == ["october.pdf"]
    done = report(state, *MONTH, "--output", tmp_path / "missing" / "october.txt")
    assert done.returncode == 1
    assert "cannot be written (No such file or directory)" in done.stderr.decode()


def test_a_bad_font(state: Path, tmp_path: Path) -> None:
    """A file that is no font: exit code 1, a sentence, no file."""
    font = tmp_path / "font.ttf"
    font.write_bytes(b"no font")
    done = report(state, *MONTH, "--format", "pdf", "--font", font, "--output", tmp_path / "a.pdf")
    assert done.returncode == 1
    assert "is not a TrueType font" in done.stderr.decode()
    assert not (tmp_path / "a.pdf").exists()


def test_beside_a_running_agent(tmp_path: Path) -> None:
    """The report only reads: it runs while the agent holds the state."""
    config = kept(tmp_path, stored())
    agent = SqliteStore(tmp_path)
    try:
        assert report(config, *MONTH, "--format", "prom").returncode == 10
    finally:
        agent.close()
