"""Which way a virtual machine goes. Pure: exactly one for each, and the first rule that it meets decides."""

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from exporter import wayrule
from exporter.model import Entity, Kind
from exporter.vcenter.facts import VmFacts
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.openstackmarks import COMPUTE, IMAGE_TEMPLATE, SNAPSHOT_CLONE, STORAGE, is_servers
from exporter.wayrule import WayRule
from exporter.ways.builtin import RULES
from exporter.ways.model import Governed, Governing, Verdict

Tags = tuple[str, ...]
"""``category/name`` of each tag of a machine."""

_SPECIAL = frozenset("*?[")

UNREAD = "its tags were not read, which decide "
ORPHAN = "has Nova's marks, but no cloud that is read here knows it"


def governed(
    vcenter: str,
    inventory: Inventory,
    *,
    rules: Sequence[WayRule],
    server: Callable[[str], str | None],
    tags: Callable[[str], Tags | None] = lambda _: (),
) -> Governed:
    """Every machine of an inventory, in order of its path. ``server`` and ``tags`` are of a managed object id."""
    machines = (
        governing(entity, facts, rules=rules, server=server(moid), tags=tags(moid))
        for moid, entity in inventory.entities.items()
        if entity.kind is Kind.VM and isinstance(facts := inventory.facts[moid], VmFacts)
    )
    return Governed(vcenter, tuple(sorted(machines, key=place)), ways(rules))


def place(one: Governing) -> tuple[str, str]:
    """What machines are ordered by."""
    return one.path, one.moid


def ways(rules: Iterable[WayRule]) -> tuple[str, ...]:
    """All ways that may be found: the built-in ones, then those that the configuration adds."""
    return tuple(dict.fromkeys((*wayrule.BUILT_IN, *(rule.way for rule in rules))))


def governing(
    entity: Entity, facts: VmFacts, *, rules: Sequence[WayRule], server: str | None, tags: Tags | None = ()
) -> Governing:
    """One machine with its way."""
    return Governing(
        moid=entity.moid,
        name=entity.name,
        path=entity.path,
        verdict=verdict(entity, facts, rules=rules, server=server, tags=tags),
        vcpus=facts.vcpus,
        memory_bytes=facts.memory_bytes,
    )


def verdict(
    entity: Entity, facts: VmFacts, *, rules: Sequence[WayRule], server: str | None, tags: Tags | None = ()
) -> Verdict:
    """The way of a machine. ``rules`` are those of the configuration, ``server`` Nova's server that it is, if any.

    ``tags`` None were not read: a machine that meets all else of a rule which asks for one is then unknown.

    In this order: the configuration's rules; what Nova knows; Nova's and Cinder's marks; the built-in rules; any other
    extension of vCenter; by hand. Without its configuration, of which ``config.template`` is always part, neither an
    extension nor somebody's hand can be told.
    """
    words = _words(entity, facts, tags)
    found = _first(rules, words)
    if found is None and server is not None:
        return Verdict(wayrule.NOVA, "nova.identity", f"server {server}")
    return found or _marks(entity, facts) or _first(RULES, words) or _rest(facts)


def meets(rule: WayRule, entity: Entity, facts: VmFacts, *, tags: Tags | None = ()) -> bool:
    """Whether a machine meets every condition of a rule. What is not known meets none."""
    words = _words(entity, facts, tags)
    return _meets(rule, words) and _tagged(rule, words) is True


class _Words(NamedTuple):
    """What conditions are about, letters folded; None is unknown. ``folders`` are the paths above, nearest first."""

    extension: str | None
    annotation: str | None
    vm: str
    attributes: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]
    tags: Tags | None


def _words(entity: Entity, facts: VmFacts, tags: Tags | None) -> _Words:
    attributes = facts.attributes or {}
    return _Words(
        extension=facts.managed_by[0].casefold() if facts.managed_by else None,
        annotation=facts.annotation.casefold() if facts.annotation is not None else None,
        vm=entity.name.casefold(),
        attributes=tuple((name.casefold(), value.casefold()) for name, value in attributes.items()),
        folders=tuple(_folders(entity.path.casefold())),
        tags=tuple(tag.casefold() for tag in tags) if tags is not None else None,
    )


def _first(rules: Iterable[WayRule], words: _Words) -> Verdict | None:
    for rule in rules:
        if _meets(rule, words) and (tagged := _tagged(rule, words)) is not False:
            return Verdict(rule.way, rule.name) if tagged else Verdict(wayrule.UNKNOWN, "tags", UNREAD + rule.name)
    return None


def _tagged(rule: WayRule, words: _Words) -> bool | None:
    """Whether a machine has the tag of a rule, None where that is not known."""
    if rule.tag is None:
        return True
    return None if words.tags is None else any(map(_matcher(rule.tag), words.tags))


def _meets(rule: WayRule, words: _Words) -> bool:
    """Whether a machine meets all conditions but that on its tags."""
    pairs = ((rule.extension, words.extension), (rule.annotation, words.annotation), (rule.vm, words.vm))
    return (
        all(glob is None or (text is not None and _matcher(glob)(text)) for glob, text in pairs)
        and (rule.attribute is None or _has(rule.attribute, words))
        and (rule.folder is None or any(map(_matcher(rule.folder), words.folders)))
    )


def _marks(entity: Entity, facts: VmFacts) -> Verdict | None:
    """What OpenStack's own marks say (see ``openstackmarks``)."""
    extension = facts.managed_by[0] if facts.managed_by else ""
    if extension == STORAGE or "cinder.volume.id" in (facts.options or {}):
        return Verdict(wayrule.CINDER, "cinder.marks")
    if entity.name.startswith((SNAPSHOT_CLONE, IMAGE_TEMPLATE)):
        return Verdict(wayrule.NOVA, "nova.temporary")
    # Cloning keeps extraConfig: a template that only looks like a server was made of one, and not by Nova.
    is_copy = facts.template is True and extension != COMPUTE
    return Verdict(wayrule.NOVA, "nova.marks", ORPHAN) if is_servers(entity, facts) and not is_copy else None


def _rest(facts: VmFacts) -> Verdict:
    if facts.managed_by is not None and facts.managed_by[0]:
        return Verdict(wayrule.EXTENSION, "extension", facts.managed_by[0])
    if facts.template is None:
        return Verdict(wayrule.UNKNOWN, "unreadable", "its configuration cannot be read")
    return Verdict(wayrule.HAND, "none")


def _has(wanted: tuple[str, str], words: _Words) -> bool:
    name, value = map(_matcher, wanted)
    return any(name(key) and value(text) for key, text in words.attributes)


def _folders(path: str) -> Iterable[str]:
    """The path of every folder above a machine, the nearest first."""
    while (path := path.rpartition("/")[0]) != "":
        yield path


@lru_cache(maxsize=4096)
def _matcher(glob: str) -> Callable[[str], bool]:
    """What tells whether folded text fits a glob. Nearly all are a word with or without a star at its ends, which a
    search for the word finds some hundred times faster than a pattern."""
    folded = glob.casefold()
    word = folded.strip("*")
    if not _SPECIAL & set(word):
        begins, ends = not folded.startswith("*"), not folded.endswith("*")
        if begins and ends:
            return word.__eq__
        if begins:
            return lambda text: text.startswith(word)
        return (lambda text: text.endswith(word)) if ends else (lambda text: word in text)
    # fnmatch writes what it translates so that matching takes no more than quadratic time (CPython, bpo-40480).
    pattern = re.compile(translate(folded))
    return lambda text: pattern.fullmatch(text) is not None
