"""A distribution that can be merged and kept small: counts in logarithmic buckets, with 1 % relative error. Pure.

The idea is DDSketch's (Masson, Rim and Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12 (12)): bucket i holds the values in (g^(i-1), g^i] with g = (1 + a) / (1 - a), and
stands for 2 g^i / (g + 1), which is within a of each of them. Its library (``ddsketch``) drags a protobuf along and
changes what it holds in place; this is the part that we need, as a value.

The buckets are bounded: what is more than ``SPAN`` buckets (17 decades) below the greatest is put into the lowest one
kept. That depends on the greatest value alone, so merging gives the same result in any order.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

RELATIVE_ERROR = 0.01
SPAN = 2048
"""Buckets at most, apart from that of zeros."""

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_STEP = math.log(_GAMMA)
_CENTRE = math.log(2 / (_GAMMA + 1))
_TINY, _HUGE = 1e-200, 1e200


@dataclass(frozen=True, slots=True)
class Sketch:
    """Numbers that are finite and not negative. ``count``, ``zeros``, ``least`` and ``most`` are exact, ``total`` to
    rounding; ``least`` and ``most`` are None where there is no number. ``bins`` are (bucket, count), ascending.

    Numbers below 1e-200 count as zeros.
    """

    count: int = 0
    total: float = 0.0
    least: float | None = None
    most: float | None = None
    zeros: int = 0
    bins: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, values: Iterable[float]) -> "Sketch":
        """The distribution of these. Raises ValueError for one that is negative, not finite, or above 1e200."""
        gathering = Gathering()
        for value in values:
            gathering.add(value)
        return gathering.sketch()

    def plus(self, other: "Sketch") -> "Sketch":
        """Both together."""
        if not self.count or not other.count:
            return self if self.count else other
        least = min(value for value in (self.least, other.least) if value is not None)
        most = max(value for value in (self.most, other.most) if value is not None)
        bins = Counter(dict(self.bins))
        bins.update(dict(other.bins))
        return Sketch(
            self.count + other.count, self.total + other.total, least, most, self.zeros + other.zeros, _bounded(bins)
        )

    @property
    def mean(self) -> float | None:
        """The mean; None where there is no number."""
        return self.total / self.count if self.count else None

    def quantile(self, q: float) -> float | None:
        """The number of rank floor(q (count - 1)), counted from 0, within 1 %; None where there is no number.

        Raises ValueError unless ``q`` is from 0 to 1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile is from 0 to 1, not {q:g}")
        if self.least is None or self.most is None:
            return None
        rank = math.floor(q * (self.count - 1))
        if rank < self.zeros:
            return 0.0
        seen = self.zeros
        for index, count in self.bins:
            seen += count
            if rank < seen:
                return min(max(_value(index), self.least), self.most)
        return self.most

    def pairs(self) -> tuple[tuple[float, int], ...]:
        """(number, how often), ascending, the numbers within 1 %."""
        found = ((min(max(_value(index), self.least or 0.0), self.most or 0.0), count) for index, count in self.bins)
        return (*([(0.0, self.zeros)] if self.zeros else ()), *found)

    def share_above(self, limit: float) -> float | None:
        """The share of the numbers that are above a limit; those within 1 % of it may count either way."""
        if not self.count:
            return None
        return sum(count for value, count in self.pairs() if value > limit) / self.count

    def to_json(self) -> str:
        """As text: ``[count, total, least, most, zeros, [bucket, count, steps to the next bucket, count, ...]]``."""
        steps: list[int] = []
        before = 0
        for index, count in self.bins:
            steps += (index - before, count)
            before = index
        return json.dumps(
            [self.count, self.total, self.least, self.most, self.zeros, steps], separators=(",", ":"), allow_nan=False
        )

    @classmethod
    def from_json(cls, text: str) -> "Sketch":
        """What ``to_json`` wrote. Raises ValueError for anything else."""
        try:
            count, total, least, most, zeros, steps = json.loads(text, parse_constant=_no_number)
            found = cls(_whole(count), float(total), _number(least), _number(most), _whole(zeros), tuple(_bins(steps)))
        except (TypeError, OverflowError) as error:
            raise ValueError(f"no distribution: {text[:80]!r}") from error
        numbers = found.zeros + sum(times for _, times in found.bins)
        if numbers != found.count or (found.least is None) != (not found.count) or (found.most is None) != (not count):
            raise ValueError(f"no distribution, its counts differ: {text[:80]!r}")
        return found


class Gathering:
    """A distribution that numbers are added to, beginning with ``begin``. ``count`` is how many it has by now."""

    __slots__ = ("_begin", "_bins", "_least", "_most", "_total", "_zeros", "count")

    def __init__(self, begin: Sketch = Sketch()) -> None:
        self._begin = begin
        self.count = begin.count
        self._bins: dict[int, int] = {}
        self._total = 0.0
        self._zeros = 0
        self._least = math.inf
        self._most = -math.inf

    def add(self, value: float, times: int = 1) -> None:
        """Adds a number. Raises ValueError for one that is negative, not finite, or above 1e200, and for ``times``
        below 1."""
        if not 0 <= value <= _HUGE or times < 1:
            raise ValueError(f"{value!r} x {times!r} cannot be counted: a number is from 0 to 1e200, at least once")
        self.count += times
        self._total += value * times
        if value < self._least:  # noqa: PLR1730 - min() and max() cost a third of this, and every cycle is counted here
            self._least = value
        if value > self._most:  # noqa: PLR1730
            self._most = value
        if value < _TINY:
            self._zeros += times
        else:
            index = math.ceil(math.log(value) / _STEP)
            self._bins[index] = self._bins.get(index, 0) + times

    def sketch(self) -> Sketch:
        """What was gathered so far, with what it began with."""
        count = self.count - self._begin.count
        if not count:
            return self._begin
        own = Sketch(count, self._total, self._least, self._most, self._zeros, _bounded(self._bins))
        return self._begin.plus(own)

    def copy(self) -> "Gathering":
        """Another one with the same numbers: cheap, so that the sorting of ``sketch`` may be done in a thread."""
        other = Gathering(self._begin)
        other.count, other._total, other._zeros = self.count, self._total, self._zeros
        other._least, other._most, other._bins = self._least, self._most, self._bins.copy()
        return other


def _bounded(bins: dict[int, int]) -> tuple[tuple[int, int], ...]:
    found = sorted(bins.items())
    if not found or found[-1][0] - found[0][0] < SPAN:
        return tuple(found)
    lowest = found[-1][0] - SPAN + 1
    low = sum(count for index, count in found if index <= lowest)
    return ((lowest, low), *((index, count) for index, count in found if index > lowest))


def _value(index: int) -> float:
    return math.exp(index * _STEP + _CENTRE)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _bins(steps: list[int]) -> Iterable[tuple[int, int]]:
    index = 0
    for step, count in zip(steps[::2], steps[1::2], strict=True):
        index += int(step)
        yield index, _whole(count)
