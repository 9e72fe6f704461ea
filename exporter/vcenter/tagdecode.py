"""Replies of vCenter's Automation API about tags: bytes -> values. Pure.

The structures are those of the vSphere Automation API reference: ``cis/session``, ``cis/tagging/tag`` (Tag.Info),
``cis/tagging/category`` (Category.Info), ``cis/tagging/tag-association`` (TagAssociation.ObjectToTags). The form of 6.5
and 6.7, below ``/rest``, wraps every result in ``{"value": ...}``; that of 7.0 and later, below ``/api``, does not.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from exporter.errors import BadReply


class TagName(NamedTuple):
    """A tag: its name, and the id of its category."""

    name: str
    category: str


def session_id(content: bytes) -> str:
    """The id of a new session, which goes into a header: printable ASCII without spaces."""
    found = _text(_result(content), "the id of the session")
    if not found.isascii() or not found.isprintable() or not found.strip() or " " in found:
        raise BadReply("the id of the session is not one that a header can hold")
    return found


def tag(content: bytes) -> TagName:
    """A tag."""
    found = _mapping(_result(content), "the tag")
    return TagName(_text(found.get("name"), "the tag's name"), _text(found.get("category_id"), "the tag's category_id"))


def category(content: bytes) -> str:
    """The name of a category."""
    return _text(_mapping(_result(content), "the category").get("name"), "the category's name")


def attached(content: bytes) -> Mapping[str, tuple[str, ...]]:
    """Ids of tags by managed object id, of all objects that the reply names."""
    return dict(_pair(one) for one in _items(_result(content), "the list of objects"))


def _pair(one: object) -> tuple[str, tuple[str, ...]]:
    found = _mapping(one, "an object with its tags")
    its = _mapping(found.get("object_id"), "object_id")
    ids = _items(found.get("tag_ids"), "tag_ids")
    return _text(its.get("id"), "object_id.id"), tuple(_text(one, "an id in tag_ids") for one in ids)


def _result(content: bytes) -> object:
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        raise BadReply("the reply is not JSON; something else than vCenter's Automation API answers there") from None
    return found["value"] if isinstance(found, dict) and found.keys() == {"value"} else found


def _mapping(found: object, what: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise BadReply(f"{what} is not an object; this is not what the API reference of vSphere says")
    return found


def _items(found: object, what: str) -> list[object]:
    if found is None:  # Go's encoding of an empty list, as govmomi's simulator sends it
        return []
    if not isinstance(found, list):
        raise BadReply(f"{what} is not a list; this is not what the API reference of vSphere says")
    return found


def _text(found: object, what: str) -> str:
    if not isinstance(found, str) or not found:
        raise BadReply(f"{what} is missing; this is not what the API reference of vSphere says")
    return found
