"""Axes of charts: where a value stands, and which values are written beside it. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """From values ``low`` .. ``high`` to places ``begin`` .. ``end``; logarithmic ones have no values below ``low``."""

    low: float
    high: float
    begin: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The place of a value; one beyond the ends is put at the nearest."""
        value = min(self.high, max(self.low, value))
        low, high, at = (math.log(x) if self.logarithmic else x for x in (self.low, self.high, value))
        share = (at - low) / (high - low) if high > low else 0.0
        return self.begin + share * (self.end - self.begin)

    def ticks(self, most: int = 6) -> tuple[float, ...]:
        """Round values within, at most about so many."""
        return _decades(self.low, self.high, most) if self.logarithmic else _steps(self.low, self.high, most)


def linear(values: Iterable[float], begin: float, end: float) -> Scale:
    """From 0 to a round value above all of them."""
    high = max((value for value in values if value > 0), default=1.0)
    step = _step(high, 5)
    return Scale(0.0, math.ceil(high / step - 1e-9) * step, begin, end)


def logarithmic(values: Iterable[float], begin: float, end: float) -> Scale:
    """Around all positive ones, with a little room at both ends."""
    found = [value for value in values if value > 0] or [0.1, 1.0]
    return Scale(min(found) / 1.2, max(found) * 1.2, begin, end, logarithmic=True)


def _step(length: float, most: int) -> float:
    power = 10.0 ** math.floor(math.log10(length / most))
    return next(step * power for step in _STEPS if length / (step * power) <= most + 1e-9)


def _steps(low: float, high: float, most: int) -> tuple[float, ...]:
    step = _step(high - low, most) if high > low else 1.0
    return tuple(low + n * step for n in range(int((high - low) / step + 1e-9) + 1))


def _decades(low: float, high: float, most: int) -> tuple[float, ...]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for parts in ((1, 2, 5), (1, 3), (1,)):
        found = [part * 10.0**power for power in powers for part in parts if low <= part * 10.0**power <= high]
        if len(found) <= most:
            return tuple(found)
    return tuple(found[:: math.ceil(len(found) / most)])
