"""How many entities one request asks for and how many requests run at once: as the response times allow. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

SLOW = 4.0
"""Seconds: a batch that takes longer is cut down, so that one reply never holds up the others."""
FAST = 0.5
"""Seconds: batches that take less may grow back."""
PATIENCE = 3
"""Cycles that must agree before batches grow. Growing changes the request texts, so it is not done on a whim."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Entities per batch and concurrent requests; ``calm`` counts the cycles that were fast enough to grow."""

    entities: int = 250
    concurrency: int = 2
    calm: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a pace stays within."""

    smallest: int = 16
    largest: int = 500
    connections: int = 4


def adapt(pace: Pace, *, seconds: Sequence[float], load: float, timeouts: int, bounds: Bounds) -> Pace:
    """The pace of the next cycle.

    ``seconds`` are the response times of the last cycle's batches, ``load`` its length as a share of the interval.
    Slow batches are halved at once; time-outs also take a connection away; a cycle that needs more than half of its
    interval gets one more connection. Batches grow again after ``PATIENCE`` fast cycles.
    """
    smaller = max(bounds.smallest, pace.entities // 2)
    if timeouts:
        return Pace(smaller, max(1, pace.concurrency - 1))
    if not seconds:
        return pace
    if median(seconds) > SLOW:
        return replace(pace, entities=smaller, calm=0)
    if load > 0.5:
        return replace(pace, concurrency=min(bounds.connections, pace.concurrency + 1), calm=0)
    fast = median(seconds) < FAST and len(seconds) > pace.concurrency and pace.entities < bounds.largest
    if fast and pace.calm + 1 >= PATIENCE:
        return replace(pace, entities=min(bounds.largest, 2 * pace.entities), calm=0)
    return replace(pace, calm=pace.calm + 1 if fast else 0)
