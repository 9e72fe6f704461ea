"""A cloud's ledger of operations, kept in the database: advanced and recorded in one go."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace

from exporter.openstack.operations import Limits
from exporter.openstack.timeouts import (
    Cause,
    Ended,
    Ledger,
    Occurrence,
    Operation,
    Snapshot,
    Step,
    advance,
    begin,
)
from exporter.state import Entry, Operations, State, Tally

Outcome = tuple[str, str, str]
"""Host, operation, and cause or result."""


_FIELDS = tuple(field.name for field in fields(Operation))


class Book:
    """The operations of one cloud. Without ``state`` they are kept in memory alone."""

    def __init__(self, cloud: str, state: State | None, *, limits: Limits) -> None:
        self._cloud = cloud
        self._state = state
        self._limits = limits
        self._ledger: Ledger | None = None
        self._pairs: set[tuple[str, str]] = set()
        self._unknown: Counter[str] = Counter()
        self._tallies: tuple[dict[Outcome, int], dict[Outcome, int]] = ({}, {})

    @property
    def opened(self) -> tuple[Operation, ...]:
        """The operations in flight."""
        return tuple(self._ledger.opened.values()) if self._ledger else ()

    @property
    def tallies(self) -> tuple[Tally, Tally]:
        """Timeouts by host, operation and cause; ends by host, operation and result: since the database was made."""
        return self._tallies

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Host and operation of everything that was in flight since the start."""
        return frozenset(self._pairs)

    @property
    def unknown(self) -> Mapping[str, int]:
        """How many names were not known since the start, by action and task_state."""
        return self._unknown

    def place(self) -> tuple[float | None, tuple[str, ...]]:
        """Where reading went on before the restart: ``CloudSnapshot.mark`` and ``watched``. Raises sqlite3.Error."""
        found = self._state.operations(self._cloud) if self._state else None
        return (None, ()) if found is None else (found.mark, found.watched)

    def load(self, now: float) -> None:
        """Takes up what was recorded before; of a cloud never seen, what ended before ``now`` is history.

        Raises sqlite3.Error.
        """
        saved = self._state.operations(self._cloud) if self._state else None
        self._ledger = begin(now) if saved is None else restored(saved)
        if self._state:
            timeouts, ended = self._state.tallies(self._cloud)
            self._tallies = (dict(timeouts), dict(ended))

    def take(
        self,
        snapshot: Snapshot,
        *,
        cause: Callable[[Operation], Cause],
        mark: float | None = None,
        watched: Iterable[str] = (),
    ) -> Step:
        """Takes over a snapshot; its news. Raises sqlite3.Error, and then the same snapshot, or a later one, has them.

        ``mark`` and ``watched`` are kept for ``place``.

        Writes to the disk: belongs in a thread.
        """
        ledger = self._ledger or begin(snapshot.now)
        step = advance(ledger, snapshot, limits=self._limits, cause=cause)
        timeouts = [_timeout(found) for found in step.timed_out]
        ended = [_end(found) for found in step.ended]
        if self._state and step.ledger is not ledger:
            operations = replace(saved(step.ledger), mark=mark, watched=tuple(watched))
            self._state.record(self._cloud, operations, timeouts=timeouts, ended=ended)
        self._ledger = step.ledger
        self._pairs.update((operation.host, operation.name) for operation in step.ledger.opened.values())
        self._unknown.update(what for what, _ in step.unknown)
        for tally, entries in zip(self._tallies, (timeouts, ended), strict=True):
            _count(tally, entries)
        return step


def saved(ledger: Ledger) -> Operations:
    """A ledger as the database keeps it."""
    opened = {id_: json.dumps({name: getattr(of, name) for name in _FIELDS}) for id_, of in ledger.opened.items()}
    return Operations(seen=ledger.seen, horizon=ledger.horizon, opened=opened, ended=ledger.ended)


def restored(found: Operations) -> Ledger:
    """The ledger that was saved."""
    opened = {id_: Operation(**json.loads(text)) for id_, text in found.opened.items()}
    return Ledger(seen=found.seen, horizon=found.horizon, opened=opened, ended=found.ended)


def _timeout(found: Occurrence) -> Entry:
    of = found.operation
    return Entry(of.server, of.key, found.at, of.host, of.name, found.cause.value)


def _end(found: Ended) -> Entry:
    of = found.operation
    return Entry(of.server, of.key, found.at, of.host, of.name, found.result.value)


def _count(tally: dict[Outcome, int], entries: Iterable[Entry]) -> None:
    for entry in entries:
        key = (entry.host, entry.operation, entry.outcome)
        tally[key] = tally.get(key, 0) + 1
