"""QueryPerf replies by a real XML parser: the always-correct reader, which teaches the fast one. Pure.

Reads both formats of the vSphere API reference, PerfEntityMetric (normal) and PerfEntityMetricCSV, in any namespace
prefix, with CDATA, entities and elements it does not know.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

from exporter.errors import BadReply
from exporter.vcenter import faults

_VIM = "urn:vim25 "
_XSI_TYPE = "http://www.w3.org/2001/XMLSchema-instance type"
_SOAP_FAULT = "http://schemas.xmlsoap.org/soap/envelope/ Fault"
_COUNTER = re.compile(r"[0-9]{1,10}")
_NUMBERS = re.compile(r"(?:-?[0-9]+(?:,-?[0-9]+)*)?")
_EXCERPT = 60
_SLICE = 64 * 1024


class Series(NamedTuple):
    """One series of an entity: the counter's id on this vCenter, and the instance ("" is the aggregate)."""

    counter: int
    instance: str


class Block(NamedTuple):
    """What one reply says of one entity.

    ``times`` is sampleInfoCSV as vCenter writes it (``20,2026-11-22T10:00:20Z,20,2026-...``), oldest first.
    ``values[i]`` belongs to ``series[i]``: integers as text, separated by commas, one per time; empty where there is
    none; -1 where vCenter has no sample. A series may be shorter than ``times``. ``plain`` is true where it is known
    that each value is one integer that is not negative.
    """

    moid: str
    series: tuple[Series, ...]
    times: bytes
    values: list[bytes]
    plain: bool = False


def parse(document: bytes) -> list[Block]:
    """All blocks of a QueryPerf reply; raises as ``iterate`` does."""
    return list(iterate(document))


def iterate(document: bytes) -> Iterator[Block]:
    """The blocks of a QueryPerf reply, as they become whole; between two of them the caller may do something else.

    Raises Fault for a SOAP fault (whatever the HTTP status was), BadReply where the document is not well-formed, is not
    a QueryPerfResponse, or holds a value that is not an integer.
    """
    reader = _Reader()
    for start in range(0, len(document), _SLICE):
        _feed(reader, document[start : start + _SLICE], last=False)
        yield from reader.blocks
        reader.blocks.clear()
    _feed(reader, b"", last=True)
    if reader.fault:
        fault = faults.parse(document)
        if fault is not None:
            raise fault
    if not reader.answered:
        raise BadReply("the reply holds no QueryPerfResponse; check that the URL is the vCenter's /sdk")


def _feed(reader: "_Reader", data: bytes, *, last: bool) -> None:
    try:
        reader.parser.Parse(data, last)
    except (ExpatError, LookupError, ValueError) as error:  # the latter two for an encoding that Python cannot give it
        raise BadReply(
            f"QueryPerf reply is not well-formed XML ({error}); it may have been cut off or come from a proxy"
        ) from error


class _Reader:
    """Expat callbacks. An element counts only at its exact path, so unknown elements and their content fall away."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.answered = False
        self.fault = False
        self._path = [""]
        self._text: list[str] = []
        self.parser = ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self._begins = {"/value": self._series_begin, "/sampleInfo": self._sample_begin}
        self._ends = {
            "/entity": self._entity,
            "/sampleInfoCSV": self._times_csv,
            "/sampleInfo/timestamp": self._timestamp,
            "/sampleInfo/interval": self._interval,
            "/sampleInfo": self._sample,
            "/value/id/counterId": self._counter,
            "/value/id/instance": self._instance,
            "/value/value": self._value,
            "/value": self._series_end,
            "": self._block,
        }

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._text.clear()
        if name == _VIM + "QueryPerfResponse" and not self.answered:
            self.answered = True
            self._path.append(_VIM)
            return
        self.fault = self.fault or name == _SOAP_FAULT
        parent = self._path[-1]
        if parent == _VIM and name == _VIM + "returnval":
            self._path.append(_VIM + "/")
            self._begin(attributes.get(_XSI_TYPE, ""))
        elif parent.startswith(_VIM + "/") and name.startswith(_VIM):
            self._path.append(f"{parent}/{name[len(_VIM) :]}")
            begin = self._begins.get(self._path[-1][len(_VIM) + 1 :])
            if begin is not None:
                begin()
        else:
            self._path.append("")

    def _begin(self, kind: str) -> None:
        if kind.rpartition(":")[2] not in {"PerfEntityMetric", "PerfEntityMetricCSV"}:
            raise BadReply(f"QueryPerf reply holds a {kind[:_EXCERPT] or 'value without type'}, not a PerfEntityMetric")
        self._moid = ""
        self._samples: list[str] = []
        self._series: list[Series] = []
        self._values: list[bytes] = []

    def _series_begin(self) -> None:
        self._counter_id = self._instance_name = ""
        self._numbers: list[str] = []

    def _end(self, _name: str) -> None:
        path = self._path.pop()
        if path.startswith(_VIM + "/"):
            handler = self._ends.get(path[len(_VIM) + 1 :])
            if handler is not None:
                handler("".join(self._text))
        self._text.clear()

    def _entity(self, text: str) -> None:
        self._moid = text.strip()

    def _times_csv(self, text: str) -> None:
        self._samples = [text.strip()] if text.strip() else []

    def _sample_begin(self) -> None:
        self._timestamp_text = self._interval_text = ""

    def _timestamp(self, text: str) -> None:
        self._timestamp_text = text.strip()

    def _interval(self, text: str) -> None:
        self._interval_text = text.strip()

    def _sample(self, _text: str) -> None:
        self._samples.append(f"{self._interval_text},{self._timestamp_text}")

    def _counter(self, text: str) -> None:
        self._counter_id = text.strip()

    def _instance(self, text: str) -> None:
        self._instance_name = text

    def _value(self, text: str) -> None:
        self._numbers.append(text.strip())

    def _series_end(self, _text: str) -> None:
        numbers = ",".join(self._numbers)
        if not _COUNTER.fullmatch(self._counter_id) or not _NUMBERS.fullmatch(numbers):
            raise BadReply(f"QueryPerf reply for {self._moid}: {numbers[:_EXCERPT]!r} is not a list of integers")
        self._series.append(Series(int(self._counter_id), self._instance_name))
        self._values.append(numbers.encode())

    def _block(self, _text: str) -> None:
        times = ",".join(self._samples).encode()
        self.blocks.append(Block(self._moid, tuple(self._series), times, self._values))


def _refuse_doctype(*_: object) -> None:
    raise BadReply("the reply holds a document type declaration, which SOAP 1.1 (section 3) forbids")
