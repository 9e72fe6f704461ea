"""A verdict on a canary run -> the families in ``catalog``. Pure."""

from collections.abc import Iterator

from exporter.canary import catalog
from exporter.model import Family, Row
from sla.canary.model import Arm, Phase, State
from sla.canary.spec import Spec, Statistic
from sla.canary.verdict import Check, Verdict

Rows = Iterator[tuple[Family, Row]]


def rows(verdict: Verdict, spec: Spec, *, share: float | None) -> Rows:
    """All rows; what is not known has none. ``share`` is the canaries' of the units that there are now."""
    base = (("release", verdict.release),)
    for phase in Phase:
        yield catalog.PHASE, Row((*base, ("phase", phase.value)), float(verdict.phase is phase))
    yield catalog.DAY, Row(base, float(verdict.day))
    yield catalog.VALID_DAYS, Row(base, float(verdict.valid_days))
    yield catalog.DEADLINE, Row(base, verdict.deadline)
    yield catalog.JUDGED, Row(base, verdict.at)
    if share is not None:
        yield catalog.SHARE, Row(base, share)
    for arm, coverage in verdict.coverage.items():
        yield catalog.COVERAGE, Row((*base, ("arm", arm.value)), coverage)
    for check in verdict.checks:
        yield from _check(check, base, margin=_margin(check, spec))


def _margin(check: Check, spec: Spec) -> float | None:
    """That of the verdict, or before there is one, that which the control of today would make."""
    for comparison in spec.comparisons:
        if check.name == comparison.name and check.margin is None:
            if comparison.figure.statistic is Statistic.RATIO:
                return 1 + comparison.margin.relative
            return None if check.control is None else comparison.margin.of(check.control)
    return check.margin


def _check(check: Check, base: tuple[tuple[str, str], ...], *, margin: float | None) -> Rows:
    own = (*base, ("check", check.name), ("kind", str(check.kind)))
    for state in State:
        yield catalog.CHECK_STATE, Row((*own, ("state", state.value)), float(check.state is state))
    for arm, value in ((Arm.CANARY, check.value), (Arm.CONTROL, check.control)):
        if value is not None:
            yield catalog.CHECK_VALUE, Row((*own, ("arm", arm.value)), value)
    for family, bound in ((catalog.CHECK_MARGIN, margin), (catalog.CHECK_LIMIT, check.limit)):
        if bound is not None:
            yield family, Row(own, bound)
