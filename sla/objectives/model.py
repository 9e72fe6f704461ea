"""Objectives, what was measured of them, and the assessment that follows. All values are frozen.

Units: ``seconds``, ``days``, ``ratio`` (0 to 1), ``factor`` (times), ``iops``, ``per_hour``, ``points`` (0 to 1, told
of 100), ``currency`` (per VM-hour), ``hosts`` and ``findings`` (counts), ``verdict`` (1: promoted).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """How an objective stands. Without enough data it is neither met nor missed."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURABLE = "not_measurable"


class Bound(StrEnum):
    """On which side of the target the good values are; the target itself is good."""

    AT_MOST = "at_most"
    AT_LEAST = "at_least"


@dataclass(frozen=True, slots=True)
class Objective:
    """One row of the reference figures.

    ``reference`` is the band that is expected (one figure: both ends the same; None: that end is open), ``said`` that
    figure in the words of its ``source``. ``target`` decides; without one (None) every value is good. ``least`` is the
    fewest samples that say anything.
    With ``demand`` a value is only as large as what users asked for: reaching the target shows that it can be reached,
    staying below shows nothing. ``advice`` is what to do where it is missed, ``lacking`` where it cannot be measured.
    """

    name: str
    title: str
    unit: str
    said: str
    source: str
    bound: Bound
    target: float | None = None
    reference: tuple[float | None, float | None] = (None, None)
    least: int = 1
    demand: bool = False
    advice: str = ""
    lacking: str = ""

    def good(self, value: float) -> bool:
        """Whether a value is on the good side of the target."""
        if self.target is None:
            return True
        return value <= self.target if self.bound is Bound.AT_MOST else value >= self.target


@dataclass(frozen=True, slots=True)
class Measurement:
    """``value`` from ``n`` samples between ``start`` and ``end`` (epoch seconds), got by ``method``.

    From ``low`` to ``high`` is its 95 % interval; None where everything was counted, or nothing can be said.
    """

    value: float
    n: int
    start: float
    end: float
    method: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier assessment said: ``at`` (epoch seconds), and the value."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """One objective in one scope: a vCenter, a cloud, or the whole (empty).

    ``reason`` says why it is not measurable, and is empty otherwise. ``certain`` is false where the interval reaches
    over the target. ``remarks`` are further facts, each a sentence. ``before`` is the last assessment.
    """

    objective: Objective
    scope: str
    state: State
    measurement: Measurement | None = None
    reason: str = ""
    certain: bool = True
    remarks: tuple[str, ...] = ()
    before: Past | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The objective's name, and the scope."""
        return self.objective.name, self.scope

    @property
    def advice(self) -> str:
        """What to do; empty where all is well."""
        if self.state is State.MISSED:
            return self.objective.advice
        return self.objective.lacking if self.state is State.NOT_MEASURABLE else ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table beside the lines: cells are finished text. ``numeric`` are the columns of numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numeric: frozenset[int] = frozenset()
    left_out: int = 0


class Look(StrEnum):
    """How a chart is drawn."""

    HISTOGRAM = "histogram"
    BARS = "bars"
    LINES = "lines"
    POINTS = "points"
    COLUMNS = "columns"


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one name: x, y. Of bars x is the number of the name, of a histogram the lower edge of the bin."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. ``band`` is the reference and ``mark`` the target on the axis of values.

    The axis of values is the horizontal one of a histogram and of bars, of all others the vertical one. ``names`` are
    those of the bars. ``logarithmic``: both axes of points, the horizontal one of a histogram. A bin of a histogram
    ends ``step`` times as far as it begins. ``empty`` is what to say where there is nothing to draw.
    """

    name: str
    title: str
    look: Look
    series: tuple[Series, ...]
    x_unit: str
    y_unit: str
    names: tuple[str, ...] = ()
    band: tuple[float | None, float | None] = (None, None)
    mark: float | None = None
    logarithmic: bool = False
    step: float = 1.0
    note: str = ""
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The whole, worst first. ``failed`` are sources that could not be looked at, each with what was wrong."""

    at: float
    start: float
    lines: tuple[Line, ...]
    grids: tuple[Grid, ...] = ()
    charts: tuple[Chart, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    numbers: Mapping[State, int] = field(default_factory=dict)
    days: int = 0

    @property
    def missed(self) -> bool:
        """Whether an objective is missed."""
        return self.numbers.get(State.MISSED, 0) > 0

    @property
    def said(self) -> bool:
        """Whether anything could be said of any objective."""
        return any(line.state is not State.NOT_MEASURABLE for line in self.lines)
