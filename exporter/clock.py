"""Time as an argument: what the shell hands to everything that must know it."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """``now`` is seconds since the epoch (UTC), ``monotonic`` never steps, ``cpu`` is process CPU seconds."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    cpu: Callable[[], float] = time.process_time
