"""What every store promises; ``tests/sla/store/test_contract.py`` holds all of them to it.

The log is the truth. A store does not know what a record means: it keeps order, keys and the lease. Writing takes the
lease, reading does not. Who has no lease (a follower, the command line) leaves messages in the inbox; the leader takes
them. Every call may come from any thread.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sla.record import Record

MAX_TEXT = 1 << 20
"""Characters that any single text of a batch may have."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record in the log: ``seq`` rises with every record (not without gaps), ``epoch`` is that of its writer."""

    seq: int
    epoch: int
    record: Record


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write. ``epoch`` rises each time another holder gets it."""

    holder: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last effective time (epoch seconds) that was reached, and the state of the clock as text."""

    at: float
    body: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """An entry of the outbox (a notification to send) or of the inbox (a wish to be judged). ``key`` is unique."""

    key: str
    at: float
    body: str


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window as it is known now; ``end`` is None while it is open. Times are epoch seconds."""

    id: str
    start: float
    end: float | None
    body: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The sum of a day (``YYYY-MM-DD``) for whatever ``key`` names."""

    day: str
    key: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is written together, all of it or nothing.

    A record, notice or policy whose key is there already is left as it is. Windows and aggregates are replaced. The
    heartbeat never goes back. ``sent`` are keys of notices (of earlier batches) that were delivered, ``taken`` keys of
    inbox messages whose meaning is in this batch.
    """

    records: Sequence[Record] = ()
    heartbeat: Heartbeat | None = None
    notices: Sequence[Message] = ()
    sent: Collection[str] = ()
    taken: Collection[str] = ()
    windows: Sequence[Window] = ()
    policies: Mapping[str, str] = field(default_factory=dict)
    aggregates: Sequence[Aggregate] = ()


class Store(Protocol):
    """The log and what belongs to it. Any call may raise Unavailable."""

    def append(self, batch: Batch, lease: Lease) -> tuple[Stored, ...]:
        """Writes a batch durably and returns the records that were new, in the order of the log.

        Raises Fenced if the lease is not, or no longer, valid, and ValueError for what no store can keep (a time that
        is not finite, a text with NUL or over the size limit): then nothing was written.
        """

    def read(
        self,
        *,
        since: int = 0,
        incident: str | None = None,
        kind: str | None = None,
        start: float | None = None,
        end: float | None = None,
    ) -> Iterator[Stored]:
        """Records with ``seq`` > since and start <= ``at`` < end, in the order of the log. Memory stays bounded."""

    def heartbeat(self) -> Heartbeat | None:
        """The last one; None if there never was one."""

    def windows(self) -> tuple[Window, ...]:
        """Every window, by start and id."""

    def policies(self) -> dict[str, str]:
        """Every policy version: its text by its id."""

    def aggregates(self, first: str, last: str) -> tuple[Aggregate, ...]:
        """Those of the days first..last, both included, by day and key."""

    def outbox(self) -> tuple[Message, ...]:
        """Notices that were not sent yet, oldest first."""

    def post(self, message: Message) -> bool:
        """Leaves a message in the inbox, without a lease; False if one with this key is there."""

    def inbox(self) -> tuple[Message, ...]:
        """Messages that were not taken yet, oldest first."""

    def acquire(self, holder: str, ttl: float) -> Lease | None:
        """Takes the lease for ``ttl`` seconds, or prolongs it; None while another holds it.

        ``holder`` must be unique to the life of a process (host name, pid and something random): a frozen process and
        its successor under the same name would both be right.
        """

    def release(self, lease: Lease) -> None:
        """Gives the lease back, if it is still this one."""

    def forget(self, before: float, *, keep: Collection[str], lease: Lease) -> int:
        """Deletes the records before ``before`` whose incident is not in ``keep``, and sent notices; how many records.

        A key that was forgotten counts as new. Raises Fenced.
        """

    def close(self) -> None:
        """Lets go of files and connections. The lease is not released."""


def check(batch: Batch) -> None:
    """Raises ValueError for what one of the stores could not keep, so that all of them refuse the same."""
    for text in _texts(batch):
        if "\x00" in text or len(text) > MAX_TEXT or not _encodable(text):
            raise ValueError(f"store: cannot keep {text[:60]!r}: NUL, a lone surrogate, or over {MAX_TEXT} characters")
    for time in _times(batch):
        if not math.isfinite(time):
            raise ValueError(f"store: {time} is not a time")


def check_holder(holder: str) -> None:
    """Raises ValueError for what is no name; the empty one stands for nobody."""
    if not holder or "\x00" in holder or len(holder) > MAX_TEXT or not _encodable(holder):
        raise ValueError(f"store: {holder[:60]!r} cannot hold a lease")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(batch: Batch) -> Iterator[str]:
    for record in batch.records:
        yield from (record.incident, record.kind, record.key, record.body)
    for notice in batch.notices:
        yield from (notice.key, notice.body)
    for window in batch.windows:
        yield from (window.id, window.body)
    for policy in batch.policies.items():
        yield from policy
    for aggregate in batch.aggregates:
        yield from (aggregate.day, aggregate.key, aggregate.body)
    yield from (*batch.sent, *batch.taken, *([batch.heartbeat.body] if batch.heartbeat else ()))


def _times(batch: Batch) -> Iterable[float]:
    yield from (record.at for record in batch.records)
    yield from (notice.at for notice in batch.notices)
    for window in batch.windows:
        yield window.start
        yield window.start if window.end is None else window.end
    if batch.heartbeat:
        yield batch.heartbeat.at
