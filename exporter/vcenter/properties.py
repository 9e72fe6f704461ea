"""Replies of the PropertyCollector: bytes -> object updates. Pure.

Reads WaitForUpdatesEx (UpdateSet) and RetrievePropertiesEx with its continuation (RetrieveResult), in any namespace
prefix. Each object's XML is reduced by readers and dropped as soon as it is complete, so a page costs little memory.
"""

import sys
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from exporter.errors import BadReply
from exporter.vcenter import faults
from exporter.vcenter.readers import VIM, Reader, string, type_of

Readers = Mapping[str, Mapping[str, Reader]]
"""vSphere type -> property path -> its reader: what was asked for."""

SLICE = 64 * 1024
"""Bytes decoded between two steps: about 5 ms on a slow core."""

_OBJECTS = frozenset({VIM + "objectSet", VIM + "objects"})
_NAME, _OP, _VALUE = VIM + "name", VIM + "op", VIM + "val"
_CHANGES = frozenset({VIM + "changeSet", VIM + "propSet"})
_ANSWERS = frozenset(
    {
        VIM + "WaitForUpdatesExResponse",
        VIM + "RetrievePropertiesExResponse",
        VIM + "ContinueRetrievePropertiesExResponse",
    }
)
_REMOVALS = frozenset({"remove", "indirectRemove"})  # PropertyChangeOp


class ObjectUpdate(NamedTuple):
    """What a reply says of one object.

    ``kind`` is enter, modify or leave (ObjectUpdateKind); an object that was retrieved enters. ``values`` has the new
    value of each property asked for, None where it is now unset. ``nested`` are changed paths inside a property asked
    for as a whole: only reading that property again tells its value. ``missing`` are properties that the server would
    not give, with the name of its fault (``NoPermission``), and those whose text makes no sense (``unreadable``).
    """

    kind: str
    type: str
    moid: str
    values: Mapping[str, Any]
    nested: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The objects of a reply. ``version`` is to be sent with the next WaitForUpdatesEx, at once where ``truncated``.

    ``token`` asks for the rest of a RetrievePropertiesEx. ``version`` and ``token`` are empty where there is none: the
    wait ended without an update, or all was retrieved.
    """

    objects: tuple[ObjectUpdate, ...] = ()
    version: str = ""
    truncated: bool = False
    token: str = ""


def decode(body: bytes, readers: Readers, *, size: int = SLICE) -> Generator[None, None, Reply]:
    """Decodes one reply in steps: each ``next`` decodes ``size`` bytes; the generator's return value is the Reply.

    Raises the Fault the reply holds; BadReply where it is not well-formed XML or no reply of the PropertyCollector.
    """
    fault = faults.parse(body)
    if fault is not None:
        raise fault
    collected = _Collected(readers)
    parser: XMLPullParser[Element] = XMLPullParser(("end",))
    try:
        for start in range(0, len(body), size):
            parser.feed(body[start : start + size])
            collected.take(parser)
            yield
        parser.close()
    except ParseError as error:
        raise BadReply(f"the PropertyCollector's reply is not well-formed XML ({error}); it was cut short") from error
    collected.take(parser)
    return collected.reply()


class _Collected:
    """What was read so far. An object's elements are dropped once they are read."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._objects: list[ObjectUpdate] = []
        self._answer: Element | None = None

    def take(self, parser: "XMLPullParser[Element]") -> None:
        for _, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
            tag = element.tag
            if tag in _OBJECTS:
                self._objects.append(_object(element, self._readers))
                element.clear()
            elif tag in _ANSWERS:
                self._answer = element

    def reply(self) -> Reply:
        if self._answer is None:
            raise BadReply("the reply is none of the PropertyCollector's; check that the URL is the vCenter's /sdk")
        result = self._answer.find(VIM + "returnval")
        if result is None:
            return Reply()
        return Reply(
            objects=tuple(self._objects),
            version=string(result, "version") or "",
            truncated=string(result, "truncated") in {"true", "1"},
            token=string(result, "token") or "",
        )


def _object(element: Element, readers: Readers) -> ObjectUpdate:
    """An ObjectUpdate or ObjectContent of the API."""
    reference = element.find(VIM + "obj")
    if reference is None or not reference.text:
        raise BadReply("the PropertyCollector's reply holds an object without id; a proxy may have changed it")
    kind = string(element, "kind") or "enter"
    wanted = readers.get(reference.get("type", ""), {})
    values: dict[str, Any] = {}
    nested: list[str] = []
    missing = [_missing(entry) for entry in element.iterfind(VIM + "missingSet")]
    for change in element:
        if change.tag not in _CHANGES:
            continue
        path = change.findtext(_NAME) or ""
        reader = wanted.get(path)
        if reader is None:
            nested.append(path)
            continue
        value = change.find(_VALUE)
        try:
            values[path] = None if value is None or change.findtext(_OP) in _REMOVALS else reader(value)
        except (ValueError, LookupError):
            values[path] = None
            missing.append((path, "unreadable"))
    return ObjectUpdate(
        kind, sys.intern(reference.get("type", "")), reference.text, values, tuple(nested), tuple(missing)
    )


def _missing(entry: Element) -> tuple[str, str]:
    """MissingProperty: the path and the fault's type."""
    fault = entry.find(VIM + "fault")
    cause = None if fault is None else fault.find(VIM + "fault")
    return (string(entry, "path") or "", "" if cause is None else type_of(cause))
