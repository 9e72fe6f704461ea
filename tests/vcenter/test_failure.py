"""What a failed batch leads to, and how long a poison entity is left alone."""

import pytest

from exporter.errors import (
    BadReply,
    CertificateError,
    Fault,
    LoginRefused,
    NotAuthenticated,
    ReplyTooLarge,
    SourceError,
    TimedOut,
    Unreachable,
)
from exporter.model import Counter, Kind
from exporter.vcenter import plan
from exporter.vcenter.failure import Quarantine, Reaction, react
from exporter.vcenter.plan import Batch, Question, Target


def batch(entities: int, counters: int = 2) -> Batch:
    """vm-0, vm-1, ..., each asked for so many counters."""
    asked = tuple(Counter(n, f"cpu.c{n}.average", "number", "rate", 1, "") for n in range(counters))
    question = Question("PerfMgr", Kind.VM, asked, instances=False, interval=20, newest=1)
    return plan.batch(question, [Target("VirtualMachine", f"vm-{n}") for n in range(entities)])


GONE = Fault("ManagedObjectNotFound", "gone", "vm-1")
GONE_ELSEWHERE = Fault("ManagedObjectNotFound", "gone", "vm-77")
GONE_UNNAMED = Fault("ManagedObjectNotFound", "gone")
RESTRICTED = Fault("RestrictedByAdministrator", "too much")
FAULT = Fault("SystemError", "no")


@pytest.mark.parametrize(
    ("error", "alone", "among", "unanswered"),
    [
        (Unreachable("x"), Reaction.ABORT, Reaction.ABORT, Reaction.ABORT),
        (CertificateError("x"), Reaction.ABORT, Reaction.ABORT, Reaction.ABORT),
        (LoginRefused("x"), Reaction.ABORT, Reaction.ABORT, Reaction.ABORT),
        (NotAuthenticated("NotAuthenticated", "x"), Reaction.ABORT, Reaction.ABORT, Reaction.ABORT),
        (TimedOut("x"), Reaction.QUARANTINE, Reaction.SPLIT, Reaction.DEFER),
        (BadReply("x"), Reaction.QUARANTINE, Reaction.SPLIT, Reaction.DEFER),
        (ReplyTooLarge("x"), Reaction.QUARANTINE, Reaction.SPLIT, Reaction.SPLIT),
        (FAULT, Reaction.QUARANTINE, Reaction.SPLIT, Reaction.SPLIT),
        (GONE, Reaction.QUARANTINE, Reaction.REMOVE, Reaction.REMOVE),
        (GONE_ELSEWHERE, Reaction.QUARANTINE, Reaction.SPLIT, Reaction.SPLIT),
        (GONE_UNNAMED, Reaction.QUARANTINE, Reaction.SPLIT, Reaction.SPLIT),
        (RESTRICTED, Reaction.NARROW, Reaction.SPLIT, Reaction.SPLIT),
    ],
    ids=lambda value: value.value if isinstance(value, Reaction) else f"{type(value).__name__}",
)
def test_reactions(error: SourceError, alone: Reaction, among: Reaction, unanswered: Reaction) -> None:
    """To a batch of one, a batch of three, and one of three while nothing has been answered yet."""
    seen = (
        react(error, batch(1), answered=True),
        react(error, batch(3), answered=True),
        react(error, batch(3), answered=False),
    )
    assert seen == (alone, among, unanswered)


def test_a_single_counter_cannot_be_narrowed() -> None:
    """One entity with one counter that vCenter still restricts is left alone."""
    assert react(RESTRICTED, batch(1, 1), answered=True) is Reaction.QUARANTINE


def test_a_lone_entity_that_is_gone_is_removed() -> None:
    """Also where it was the only one asked for."""
    error = Fault("ManagedObjectNotFound", "gone", "vm-0")
    assert react(error, batch(1), answered=False) is Reaction.REMOVE


def test_quarantine_doubles_up_to_an_hour() -> None:
    """60 s, 120 s, ..., 3600 s, counted from each failure; the end is exclusive."""
    quarantine, now, stays = Quarantine(), 0.0, []
    for _ in range(8):
        quarantine.add("vm-1", now)
        end = now + 1
        while quarantine.held(end):
            end += 1
        stays.append(end - now)
        now = end
    assert stays == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_an_entity_that_answers_is_pardoned() -> None:
    """It is known no more, and starts from the first stay when it fails again; pardoning a stranger does nothing."""
    quarantine = Quarantine(first=10)
    for now in (0, 10):
        quarantine.add("vm-1", now)
    assert (quarantine.known(), quarantine.held(29.9), quarantine.held(30)) == ({"vm-1"}, {"vm-1"}, set())
    quarantine.pardon("vm-1")
    quarantine.pardon("vm-2")
    assert quarantine.known() == frozenset()
    quarantine.add("vm-1", 100)
    assert (quarantine.held(109), quarantine.held(110)) == ({"vm-1"}, set())
