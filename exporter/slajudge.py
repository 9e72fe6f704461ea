"""The SLA engine with what goes beside it: conditions, planned windows, counters and sums. No I/O, no clock.

It is made from the log of the store, and what it decides goes back there: ``Change``. So it can be thrown away at any
time; what was not written then never happened.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from exporter.bridge import Bridge, Verdicts
from exporter.conditions import Sight, Verdict, worse
from exporter.config import Maintenance
from exporter.slatally import Tally, folded
from exporter.slausage import Usage, excluded
from exporter.slaview import View, is_over
from exporter.slawindows import changes
from exporter.slawishes import Wish
from sla import facts
from sla.engine import Judged, UnknownClassError, restore
from sla.incident import State
from sla.model import AgentStarted, Event, Gone, Health, Observation, PolicyChange, Tick
from sla.policy import Policy
from sla.record import Record
from sla.store.base import Aggregate, Batch, Message
from sla.store.base import Window as StoredWindow

RECENT = 86400.0
"""Seconds for which an incident that is over is still shown."""
CARRIED = ("0000-00-00", "tally")
"""Day and key of the sum of what is no longer in the log."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the configuration says. Kinds of fact in ``notify`` go to the outbox."""

    policy: Policy
    sites: Mapping[str, str] = field(default_factory=dict)
    planned: tuple[Maintenance, ...] = ()
    retention: float = 400 * 86400.0
    notify: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What was decided and is not written yet, in the order of the log."""

    found: tuple[facts.Fact, ...] = ()
    records: tuple[Record, ...] = ()


class Judge:
    """What the log makes of the world so far. ``now`` is effective time, of the last look.

    Raises ValueError for a log that is damaged.
    """

    def __init__(self, records: Sequence[Record], aggregates: Iterable[Aggregate], *, setup: Setup) -> None:
        self._setup = setup
        self._engine = restore(records)
        self.now = self._engine.now
        known = [facts.decode(record) for record in records]
        over = [one for one in restore(records, keep=True).judged(self.now) if is_over(one)]
        sums = tuple(aggregates)
        carried = next((one.body for one in sums if (one.day, one.key) == CARRIED), "")
        self.tally: Tally = folded(known, over, setup.policy, carried=carried)
        self.usage = Usage()
        self.usage.load(sums)
        self._over = [one for one in over if self._is_recent(one)]
        self._globals = [record for record in records if not record.incident]
        living = {incident.id for incident in self._engine.incidents}
        self._logs: dict[str, list[Record]] = {}
        for record in records:
            if record.incident in living:
                self._logs.setdefault(record.incident, []).append(record)
        self._bridge = Bridge(setup.policy, setup.sites)
        self._outside: dict[tuple[str, str], Observation] = {}
        self._busy = frozenset((one.class_, one.resource) for one in self._engine.incidents)
        self._found: list[facts.Fact] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that a look needs."""
        return self._bridge.names

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._setup.policy

    @property
    def next_deadline(self) -> float | None:
        """When a look will change something though nothing was observed."""
        return self._engine.next_deadline()

    def begin(self, now: float, last_heartbeat: float | None) -> None:
        """This process takes over; nobody looked since the last heartbeat."""
        self.now = now
        self._handle(AgentStarted(now, last_heartbeat))
        self._handle(PolicyChange(now, self._setup.policy))
        self._bridge.expect(self._engine.incidents)

    def recount(self, aggregates: Iterable[Aggregate]) -> None:
        """Another one judges, and its daily sums are these now."""
        self.usage = Usage()
        self.usage.load(aggregates)

    def configure(self, setup: Setup, now: float) -> None:
        """Another configuration holds from now on; open incidents keep their policy."""
        self._setup = setup
        self._bridge.take(setup.policy, setup.sites)
        self._outside = {key: one for key, one in self._outside.items() if key[0] in setup.policy.classes}
        # Never at an instant of the past: of two changes at one instant the log would keep the first.
        heard = self._engine.now
        self._handle(PolicyChange(now if now > heard else math.nextafter(heard, math.inf), setup.policy))

    def changed(self, sight: Sight) -> bool:
        """Whether something that is judged is not as it was at the last call."""
        return self._bridge.changed(sight)

    def told(self, event: Event) -> None:
        """What the clock did."""
        self._handle(event)

    def take(self, wish: Wish) -> None:
        """A wish, in effective time. Raises UnknownClassError."""
        if not isinstance(wish, Observation):
            self._handle(wish)
            return
        if wish.class_ not in self.policy.classes:
            raise UnknownClassError(f"the policy has no class {wish.class_!r}")
        self._outside[wish.class_, wish.resource] = wish
        if wish.health is Health.DOWN:
            # It may have begun before the last look, and no other condition can say the opposite.
            self._handle(wish)

    def look(self, sight: Sight, now: float, *, skipped: float = 0.0) -> None:
        """Everything is looked at; ``skipped`` are seconds before ``now`` that the clock left out."""
        for event in changes(self._setup.planned, self._engine.windows, now):
            self._handle(event)
        verdicts, gone = self._bridge.look(sight, now)
        verdicts = self._with_outside(verdicts)
        observe, found, busy = self._engine.observe, self._found, self._busy
        for class_, its in verdicts.items():
            for resource, (health, labels) in its.items():
                # What is not down and has no incident is nothing to the engine.
                if health is Health.DOWN or (class_, resource) in busy:
                    found += observe(Observation(now, class_, resource, health, labels))
        for class_, resource in gone:
            if (class_, resource) not in self._outside:
                self._handle(Gone(now, class_, resource))
        self._handle(Tick(now))
        self.now = now
        covered = excluded(self.policy, self._engine.windows, verdicts, now=now)
        self.usage.look(now, verdicts, covered, skipped=skipped)

    def _with_outside(self, verdicts: Verdicts) -> Verdicts:
        """What was told from outside holds on; a resource that is up and has no incident need not be remembered."""
        for key, one in list(self._outside.items()):
            if one.health is Health.UP and key not in self._busy:
                del self._outside[key]
        if not self._outside:
            return verdicts
        merged = {class_: dict(its) for class_, its in verdicts.items()}
        for (class_, resource), one in self._outside.items():
            its = merged.setdefault(class_, {})
            its[resource] = worse(its.get(resource), Verdict(one.health, one.labels))
        return merged

    def _handle(self, event: Event) -> None:
        self._found += self._engine.handle(event)

    def drain(self) -> Change:
        """What was decided since the last call; the counters know it from here on."""
        found, self._found = tuple(self._found), []
        records = tuple(facts.encode(fact) for fact in found)
        ended: list[Record] = []
        for fact, record in zip(found, records, strict=True):
            self.tally.take(fact)
            if not record.incident:
                self._globals.append(record)
                continue
            log = self._logs.setdefault(record.incident, [])
            log.append(record)
            if record.kind in facts.TERMINAL:
                ended += self._logs.pop(record.incident)
        if ended:
            for judged in restore([*self._globals, *ended], keep=True).judged(self.now):
                self.tally.finish(judged, self.policy.classes.get(judged.incident.class_))
                self._over.append(judged)
        return Change(found, records)

    def view(self, *, now: float | None = None) -> View:
        """The picture at the last look, or at ``now``; who judges is left open."""
        self._over = [one for one in self._over if self._is_recent(one)]
        living = self._engine.judged(self.now if now is None else now)
        self._busy = frozenset((one.incident.class_, one.incident.resource) for one in living)
        return View(
            now=self.now if now is None else now,
            policy=self.policy,
            incidents=tuple(sorted((*self._over, *living), key=lambda one: (one.incident.start, one.incident.id))),
            windows=self._engine.windows,
        )

    def _is_recent(self, judged: Judged) -> bool:
        closed_at = judged.incident.closed_at
        return judged.incident.state is not State.CLEAR and closed_at is not None and closed_at > self.now - RECENT

    def batch(self, change: Change) -> Batch:
        """How a change is written: records, notices, and the lists that follow from it."""
        windows = {window.id: window for window in self._engine.windows}
        touched = {
            fact.window.id if isinstance(fact, facts.WindowAdded) else fact.window
            for fact in change.found
            if isinstance(fact, facts.WindowAdded | facts.WindowEnded)
        }
        return Batch(
            records=change.records,
            notices=[_notice(record) for record in change.records if record.kind in self._setup.notify],
            windows=[
                StoredWindow(id_, windows[id_].start, windows[id_].end, json.dumps(asdict(windows[id_])))
                for id_ in sorted(touched)
            ],
            policies={fact.version: fact.text for fact in change.found if isinstance(fact, facts.PolicySelected)},
        )


def _notice(record: Record) -> Message:
    body = {"kind": record.kind, "incident": record.incident, "at": record.at, "body": json.loads(record.body)}
    return Message(record.key, record.at, json.dumps(body, sort_keys=True))


def joined(one: Batch, other: Batch) -> Batch:
    """Two batches as one, the first before the second."""
    return replace(
        one,
        records=(*one.records, *other.records),
        notices=(*one.notices, *other.notices),
        taken=(*one.taken, *other.taken),
        windows=tuple({window.id: window for window in (*one.windows, *other.windows)}.values()),
        policies={**one.policies, **other.policies},
    )
