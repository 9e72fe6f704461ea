"""One recorded story per row of the transition table, replayed: the facts in order, and what came of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.slacommand import load_policy
from sla.engine import Engine
from sla.facts import encode
from sla.model import PolicyChange, Reapply, Selector, Tick
from sla.replay import events, replay

CASES = sorted((Path(__file__).parent / "cases").glob("*.jsonl"))


def test_every_row_has_a_case() -> None:
    """All 28."""
    assert {int(case.name[:2]) for case in CASES} >= set(range(1, 29))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(case: Path, golden: Callable[[str, str], None]) -> None:
    """The log line by line, without the policy, and the output of ``novacenter sla replay``."""
    extra = case.with_suffix(".yml")
    policy = load_policy(extra if extra.is_file() else None)
    lines = case.read_text(encoding="utf-8").splitlines()
    engine = Engine()
    log = list(engine.handle(PolicyChange(0.0, policy)))[1:]
    for event in events(lines):
        log += engine.handle(event)
    log += engine.handle(Tick(engine.now))
    names = {fact.incident: f"incident {number}" for number, fact in enumerate(log) if fact.kind == "observed_bad"}
    told = [
        f"{record.at:.15g} {names.get(record.incident, 'engine')} {record.kind} {record.body}".replace(
            policy.version, "policy"
        )
        for record in map(encode, log)
    ]

    golden(f"sla/{case.stem}.txt", "\n".join([*told, json.dumps(replay(policy, lines), indent=1)]) + "\n")


def test_an_open_incident_keeps_its_policy_until_it_is_judged_again(tmp_path: Path) -> None:
    """Row 26: a changed limit holds for what begins later; ``Reapply`` finds crossings again, once."""
    stricter = tmp_path / "stricter.yml"
    stricter.write_text("classes: {api_communication: {targets: {resolution: 5m}}}")
    lines = (Path(__file__).parent / "cases/26-policy-is-pinned.jsonl").read_text(encoding="utf-8").splitlines()
    engine = Engine()
    engine.handle(PolicyChange(0.0, load_policy(None)))
    for event in events(lines):
        engine.handle(event)
    engine.handle(PolicyChange(600.0, load_policy(stricter)))
    assert [timer.limit for timer in engine.judged(600.0)[0].timers] == [1800]
    assert engine.handle(Tick(700.0)) == ()

    found = engine.handle(Reapply(700.0, Selector(), "anna"))

    assert [(fact.kind, fact.at) for fact in found] == [
        ("reapplied", 700),
        ("crossed", 150),
        ("crossed", 240),
        ("breached", 300),
    ]
    assert engine.handle(Reapply(701.0, Selector(), "anna")) == ()
    (timer,) = engine.judged(701.0)[0].timers
    assert (timer.limit, timer.breached_at, timer.elapsed) == (300, 300, 701)
