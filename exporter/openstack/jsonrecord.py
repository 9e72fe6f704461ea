"""A JSON object of a reply, read field by field: what all decoders of OpenStack's APIs stand on. Pure.

Unknown fields are ignored and a missing optional one is None. A field of the wrong type is a BadReply that names it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from exporter.errors import BadReply

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object and where it stands, read field by field. Every method raises BadReply naming the field."""

    content: Mapping[str, Any]
    where: str = ""

    def value(self, key: str, kind: type[T] | tuple[type[T], ...], words: str, *, optional: bool = True) -> Any:
        """The field, of one of these kinds; None where it is missing or null and may be. ``words`` name the kind."""
        found = self.content.get(key)
        if found is None and optional:
            return None
        if found is None:
            return self.missing(key)
        if not isinstance(found, kind) or isinstance(found, bool) is not (kind is bool):
            raise BadReply(f"{self.where}{key} is {_words(found)}, not {words}")
        return found

    def missing(self, key: str) -> Any:
        """Says that a field is missing: raises BadReply."""
        raise BadReply(f"{self.where}{key} is missing")

    def text(self, key: str) -> str | None:
        """Text; None where it is missing, null or empty."""
        return self.value(key, str, "text") or None

    def required(self, key: str) -> str:
        """Text that must be there."""
        found: str = self.value(key, str, "text", optional=False)
        return found

    def identifier(self, key: str) -> str:
        """Text, or a number as text: ids were numbers before Compute API 2.53."""
        return str(self.value(key, (str, int), "text", optional=False))

    def count(self, key: str, *, optional: bool = True) -> int | None:
        """A whole number."""
        found: int | None = self.value(key, int, "a whole number", optional=optional)
        return found

    def number(self, key: str) -> float | None:
        """A number."""
        found = self.value(key, (int, float), "a number")
        return None if found is None else float(found)

    def flag(self, key: str) -> bool | None:
        """True or false."""
        found: bool | None = self.value(key, bool, "true or false")
        return found

    def instant(self, key: str) -> float | None:
        """A time (ISO 8601; UTC where it says no zone) in epoch seconds."""
        written = self.text(key)
        if written is None:
            return None
        try:
            moment = datetime.fromisoformat(written)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise BadReply(f"{self.where}{key} is not a time") from None

    def record(self, key: str, *, optional: bool = False) -> Any:
        """The object in a field."""
        found = self.value(key, dict, "an object", optional=optional)
        return None if found is None else Record(found, f"{self.where}{key}.")

    def records(self, key: str, *, optional: bool = False) -> "Iterator[Record]":
        """The objects of a list."""
        found = self.value(key, list, "a list", optional=optional) or []
        for index, item in enumerate(found):
            if not isinstance(item, dict):
                raise BadReply(f"{self.where}{key}[{index}] is {_words(item)}, not an object")
            yield Record(item, f"{self.where}{key}[{index}].")

    def members(self) -> "Iterator[tuple[str, Record]]":
        """All fields, which must be objects."""
        for key in self.content:
            yield key, self.record(key)


def root(body: bytes) -> Record:
    """The object that a reply is. Raises BadReply."""
    content = parsed(body)
    if not isinstance(content, dict):
        raise BadReply(f"the reply is {_words(content)}, not an object")
    return Record(content)


def parsed(body: bytes) -> Any:
    """What JSON says. Raises BadReply."""
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        raise BadReply(f"the reply is not JSON: {error.msg} at character {error.pos} of {len(body)}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, a number of thousands of digits, thousands of brackets
        raise BadReply(f"the reply is not JSON that can be read ({type(error).__name__})") from None


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


def _words(value: object) -> str:
    return _KINDS.get(type(value), "null")
