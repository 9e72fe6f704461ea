"""The store without a disk: for replays, for tests of the engine, and as the plainest reading of the contract."""

import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from sla.record import Record
from sla.store.base import Aggregate, Batch, Heartbeat, Lease, Message, Stored, Window, check, check_holder
from sla.store.errors import Fenced


class MemoryStore:
    """Everything in this object; several holders may compete for its lease. ``monotonic`` gives seconds."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._log: list[Stored] = []
        self._keys: set[str] = set()
        self._seq = 0
        self._heartbeat: Heartbeat | None = None
        self._windows: dict[str, Window] = {}
        self._policies: dict[str, str] = {}
        self._aggregates: dict[tuple[str, str], Aggregate] = {}
        self._outbox: dict[str, tuple[Message, bool]] = {}
        self._inbox: dict[str, Message] = {}
        self._lease = Lease("", 0)
        self._expires = 0.0

    def append(self, batch: Batch, lease: Lease) -> tuple[Stored, ...]:
        """See ``Store``."""
        check(batch)
        with self._lock:
            self._hold(lease)
            new = tuple(self._add(record, lease.epoch) for record in batch.records if record.key not in self._keys)
            if batch.heartbeat and (self._heartbeat is None or batch.heartbeat.at >= self._heartbeat.at):
                self._heartbeat = batch.heartbeat
            for notice in batch.notices:
                self._outbox.setdefault(notice.key, (notice, False))
            for key in self._outbox.keys() & set(batch.sent):
                self._outbox[key] = (self._outbox[key][0], True)
            for key in batch.taken:
                self._inbox.pop(key, None)
            self._windows |= {window.id: window for window in batch.windows}
            self._policies = {**batch.policies, **self._policies}
            self._aggregates |= {(sum_.day, sum_.key): sum_ for sum_ in batch.aggregates}
        return new

    def read(
        self,
        *,
        since: int = 0,
        incident: str | None = None,
        kind: str | None = None,
        start: float | None = None,
        end: float | None = None,
    ) -> Iterator[Stored]:
        """See ``Store``."""
        with self._lock:
            log = tuple(self._log)
        for stored in log:
            record = stored.record
            if (
                stored.seq > since
                and incident in {None, record.incident}
                and kind in {None, record.kind}
                and (start is None or start <= record.at)
                and (end is None or record.at < end)
            ):
                yield stored

    def heartbeat(self) -> Heartbeat | None:
        """See ``Store``."""
        return self._heartbeat

    def windows(self) -> tuple[Window, ...]:
        """See ``Store``."""
        with self._lock:
            return tuple(sorted(self._windows.values(), key=lambda window: (window.start, window.id)))

    def policies(self) -> dict[str, str]:
        """See ``Store``."""
        return dict(self._policies)

    def aggregates(self, first: str, last: str) -> tuple[Aggregate, ...]:
        """See ``Store``."""
        with self._lock:
            return tuple(found for key, found in sorted(self._aggregates.items()) if first <= key[0] <= last)

    def outbox(self) -> tuple[Message, ...]:
        """See ``Store``."""
        with self._lock:
            return tuple(notice for notice, sent in self._outbox.values() if not sent)

    def post(self, message: Message) -> bool:
        """See ``Store``."""
        check(Batch(notices=[message]))
        with self._lock:
            known = message.key in self._inbox
            self._inbox.setdefault(message.key, message)
        return not known

    def inbox(self) -> tuple[Message, ...]:
        """See ``Store``."""
        with self._lock:
            return tuple(self._inbox.values())

    def acquire(self, holder: str, ttl: float) -> Lease | None:
        """See ``Store``."""
        check_holder(holder)
        with self._lock:
            if holder != self._lease.holder:
                if self._lease.holder and self._monotonic() <= self._expires:
                    return None
                self._lease = Lease(holder, self._lease.epoch + 1)
            self._expires = self._monotonic() + ttl
            return self._lease

    def release(self, lease: Lease) -> None:
        """See ``Store``."""
        with self._lock:
            if lease == self._lease:
                self._lease = replace(lease, holder="")

    def forget(self, before: float, *, keep: Collection[str], lease: Lease) -> int:
        """See ``Store``."""
        with self._lock:
            self._hold(lease)
            kept = [stored for stored in self._log if stored.record.at >= before or stored.record.incident in keep]
            gone = len(self._log) - len(kept)
            self._log, self._keys = kept, {stored.record.key for stored in kept}
            self._outbox = {k: v for k, v in self._outbox.items() if not (v[1] and v[0].at < before)}
        return gone

    def close(self) -> None:
        """See ``Store``."""

    def _hold(self, lease: Lease) -> None:
        if lease != self._lease or not lease.holder or self._monotonic() > self._expires:
            raise Fenced(f"lease: {lease.holder!r} with epoch {lease.epoch} may not write (any more)")

    def _add(self, record: Record, epoch: int) -> Stored:
        self._seq += 1
        stored = Stored(self._seq, epoch, record)
        self._log.append(stored)
        self._keys.add(record.key)
        return stored
