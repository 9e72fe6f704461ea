"""What happens to the engine: observations, an operator's commands, maintenance windows, time. All are frozen values.

``at`` is effective time everywhere: seconds since the epoch, of a clock that never runs backwards.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sla.policy import Policy

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label pairs, sorted by name."""


class Health(StrEnum):
    """What an observation found. ``unknown``: the observer could not judge; it begins and ends nothing."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """The health of a resource at an instant, as seen through the conditions of a class.

    ``labels`` are kept with an incident that begins; ``site`` among them chooses the calendar.
    """

    at: float
    class_: str
    resource: str
    health: Health
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """Which incidents are meant. What is left empty matches all; labels must all be there with these values."""

    incident: str = ""
    class_: str = ""
    resource: str = ""
    labels: Labels = ()

    def covers(self, one: "Selector") -> bool:
        """Whether it selects the one incident that is described as narrowly as can be."""
        return (
            self.incident in {"", one.incident}
            and self.class_ in {"", one.class_}
            and self.resource in {"", one.resource}
            and set(self.labels) <= set(one.labels)
        )


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window from ``start`` to ``end`` over the incidents that ``scope`` selects.

    ``announced_at`` is when it was made known; None: when the engine hears of it. Announced at its start or before, it
    pauses timers; announced later, it only becomes a request for exclusion. ``id`` is never used again: a window that
    is prolonged is a second window. ``source`` says where it comes from (``config``, ``cli``, ``silence``).
    """

    id: str
    start: float
    end: float
    scope: Selector = Selector()
    announced_at: float | None = None
    source: str = ""
    comment: str = ""


class CancelReason(StrEnum):
    """Why an incident does not count. ``orphaned``, the resource is gone for good, is the engine's own."""

    FALSE_POSITIVE = "false_positive"
    DUPLICATE = "duplicate"
    OUT_OF_SCOPE = "out_of_scope"
    ORPHANED = "orphaned"


class Jump(StrEnum):
    """What a clock did.

    ``step``: the wall clock was set by ``delta`` and effective time did not follow. ``rebase``: effective time was set
    forward by ``delta``, which is charged to nobody. ``behind``: the wall clock is ``delta`` behind the last time that
    was stored; effective time is held until it has caught up.
    """

    STEP = "step"
    REBASE = "rebase"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Ack:
    """Somebody has taken up the incidents selected. Older than their (re-)opening, it means nothing."""

    at: float
    scope: Selector
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The incidents selected do not count. Older than their (re-)opening, it means nothing."""

    at: float
    scope: Selector
    reason: CancelReason
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Reapply:
    """The incidents selected are judged again under the policy that is now in force."""

    at: float
    scope: Selector
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """The exclusion of ``window``, announced too late, is granted to the incidents selected."""

    at: float
    window: str
    scope: Selector = Selector()
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Announce:
    """The engine hears of a window. A second one of the same id changes nothing."""

    at: float
    window: Window


@dataclass(frozen=True, slots=True)
class EndWindow:
    """A window ends at ``at`` if it would have lasted longer; before its start, it never happens."""

    at: float
    window: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """A resource is no longer in the inventory. Any later observation that judges it takes that back."""

    at: float
    class_: str
    resource: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time passed."""

    at: float


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """From now on, incidents begin under this policy."""

    at: float
    policy: Policy


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """A process took over; nobody looked since ``last_heartbeat`` (None: there was none). To be told first of all."""

    at: float
    last_heartbeat: float | None = None


@dataclass(frozen=True, slots=True)
class ClockJump:
    """The clock did something that clocks should not do. To be told before anything that happens at the new time."""

    at: float
    delta: float
    kind: Jump = Jump.STEP


Command: TypeAlias = Ack | Cancel | Reapply | Approve
"""What an operator does to selected incidents."""
Event: TypeAlias = Observation | Command | Announce | EndWindow | Gone | Tick | PolicyChange | AgentStarted | ClockJump
