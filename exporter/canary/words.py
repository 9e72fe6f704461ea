"""What the command says of a run, for people and for programs. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sla.canary.model import EXIT, Arm, Detectable, Phase, Run, Unit
from sla.canary.verdict import Verdict

ALLOWED = {
    Phase.PASSED: "allowed",
    Phase.FAILED: "not allowed: the release has failed; take the canary units back or repair it",
    Phase.INCONCLUSIVE: "not allowed: the run could not decide; start another one",
    Phase.ABORTED: "not allowed: the run was aborted",
    Phase.PENDING: "not allowed yet: the first whole day has not begun",
    Phase.RUNNING: "not allowed yet: the run goes on",
    Phase.ERROR: "not allowed: what is known of the run contradicts itself",
}


def instant(at: float) -> str:
    """A time as RFC 3339, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unit(unit: Unit) -> dict[str, Any]:
    return {"id": unit.id, "name": unit.name, "stratum": unit.cluster, "size": unit.size, "load": unit.load}


def _detectable(one: Detectable) -> dict[str, Any]:
    names = ("check", "n", "baseline", "deviation", "at_80", "at_90", "margin", "shows_margin", "reason")
    return {name: getattr(one, name) for name in names}


def plan(run: Run) -> Mapping[str, Any]:
    """A run as it was begun; ``hosts`` are the names of what is to be upgraded, for Ansible."""
    cohort = run.cohort
    return {
        "schema": "novacenter/canary-run/1",
        "release": run.release,
        "started": instant(run.started),
        "first_day": run.first_day,
        "unit": str(cohort.kind),
        "share": cohort.share,
        "size_share": cohort.size_share,
        "hosts": [unit.name or unit.id for unit in cohort.units(Arm.CANARY)],
        "canary": [_unit(unit) for unit in cohort.units(Arm.CANARY)],
        "control": [_unit(unit) for unit in cohort.units(Arm.CONTROL)],
        "rest": [unit.id for unit in cohort.units(Arm.REST)],
        "detectable": [_detectable(one) for one in run.detectable],
    }


def plan_json(run: Run) -> str:
    """The same as text."""
    return json.dumps(plan(run), indent=2) + "\n"


def plan_text(run: Run) -> str:
    """The same for people: what to upgrade, what it is compared with, and what the run will be able to see."""
    cohort, days = run.cohort, f"{run.spec.min_days} valid days, at most {run.spec.max_days}"
    lines = [
        f"Release {run.release}: {len(cohort.units(Arm.CANARY))} of {len(cohort.members)} {cohort.kind}s get it now.",
        f"Watched for {days}, from {run.first_day} (UTC) on.",
        "",
        "Upgrade these:",
        *(f"  {unit.name or unit.id}  ({unit.cluster or unit.id})" for unit in cohort.units(Arm.CANARY)),
        "Leave these as they are, they are compared with:",
        *(f"  {unit.name or unit.id}  ({unit.cluster or unit.id})" for unit in cohort.units(Arm.CONTROL)),
        "",
        "What the run will see (with a probability of 80 %, from the days before):",
        *(f"  {_seen(one)}" for one in run.detectable),
        "",
        "Then: novacenter canary status",
    ]
    return "\n".join(lines) + "\n"


def _seen(one: Detectable) -> str:
    if one.at_80 is None:
        return f"{one.check}: not known ({one.reason})"
    usual = f" to {one.baseline:.4g}" if one.baseline is not None else ""
    enough = "" if one.shows_margin else "; a release like the old one may end inconclusive"
    return f"{one.check}: a difference of {one.at_80:.4g}{usual}{enough}"


def about(run: Run, verdict: Verdict) -> str:
    """Since when, until when at the latest, and on what: what stands below the tables of a status."""
    names = ", ".join(unit.name or unit.id for unit in run.cohort.units(Arm.CANARY))
    return (
        f"Started {instant(run.started)}, ends at the latest {instant(verdict.deadline)}.\n"
        f"Canary units ({verdict.share:.1%} of all, {verdict.size_share:.1%} by size): {names}\n"
    )


def promotion(verdict: Verdict) -> str:
    """Whether the full switch is allowed, in a line, and what was checked last."""
    return (
        f"Full switch of release {verdict.release}: {ALLOWED[verdict.phase]}.\n"
        f"Day {verdict.day}, {verdict.valid_days} of {verdict.needed_days} valid days. {verdict.reason}\n"
    )


def promotion_json(verdict: Verdict) -> str:
    """The same for programs."""
    made = {
        "schema": "novacenter/canary-promotion/1",
        "release": verdict.release,
        "allowed": verdict.phase is Phase.PASSED,
        "phase": str(verdict.phase),
        "exit_code": EXIT[verdict.phase],
        "day": verdict.day,
        "valid_days": verdict.valid_days,
        "needed_days": verdict.needed_days,
        "failing": list(verdict.failing),
        "judged_at": instant(verdict.at),
        "reason": verdict.reason,
    }
    return json.dumps(made, indent=2) + "\n"
