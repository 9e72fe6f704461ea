"""The metric families of the assessment: the only list of them, and their rows. Pure."""

from collections.abc import Iterator

from exporter.model import Family, Row
from sla.objectives.cost import per_vm_hour, total
from sla.objectives.measured import Measured
from sla.objectives.model import Assessment, Line, State

_SOURCE = "the assessment (novacenter assess)"
_RECORD = "the measured record, calls to vCenter"


def _gauge(name: str, text: str, unit: str = "", *, source: str = _SOURCE) -> Family:
    return Family(f"integration_{name}", "gauge", text, unit, source)


STATE = _gauge("objective_state", "Whether the objective is met, missed or not_measurable: 1 for the state it is in.")
VALUE = _gauge("objective_value", "What was measured, in the objective's unit; absent without a measurement.")
LOW = _gauge("objective_confidence_low", "Lower end of the value's 95 % interval, where it has one.")
HIGH = _gauge("objective_confidence_high", "Upper end of the value's 95 % interval, where it has one.")
SAMPLES = _gauge("objective_samples", "Samples that the value is from.")
TARGET = _gauge("objective_target", "The target that the objective is judged by, in its unit.")
REFERENCE = _gauge("objective_reference", "The reference figure; bound low and high are the ends of a band.")
INFO = Family("integration_objective_info", "info", "Title and unit of the objective; 1.", source=_SOURCE)
AT = _gauge("assessment_timestamp_seconds", "When the assessment was made.", "seconds")
WINDOW = _gauge("assessment_window_seconds", "How far the assessment looks back.", "seconds")
LATENCY = _gauge(
    "vcenter_latency_seconds",
    "Time of our calls to vCenter within the window by operation: median (p50) and 95th percentile (p95) of all.",
    "seconds",
    source=_RECORD,
)
COST = _gauge("cost_per_vm_hour", "Cost of a way for each hour of each machine, in the configured currency.")
COST_TOTAL = _gauge("cost_cumulative", "Cost of a way until the end of so many years, in the configured currency.")

_QUANTILES = (("p50", 0.5), ("p95", 0.95))


def every_family() -> tuple[Family, ...]:
    """All families of this list, by name."""
    found = [entry for entry in globals().values() if isinstance(entry, Family)]
    return tuple(sorted(found, key=lambda family: family.name))


def rows(made: Assessment, measured: Measured) -> Iterator[tuple[Family, Row]]:
    """Everything; at most one scope per source and objective."""
    yield AT, Row((), made.at)
    yield WINDOW, Row((), made.at - made.start)
    for line in made.lines:
        yield from _line(line)
    yield from _objectives(made)
    for calls in measured.calls:
        for name, q in _QUANTILES:
            value = calls.seconds.quantile(q)
            if value is not None:
                labels = (("vcenter", calls.vcenter), ("operation", calls.operation), ("statistic", name))
                yield LATENCY, Row(labels, value)
    yield from _costs(measured)


def _line(line: Line) -> Iterator[tuple[Family, Row]]:
    labels = (("objective", line.objective.name), ("scope", line.scope))
    for state in State:
        yield STATE, Row((*labels, ("state", state.value)), float(state is line.state))
    target, found = line.objective.target, line.measurement
    if target is not None:
        yield TARGET, Row(labels, target)
    if found is not None:
        yield VALUE, Row(labels, found.value)
        yield SAMPLES, Row(labels, float(found.n))
        for family, end in ((LOW, found.low), (HIGH, found.high)):
            if end is not None:
                yield family, Row(labels, end)


def _objectives(made: Assessment) -> Iterator[tuple[Family, Row]]:
    for objective in {line.objective.name: line.objective for line in made.lines}.values():
        named = ("objective", objective.name)
        yield INFO, Row((named, ("title", objective.title), ("unit", objective.unit)), 1.0)
        for bound, end in zip(("low", "high"), objective.reference, strict=True):
            if end is not None:
                yield REFERENCE, Row((named, ("bound", bound)), end)


def _costs(measured: Measured) -> Iterator[tuple[Family, Row]]:
    costs = measured.costs
    for way in costs.ways if costs is not None else ():
        labels = (("way", way.name), ("currency", costs.currency if costs else ""))
        each = per_vm_hour(way, costs) if costs else None
        if each is not None:
            yield COST, Row(labels, each)
        for years in range(1, int(costs.years if costs else 0) + 1):
            yield COST_TOTAL, Row((*labels, ("years", str(years))), total(way, years))
