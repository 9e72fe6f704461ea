"""What the engine records, as frozen values, and their form as ``Record``.

``at`` is the instant at which a fact became true; ``noticed_at`` when the engine came to know. The key of a fact does
not hang on the latter, so a fact found twice is one record.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from sla.model import Labels, Selector, Window
from sla.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Base of all facts. ``incident`` is empty where a fact is about the engine as a whole."""

    kind: ClassVar[str]
    incident: str = ""
    at: float

    @property
    def key(self) -> str:
        """Unique among all facts."""
        return f"{self.incident}/{self.kind}/{self.at!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedBad(Fact):
    """An incident may begin here: the first bad observation (row 1; row 16 where ``paused``, during maintenance)."""

    kind = "observed_bad"
    class_: str
    resource: str
    policy: str
    labels: Labels = ()
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StillBad(Fact):
    """A bad observation that counts: towards opening (``count`` so far), or as the end of a stretch unobserved."""

    kind = "still_bad"
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StillGood(Fact):
    """A good observation that counts: towards resolution (``count`` so far), or as the end of a stretch unobserved."""

    kind = "still_good"
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blip(Fact):
    """Good again before the hold-down was over: there was no incident (row 2)."""

    kind = "blip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Fact):
    """The hold-down is over (row 3)."""

    kind = "opened"
    noticed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unobserved(Fact):
    """From here on nobody could look (rows 4, 20, 21); ``known_until`` is the last observation that judged."""

    kind = "unobserved"
    known_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Acked(Fact):
    """Somebody has taken it up (row 5); ``late``: when it was recovering already (row 9)."""

    kind = "acked"
    actor: str
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovering(Fact):
    """Good since here (row 6). ``known_until``: nobody looked between that instant and this one (row 21)."""

    kind = "recovering"
    known_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapped(Fact):
    """Bad again while recovering: it was never resolved (row 7)."""

    kind = "flap"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlappingOn(Fact):
    """Too many changes (row 27)."""

    kind = "flapping_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlappingOff(Fact):
    """Few changes again (row 27)."""

    kind = "flapping_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(Fact):
    """Good long enough: resolved at ``resolved_at``, the first good observation (row 8)."""

    kind = "resolved"
    resolved_at: float
    noticed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(Fact):
    """Bad again soon after a resolution (rows 10, 10b). ``policy`` is the re-open policy, ``cycle`` counts from 1."""

    kind = "reopened"
    policy: str
    cycle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Fact):
    """Too late to re-open (row 11). Counters and histograms are incremented here, once."""

    kind = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Fact):
    """It does not count (rows 12, 28)."""

    kind = "cancelled"
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Fact):
    """A maintenance window began to cover it (row 13)."""

    kind = "paused"
    window: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Fact):
    """No maintenance window covers it any more (row 14)."""

    kind = "resumed"
    window: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionRequest(Fact):
    """A window announced too late covers a part of it; nothing changes unless approved (row 15)."""

    kind = "exclusion_request"
    window: str

    @property
    def key(self) -> str:
        """One per incident and window."""
        return f"{self.incident}/{self.kind}/{self.window}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionApproved(Fact):
    """Both numbers are reported from here on: as it was, and without the window."""

    kind = "exclusion_approved"
    window: str
    actor: str

    @property
    def key(self) -> str:
        """One per incident and window."""
        return f"{self.incident}/{self.kind}/{self.window}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed(Fact):
    """A timer reached ``percent`` of its limit at ``at`` (row 17). ``judgement`` counts the re-applications."""

    kind = "crossed"
    target: str
    percent: int
    cycle: int
    judgement: int
    noticed_at: float

    @property
    def key(self) -> str:
        """One per incident, cycle, target and percentage."""
        return f"{self.incident}/{self.kind}/{self.cycle}.{self.judgement}/{self.target}/{self.percent}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breached(Crossed):
    """A timer reached its limit at ``at`` (row 18). ``late``: that was noticed more than 60 s afterwards."""

    kind = "breached"
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished(Fact):
    """The resource is no longer in the inventory (row 28)."""

    kind = "vanished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reapplied(Fact):
    """Judged again under ``policy`` (row 26)."""

    kind = "reapplied"
    policy: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAdded(Fact):
    """The engine heard of a window at ``at``."""

    kind = "window"
    window: Window

    @property
    def key(self) -> str:
        """One per window."""
        return f"/{self.kind}/{self.window.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnded(Fact):
    """A window was ended by hand."""

    kind = "window_ended"
    window: str
    actor: str

    @property
    def key(self) -> str:
        """One per window."""
        return f"/{self.kind}/{self.window}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySelected(Fact):
    """Incidents that begin from here on are judged under this policy; ``text`` is what ``policy_of`` reads."""

    kind = "policy"
    version: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRun(Fact):
    """A process took over (row 20); nobody looked since ``unobserved_since``."""

    kind = "agent_started"
    unobserved_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped(Fact):
    """A clock did what clocks should not do (rows 22 to 24)."""

    kind = "clock_jump"
    delta: float
    jump: str


def _kinds(base: type[Fact]) -> dict[str, type[Fact]]:
    found: dict[str, type[Fact]] = {}
    for made in base.__subclasses__():
        found |= {made.kind: made} | _kinds(made)
    return found


KINDS: Mapping[str, type[Fact]] = _kinds(Fact)
"""Every kind of fact by the word that stands in ``Record.kind``."""

TERMINAL = frozenset({Blip.kind, Closed.kind, Cancelled.kind})
"""After one of these an incident changes no more."""


def encode(fact: Fact) -> Record:
    """The fact as text."""
    body = {field.name.rstrip("_"): _plain(getattr(fact, field.name)) for field in fields(fact)}
    del body["incident"], body["at"]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return Record(fact.incident, fact.kind, fact.at, fact.key, text)


def _plain(value: Any) -> Any:
    if isinstance(value, Window):
        return asdict(value) | {"scope": asdict(value.scope) | {"labels": dict(value.scope.labels)}}
    return dict(value) if isinstance(value, tuple) else value


def decode(record: Record) -> Fact:
    """The fact that this text is of. Raises ValueError where it is none: the log is damaged, or newer than we are."""
    try:
        body = json.loads(record.body)
        if "class" in body:
            body["class_"] = body.pop("class")
        if "labels" in body:
            body["labels"] = _labels(body["labels"])
        if record.kind == WindowAdded.kind:
            body["window"] = _window(body["window"])
        return KINDS[record.kind](incident=record.incident, at=record.at, **body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"record {record.key}: not a fact of this version ({type(error).__name__}: {error})") from None


def _labels(made: Mapping[str, str]) -> Labels:
    return tuple(sorted(made.items()))


def _window(made: dict[str, Any]) -> Window:
    scope = made["scope"]
    return Window(**{**made, "scope": Selector(**{**scope, "labels": _labels(scope["labels"])})})
