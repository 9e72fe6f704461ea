"""Runs of the gate over simulated days: daily means of minutes of AR(1) noise, without simulating the minutes.

The mean of n values of a stationary AR(1) process of variance 1 has the variance
(n (1 + phi) / (1 - phi) - 2 phi (1 - phi^n) / (1 - phi)^2) / n^2, and the means of two days that are k days apart have
the covariance phi^((k - 1) n + 1) ((1 - phi^n) / (1 - phi))^2 / n^2. All of them are normal, so that they are drawn
exactly, by the Cholesky factor of this matrix.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from operator import mul

from sla.canary.checks import paired_check
from sla.canary.foresight import foreseen
from sla.canary.model import State
from sla.canary.spec import Comparison, Spec, Statistic
from sla.canary.specfile import load

MINUTES = 1440
GAP = 1
"""The day of the start: neither before nor after."""


def spec_of(kind: str = "host") -> Spec:
    """The specification that comes with the product."""
    name = f"canary_{kind}.yml"
    return load(files("sla").joinpath("data", name).read_text(encoding="utf-8"), name)


def covariance(phi: float, days: int) -> float:
    """Of two daily means that are so many days apart."""
    n = MINUTES
    if days == 0:
        return (n * (1 + phi) / (1 - phi) - 2 * phi * (1 - phi**n) / (1 - phi) ** 2) / n**2
    return phi ** ((days - 1) * n + 1) * ((1 - phi**n) / (1 - phi)) ** 2 / n**2


def factor(phi: float, days: int) -> list[list[float]]:
    """The lower Cholesky factor of the covariances."""
    made: list[list[float]] = []
    for i in range(days):
        row: list[float] = []
        for j in range(i + 1):
            rest = covariance(phi, i - j) - sum(map(mul, row, made[j] if j < i else tuple(row)))
            row.append(math.sqrt(rest) if i == j else rest / made[j][j])
        made.append(row)
    return made


@dataclass(frozen=True)
class Case:
    """A simulated world. ``noise``: standard deviation of a minute's value of an arm, as a share of its mean.

    ``regression``: by which share the canaries get worse in the first comparison. ``offset``: by which share they were
    higher before already. ``history``: days before the start.
    """

    phi: float
    noise: float = 0.1
    regression: float = 0.0
    offset: float = 0.0
    history: int = 14


def outcomes(spec: Spec, case: Case, *, runs: int = 1000, seed: int = 1) -> Counter[str]:
    """How many runs fail, pass, and stay inconclusive, by their comparisons together, the worst of which counts."""
    rng = random.Random(seed)
    wanted = [one for one in spec.comparisons if one.figure.statistic is not Statistic.RATIO]
    rows = factor(case.phi, case.history + GAP + spec.min_days)
    found: Counter[str] = Counter()
    for _ in range(runs):
        states = {_state(spec, one, (case, rows, rng), hit=index == 0) for index, one in enumerate(wanted)}
        found[min(states, key=list(State).index)] += 1
    return found


World = tuple[Case, Sequence[Sequence[float]], random.Random]


def _state(spec: Spec, comparison: Comparison, world: World, *, hit: bool) -> State:
    case, rows, rng = world
    regression = case.regression if hit else 0.0
    canary, control = (_series(rows, rng) for _ in range(2))
    pairs = []
    for day, (one, other) in enumerate(zip(canary, control, strict=True)):
        wave = 0.2 * math.sin(2 * math.pi * day / 7)
        shift = case.offset + (regression if day >= case.history + GAP else 0.0)
        pairs.append((1 + wave + shift + case.noise * one, 1 + wave + case.noise * other))
    after = pairs[case.history + GAP :]
    return paired_check(spec, comparison, after, before=pairs[: case.history]).state


def found_at_declared(spec: Spec, case: Case, *, runs: int = 1000, seed: int = 5) -> tuple[float, float]:
    """Shares of runs that fail when the first comparison gets worse by just what was declared for 0.8 and for 0.9."""
    rng = random.Random(seed)
    comparison, rows = spec.comparisons[0], factor(case.phi, case.history + GAP + spec.min_days)
    hits = [0, 0]
    for _ in range(runs):
        noise = zip(_series(rows, rng), _series(rows, rng), strict=True)
        pairs = [(1 + case.noise * one, 1 + case.noise * other) for one, other in noise]
        before, after = pairs[: case.history], pairs[case.history + GAP :]
        declared = foreseen(spec, comparison, before)
        for index, worse in enumerate((declared.at_80 or math.nan, declared.at_90 or math.nan)):
            shifted = [(one + worse, other) for one, other in after]
            hits[index] += paired_check(spec, comparison, shifted, before=before).state is State.FAILED
    return hits[0] / runs, hits[1] / runs


def _series(rows: Sequence[Sequence[float]], rng: random.Random) -> list[float]:
    noise = [rng.gauss(0, 1) for _ in rows]
    return [sum(map(mul, row, noise)) for row in rows]
