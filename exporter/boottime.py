"""The machine's clocks, for effective time: the boot clock, the wall clock, which boot it is, and whether NTP rules."""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sla.clock import Reading

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""A UUID that the kernel makes at each boot (random(4))."""
_TIME_ERROR = 5
_TIMEX = 512  # struct timex has 208 bytes on 64-bit Linux; the kernel writes no more than its own size
_APART = 0.1
_ATTEMPTS = 5


def boottime() -> float:
    """CLOCK_BOOTTIME in seconds: rises during suspend and is not stepped (clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def synchronised() -> bool | None:
    """Whether the kernel holds the wall clock for synchronised; None where it does not say.

    adjtimex(2) with ``modes`` 0 needs no privilege and answers TIME_ERROR while nobody disciplines the clock. Both
    systemd-timesyncd and chrony (with ``rtcsync``, as distributions configure it) tell the kernel.
    """
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


@dataclass(frozen=True, slots=True)
class Clocks:
    """Reads them. ``wall`` gives seconds since the epoch; the rest can be exchanged for tests."""

    wall: Callable[[], float]
    boottime: Callable[[], float] = boottime
    synchronised: Callable[[], bool | None] = synchronised
    boot_id: Path = BOOT_ID

    def read(self) -> Reading:
        """All clocks at one moment. An unreadable boot id is ``""``: then only ``boottime`` tells boots apart.

        A process that is stopped between two clocks would see a step that never was, so it reads again.
        """
        for _ in range(_ATTEMPTS):
            before = self.boottime()
            wall = self.wall()
            after = self.boottime()
            if after - before < _APART:
                break
        return Reading(boottime=after, wall=wall, boot_id=self._boot_id(), synchronised=self.synchronised())

    def _boot_id(self) -> str:
        try:
            return self.boot_id.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""
