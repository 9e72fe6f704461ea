"""One value against its objective: met, missed, or not measurable and why. Pure."""

from sla.objectives.estimate import Estimate
from sla.objectives.measured import Measured
from sla.objectives.model import Line, Measurement, Objective, State
from sla.objectives.words import told


def measurement(found: Estimate, measured: Measured, method: str) -> Measurement:
    """An estimate of the whole window."""
    return Measurement(found.value, found.n, measured.start, measured.at, method, found.low, found.high)


def judged(
    objective: Objective, scope: str, found: Measurement | None, *, why: str = "", remarks: tuple[str, ...] = ()
) -> Line:
    """The line of an objective. ``why`` says why there is no measurement.

    A figure that users' demand bounds is met or not measurable, never missed: that nobody asked for more shows nothing.
    """
    if found is None:
        return Line(objective, scope, State.NOT_MEASURABLE, reason=why, remarks=remarks)
    if found.n < objective.least:
        few = f"only {found.n:,} of at least {objective.least:,} samples"
        return Line(objective, scope, State.NOT_MEASURABLE, found, reason=few, remarks=remarks)
    if objective.good(found.value):
        return Line(objective, scope, State.MET, found, certain=_one_sided(objective, found), remarks=remarks)
    if objective.demand:
        most = told(found.value, objective.unit)
        reason = f"no more than {most} was asked for, which says nothing about what can be reached"
        return Line(objective, scope, State.NOT_MEASURABLE, found, reason=reason, remarks=remarks)
    return Line(objective, scope, State.MISSED, found, certain=_one_sided(objective, found), remarks=remarks)


def missing(objective: Objective, measured: Measured, part: str) -> Line:
    """The line of an objective of which nothing is known in any scope."""
    return judged(objective, "", None, why=measured.why.get(part, "nothing was recorded"))


def _one_sided(objective: Objective, found: Measurement) -> bool:
    ends = [end for end in (found.low, found.high) if end is not None]
    return all(objective.good(end) is objective.good(found.value) for end in ends)
