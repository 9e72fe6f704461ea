"""What the command says, whole: a plan for people and for Ansible, a promotion for people and for pipelines."""

import dataclasses
import json
from collections.abc import Callable

from canarydays import dates, measured
from canarylook import hosts, look

from exporter.canary import units, words
from exporter.canarystart import built_in
from sla.canary.cohort import choose
from sla.canary.judging import begin, judge
from sla.canary.model import Arm, Observations, Phase, Run, UnitKind, begin_of
from sla.canary.readings import readings_of

START = begin_of("2026-11-02") + 9 * 3600
SPEC = dataclasses.replace(built_in(UnitKind.HOST), release="nova-30.2")


def run() -> Run:
    """A run on 20 hosts with two weeks of days before it."""
    cohort = choose(SPEC, units.units(UnitKind.HOST, look(hosts(20))))
    arms = (*cohort.units(Arm.CANARY), *cohort.units(Arm.CONTROL))
    history = readings_of(measured(arms, dates("2026-10-19", 14)), SPEC)
    return begin(SPEC, START, cohort, history=history)


def test_the_plan(golden: Callable[[str, str], None]) -> None:
    """What to upgrade, what it is compared with, and what will be seen; the JSON has the names as ``hosts``."""
    made = run()
    golden("canary-plan.txt", words.plan_text(made))
    told = json.loads(words.plan_json(made))
    assert told["hosts"] == [unit.name for unit in made.cohort.units(Arm.CANARY)]
    assert (told["schema"], told["first_day"], told["unit"]) == ("novacenter/canary-run/1", "2026-11-03", "host")
    assert len(told["rest"]) == 16


def test_without_days_before_it_says_so() -> None:
    """What cannot be known is said to be unknown, and why; it is not left out."""
    cohort = choose(SPEC, units.units(UnitKind.HOST, look(hosts(20))))
    said = words.plan_text(begin(SPEC, START, cohort))
    assert said.count("not known (") == len(SPEC.comparisons)


def test_the_promotion(golden: Callable[[str, str], None]) -> None:
    """Allowed only when it has passed; both forms say the same."""
    made = run()
    arms = (*made.cohort.units(Arm.CANARY), *made.cohort.units(Arm.CONTROL))
    known = Observations(readings_of(measured(arms, dates("2026-10-19", 24)), SPEC))
    said = []
    for days in (3.2, 9):
        verdict = judge(made, known, START + days * 86400)
        told = json.loads(words.promotion_json(verdict))
        assert (told["allowed"], told["exit_code"]) == (verdict.phase is Phase.PASSED, verdict.exit_code)
        said += [words.promotion(verdict), words.promotion_json(verdict), words.about(made, verdict)]
    golden("canary-promotion.txt", "".join(said))


def test_every_phase_has_its_words() -> None:
    """Only one of them allows the switch."""
    assert set(words.ALLOWED) == set(Phase)
    assert [phase for phase, text in words.ALLOWED.items() if text == "allowed"] == [Phase.PASSED]
