"""The section ``ways``: rules of one's own by which machines are known to be governed by a tool."""

import re
from collections.abc import Mapping
from typing import Any

from exporter import configvalues as values
from exporter import wayrule
from exporter.configparts import members
from exporter.configvalues import BadValueError
from exporter.configyaml import Field, Reader, scalar
from exporter.wayrule import WayRule

MOST_RULES = 200
MOST_WAYS = 32
"""Ways that the configuration may add: each is a series of every vCenter."""

_LONGEST = 200
_WAY = re.compile(r"[a-z][a-z0-9_]{0,31}")


def way(value: object) -> str:
    """The name of a way, which becomes a label value."""
    if not _WAY.fullmatch(values.text(value)):
        raise BadValueError("is not a name of a way; use 1 to 32 of a-z, 0-9 and '_', and begin with a letter")
    if value in {wayrule.UNKNOWN, wayrule.EXTENSION}:
        raise BadValueError("is the name of a way that no rule can give; choose another")
    return values.text(value)


def glob(value: object) -> str:
    """A shell glob."""
    if len(values.text(value)) > _LONGEST:
        raise BadValueError(f"is longer than {_LONGEST} characters; write a shorter glob")
    return values.text(value)


_glob = scalar(glob)
ATTRIBUTE_KEYS: Mapping[str, Reader] = {"name": _glob, "value": _glob}


def _attribute(field: Field) -> tuple[str, str]:
    given = members(ATTRIBUTE_KEYS, field.section(ATTRIBUTE_KEYS))
    if "name" not in given:
        raise field.error("is missing; add the name of the custom attribute", member="name")
    return given["name"], given.get("value", "*")


def _folder(field: Field) -> str:
    written = _glob(field).rstrip("/")
    if not written.startswith(("/", "*")):
        raise field.error("is not an inventory path; write for example /DC0/vm/terraform")
    return written


WAY_KEYS: Mapping[str, Reader] = {
    "way": scalar(way),
    "extension": _glob,
    "annotation": _glob,
    "attribute": _attribute,
    "folder": _folder,
    "tag": _glob,
    "vm": _glob,
}


def _rule(field: Field) -> WayRule:
    found = field.section(WAY_KEYS)
    given: dict[str, Any] = members(WAY_KEYS, found)
    if "way" not in given:
        raise field.error("is missing; add the way that such a machine goes, such as terraform", member="way")
    if len(given) == 1:
        conditions = ", ".join(key for key in WAY_KEYS if key != "way")
        raise field.error(f"is for every machine; add at least one of {conditions}")
    return WayRule(name=field.key, **given)


def check_untagged(field: Field | None) -> None:
    """Without a vCenter whose tags are read, no rule may ask for them."""
    for item in field.items() if field is not None else ():
        if (tag := item.members().get("tag")) is not None:
            raise tag.error("asks for tags, but no vCenter has them read; add tags: true to one under vcenters")


def ways(field: Field) -> tuple[WayRule, ...]:
    """The whole section: rules in the order of the file."""
    items = field.items()
    if len(items) > MOST_RULES:
        raise field.error(f"has more than {MOST_RULES} rules; put some together by globs")
    rules = tuple(map(_rule, items))
    added = {rule.way for rule in rules} - set(wayrule.BUILT_IN)
    if len(added) > MOST_WAYS:
        raise field.error(f"names more than {MOST_WAYS} ways of its own; put some together")
    return rules
