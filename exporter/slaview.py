"""What the SLA evaluator shows of itself: the state of all incidents at one look, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sla.engine import Judged
from sla.incident import TERMINAL, State
from sla.model import Window
from sla.policy import Policy
from sla.timers import Run, Timer

OPERATIONS = ("lease", "read", "append", "post", "forget")
"""The kinds of call of the store that can fail."""


@dataclass(frozen=True, slots=True)
class View:
    """The picture at effective time ``now``; 0.0 before the first one. ``offset`` is the wall clock less that.

    ``leader`` says whether this process judges, ``epoch`` by which right. ``incidents`` are all that are not over,
    suspicions included, and those over for less than a day, by start. ``windows`` are all known, as they are now.
    """

    now: float = 0.0
    offset: float = 0.0
    leader: bool = False
    epoch: int = 0
    policy: Policy = field(default_factory=lambda: Policy({}))
    incidents: tuple[Judged, ...] = ()
    windows: tuple[Window, ...] = ()
    errors: Mapping[str, int] = field(default_factory=dict)
    fenced: int = 0


def present(judged: Judged) -> tuple[Timer, ...]:
    """The timers of the cycle that an incident is in."""
    return tuple(timer for timer in judged.timers if timer.cycle == len(judged.incident.cycles) + 1)


def counts(judged: Judged) -> bool:
    """Whether it is an incident by now."""
    return judged.incident.state not in {State.SUSPECT, State.CLEAR} and judged.incident.opened_at is not None


def is_over(judged: Judged) -> bool:
    """Whether nothing happens to it any more."""
    return judged.incident.state in TERMINAL


def ticking(judged: Judged) -> tuple[Timer, ...]:
    """Its timers that are not stopped."""
    return tuple(timer for timer in present(judged) if timer.state in {Run.RUNNING, Run.PAUSED})


def consumed(judged: Judged) -> float:
    """The greatest share that one of its timers has reached."""
    return max((timer.elapsed / timer.limit for timer in present(judged)), default=0.0)
