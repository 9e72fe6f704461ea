"""Whole canary runs over simulated days, by the command, to each of its five exit codes.

``start`` looks at a simulated vCenter of 20 hosts; the days are written into the state as the agent writes them.
"""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from canarydays import Weather, dates, measured, store, units_in
from externals import ROOT

from exporter import cli
from exporter.canary import opening
from exporter.canary.judging import OCCURRENCE
from exporter.canary.last import Last, last_verdict
from exporter.canary.runs import Note
from exporter.days import stores
from sla.canary.model import Kind, Observations, Occurrence
from sla.canary.readings import readings_of
from sla.canary.recorded import occurrence_json, run_of, write

DAY = 86400.0
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


class Done(NamedTuple):
    """What a command has said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Lab:
    """A state, its configuration, and a vCenter to look at. ``started`` is epoch seconds; days are counted from it."""

    directory: Path
    started: float = TODAY - 20 * DAY
    plan: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The agent's."""
        return self.directory / "state"

    def run(self, *arguments: str | Path) -> Done:
        """``novacenter canary ...``, to its end."""
        name, *rest = map(str, arguments)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = cli.main(["canary", name, "--config", str(self.directory / "nc.yml"), *rest])
        return Done(code, out.getvalue(), err.getvalue())

    def at(self, days: float) -> str:
        """An instant, so many days after the start."""
        return datetime.fromtimestamp(self.started + days * DAY, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def judge(self, days: float, *more: str | Path) -> int:
        """The exit code of the verdict of an instant."""
        return self.run("judge", "--at", self.at(days), *more).returncode

    def begin(self, release: str = "r1") -> None:
        """Two weeks of measured days, and a start."""
        self.state.mkdir(exist_ok=True)
        done = self.run("start", "--release", release, "--at", self.at(0), "--format", "json")
        assert done.returncode == 0, done.stderr
        self.plan = json.loads(done.stdout)
        before = datetime.fromtimestamp(self.started - 14 * DAY, UTC).date().isoformat()
        store(self.state, measured(units_in(self.plan), dates(before, 14)))

    def pass_days(self, count: int, *, worse: float = 1.0, blind: int = 0) -> None:
        """Days from the first whole one on; the first ``blind`` of them are only half seen."""
        days = dates(self.plan["first_day"], count)
        canaries = {one["id"] for one in self.plan["canary"]}
        store(self.state, measured(units_in(self.plan), days, Weather(canaries, worse, days[:blind])))


@pytest.fixture(scope="module")
def vcenter() -> Iterator[dict[str, str]]:
    """A simulated vCenter with 20 hosts: its address and thumbprint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--listen", "127.0.0.1:0", "--hosts", "20", "--vms", "20",
         "--user", "user", "--password", "pass", "--cloud-listen", "127.0.0.1:0", "--kvm", "2"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    yield dict(word.split("=", 1) for word in process.stdout.readline().split()[1:])
    process.terminate()
    process.communicate()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command sets up the log of its process, which is put back. The password is where the configuration says."""
    monkeypatch.setenv("PW", "pass")
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def lab(vcenter: dict[str, str], tmp_path: Path) -> Lab:
    """A state without a run."""
    source = {"username": "user", "password_env": "PW"}
    config = {
        "state": str(tmp_path / "state"),
        "vcenters": [{"name": "vc1", "url": vcenter["url"], "tls": {"thumbprint": vcenter["thumbprint"]}, **source}],
        "clouds": [
            {"name": "c1", "auth_url": vcenter["cloud_url"], "project_name": "a", "vcenters": ["vc1"], **source}
        ],
    }
    (tmp_path / "nc.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return Lab(tmp_path)


def test_start_says_what_to_upgrade(lab: Lab) -> None:
    """A tenth of the hosts and as many controls of the same strata; names for Ansible; a second run is refused."""
    lab.begin()
    plan = lab.plan
    assert (len(plan["canary"]), len(plan["control"]), len(plan["rest"])) == (2, 2, 16)
    assert plan["hosts"] == [one["name"] for one in plan["canary"]]
    assert sorted(one["stratum"] for one in plan["canary"]) == sorted(one["stratum"] for one in plan["control"])
    assert all(one["id"].startswith("vc1/host-") for one in (*plan["canary"], *plan["control"]))
    again = lab.run("start", "--release", "r2")
    assert (again.returncode, again.stdout) == (1, "")
    assert "release r1 is being watched" in again.stderr


def test_the_cohort_is_the_same_for_the_same_release(lab: Lab, tmp_path: Path) -> None:
    """Chosen by a hash: a start that is made again (in another state) chooses the same units."""
    lab.begin()
    other = Lab(tmp_path / "other")
    other.directory.mkdir()
    text = (lab.directory / "nc.yml").read_text(encoding="utf-8").replace(str(lab.state), str(other.state))
    (other.directory / "nc.yml").write_text(text, encoding="utf-8")
    other.begin()
    assert other.plan["canary"] == lab.plan["canary"]


def test_exit_0_a_good_release_passes_after_seven_days_and_not_before(lab: Lab) -> None:
    """12 while it runs, also on the seventh day; 0 when seven whole days are in; the full switch follows."""
    lab.begin()
    lab.pass_days(10)
    assert [lab.judge(days) for days in (0, 3.5, 7)] == [12, 12, 12]
    early = lab.run("promote-check", "--at", lab.at(3.5))
    assert (early.returncode, early.stdout.splitlines()[0]) == (
        12,
        "Full switch of release r1: not allowed yet: the run goes on.",
    )
    assert lab.judge(8.2) == 0
    late = lab.run("promote-check", "--at", lab.at(8.2), "--format", "json")
    assert late.returncode == 0
    told = json.loads(late.stdout)
    assert (told["allowed"], told["phase"], told["valid_days"], told["failing"]) == (True, "passed", 7, [])


def test_exit_10_a_release_that_is_worse_fails(lab: Lab) -> None:
    """Canaries that use a quarter more CPU than their controls fail the comparison, and no full switch follows."""
    lab.begin()
    lab.pass_days(10, worse=1.25)
    assert lab.judge(8.2) == 10
    told = lab.run("promote-check", "--at", lab.at(8.2))
    assert told.returncode == 10
    assert "not allowed: the release has failed" in told.stdout
    assert "cpu_usage_compared" in told.stdout


def test_exit_10_a_breach_on_a_canary_ends_the_run_early(lab: Lab) -> None:
    """A hard guard fails on the day that it happens; one on another unit does not."""
    lab.begin()
    lab.pass_days(10)
    runs = opening.runs(str(lab.state), monotonic=lambda: 0.0)
    canary, other = lab.plan["canary"][0]["id"], lab.plan["rest"][0]
    for unit, days in ((other, 1.5), (canary, 2.5)):
        at = lab.started + days * DAY
        said = Occurrence(at, Kind.SLA_BREACH, unit, name="storage_connection", detail="i1")
        runs.note("r1", [Note(f"breach {unit}", OCCURRENCE, at, at + 60, occurrence_json(said))])

    assert [lab.judge(days) for days in (2, 2.6)] == [12, 10]
    assert "storage_failure" in lab.run("status", "--at", lab.at(2.6)).stdout


def test_exit_11_days_that_were_not_seen_prove_nothing(lab: Lab) -> None:
    """With nine of fourteen days half seen there are never seven: no data is not a pass."""
    lab.begin()
    lab.pass_days(14, blind=9)
    assert [lab.judge(days) for days in (8.2, 15.2)] == [12, 11]
    assert "not allowed: the run could not decide" in lab.run("promote-check", "--at", lab.at(15.2)).stdout


def test_exit_12_while_it_runs(lab: Lab) -> None:
    """``status`` has the exit code of the phase, says which day it is and each day's fate, and leaves the run open."""
    lab.started = TODAY - 4 * DAY
    lab.begin()
    lab.pass_days(4, blind=1)
    done = lab.run("status", "--format", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["phase"], told["day"], told["needed_days"]) == (12, "running", 5, 7)
    assert [day["valid"] for day in told["days"]][:3] == [False, True, True]
    assert lab.run("judge").returncode == 12
    assert lab.run("start", "--release", "r2").returncode == 1


def test_exit_13_an_aborted_run_stays_aborted(lab: Lab) -> None:
    """``abort`` ends the run, with its reason; verdicts of before stay what they were; another run may begin."""
    lab.started = TODAY - 3 * DAY
    lab.begin()
    lab.pass_days(3)
    done = lab.run("abort", "--reason", "driver withdrawn")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "Full switch of release r1: not allowed: the run was aborted.",
    )
    assert "driver withdrawn" in done.stdout
    assert [lab.run(name).returncode for name in ("judge", "status", "promote-check")] == [13, 13, 13]
    assert lab.judge(2.5) == 12
    again = lab.run("abort", "--reason", "twice")
    assert (again.returncode, "is over" in again.stderr) == (1, True)
    assert lab.run("start", "--release", "r2").returncode == 0


def test_a_verdict_of_the_past_is_given_again_byte_by_byte(lab: Lab) -> None:
    """What came to be known since changes nothing: not later days, not a breach, and not an abort."""
    lab.started = TODAY - 5 * DAY
    lab.begin()
    lab.pass_days(3)
    first, second = lab.directory / "first.json", lab.directory / "second.json"
    assert lab.judge(3.3, "--output", first) == 12
    lab.pass_days(5, worse=1.0)
    runs = opening.runs(str(lab.state), monotonic=lambda: 0.0)
    happened = lab.started + 3.2 * DAY
    said = Occurrence(happened, Kind.SLA_BREACH, lab.plan["canary"][0]["id"], name="storage_connection", detail="i1")
    runs.note("r1", [Note("breach", OCCURRENCE, happened, lab.started + 3.4 * DAY, occurrence_json(said))])
    assert lab.run("abort", "--reason", "breach").returncode == 0

    assert lab.judge(3.3, "--output", second) == 12
    assert first.read_bytes() == second.read_bytes()
    assert lab.run("judge", "--verify", first).returncode == 0
    assert lab.judge(3.5) == 10
    first.write_text(first.read_text(encoding="utf-8").replace('"running"', '"passed"'), encoding="utf-8")
    forged = lab.run("judge", "--verify", first)
    assert (forged.returncode, "changed by hand" in forged.stdout) == (1, True)


def test_units_that_are_changed_begin_anew(lab: Lab) -> None:
    """A change that is told restarts the days at that instant; a name that is no unit is refused."""
    lab.started = TODAY - 5 * DAY
    lab.begin()
    lab.pass_days(5)
    assert lab.run("change", "--unit", "nobody", "--detail", "x").returncode == 1
    done = lab.run("change", "--unit", lab.plan["hosts"][0], "--detail", "hot fix")
    assert done.returncode == 0
    told = json.loads(lab.run("status", "--format", "json").stdout)
    assert (told["phase"], told["day"], told["valid_days"]) == ("running", 0, 0)
    assert "hot fix" in told["restarts"][0]["detail"]


def test_others_read_the_last_verdict(lab: Lab) -> None:
    """``judge`` without a time stores its verdict, where the assessment finds it."""
    assert last_verdict(str(lab.state), monotonic=lambda: 0.0) is None
    lab.begin()
    lab.pass_days(10)
    assert lab.run("judge").returncode == 0
    found = last_verdict(str(lab.state), monotonic=lambda: 0.0)
    assert isinstance(found, Last)
    assert (found.release, found.phase, found.valid_days, found.exit_code) == ("r1", "passed", 7, 0)
    assert (found.share, found.failing) == (0.1, ())


def test_a_time_of_the_future_is_refused(lab: Lab) -> None:
    """Nothing can be begun or judged as of tomorrow: 2, and why."""
    lab.state.mkdir()
    future = datetime.fromtimestamp(TODAY + 2 * DAY, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = lab.run("start", "--release", "r1", "--at", future)
    assert (done.returncode, "lies in the future" in done.stderr) == (2, True)
    none = lab.run("judge")
    assert (none.returncode, none.stderr) == (
        1,
        "novacenter: canary: there is no canary run yet; begin one by novacenter canary start\n",
    )
    lab.begin()
    judged = lab.run("judge", "--at", future)
    assert (judged.returncode, "lies in the future" in judged.stderr) == (2, True)


def test_recorded_days_are_judged_without_state_and_configuration(lab: Lab, tmp_path: Path) -> None:
    """``judge --observations`` in a process of its own: the verdict on what ``write`` has put into a file."""
    lab.begin()
    lab.pass_days(8, worse=1.25)
    started = opening.runs(str(lab.state), monotonic=lambda: 0.0).newest()
    assert started is not None
    run = run_of(started.text)
    days = stores.opened(str(lab.state)).rows("2000-01-01", "2999-01-01")
    file = tmp_path / "days.jsonl"
    file.write_text("\n".join(write(run, Observations(readings_of(days, run.spec)))), encoding="utf-8")
    asked = ("--observations", str(file), "--at", lab.at(8.2), "--format", "json")
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "canary", "judge", *asked],
        capture_output=True, text=True, timeout=90, env=os.environ, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 10, done.stderr
    assert done.stdout == lab.run("judge", "--at", lab.at(8.2), "--format", "json").stdout
    file.write_text("{}", encoding="utf-8")
    assert lab.run("judge", "--observations", file).returncode == 1


HELP = [(), ("canary",), ("canary", "start"), ("canary", "judge"), ("canary", "promote-check")]


@pytest.mark.parametrize("words", HELP)
def test_help_is_there(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Each command explains itself, and those that give a verdict say their exit codes."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert ("0 passed, 10 failed, 11 inconclusive" in said) is (words not in {(), ("canary", "start")})


def test_compute_services_are_units_too(lab: Lab) -> None:
    """``--unit service`` takes the nova-compute services of VMware, and leaves those of KVM alone."""
    lab.state.mkdir()
    done = lab.run("start", "--release", "r1", "--unit", "service", "--format", "json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["unit"], len(plan["canary"]), len(plan["control"])) == ("service", 1, 1)
    assert all(one["id"] == f"c1/{one['name']}" for one in (*plan["canary"], *plan["control"]))
    assert {one["stratum"] for one in plan["canary"]} == {"vc1"}
    assert not any("kvm" in host for host in (*plan["hosts"], *plan["rest"]))


def test_a_part_of_the_inventory_is_not_enough(lab: Lab) -> None:
    """Where a vCenter does not answer, nothing is started: it would be 10 % of a part."""
    file = lab.directory / "nc.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    [first] = config["vcenters"]
    config["vcenters"].append({**first, "name": "vc2", "url": "https://127.0.0.1:1/sdk", "tls": dict(first["tls"])})
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    lab.state.mkdir()
    done = lab.run("start", "--release", "r1")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "nothing was started: vCenter vc2" in done.stderr
    assert opening.runs(str(lab.state), monotonic=lambda: 0.0).newest() is None


def test_a_specification_that_cannot_be_used_is_refused(lab: Lab) -> None:
    """2, with file and line; and a specification of other units than asked for."""
    file = lab.directory / "spec.yml"
    file.write_text("unit: host\ntargets: {}\nshares: 0.1\n", encoding="utf-8")
    done = lab.run("start", "--release", "r1", "--spec", file)
    assert (done.returncode, f"{file}:" in done.stderr) == (2, True)
    text = "{unit: host, targets: {cpu: {measure: unit_cpu_usage_ratio, statistic: mean, at_most: 1}}}"
    file.write_text(text, encoding="utf-8")
    assert lab.run("start", "--release", "r1", "--spec", file, "--unit", "cluster").returncode == 2
    assert lab.run("start", "--release", "r 1\n", "--spec", file).returncode == 2
    assert lab.run("start", "--release", "r1", "--spec", lab.directory / "none.yml").returncode == 2
