"""Simulated time: what is to happen when, in the order of its time, whenever somebody looks.

A process is a generator that yields how many seconds pass until it goes on, or a Gate to wait at.
"""

import heapq
from collections.abc import Callable, Generator
from itertools import count


class Gate:
    """Something to wait for. Processes that yield it go on once it is open."""

    def __init__(self) -> None:
        self.opened = False
        self.waiting: list[Callable[[], None]] = []


Process = Generator[float | Gate, None, None]


class Agenda:
    """Work with its due times (seconds since the epoch); ``clock`` is the real or a test's clock.

    Nothing happens by itself: ``run`` does what has become due. Equal times keep the order of planning.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._at: float | None = None

    def now(self) -> float:
        """The due time of the work being done; between two pieces of work, the clock's time."""
        return self._clock() if self._at is None else self._at

    def after(self, seconds: float, work: Callable[[], None]) -> None:
        """Have something done in so many seconds."""
        heapq.heappush(self._heap, (self.now() + seconds, next(self._order), work))

    def start(self, process: Process) -> None:
        """Begin a process now: up to its first wait at once."""
        self._resume(process)

    def open(self, gate: Gate) -> None:
        """Let everybody through who waits at a gate, or will come to it."""
        gate.opened = True
        waiting, gate.waiting = gate.waiting, []
        for work in waiting:
            self.after(0.0, work)

    def run(self) -> None:
        """Do everything that is due."""
        if self._at is not None:
            return
        until = self._clock()
        try:
            while self._heap and self._heap[0][0] <= until:
                self._at, _, work = heapq.heappop(self._heap)
                work()
        finally:
            self._at = None

    def _resume(self, process: Process) -> None:
        step = next(process, None)
        if isinstance(step, Gate):
            if step.opened:
                self.after(0.0, lambda: self._resume(process))
            else:
                step.waiting.append(lambda: self._resume(process))
        elif step is not None:
            self.after(step, lambda: self._resume(process))
