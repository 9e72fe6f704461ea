"""A comparison as text for people, and as JSON for programs. Pure."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporter.checktable import clean
from exporter.drift.model import Compared, Drift
from exporter.driftkinds import LEVELS, Level

_INDENT = "  "


def text(compared: Mapping[str, Compared], *, width: int) -> str:
    """All clouds by name, the gravest first in each, and what could not be looked for."""
    return "".join(f"{line}\n" for name, one in compared.items() for line in _cloud(name, one, width))


def as_json(compared: Mapping[str, Compared], failed: Mapping[str, str]) -> str:
    """The same as one JSON object; ``failed`` are the errors of sources by name."""
    content = {"clouds": [_object(name, one) for name, one in compared.items()], "failed": dict(failed)}
    return json.dumps(content, indent=1) + "\n"


def totals(compared: Compared) -> Mapping[Level, int]:
    """How many drifts there are of each level."""
    found = dict.fromkeys(Level, 0)
    for (kind, _), count in compared.counts.items():
        found[LEVELS[kind]] += count
    return found


def _cloud(name: str, compared: Compared, width: int) -> Iterator[str]:
    counted = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in totals(compared).items())
    yield f"cloud {clean(name)}: {counted}"
    for drift in compared.drifts:
        yield ""
        yield f"{_INDENT}{drift.level.value}: {drift.kind.value}: {clean(_where(drift))}"
        yield from _filled(f"{drift.found}", width)
        yield from _filled(f"-> {drift.advice}", width)
    more = sum(compared.counts.values()) - len(compared.drifts)
    if more > 0:
        yield f"{_INDENT}and {more} more"
    if compared.unchecked:
        yield ""
        yield f"{_INDENT}not looked for:"
    for one in compared.unchecked:
        yield from _filled(f"{', '.join(one.kinds)}: {one.reason}", width)


def _where(drift: Drift) -> str:
    return f"{drift.subject} (vCenter {drift.vcenter})" if drift.vcenter else drift.subject


def _filled(sentence: str, width: int) -> Iterable[str]:
    indent = _INDENT * 2
    return textwrap.wrap(clean(sentence), width, initial_indent=indent, subsequent_indent=indent)


def _object(name: str, compared: Compared) -> dict[str, Any]:
    return {
        "cloud": name,
        "drifted": compared.is_drifted,
        "totals": {level.value: count for level, count in totals(compared).items()},
        "counts": [
            {"kind": kind.value, "vcenter": vcenter, "count": count}
            for (kind, vcenter), count in sorted(compared.counts.items())
        ],
        "findings": [
            {
                "kind": drift.kind.value,
                "level": drift.level.value,
                "vcenter": drift.vcenter,
                "subject": drift.subject,
                "found": drift.found,
                "advice": drift.advice,
            }
            for drift in compared.drifts
        ],
        "unchecked": [
            {"kinds": [kind.value for kind in one.kinds], "vcenter": one.vcenter, "reason": one.reason}
            for one in compared.unchecked
        ],
    }
