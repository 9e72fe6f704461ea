"""What each arm brought on each day, out of what each unit brought. Pure."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from sla.canary.model import DAY, Arm, Kind, Occurrence, Reading, Run, begin_of
from sla.canary.spec import MAINTENANCE, OBSERVED, Figure, Spec, Statistic
from sla.sketch import Sketch

_TOO_LONG = 1.05 * DAY
"""Seconds observed in one day that cannot be; below it, a look may stand for a little more than its time."""

Parts = Mapping[str, Sequence[Sketch]]
"""What units brought, by measure, in order of units."""


@dataclass(frozen=True)
class Table:
    """All readings, to be looked up by day and unit. ``problems``: how they contradict themselves, a sentence each."""

    by_unit: Mapping[tuple[str, str], Mapping[str, Sketch]]
    units: Mapping[Arm, tuple[str, ...]]
    problems: tuple[str, ...] = ()
    _merged: dict[tuple[str, Arm | None], Parts] = field(default_factory=dict, compare=False)

    def of(self, date: str, arm: Arm | None) -> Parts:
        """What the units of an arm brought on a day; without an arm, the installation as a whole."""
        if (date, arm) not in self._merged:
            found: dict[str, list[Sketch]] = defaultdict(list)
            for unit in self.units[arm] if arm else ("",):
                for measure, sketch in self.by_unit.get((date, unit), {}).items():
                    found[measure].append(sketch)
            self._merged[date, arm] = found
        return self._merged[date, arm]

    def over(self, dates: Iterable[str], arm: Arm | None) -> Parts:
        """The same of several days together."""
        found: dict[str, list[Sketch]] = defaultdict(list)
        for date in dates:
            for measure, sketches in self.of(date, arm).items():
                found[measure] += sketches
        return found


def table_of(run: Run, readings: Iterable[Reading]) -> Table:
    """The readings of a run, which are in an order of their own."""
    found: dict[tuple[str, str], dict[str, Sketch]] = defaultdict(dict)
    problems: list[str] = []
    for reading in readings:
        known = found[reading.date, reading.unit].setdefault(reading.measure, reading.sketch)
        if known != reading.sketch:
            where = f"{reading.measure} of {reading.unit or 'the installation'} on {reading.date}"
            problems.append(f"{where} is there twice, with different values; remove one")
        if reading.measure == OBSERVED and reading.unit and reading.sketch.total > _TOO_LONG:
            hours = f"{reading.sketch.total / 3600:.1f} hours"
            problems.append(f"{reading.unit} was observed for {hours} on {reading.date}; stop the second agent")
    units = {arm: tuple(unit.id for unit in run.cohort.units(arm)) for arm in Arm}
    return Table(found, units, tuple(problems))


@dataclass(frozen=True, slots=True)
class Presence:
    """How much of an arm was to be seen on a day: coverage (0..1), and seconds of maintenance for each unit."""

    coverage: float
    maintenance: float


def presences(table: Table, date: str, windows: Collection[Occurrence]) -> Mapping[Arm, Presence]:
    """Of canaries and controls on a day. Time in maintenance need not be observed; ``windows`` are announced ones."""
    return {arm: _presence(table, (date, arm), windows) for arm in (Arm.CANARY, Arm.CONTROL)}


def _presence(table: Table, of: tuple[str, Arm], windows: Collection[Occurrence]) -> Presence:
    observed, expected, maintained = [], [], []
    date, arm = of
    for unit in table.units[arm]:
        found = table.by_unit.get((date, unit), {})
        seen = min(found[OBSERVED].total, DAY) if OBSERVED in found else 0.0
        share = found[MAINTENANCE].mean if MAINTENANCE in found else None
        away = max(seen * min(share or 0.0, 1.0), _announced(date, unit, windows))
        maintained.append(away)
        expected.append(DAY - away)
        observed.append(min(seen, DAY - away))
    whole = math.fsum(expected)
    return Presence(math.fsum(observed) / whole if whole > 0 else 0.0, math.fsum(maintained) / max(1, len(maintained)))


def _announced(date: str, unit: str, windows: Iterable[Occurrence]) -> float:
    """Seconds of a day that announced windows cover, overlaps counted once."""
    begin, seconds = begin_of(date), 0.0
    end, reached = begin + DAY, begin
    for window in sorted(windows, key=lambda window: window.at):
        if window.kind is Kind.MAINTENANCE and window.unit in {"", unit} and window.until is not None:
            first, last = max(window.at, reached), min(window.until, end)
            seconds += max(0.0, last - first)
            reached = max(reached, last)
    return seconds


def unfit(spec: Spec, date: str, seen: Mapping[Arm, Presence]) -> str:
    """Why a day does not count; empty where it does."""
    if date in spec.freeze:
        return "frozen"
    for arm, found in seen.items():
        if found.maintenance > spec.max_maintenance:
            return f"maintenance of {found.maintenance / 3600:.1f} h in the {arm} arm"
    for arm, found in seen.items():
        if found.coverage < spec.min_coverage:
            return f"coverage {_floored(found.coverage)} in the {arm} arm"
    return ""


def _floored(share: float) -> str:
    """So that what is below a limit does not look as if it had reached it."""
    return f"{math.floor(share * 1000) / 10:.1f} %"


def exposure(sketches: Iterable[Sketch], measure: str) -> float:
    """What was tried: seconds of observation, or the number of values."""
    return math.fsum(sketch.total if measure == OBSERVED else sketch.count for sketch in sketches)


def tried(figure: Figure, parts: Parts) -> float:
    """The exposure of a ratio, or the number of values of another figure."""
    measures = figure.per or (figure.measure,)
    return math.fsum(exposure(parts.get(measure, ()), measure) for measure in measures)


def events(figure: Figure, parts: Parts) -> int:
    """The number of events that a ratio counts."""
    return sum(sketch.count for sketch in parts.get(figure.measure, ()))


def value(figure: Figure, parts: Parts) -> float | None:
    """The figure of all values together; None where there is none."""
    sketches = [sketch for sketch in parts.get(figure.measure, ()) if sketch.count]
    if figure.statistic is Statistic.RATIO:
        of = tried(figure, parts)
        return events(figure, parts) / of if of else None
    if not sketches:
        return None
    count = sum(sketch.count for sketch in sketches)
    if figure.statistic is Statistic.MEAN:
        return math.fsum(sketch.total for sketch in sketches) / count
    if figure.statistic is Statistic.SHARE_ABOVE:
        return math.fsum((sketch.share_above(figure.threshold) or 0.0) * sketch.count for sketch in sketches) / count
    return reduce(Sketch.plus, sketches).quantile(0.5 if figure.statistic is Statistic.P50 else 0.95)
