"""Rules on the canary gate: what stops a release, keeps a run from its verdict, or must be decided by somebody. Pure.

What is said of a run that is over is said for a time, since it stays on the page until the next one begins.
"""

from exporter.rules.model import Alert, Group, duration, percent, seen
from exporter.thresholds import Thresholds

_RELEASE = "Release {{ $labels.release }}"
_PERCENT = "{{ $value | humanizePercentage }}"
_TIME = "{{ $value | humanizeDuration }}"
_RUNS = 'canary_phase{phase=~"pending|running"} == 1'
_SEE = "See novacenter canary status."


def groups(limits: Thresholds) -> tuple[Group, ...]:
    """All of them."""
    return (
        Group(name="canary-verdict", rules=(_guard(limits), *_verdicts(limits))),
        Group(name="canary-run", rules=(*_measuring(limits), *_time(limits))),
    )


def _running(expression: str) -> str:
    """The expression, of runs that are not over."""
    return seen(f"{expression}\nand on (job, instance, release) {_RUNS}")


def _guard(limits: Thresholds) -> Alert:
    return Alert(
        name="CanaryGuardFailed",
        severity="critical",
        expr=_lately('canary_check_state{kind="guard", state="failed"} == 1', limits),
        summary=_RELEASE + ": guard {{ $labels.check }} has failed",
        description="The guard {{ $labels.check }} of the canary run of {{ $labels.release }} has failed: the run has "
        "ended, and the release must not go on to the other units. " + _SEE,
    )


def _lately(expression: str, limits: Thresholds) -> str:
    """The expression, for a time after the verdict."""
    judged = f"time() - canary_last_judgement_timestamp_seconds < {limits.canary_told_seconds:.12g}"
    return seen(f"{expression}\nand on (job, instance, release) {judged}")


def _ended(phase: str, limits: Thresholds) -> str:
    """Runs that have ended in a phase."""
    return _lately(f'canary_phase{{phase="{phase}"}} == 1', limits)


def _verdicts(limits: Thresholds) -> tuple[Alert, ...]:
    told = f"This is told for {duration(limits.canary_told_seconds)}."
    return (
        Alert(
            name="CanaryFailed",
            severity="critical",
            expr=_ended("failed", limits),
            summary=f"{_RELEASE}: failed its canary run",
            description=f"{_RELEASE} has missed a target, a guard or a comparison on its canary units: no full switch. "
            f"Take the canary units back or repair the release. {_SEE} {told}",
        ),
        Alert(
            name="CanaryInconclusive",
            severity="warning",
            expr=_ended("inconclusive", limits),
            summary=f"{_RELEASE}: the canary run could not decide",
            description=f"The canary run of {{{{ $labels.release }}}} has ended without enough valid days or events: "
            f"nothing is proven, so no full switch. {_SEE} {told}",
        ),
        Alert(
            name="CanaryDecisionDue",
            severity="info",
            expr=_ended("passed", limits),
            summary=f"{_RELEASE}: passed; the full switch waits for a decision",
            description=f"{_RELEASE} has kept its targets on the canary units: the full switch is allowed. {_SEE} "
            f"{told}",
        ),
    )


def _measuring(limits: Thresholds) -> tuple[Alert, ...]:
    least, share, drift = limits.canary_coverage_ratio, limits.canary_share_ratio, limits.canary_share_drift_ratio
    return (
        Alert(
            name="CanaryCoverageLow",
            severity="warning",
            expr=_running(f"canary_coverage_ratio < {least:.12g}"),
            hold=300,
            summary=_RELEASE + ": only " + _PERCENT + " of the day was seen on {{ $labels.arm }}",
            description="Of the newest day of the canary run of {{ $labels.release }}, "
            + _PERCENT
            + " was seen of the "
            f"units of the arm {{{{ $labels.arm }}}}, less than {percent(least)}: the day does not count.",
        ),
        Alert(
            name="CanaryShareDrifted",
            severity="warning",
            expr=_running(
                f"(\n  canary_workload_share_ratio < {share - drift:.12g}\n"
                f"  or\n  canary_workload_share_ratio > {share + drift:.12g}\n)"
            ),
            hold=900,
            summary=f"{_RELEASE}: {_PERCENT} of the workload is on the new version",
            description=f"The canary units of {{{{ $labels.release }}}} have {_PERCENT} of the workload, not "
            f"{percent(share)} give or take {percent(drift)}: units came or went, or they are few.",
        ),
    )


def _time(limits: Thresholds) -> tuple[Alert, ...]:
    stale, due = limits.canary_stale_seconds, limits.canary_deadline_seconds
    newest = "max by (job, release) (canary_last_judgement_timestamp_seconds)"
    runs = f"max by (job, release) ({_RUNS})"
    left = f"(canary_deadline_timestamp_seconds - time() < {due:.12g})"
    return (
        Alert(
            name="CanaryJudgeStale",
            severity="warning",
            expr=f"time() - {newest} > {stale:.12g}\nand on (job, release) {runs}",
            hold=300,
            summary=f"{_RELEASE}: not judged for {_TIME}",
            description=f"The canary run of {{{{ $labels.release }}}} was last judged {_TIME} ago, more than "
            f"{duration(stale)}. A guard that fails now is not noticed.",
        ),
        Alert(
            name="CanaryDeadlineNear",
            severity="warning",
            expr=_running(left),
            summary=f"{_RELEASE}: the canary run ends in {_TIME} without a verdict",
            description=f"The canary run of {{{{ $labels.release }}}} ends in {_TIME}; if too few of its days are "
            "valid by then, it is inconclusive.",
        ),
    )
