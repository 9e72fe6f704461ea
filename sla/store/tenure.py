"""Keeps the lease of a process: who judges, and since when it must not rely on it any more."""

from collections.abc import Callable

from sla.store.base import Lease, Store

TTL = 15.0
"""Seconds after which another may take over from a leader that says nothing."""
_RENEW = 1 / 3
_DOUBT = 2 / 3


class Tenure:
    """Takes the lease whenever it is free, and prolongs it.

    ``holder`` is unique to the life of a process, ``monotonic`` gives seconds that never step. Call ``renew`` at every
    turn of the loop, at least every ttl / 3 seconds, and look at ``lease`` before each decision: it is None as soon as
    the last success is two thirds of the ttl old, so this process steps down before another one may step up. Should it
    be frozen in between, the store refuses what it writes.
    """

    def __init__(self, store: Store, holder: str, *, monotonic: Callable[[], float], ttl: float = TTL) -> None:
        self._store = store
        self._holder = holder
        self._monotonic = monotonic
        self._ttl = ttl
        self._lease: Lease | None = None
        self._since = 0.0

    @property
    def lease(self) -> Lease | None:
        """The lease to write with; None for a follower. With a new epoch, read the log again before judging."""
        if self._lease is not None and self._monotonic() - self._since >= self._ttl * _DOUBT:
            self._lease = None
        return self._lease

    def renew(self) -> Lease | None:
        """Takes or prolongs the lease if it is time to. Raises Unavailable, without giving up what is held."""
        before = self._monotonic()
        if self._lease is None or before - self._since >= self._ttl * _RENEW:
            got = self._store.acquire(self._holder, self._ttl)
            self._lease, self._since = got, before
        return self.lease

    def fenced(self) -> None:
        """A write was refused: this process follows."""
        self._lease = None

    def resign(self) -> None:
        """Gives the lease back, so that another one need not wait for its end. Raises Unavailable."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._store.release(lease)
