"""What a client can read: Accept and Accept-Encoding (RFC 9110, 12.5.1 and 12.5.3) -> format and compression. Pure."""

import re
from collections.abc import Iterator

from exporter.exposition import Format

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"?')
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]*)?|1(?:\.0*)?)")

_OFFERS = {
    Format.TEXT: ("text", "plain", {"0.0.4", "1.0.0"}),
    Format.OPENMETRICS: ("application", "openmetrics-text", {"1.0.0"}),
}
"""Type, subtype, and the versions that our page satisfies. ``text/plain;version=1.0.0`` is what Prometheus 3 calls
0.0.4 with UTF-8 names allowed; a page without such names is both."""

_Range = tuple[str, dict[str, str], float]


def negotiate(accept: str, accept_encoding: str) -> tuple[Format, bool]:
    """The format to answer in, and whether to gzip it.

    OpenMetrics where the client prefers it: by weight, and at equal weight by how exactly it names it. Otherwise, and
    also where it accepts neither, the text format. Gzip where the client lists it, or ``*``, and does not prefer
    identity. Parts of a header that are not well formed are ignored; nothing is raised.
    """
    ranges = list(_ranges(accept))
    openmetrics, text = _preference(Format.OPENMETRICS, ranges), _preference(Format.TEXT, ranges)
    form = Format.OPENMETRICS if openmetrics > text else Format.TEXT
    codings: dict[str, float] = {}
    for name, _, weight in _ranges(accept_encoding):
        coding = name.removeprefix("x-")  # RFC 9110, 8.4.1.3: x-gzip is gzip
        codings[coding] = max(weight, codings.get(coding, 0.0))
    gzip = codings.get("gzip", codings.get("*", 0.0))
    return form, gzip > 0 and gzip >= codings.get("identity", 0.0)


def _ranges(header: str) -> Iterator[_Range]:
    """The elements of a header: the range in lower case, its parameters, and its weight."""
    for element in _QUOTED.sub(_unquoted, header).split(","):
        name, *pairs = (part.strip() for part in element.split(";"))
        parameters = {}
        for pair in pairs:
            key, _, value = pair.partition("=")
            parameters[key.strip().lower()] = value.strip()
        weight = parameters.pop("q", "1")
        if name and _WEIGHT.fullmatch(weight):
            yield name.lower(), parameters, float(weight)


def _unquoted(match: re.Match[str]) -> str:
    """The text of a quoted string, without the characters that part elements."""
    return match[0].strip('"').replace(",", " ").replace(";", " ")


def _preference(form: Format, ranges: list[_Range]) -> tuple[float, int]:
    """The weight that the most specific matching range gives a format, and how specific that range is."""
    kind, subtype, versions = _OFFERS[form]
    found: list[tuple[int, float]] = []
    for name, parameters, weight in ranges:
        if name == f"{kind}/{subtype}":
            version = parameters.get("version")
            if version is None or version in versions:
                found.append((2 if version is None else 3, weight))
        elif name == f"{kind}/*":
            found.append((1, weight))
        elif name == "*/*":
            found.append((0, weight))
    specificity, weight = max(found, default=(0, 0.0))
    return (weight, specificity) if weight else (0.0, 0)
