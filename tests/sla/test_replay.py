# ruff: noqa: E501 - a table of lines and messages reads better unbroken
"""``novacenter sla replay``: what goes in, what comes out, and what is said about a line that is no record."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.slacommand import load_policy
from sla.replay import ReplayError, replay

DOWN = '{"t": %s, "class": "api_communication", "resource": "vc1", "health": "down"}'


def command(*arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", "sla", "replay", *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command(tmp_path: Path) -> None:
    """From a file or from standard input, with or without a policy; JSON on standard output and exit code 0."""
    file, policy = tmp_path / "seen.jsonl", tmp_path / "policy.yml"
    file.write_text("\n".join(DOWN % second for second in range(0, 1200, 15)) + "\n")
    policy.write_text("classes: {api_communication: {targets: {resolution: {limit: 10m, at_risk: [33]}}}}")

    plain, stricter = command(file), command("--policy", policy, "-", text=file.read_text())

    assert (plain.returncode, plain.stderr, stricter.returncode, stricter.stderr) == (0, "", 0, "")
    expected = {
        "class": "api_communication",
        "resource": "vc1",
        "state": "open",
        "started_at": 0,
        "resolved_at": None,
        "reopen_count": 0,
    }
    timer = {"target": "resolution", "elapsed_seconds": 1185, "paused_seconds": 0}
    usual = {"limit_seconds": 1800, "breached_at": None, "crossings": {"50": 900, "80": None, "100": None}}
    strict = {"limit_seconds": 600, "breached_at": 600, "crossings": {"33": 198, "100": 600}}
    assert json.loads(plain.stdout) == {"incidents": [expected | {"timers": [timer | usual]}]}
    assert json.loads(stricter.stdout) == {"incidents": [expected | {"timers": [timer | strict]}]}


def test_command_refuses(tmp_path: Path) -> None:
    """Exit code 1 for records that cannot be used, 2 for a policy or a command line that cannot."""
    file, policy = tmp_path / "seen.jsonl", tmp_path / "policy.yml"
    file.write_text(DOWN % 0 + "\n{}\n")
    policy.write_text("classes: {a: {}}")

    bad_line, missing = command(file), command(tmp_path / "nothing")
    bad_policy, no_policy, nothing = (
        command("--policy", policy, file),
        command("--policy", tmp_path / "no", file),
        command(),
    )

    assert bad_line.returncode == missing.returncode == 1
    assert bad_line.stderr.startswith(f"novacenter: {file}: line 2: t must be seconds since the epoch")
    assert missing.stderr == (
        f"novacenter: {tmp_path}/nothing: cannot be read (No such file or directory); name a file of JSON lines in UTF-8\n"
    )
    assert bad_policy.returncode == no_policy.returncode == nothing.returncode == 2
    assert bad_policy.stderr.startswith(f"novacenter: {policy}:1: classes.a: needs targets")
    assert "cannot be read" in no_policy.stderr
    assert (bad_line.stdout, bad_policy.stdout) == ("", "")


def test_times_may_be_rfc_3339_and_lines_in_any_order() -> None:
    """Both name the same instants; empty lines count for the numbering alone."""
    lines = [DOWN % second for second in range(1790000000, 1790000300, 15)]
    stamped = [DOWN % '"2026-09-21T16:13:20+02:00"', "", *lines[:0:-1]]
    policy = load_policy(None)

    assert replay(policy, stamped) == replay(policy, lines)
    assert replay(policy, []) == {"incidents": []}


def test_what_is_left_at_the_end() -> None:
    """A suspicion is no incident yet; a recovery that was not long enough is no resolution yet, and stops the clock."""
    policy = load_policy(None)
    down = [DOWN % second for second in range(0, 120, 15)]
    up = [line.replace("down", "up") for line in (DOWN % second for second in range(120, 240, 15))]

    assert replay(policy, down[:2]) == {"incidents": []}
    (incident,) = replay(policy, [*down, *up])["incidents"]
    assert (incident["state"], incident["resolved_at"]) == ("recovering", None)
    assert incident["timers"][0]["elapsed_seconds"] == 120
    (incident,) = replay(policy, [*down, *up, '{"t": 240, "tick": true}'])["incidents"]
    assert (incident["state"], incident["resolved_at"]) == ("resolved", 120)


def test_ordered_by_start() -> None:
    """Whatever became of them."""
    lines = [
        json.dumps({"t": start + step, "class": class_, "resource": name, "health": "down"})
        for start, class_, name in (
            (50, "api_communication", "b"),
            (0, "storage_connection", "z"),
            (50, "api_communication", "a"),
        )
        for step in range(0, 90, 15)
    ]
    found = [(one["started_at"], one["resource"]) for one in replay(load_policy(None), lines)["incidents"]]

    assert found == [(0, "z"), (50, "a"), (50, "b")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "is not JSON (Expecting value); write one JSON object a line"),
        ("[]", 'is not a JSON object; write {"t": ..., "class": ...}'),
        ('{"t": NaN, "tick": 1}', "NaN is no number of JSON; write seconds"),
        ('{"t": 1e999, "tick": 1}', "t must be seconds since the epoch, or a time with its zone such as 2026-10-01T08:00:00Z"),
        ('{"t": true, "tick": 1}', "t must be seconds since the epoch, or a time with its zone such as 2026-10-01T08:00:00Z"),
        ('{"t": "2026-10-01T08:00:00", "tick": 1}', "t must be seconds since the epoch, or a time with its zone such as 2026-10-01T08:00:00Z"),
        ('{"t": 1}', "needs t, and health (with class and resource) or one of: ack, cancel, window, window_end, approve, reapply, gone, agent_started, clock_jump, tick"),
        ('{"t": 1, "tick": 1, "ack": {}}', "needs t, and health (with class and resource) or one of: ack, cancel, window, window_end, approve, reapply, gone, agent_started, clock_jump, tick"),
        ('{"t": 1, "class": "x", "resource": "a", "health": "dead"}', "health must be up, down or unknown"),
        ('{"t": 1, "class": "x", "resource": "a", "health": []}', "health must be up, down or unknown"),
        ('{"t": 1, "class": "x", "health": "up"}', "resource must be text"),
        ('{"t": 1, "class": "", "resource": "a", "health": "up"}', "class must be text"),
        ('{"t": 1, "class": "api_communication", "resource": "a", "health": "up", "site": 1}', "an observation has no key 'site'; use: t, class, resource, health, labels"),
        ('{"t": 1, "class": "api_communication", "resource": "a", "health": "up", "labels": {"a": 1}}', "labels must be an object of texts"),
        ('{"t": 1, "class": "nope", "resource": "a", "health": "up"}', "the policy has no class 'nope'; it has: api_communication, storage_connection"),
        ('{"t": 1, "ack": "anna"}', 'ack must be an object, such as {"class": ..., "resource": ...}'),
        ('{"t": 1, "ack": {"host": "a"}}', "ack has no key 'host'; use: actor, class, incident, labels, resource"),
        ('{"t": 1, "cancel": {"reason": "orphaned"}}', "reason must be one of: false_positive, duplicate, out_of_scope"),
        ('{"t": 1, "window": {"start": 1, "end": 2}}', "id must be text"),
        ('{"t": 1, "window": {"id": "a", "start": 2, "end": 2}}', "the window's end must be after its start"),
        ('{"t": 1, "window": {"id": "a", "start": 2}}', "end must be seconds since the epoch, or a time with its zone such as 2026-10-01T08:00:00Z"),
        ('{"t": 1, "clock_jump": {"delta": "a"}}', "delta must be seconds"),
        ('{"t": 1, "clock_jump": {"delta": -1, "kind": "rebase"}}', "effective time is never set back; delta of a rebase must be positive"),
        ('{"t": 1, "clock_jump": {"delta": -1, "kind": "leap"}}', "kind must be one of: step, rebase, behind"),
        ("[" * 100000, "is nested too deeply; write one flat JSON object a line"),
    ],
)  # fmt: skip
def test_refused(line: str, message: str) -> None:
    """The line's number, what is wrong with it, what to write."""
    with pytest.raises(ReplayError) as caught:
        replay(load_policy(None), [DOWN % 0, line])
    assert str(caught.value) == f"line 2: {message}"
