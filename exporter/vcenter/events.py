"""Events by which hosts tell that they lost storage, and that it is back: XML -> frozen events -> what is lost. Pure.

``eventtalk`` asks. ESXi sends them as EventEx (vSphere API reference) with an ``eventTypeId``; the text of each, and so
the meaning of its arguments, is in vCenter's event catalogue (EventManager.description). The end of a heartbeat timeout
begins with ``esx.problem``, too. NFS says ``mount point {2} mounted as {3}``, all others name the device first.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, fromstring

from exporter import cloudcatalog as catalog
from exporter.errors import BadReply
from exporter.model import Entity, Family, Kind, Row
from exporter.vcenter import faults, readers
from exporter.vcenter.facts import HostFacts
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.readers import VIM

LOOKBACK = 24 * 3600.0
"""Seconds for which a loss is remembered, and how far back the first reading goes: one whose end was never told, as of
a device that was taken away for good, must not last for ever."""
OVERLAP = 120.0
"""Seconds by which readings overlap: a host may deliver an event late."""
MOST = 10_000
"""Losses that are kept at most; the oldest go first."""


class Meaning(NamedTuple):
    """What an event says: why storage is lost, whether it is, and which argument names the device or volume."""

    reason: str
    lost: bool
    argument: str = "1"


MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        "esx.problem.storage.apd.start": Meaning("apd", True),
        "esx.problem.storage.apd.timeout": Meaning("apd", True),
        "esx.clear.storage.apd.exit": Meaning("apd", False),
        "esx.problem.scsi.device.state.permanentloss": Meaning("pdl", True),
        "esx.problem.scsi.device.state.permanentloss.noopens": Meaning("pdl", True),
        "esx.clear.scsi.device.state.permanentloss.deviceonline": Meaning("pdl", False),
        "esx.problem.vmfs.heartbeat.timedout": Meaning("heartbeat", True),
        "esx.problem.vmfs.heartbeat.unrecoverable": Meaning("heartbeat", True),
        "esx.problem.vmfs.heartbeat.recovered": Meaning("heartbeat", False),
        "esx.problem.storage.connectivity.lost": Meaning("connectivity", True),
        "esx.clear.storage.connectivity.restored": Meaning("connectivity", False),
        "esx.problem.storage.redundancy.lost": Meaning("redundancy", True),
        "esx.problem.storage.redundancy.degraded": Meaning("redundancy", True),
        "esx.clear.storage.redundancy.restored": Meaning("redundancy", False),
        "esx.problem.vmfs.nfs.server.disconnect": Meaning("nfs", True, "3"),
        "esx.clear.vmfs.nfs.server.restored": Meaning("nfs", False, "3"),
    }
)
"""By eventTypeId: every event that is asked for."""

REASONS = tuple(dict.fromkeys(meaning.reason for meaning in MEANINGS.values()))


@dataclass(frozen=True, slots=True)
class Event:
    """EventEx of a host, by the vCenter's number. ``at`` is epoch seconds by the vCenter's clock, ``host`` an id."""

    key: int
    at: float
    type: str
    host: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Losses:
    """What is lost now: (host id, reason, device) -> since when. ``mark`` is the newest event's time.

    ``keys`` are the events seen within OVERLAP before ``mark``; ``totals`` counts events since ``start`` by type.
    """

    start: float
    mark: float
    since: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    keys: Mapping[int, float] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)


def begin(now: float) -> Losses:
    """What is known before the first reading, at ``now`` by the vCenter's clock: nothing, and where to begin."""
    return Losses(now, now - LOOKBACK)


def decode(body: bytes) -> tuple[Event, ...]:
    """The reply to QueryEvents, oldest first. Raises the Fault it holds, and BadReply where it is not such a reply."""
    fault = faults.parse(body)
    if fault is not None:
        raise fault
    try:
        answer = fromstring(body).find(f".//{VIM}QueryEventsResponse")  # noqa: S314 - faults.parse refuses a DTD
        if answer is None:
            raise BadReply("the reply is not that of QueryEvents; check that the URL is the vCenter's /sdk")
        found = [event for element in answer.iterfind(VIM + "returnval") if (event := _event(element))]
    except (ParseError, ValueError) as error:
        raise BadReply(f"the reply to QueryEvents cannot be read ({faults.clip(str(error))})") from error
    return tuple(sorted(found, key=lambda event: (event.at, event.key)))


