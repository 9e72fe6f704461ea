"""Effective time: the seconds since the epoch by which timers run. It never goes back, and steps do not move it.

It follows CLOCK_BOOTTIME, which rises steadily until the next boot, suspends included, and which no step moves
(clock_gettime(2)). Slewing by NTP moves both clocks alike.
"""

import json
from dataclasses import asdict, dataclass, replace

from sla.model import ClockJump, Jump

STEP = 5.0
"""Seconds by which the wall clock must leave effective time to count as stepped."""
SYNCHRONISED = 60.0
"""Seconds for which NTP must have been in control until a forward step is believed."""
DOUBT = 366 * 86400.0
"""At a new boot: a wall clock that is further ahead of the last stored time is believed only under NTP."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The clocks of the machine at one moment.

    ``boottime`` is CLOCK_BOOTTIME, ``wall`` CLOCK_REALTIME, both in seconds; ``boot_id`` is the kernel's name of this
    boot; ``synchronised`` says whether NTP is in control of the wall clock, None if that cannot be known.
    """

    boottime: float
    wall: float
    boot_id: str
    synchronised: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The effective time ``now`` and how to go on from it.

    ``origin`` is the effective time at ``boottime`` 0 of this boot. ``offset`` is how far the wall clock is ahead of
    ``now``, ``known`` how far it was when a step was last told. ``steady`` is since when (boottime) NTP is in control.
    ``behind`` is None, or the seconds by which the wall clock is behind ``now``, which stands still.
    """

    now: float
    boot_id: str
    boottime: float
    origin: float
    offset: float = 0.0
    known: float = 0.0
    steady: float | None = None
    behind: float | None = None

    def dumps(self) -> str:
        """All of it as JSON, for the heartbeat."""
        return json.dumps(asdict(self), sort_keys=True)


def begin(reading: Reading, last: float | None, saved: str | None = None) -> tuple[Timeline, tuple[ClockJump, ...]]:
    """The timeline of a process that starts. ``last`` is the last stored effective time, None if there is none.

    ``saved`` is what ``dumps`` gave then; without it, or if it cannot be read, the machine counts as booted since.
    """
    if last is None:
        return _anchored(reading, reading.wall), ()
    timeline = _loads(saved)
    if timeline is None:
        return _boot(reading, last)
    return advance(replace(timeline, now=max(timeline.now, last), steady=None), reading)


def advance(timeline: Timeline, reading: Reading) -> tuple[Timeline, tuple[ClockJump, ...]]:
    """The timeline at a reading, and what the clocks did since the last one, in order, for the engine.

    A rebase sets effective time forward to the wall clock, though no time passed: whoever adds up time leaves
    [at - delta, at) out, and then no duration is wrong.
    """
    if reading.boot_id != timeline.boot_id or reading.boottime < timeline.boottime:
        # A smaller boottime in the same boot is a virtual machine set back to a snapshot.
        return _boot(reading, timeline.now)
    if timeline.behind is not None:
        return _boot(reading, timeline.now, told=timeline.behind > STEP)
    return _follow(timeline, reading)


def _follow(timeline: Timeline, reading: Reading) -> tuple[Timeline, tuple[ClockJump, ...]]:
    now = max(timeline.now, timeline.origin + reading.boottime)
    offset, known = reading.wall - now, timeline.known
    steady = (reading.boottime if timeline.steady is None else timeline.steady) if reading.synchronised else None
    events: tuple[ClockJump, ...] = ()
    if abs(offset - known) > STEP:
        events, known = (ClockJump(now, offset - known, Jump.STEP),), offset
        steady = None if steady is None else reading.boottime
    if offset > STEP and steady is not None and reading.boottime - steady >= SYNCHRONISED:
        anchored = _anchored(reading, reading.wall)
        return replace(anchored, steady=steady), (*events, ClockJump(reading.wall, offset, Jump.REBASE))
    return replace(timeline, now=now, boottime=reading.boottime, offset=offset, known=known, steady=steady), events


def _boot(reading: Reading, last: float, *, told: bool = False) -> tuple[Timeline, tuple[ClockJump, ...]]:
    """Goes on from ``last`` in another boot; ``told`` if that the wall clock is behind was told before."""
    ahead = reading.wall - last
    if ahead < 0:
        held = replace(_anchored(reading, last), offset=ahead, known=ahead, behind=-ahead)
        return held, (ClockJump(last, -ahead, Jump.BEHIND),) if -ahead > STEP and not told else ()
    if ahead > DOUBT and not reading.synchronised:
        return replace(_anchored(reading, last), offset=ahead, known=ahead), (ClockJump(last, ahead, Jump.STEP),)
    return _anchored(reading, reading.wall), ()


def _anchored(reading: Reading, now: float) -> Timeline:
    steady = reading.boottime if reading.synchronised else None
    origin = now - reading.boottime
    return Timeline(now=now, boot_id=reading.boot_id, boottime=reading.boottime, origin=origin, steady=steady)


def _loads(saved: str | None) -> Timeline | None:
    try:
        return Timeline(**json.loads(saved)) if saved else None
    except (ValueError, TypeError):
        return None
