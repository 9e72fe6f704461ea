"""What to ask vCenter, in which portions: entities and counters -> QueryPerf requests. Pure.

A plan is a value. Planning anew keeps every batch whose entities are unchanged, so that in the steady state the text of
each request is the very object of the cycle before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from exporter.model import Counter, Kind

MAX_XML_ELEMENTS = 450_000
"""Most elements in one request. vCenter refuses more than 500,000 ("XML document element count exceeds configured
maximum 500000"); the rest is left for envelope and growth."""

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    '<QueryPerf xmlns="urn:vim25"><_this type="PerformanceManager">{manager}</_this>{specs}</QueryPerf>'
    "</soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every entity of one kind.

    ``interval`` is the sampling period in seconds. ``newest`` asks for that many newest samples
    (PerfQuerySpec.maxSample, which vCenter honours only for the provider's own interval); None asks for a window of
    time instead.
    """

    manager: str
    kind: Kind
    counters: tuple[Counter, ...]
    instances: bool
    interval: int
    newest: int | None = None

    @property
    def elements(self) -> int:
        """XML elements that one entity adds to a request: querySpec, entity, maxSample or a window, and so on."""
        return (6 if self.newest is None else 5) + 3 * len(self.counters)


@dataclass(frozen=True, slots=True)
class Target:
    """One entity to ask for, and the window of time: after ``start``, up to and including ``end`` (epoch seconds).

    (vSphere API reference, PerfQuerySpec: startTime is exclusive, endTime inclusive, both in the server's time.)
    Raises ValueError for a window that holds no time.
    """

    type: str
    moid: str
    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"{self.moid}: the window after {self.start} up to {self.end} holds no time")


@dataclass(frozen=True, slots=True)
class Batch:
    """One request: the question, the entities, and the bytes to send. ``pairs`` counts entity x counter."""

    question: Question
    targets: tuple[Target, ...]
    request: bytes

    @property
    def pairs(self) -> int:
        """Entity x counter pairs, in which vCenter counts its limit."""
        return len(self.targets) * len(self.question.counters)


@dataclass(frozen=True, slots=True)
class Limits:
    """Most entities and most entity x counter pairs in one request; ``pairs`` None is no limit."""

    entities: int = 250
    pairs: int | None = None

    def room(self, question: Question) -> int:
        """How many entities one request may hold: at least one, whatever the limits say."""
        room = min(self.entities, MAX_XML_ELEMENTS // question.elements)
        if self.pairs is not None and question.counters:
            room = min(room, self.pairs // len(question.counters))
        return max(1, room)


def batch(question: Question, targets: Iterable[Target]) -> Batch:
    """One request for these entities."""
    targets = tuple(targets)
    return Batch(question, targets, request(question, targets))


def request(question: Question, targets: Iterable[Target]) -> bytes:
    """The SOAP envelope of QueryPerf, in csv, the format that costs least on both sides."""
    instance = "*" if question.instances else ""
    metrics = "".join(
        f"<metricId><counterId>{counter.id}</counterId><instance>{instance}</instance></metricId>"
        for counter in question.counters
    )
    newest = f"<maxSample>{question.newest}</maxSample>" if question.newest is not None else ""
    tail = f"{metrics}<intervalId>{question.interval}</intervalId><format>csv</format></querySpec>"
    specs = "".join(
        f'<querySpec><entity type="{escape(target.type)}">{escape(target.moid)}</entity>'
        f"{_window(target) or newest}{tail}"
        for target in targets
    )
    return _ENVELOPE.format(manager=escape(question.manager), specs=specs).encode()


def _window(target: Target) -> str:
    if target.start is None or target.end is None:
        return ""
    return f"<startTime>{_utc(target.start)}</startTime><endTime>{_utc(target.end)}</endTime>"


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def replan(old: Sequence[Batch], *, question: Question, wanted: Mapping[str, str], limits: Limits) -> tuple[Batch, ...]:
    """Batches for the ``wanted`` entities (moid -> vSphere type), each entity once, no batch over the limits.

    Batches whose entities are all still wanted are kept as they are; gaps are filled with new entities first; where the
    batches have become so sparse that half of them would do, everything is laid out anew.
    """
    room = limits.room(question)
    kept = [b for b in old if b.question == question and len(b.targets) <= room]
    bins = [[t for t in b.targets if wanted.get(t.moid) == t.type] for b in kept]
    placed = {target.moid for targets in bins for target in targets}
    fresh = [Target(kind, moid) for moid, kind in wanted.items() if moid not in placed]
    needed = -(-len(wanted) // room)
    if len([targets for targets in bins if targets]) >= 2 * max(needed, 1):
        return tuple(batch(question, part) for part in portions([Target(k, m) for m, k in wanted.items()], room))
    filled = []
    for before, targets in zip(kept, bins, strict=True):
        take = room - len(targets)
        now = (*targets, *fresh[:take])
        del fresh[:take]
        if now:
            filled.append(before if now == before.targets else batch(question, now))
    return (*filled, *(batch(question, part) for part in portions(fresh, room)))


def portions(targets: Sequence[Target], room: int) -> Iterator[Sequence[Target]]:
    """The targets in runs of at most ``room``."""
    for start in range(0, len(targets), room):
        yield targets[start : start + room]


def halves(whole: Batch) -> tuple[Batch, ...]:
    """The batch cut in two, or nothing where it holds a single entity."""
    middle = len(whole.targets) // 2
    if not middle:
        return ()
    return batch(whole.question, whole.targets[:middle]), batch(whole.question, whole.targets[middle:])


def narrowed(whole: Batch) -> tuple[Batch, ...]:
    """The batch in two, each asking for half of the counters."""
    counters = whole.question.counters
    middle = len(counters) // 2
    parts = [part for part in (counters[:middle], counters[middle:]) if part]
    return tuple(batch(replace(whole.question, counters=part), whole.targets) for part in parts)


def fitting(question: Question, limits: Limits) -> tuple[Question, ...]:
    """The question in as many parts as it takes for one entity to stay within the limit of pairs."""
    most = max(1, limits.pairs or len(question.counters))
    counters = question.counters
    return tuple(replace(question, counters=counters[start : start + most]) for start in range(0, len(counters), most))


def without(whole: Batch, moid: str) -> Batch | None:
    """The batch without one entity; None where nothing is left or the entity was not in it."""
    targets = tuple(target for target in whole.targets if target.moid != moid)
    return batch(whole.question, targets) if 0 < len(targets) < len(whole.targets) else None