def _event(element: Element) -> Event | None:
    """EventEx -> Event; None for an event of another type, or of no host."""
    type_ = readers.string(element, "eventTypeId") or ""
    host = element.findtext(f"{VIM}host/{VIM}host")
    at = readers.child(element, "createdTime", readers.instant)
    if type_ not in MEANINGS or not host or at is None:
        return None
    pairs = [(readers.string(pair, "key"), readers.string(pair, "value")) for pair in element.iter(VIM + "arguments")]
    arguments = {key: value or "" for key, value in pairs if key}
    return Event(int(element.findtext(VIM + "key") or 0), at, type_, host, MappingProxyType(arguments))


def take(losses: Losses, events: Iterable[Event], *, now: float) -> Losses:
    """Takes over what was read since ``losses.mark - OVERLAP``; ``now`` is by the vCenter's clock.

    An event counts once, whether it is told again or not. The end of a loss that names no device ends all of its reason
    on that host.
    """
    since, keys, totals, mark = dict(losses.since), dict(losses.keys), Tally(losses.totals), losses.mark
    for event in events:
        if event.key in keys:
            continue
        keys[event.key] = event.at
        mark = max(mark, event.at)
        totals[event.type] += event.at > losses.start
        meaning = MEANINGS[event.type]
        loss = (event.host, meaning.reason, event.arguments.get(meaning.argument, ""))
        if meaning.lost:
            since.setdefault(loss, event.at)
        elif loss[2]:
            since.pop(loss, None)
        else:
            since = {key: at for key, at in since.items() if key[:2] != loss[:2]}
    kept = {key: at for key, at in since.items() if now - at <= LOOKBACK}
    newest = sorted(kept, key=lambda key: kept[key])[-MOST:] if len(kept) > MOST else list(kept)
    recent = {key: at for key, at in keys.items() if at > mark - OVERLAP}
    return Losses(losses.start, mark, {key: kept[key] for key in newest}, recent, totals)


def current(losses: Losses, inventory: Inventory) -> Mapping[tuple[str, str, str], float]:
    """The losses of hosts that exist and have not been booted since."""

    def lasts(loss: tuple[str, str, str], at: float) -> bool:
        facts = inventory.facts.get(loss[0])
        return isinstance(facts, HostFacts) and (facts.boot_time is None or facts.boot_time < at)

    return {loss: at for loss, at in losses.since.items() if lasts(loss, at)}


def loss_rows(losses: Losses, inventory: Inventory, vcenter: str) -> Iterator[tuple[Family, Row]]:
    """How much each host has lost, by reason, 0 where nothing; what it is; and how many events there were."""
    found = current(losses, inventory)
    counts = Tally((host, reason) for host, reason, _ in found)
    for moid, entity in inventory.entities.items():
        if entity.kind is Kind.HOST:
            for reason in REASONS:
                labels = (*_labels(entity, vcenter), ("reason", reason))
                yield catalog.HOST_STORAGE_LOST, Row(labels, float(counts[moid, reason]))
    for (host, reason, device), at in sorted(found.items()):
        labels = (*_labels(inventory.entities[host], vcenter), ("reason", reason), ("device", device))
        yield catalog.HOST_STORAGE_LOST_SINCE, Row(labels, at)
    for type_ in MEANINGS:
        yield catalog.STORAGE_EVENTS, Row((("vcenter", vcenter), ("event", type_)), float(losses.totals.get(type_, 0)))


def _labels(host: Entity, vcenter: str) -> tuple[tuple[str, str], ...]:
    return (("vcenter", vcenter), ("moid", host.moid), ("host", host.name))
