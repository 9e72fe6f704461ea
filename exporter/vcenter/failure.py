"""What to do about a batch that failed, and for how long a poison entity is left alone. Pure."""

from dataclasses import dataclass
from enum import Enum

from exporter.errors import (
    BadReply,
    CertificateError,
    Fault,
    LoginRefused,
    NotAuthenticated,
    SourceError,
    TimedOut,
    Unreachable,
)
from exporter.vcenter.plan import Batch


class Reaction(Enum):
    """What a failed batch leads to."""

    ABORT = "abort"
    """The source as a whole is in trouble: the cycle ends, the next one tries again."""
    DEFER = "defer"
    """It may be the source or this batch: another batch's answer will tell."""
    SPLIT = "split"
    """Something in the batch is the cause, or its size: each half is tried by itself."""
    NARROW = "narrow"
    """One entity with several counters is over vCenter's limit: each half of its counters is asked by itself."""
    REMOVE = "remove"
    """The fault names an entity that no longer exists: the rest is tried without it."""
    QUARANTINE = "quarantine"
    """A single entity fails by itself: it is left alone for a while."""


def react(error: SourceError, batch: Batch, *, answered: bool) -> Reaction:
    """The reaction to one failure. ``answered`` says whether any batch of this cycle has been answered."""
    if isinstance(error, Unreachable | CertificateError | LoginRefused | NotAuthenticated):
        return Reaction.ABORT
    if isinstance(error, TimedOut | BadReply) and not answered:
        return Reaction.DEFER
    if _names(error, "ManagedObjectNotFound") and _subject(error) in {target.moid for target in batch.targets}:
        return Reaction.REMOVE
    if len(batch.targets) > 1:
        return Reaction.SPLIT
    if _names(error, "RestrictedByAdministrator") and len(batch.question.counters) > 1:
        return Reaction.NARROW
    return Reaction.QUARANTINE


def _names(error: SourceError, name: str) -> bool:
    return isinstance(error, Fault) and error.name == name


def _subject(error: SourceError) -> str | None:
    return error.subject if isinstance(error, Fault) else None


@dataclass(frozen=True, slots=True)
class _Stay:
    until: float
    seconds: float


class Quarantine:
    """Entities that made their batch fail: left out for a minute, then twice as long each time, up to an hour."""

    def __init__(self, *, first: float = 60.0, longest: float = 3600.0) -> None:
        self._first = first
        self._longest = longest
        self._stays: dict[str, _Stay] = {}

    def add(self, moid: str, now: float) -> None:
        """Leaves an entity out from now on."""
        known = self._stays.get(moid)
        seconds = self._first if known is None else min(2 * known.seconds, self._longest)
        self._stays[moid] = _Stay(now + seconds, seconds)

    def held(self, now: float) -> frozenset[str]:
        """The entities left out at this time."""
        return frozenset(moid for moid, stay in self._stays.items() if now < stay.until)

    def pardon(self, moid: str) -> None:
        """Forgets an entity that answered."""
        self._stays.pop(moid, None)

    def known(self) -> frozenset[str]:
        """Entities that are or were left out and have not answered since."""
        return frozenset(self._stays)
