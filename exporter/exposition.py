"""Values -> exposition text, in Prometheus text format 0.0.4 and OpenMetrics 1.0. Pure; client_python is its oracle."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum

from prometheus_client.utils import floatToGoString

from exporter.model import Family, Row

_go: Callable[[float], str] = floatToGoString

_LONGEST = 19
"""Digits of the greatest value of a sample, an xsd:long."""


class Format(Enum):
    """The two exposition formats, by the content type that announces them."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Scale(dict[bytes, bytes]):
    """Integer text of a sample -> exposition text with its line feed, computed once per distinct text.

    The value is ``integer * multiply / divide``, written as client_python and Go write floats. An empty text (no
    sample) stays empty. The table is emptied when it holds ``limit`` texts, which bounds its memory. A text that no
    64-bit integer can have is NaN.
    """

    def __init__(self, multiply: int = 1, divide: int = 1, *, limit: int = 200_000) -> None:
        super().__init__({b"": b""})
        self._multiply = multiply
        self._divide = divide
        self._limit = limit

    def __missing__(self, text: bytes) -> bytes:
        if len(self) >= self._limit:
            self.clear()
            self[b""] = b""
        value = int(text) * self._multiply / self._divide if len(text) <= _LONGEST else math.nan
        line = self[text] = number(value) + b"\n"
        return line


def number(value: float) -> bytes:
    """A float as client_python writes it."""
    # Below a million Go writes no exponent, so that Python's own word is right (client_python, floatToGoString).
    return (repr(float(value)) if -1e6 < value < 1e6 else _go(value)).encode()


def label_pairs(labels: Iterable[tuple[str, str]]) -> str:
    """``a="1",b="2"`` in order of name, values escaped (Prometheus text format: backslash, quote and line feed)."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in sorted(labels))


def escape(value: str) -> str:
    """A label value as both formats want it between quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value


def header(family: Family, form: Format) -> bytes:
    """The HELP and TYPE lines of a family. An info family is a gauge named ``_info`` in both formats."""
    name, kind, text = family.name, family.kind, family.help.replace("\\", "\\\\").replace("\n", "\\n")
    if form is Format.OPENMETRICS:
        text = text.replace('"', '\\"')
        name = name.removesuffix("_total") if kind == "counter" else name
    kind = "gauge" if kind == "info" else kind
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n".encode()


def lines(family: Family, rows: Iterable[Row]) -> bytes:
    """The series of one family, without its header."""
    return b"".join([_line(family.name, label_pairs(row.labels), row.value) for row in rows])


Bodies = tuple[Mapping[Family, bytes], Mapping[Family, int]]
"""The series of each family without its header, and how many they are."""


def bodies(rows: Iterable[tuple[Family, Row]]) -> Bodies:
    """The rows by family, as a source publishes them."""
    found: dict[Family, list[Row]] = {}
    for family, row in rows:
        found.setdefault(family, []).append(row)
    return {family: lines(family, its) for family, its in found.items()}, {f: len(its) for f, its in found.items()}


def _line(name: str, labels: str, value: float) -> bytes:
    return (
        f"{name}{{{labels}}} ".encode() + number(value) + b"\n"
        if labels
        else f"{name} ".encode() + number(value) + b"\n"
    )


def page(sources: Sequence[Mapping[Family, bytes]], form: Format) -> Iterator[bytes]:
    """The whole page in chunks: each family once, with the lines of every source under one header.

    A family without any line is left out. OpenMetrics' end mark is not part of it: other text may follow.
    """
    order: dict[str, Family] = {}
    found: dict[str, list[bytes]] = {}
    for source in sources:
        for family, body in source.items():
            if body:
                order.setdefault(family.name, family)
                found.setdefault(family.name, []).append(body)
    for name in sorted(order):
        yield header(order[name], form)
        yield from found[name]
