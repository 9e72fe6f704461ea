"""``novacenter sla status | ack | cancel | approve | reapply | window | verify`` beside an agent that judges."""

import argparse
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slarunnerlab import NOON, Hands, Lab

from exporter import slacommand, slaorders, slastatus
from exporter.clock import Clock
from exporter.errors import ConfigError
from exporter.slaorders import Desk
from exporter.slapolicy import policy
from exporter.slaview import View
from sla.incident import State
from sla.record import Record
from sla.store.base import Batch, Store
from sla.store.sqlite import SqliteStore


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """An agent that judges, with one vCenter."""
    made = Lab(SqliteStore(tmp_path / "state"), tmp_path, hands=Hands())
    made.up(vc1=1.0)
    yield made
    made.store.close()


class Operator:
    """Somebody at the command line, beside the agent."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.out = ""
        self.err = ""

    def __call__(self, *words: str) -> int:
        """Runs a command; its exit code."""
        parser = argparse.ArgumentParser(exit_on_error=False)
        slacommand.add(parser)
        options = parser.parse_args(words)
        name = "_".join(words[:2]) if words[0] == "window" else words[0]
        order = getattr(slaorders, name)
        out, err = io.StringIO(), io.StringIO()
        store: Store = SqliteStore(self.lab.directory / "state", exclusive=False)
        hands = self.lab.hands
        clock = Clock(now=lambda: hands.seconds + hands.off, monotonic=lambda: hands.seconds)
        try:
            return slaorders.guarded(order, options, Desk(store, self.lab.setup, clock=clock, out=out, err=err))
        finally:
            store.close()
            self.out, self.err = out.getvalue(), err.getvalue()

    def json(self, *words: str) -> Any:
        """What a command says with --json."""
        assert self(*words, "--json") == 0
        return json.loads(self.out)


@pytest.fixture
def operator(lab: Lab) -> Operator:
    """At the command line."""
    return Operator(lab)


async def outage(lab: Lab, seconds: float) -> None:
    """The vCenter is down for so long, and still."""
    await lab.look()
    await lab.run(60)
    lab.up(vc1=0.0)
    await lab.run(seconds)


async def test_status_counts_down(lab: Lab, operator: Operator, golden: object) -> None:
    """The table tells what is left between two looks of the agent, too."""
    await outage(lab, 1505)
    lab.hands.seconds += 10

    assert operator("status") == 0
    golden("sla-status.txt", operator.out)  # type: ignore[operator]
    lab.hands.seconds += 600
    assert operator("status") == 0
    assert "no agent has judged for 10m 10s" in operator.out
    assert "breached for 5m 15s" not in operator.out  # nobody has judged that yet


async def test_status_as_json(lab: Lab, operator: Operator) -> None:
    """The same with all numbers."""
    await outage(lab, 305)

    found = operator.json("status")
    assert found == {
        "schema": 1,
        "now": NOON + 365,
        "heartbeat": NOON + 365,
        "incidents": [
            {
                "id": found["incidents"][0]["id"],
                "class": "api_communication",
                "resource": "vc1",
                "labels": {"condition": "vcenter", "vcenter": "vc1"},
                "state": "open",
                "started_at": NOON + 65,
                "acked_by": None,
                "resolved_at": None,
                "unobserved_since": None,
                "flapping": False,
                "policy_version": lab.setup.policy.version,
                "timers": [
                    {
                        "target": "resolution",
                        "state": "running",
                        "limit_seconds": 1800.0,
                        "elapsed_seconds": 300.0,
                        "paused_seconds": 0.0,
                        "deadline": NOON + 1865,
                        "breached_at": None,
                    }
                ],
            }
        ],
        "windows": [],
    }


async def test_ack_and_cancel(lab: Lab, operator: Operator) -> None:
    """What is selected is printed; the agent takes it at its next look. Nothing selected is exit code 1, or 2."""
    await outage(lab, 120)
    incident = lab.incident().incident

    assert operator("ack", "--resource", "vc2") == 1
    assert "no incident that is not over is selected" in operator.err
    with pytest.raises(ConfigError, match="nothing is selected"):
        operator("ack")
    assert operator("ack", incident.id, "--actor", "jo") == 0
    assert operator.out == f"{incident.id} api_communication vc1\n"
    await lab.run(5)
    assert (lab.incident().incident.state, lab.incident().incident.acked_by) == (State.ACKED, "jo")

    assert operator("cancel", "--label", "vcenter=vc1", "--reason", "out_of_scope", "--actor", "jo") == 0
    await lab.run(5)
    assert lab.view.incidents[0].incident.cancelled_because == "out_of_scope"


async def test_approve(lab: Lab, operator: Operator) -> None:
    """A window announced too late pauses nothing; granted, the second number is less the window. Once."""
    await outage(lab, 600)
    incident = lab.incident().incident
    assert operator("approve", "--window", "w1") == 1
    assert operator("window", "add", "--start", "2026-11-22T12:06", "--for", "1h", "--id", "w1") == 0
    await lab.run(5)

    assert operator("approve", "--window", "w1", "--resource", "vc2") == 1
    assert "still asks for the exclusion of window w1; see novacenter sla status" in operator.err
    assert operator("approve", "--window", "w1", "--incident", incident.id, "--actor", "jo") == 0
    assert operator.out == f"{incident.id} api_communication vc1\n"
    await lab.run(5)
    judged = lab.incident()
    assert judged.incident.approved == ("w1",)
    [timer] = judged.timers
    assert (timer.elapsed, timer.elapsed_approved) == (605.0, 295.0)
    assert operator("approve", "--window", "w1") == 1
    assert operator("verify") == 0


async def test_reapply(lab: Lab, operator: Operator) -> None:
    """An incident keeps its policy, until it is said that the one in force now is for it, too."""
    await outage(lab, 600)
    incident = lab.incident().incident
    assert operator("reapply", "--all") == 1
    assert "began under another policy" in operator.err
    text = "classes: {api_communication: {targets: {resolution: 5m}}}\n"
    lab.setup = replace(lab.setup, policy=policy([("contract.yml", text)]))
    assert operator("reapply", "--all") == 1
    assert "the agent has not taken over the policy of this configuration" in operator.err
    await lab.runner.configure(lab.setup)
    await lab.run(5)
    assert [timer.limit for timer in lab.incident().timers] == [1800.0]

    with pytest.raises(ConfigError, match="nothing is selected"):
        operator("reapply")
    assert operator("reapply", "--class", "api_communication", "--actor", "jo") == 0
    assert operator.out == f"{incident.id} api_communication vc1\n"
    await lab.run(5)
    [timer] = lab.incident().timers
    assert (timer.limit, timer.breached_at) == (300.0, NOON + 365)
    assert operator("reapply", "--all") == 1
    assert operator("verify") == 0


async def test_windows(lab: Lab, operator: Operator) -> None:
    """Announced, listed, ended; one that begins in the past is said to pause nothing."""
    await lab.look()
    assert (
        operator("window", "add", "--start", "2026-11-22T13:00", "--for", "2h", "--resource", "vc1", "--id", "w1") == 0
    )
    assert operator("window", "add", "--start", "2026-11-22T12:30", "--zone", "Europe/Berlin", "--for", "1h") == 0
    assert "it begins in the past" in operator.err
    with pytest.raises(ConfigError, match="must end after it begins"):
        operator("window", "add", "--end", "2026-11-22T11:00")
    await lab.run(5)

    assert [(one.start - NOON, one.end - NOON, one.announced_at) for one in lab.view.windows] == [
        (-1800, 1800, NOON),
        (3600, 10800, NOON),
    ]
    with pytest.raises(ConfigError, match="there is, or was, a window of that id"):
        operator("window", "add", "--for", "2h", "--id", "w1")
    assert operator("window", "list") == 0
    assert "w1" in operator.out
    assert "too late" in operator.out
    assert operator("window", "end", "w1") == 0
    await lab.run(5)
    assert operator("window", "end", "w1") == 1
    assert [one["id"] for one in operator.json("window", "list")["windows"]] != ["w1"]


async def test_verify(lab: Lab, operator: Operator) -> None:
    """A log that is as the engine wrote it agrees; one that somebody has changed does not, and it is said where."""
    await outage(lab, 2000)
    lab.up(vc1=1.0)
    operator("window", "add", "--for", "2h")
    await lab.run(900)
    assert operator("verify") == 0
    assert operator.out.endswith(" records, 0 differences\n")

    lease = lab.store.acquire(lab.holder, 15)
    assert lease is not None
    [breach] = [stored.record for stored in lab.store.read(kind="breached")]
    forged = Record(
        breach.incident,
        "acked",
        breach.at - 60,
        f"{breach.incident}/acked/{breach.at - 60!r}",
        '{"actor":"","late":false}',
    )
    lab.store.append(Batch(records=[forged]), lease)
    assert operator("verify") == 1
    assert operator.err == ""
    assert f"in the log, but not to be: acked of {breach.incident} at {breach.at - 60}" in operator.out


def test_no_state_is_said(tmp_path: Path) -> None:
    """Where no agent ever ran there is nothing to read, and no file is made."""
    config = tmp_path / "novacenter.yml"
    (tmp_path / "p").write_text("secret")
    config.write_text(
        f"state: {tmp_path / 'none'}\nvcenters: [{{name: vc1, url: https://v/sdk, username: u, password_file: p}}]\n"
    )
    options = argparse.Namespace(config=config)
    with pytest.raises(ConfigError, match=r"there is no sla\.db"):
        slaorders.run(slaorders.status, options)

    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (60, "1m 00s"), (3725, "1h 02m"), (90000, "1d 01h"), (-5, "0s")],
)
def test_lengths(seconds: float, text: str) -> None:
    """The two greatest units."""
    assert slastatus.length(seconds) == text


def test_an_empty_table() -> None:
    """Nothing open is said as such; text from outside cannot control the terminal."""
    assert slastatus.rendered(slastatus.table(View(now=NOON), NOON), width=80, colour=False) == (
        "0 incidents at 2026-11-22 12:00:00Z\n"
    )
    assert slastatus.clean("a\x1b[31m\nb") == "a [31m b"
