"""YAML text -> nodes that know where they stand, and single values out of them. Pure; every error names file and key.

Scalars are read by what is asked for, not by what YAML takes them for: ``on``, ``08:00`` and ``2026-12-25`` are text.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import yaml

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_MAX_DEPTH = 12


class PolicyError(ValueError):
    """The policy cannot be used. The message names file, line and key, what is wrong, and what to write."""


class _Loader(yaml.SafeLoader):
    """One document without anchors, aliases and tags, not nested deeply."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node. Raises MarkedYAMLError."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if event.anchor is not None or getattr(event, "tag", None) is not None or self.depth == _MAX_DEPTH:
            problem = "anchors, aliases, tags and deep nesting are not accepted; write the value out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file ``file``: the dotted ``key`` and ``line`` where it stands."""

    file: str
    key: str
    line: int
    node: yaml.Node

    def error(self, problem: str) -> PolicyError:
        """``problem`` (``what is wrong; what to do``) of this value."""
        return PolicyError(f"{self.file}:{self.line}: {self.key}{': ' if self.key else ''}{problem}")

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.node, yaml.MappingNode)

    def members(self, known: Collection[str] | None = None) -> "dict[str, Node]":
        """The values of this mapping by key; with ``known``, no other keys. Raises PolicyError."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("must be a mapping; write keys and values")
        found: dict[str, Node] = {}
        for key_node, node in self.node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            member = Node(self.file, f"{self.key}.{key}".removeprefix("."), line, node)
            if not isinstance(key_node, yaml.ScalarNode) or not _NAME.fullmatch(key):
                raise self.error(f"has a key in line {line} that is no plain word; remove it")
            if key in found:
                raise member.error(f"is there twice, first in line {found[key].line}; remove one")
            if known is not None and key not in known:
                raise member.error(f"unknown key; {nearest(key, known)}")
            found[key] = member
        return found

    def items(self) -> "list[Node]":
        """The entries of this list; a single value counts as a list of one. Raises PolicyError."""
        if isinstance(self.node, yaml.ScalarNode):
            return [self]
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("must be a list; write [a, b]")
        return [
            Node(self.file, f"{self.key}[{index}]", node.start_mark.line + 1, node)
            for index, node in enumerate(self.node.value)
        ]

    def text(self) -> str:
        """A value in one line. Raises PolicyError."""
        if not isinstance(self.node, yaml.ScalarNode) or not str(self.node.value).strip():
            raise self.error("must be text; write a value or remove the key")
        return str(self.node.value)

    def name(self) -> str:
        """A plain word. Raises PolicyError."""
        if not _NAME.fullmatch(self.text()):
            raise self.error("is not a name; use up to 63 letters, digits, '_', '.' and '-'")
        return self.text()

    def one_of(self, words: Iterable[str]) -> str:
        """One of the words. Raises PolicyError."""
        known = list(words)
        if self.text() not in known:
            raise self.error(f"is not known; {nearest(self.text(), known)}")
        return self.text()

    def seconds(self, low: float, high: float) -> float:
        """A time such as ``90``, ``30m``, ``2h``, from ``low`` to ``high`` seconds. Raises PolicyError."""
        match = _DURATION.fullmatch(self.text())
        if not match:
            raise self.error("is not a time; write seconds, or a number and ms, s, m, h or d, such as 30m")
        seconds = float(match[1]) * _SECONDS[match[2]]
        if not low <= seconds <= high:
            raise self.error(f"is out of range; write a time from {low:g}s to {high:g}s")
        return seconds

    def number(self) -> float:
        """A number. Raises PolicyError."""
        if not _NUMBER.fullmatch(self.text()):
            raise self.error("is not a number; write one without exponent, such as 0 or 0.95")
        return float(self.text())

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``. Raises PolicyError."""
        text = self.text()
        if not text.isdecimal() or not low <= int(text[:16]) <= high:
            raise self.error(f"must be a whole number from {low} to {high}")
        return int(text)

    def boolean(self) -> bool:
        """``true`` or ``false``. Raises PolicyError."""
        return self.one_of(("true", "false")) == "true"


def parse(text: str, file: str) -> Node:
    """The document in ``text``; ``file`` is what errors call it. Raises PolicyError."""
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{file}:{line}: is not YAML that is accepted ({error.problem}); correct this line") from None
    except yaml.reader.ReaderError:
        raise PolicyError(f"{file}:1: contains a control character; remove it") from None
    if node is None:
        raise PolicyError(f"{file}:1: the file is empty; write classes: with at least one class")
    return Node(file, "", node.start_mark.line + 1, node)


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word."""
    names = sorted(known)
    close = get_close_matches(word.lower().replace("-", "_"), names, n=1)
    return f"did you mean {close[0]}?" if close else f"use one of: {', '.join(names)}"
