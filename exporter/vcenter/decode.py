"""QueryPerf replies: bytes -> blocks of samples. Pure; a real XML parser decides, text seen before is only recognised.

Why this is exact. In well-formed XML a ``<`` outside comments, CDATA, processing instructions and DOCTYPE can only
start a tag, so where a document in UTF-8 holds no ``<!`` and no ``<?`` but its declaration it may be cut at literal
tags. A reply for an entity is constant from cycle to cycle but for its times and values: all the text between two
values is compared, byte for byte, with text that expat has decoded before in the same envelope, and values must be
digits. Whatever differs in any way goes to expat, entity by entity, or as a whole document. Text that expat may be
given by itself is what begins with ``<returnval`` and ends with the first ``</returnval>``, and names neither that tag
nor the one around it in between: it leaves the open elements as they were.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.errors import BadReply, SourceError
from exporter.vcenter import perfxml
from exporter.vcenter.perfxml import Block, Series

_DECLARATION = re.compile(rb"""<\?xml version=["']1\.0["'](?: encoding=["'](?i:utf-8)["'])?\s*\?>""")
_START = re.compile(rb"<QueryPerfResponse[^<>]*>")
_BEGIN = b"<returnval"
# An id of printable ASCII, and times: text in which nothing is left for a parser to decode, strip or refuse.
_HEAD = re.compile(
    rb"(<returnval[^<>]*><entity[^<>]*>)([!-%'-;=?-~]+)</entity><sampleInfoCSV>([0-9A-Za-z:.,+-]*)</sampleInfoCSV>"
)
_END = b"</returnval>"
_CUT = b"</id><value>"
_NUMBERS = b"0123456789,-"
_LISTS = re.compile(rb"(?:(?:-?[0-9]+(?:,-?[0-9]+)*)?\n)*")


@dataclass(frozen=True, slots=True)
class _Shape:
    """The constant text of one entity's reply, and the series it stands for.

    ``head`` is the text before the entity's id, ``first`` that before the first value's cut, ``rests[i]`` what follows
    value ``i``, ``floor`` the fewest bytes such a reply can have.
    """

    head: bytes
    first: bytes
    rests: tuple[bytes, ...]
    series: tuple[Series, ...]
    floor: int


class _Dialect:
    """What was learnt under one envelope (its namespace prefixes are part of the meaning of every tag)."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self.before = before
        self.after = after
        self.shapes: dict[tuple[bytes, bytes, tuple[bytes, ...]], _Shape] = {}
        self.of_entity: dict[bytes, _Shape] = {}


class Decoder:
    """Decodes replies; remembers texts, so that a steady reply costs a comparison instead of a parse.

    ``parsed`` counts the entities that a real parser had to read. One decoder per vCenter; not thread-safe.
    """

    def __init__(self, *, dialects: int = 4, shapes: int = 50_000) -> None:
        self.parsed = 0
        self._dialects: dict[bytes, _Dialect] = {}
        self._most_dialects = dialects
        self._most_shapes = shapes
        self._series: dict[tuple[Series, ...], tuple[Series, ...]] = {}

    def forget(self, moids: Iterable[str]) -> None:
        """Drops what was learnt for entities that are gone."""
        for moid in moids:
            for dialect in self._dialects.values():
                dialect.of_entity.pop(moid.encode(), None)

    def blocks(self, data: bytes) -> Iterator[Block]:
        """The blocks of one reply, in its order.

        Raises BadReply where the bytes are not a QueryPerf reply, and Fault where they carry a SOAP fault; blocks
        already yielded before that are right.
        """
        dialect = self._dialect(data)
        if dialect is None:
            yield from self._parse(data)
            return
        position = len(dialect.before)
        end = len(data) - len(dialect.after)
        while position < end:
            block, position = self._next(data, position, dialect)
            if block is None:
                yield from self._parse(dialect.before + data[position:])
                return
            yield block

    def _dialect(self, data: bytes) -> _Dialect | None:
        """The envelope's dialect, or None where the document may not be cut at literal tags."""
        declaration = _DECLARATION.match(data)
        start = _START.search(data[:4096])
        end = data.rfind(b"</QueryPerfResponse>")
        text = declaration.end() if declaration else 0
        if start is None or end < start.end() or _has(b"!", data, 0) or _has(b"?", data, text):
            return None
        envelope = data[: start.end()] + data[end:]
        dialect = self._dialects.get(envelope)
        if dialect is None:
            if not _is_empty(envelope):
                return None
            while len(self._dialects) >= self._most_dialects:
                del self._dialects[next(iter(self._dialects))]
            dialect = self._dialects[envelope] = _Dialect(data[: start.end()], data[end:])
        return dialect

    def _next(self, data: bytes, position: int, dialect: _Dialect) -> tuple[Block | None, int]:
        """The block at ``position`` and the position after it; None where a parser must read on from ``position``."""
        head = _HEAD.match(data, position)
        if head is not None:
            tag, moid, times = head.groups()
            start = head.end()
            shape = dialect.of_entity.get(moid)
            end = data.find(_END, start + (shape.floor if shape else 0))
            if shape is not None and end >= 0 and shape.head == tag:
                values = _recognise(data[start:end], shape)
                if values is not None:
                    plain = b"".join(values).isdigit() and all(values)
                    if plain or _integers(values):
                        return Block(moid.decode(), shape.series, times, values, plain), end + len(_END)
        end = data.find(_END, position)
        if end < 0 or not data.startswith(_BEGIN, position):
            return None, position
        end += len(_END)
        block = self._learn(data[position:end], head, dialect=dialect)
        return block, position if block is None else end

    def _learn(self, chunk: bytes, head: re.Match[bytes] | None, *, dialect: _Dialect) -> Block | None:
        """Reads one entity anew: as a known shape of another entity, or by the parser, whose word is then kept.

        None where the chunk has no meaning by itself.
        """
        if head is None:
            return self._parse_one(chunk, dialect)
        tag, moid, times = head.groups()
        first, *pieces = chunk[head.end() - head.start() : -len(_END)].split(_CUT)
        rests = tuple(piece.lstrip(_NUMBERS) for piece in pieces)
        values = [piece[: len(piece) - len(rest)] for piece, rest in zip(pieces, rests, strict=True)]
        shape = dialect.shapes.get((tag, first, rests))
        if shape is None:
            block = self._parse_one(chunk, dialect)
            if block is None or (block.moid, block.times, block.values) != (moid.decode(), times, values):
                return block
            floor = len(first) + sum(map(len, rests)) + len(pieces) * len(_CUT)
            shape = _Shape(tag, first, rests, block.series, floor)
            if len(dialect.shapes) >= self._most_shapes:
                dialect.shapes.clear()
            dialect.shapes[tag, first, rests] = shape
        elif not _integers(values):
            raise BadReply(f"QueryPerf reply for {moid.decode()}: a value is not a list of integers")
        dialect.of_entity[moid] = shape
        return Block(moid.decode(), shape.series, times, values)

    def _parse_one(self, chunk: bytes, dialect: _Dialect) -> Block | None:
        """The block of one entity's text, or None where the text around it is needed to tell."""
        inside = chunk[len(_BEGIN) : -len(_END)]
        if b"returnval" in inside or b"QueryPerfResponse" in inside:
            return None
        blocks = list(self._parse(dialect.before + chunk + dialect.after))
        return blocks[0] if len(blocks) == 1 else None

    def _parse(self, document: bytes) -> Iterator[Block]:
        for block in perfxml.iterate(document):
            self.parsed += 1
            if len(self._series) >= self._most_shapes:
                self._series.clear()
            yield block._replace(series=self._series.setdefault(block.series, block.series))


def _has(mark: bytes, data: bytes, start: int) -> bool:
    """Whether ``<`` and ``mark`` stand together after ``start``. One byte is searched at memory speed, two are not."""
    return data.find(mark, start) >= 0 and data.find(b"<" + mark, start) >= 0


def _recognise(body: bytes, shape: _Shape) -> list[bytes] | None:
    """The body cut at the shape's text, or None where that is not possible.

    A value that is followed by other text than the shape's keeps it, and is then no list of integers.
    """
    first, *pieces = body.split(_CUT)
    if first != shape.first or len(pieces) != len(shape.rests):
        return None
    return list(map(bytes.removesuffix, pieces, shape.rests))


def _integers(values: list[bytes]) -> bool:
    """Whether each value is empty or a list of integers."""
    text = b"".join([value + b"\n" for value in values])
    return text.count(b"\n") == len(values) and _LISTS.fullmatch(text) is not None


def _is_empty(envelope: bytes) -> bool:
    """Whether the text around the entities is by itself the reply for no entity at all."""
    try:
        return not perfxml.parse(envelope)
    except SourceError:
        return False
