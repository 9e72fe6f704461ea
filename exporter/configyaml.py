"""YAML text -> fields that know where they stand. Pure: text in, values or ``ConfigError`` out.

Every error is one sentence, ``FILE:LINE: key: what is wrong; what to do``, and quotes no value of the file, because a
secret may stand in the wrong place.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import yaml

from exporter.configvalues import BadValueError, nearest, type_name
from exporter.errors import ConfigError

_MAX_DEPTH = 16
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_WORD = re.compile(r"[\w.-]{1,64}")
_TAG = "tag:yaml.org,2002:"

In = TypeVar("In")
Out = TypeVar("Out")


class _RefusedError(Exception):
    """YAML that we do not accept although it is well formed. ``line`` counts from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


class _StrictLoader(yaml.SafeLoader):
    """Composes nodes of one document without anchors, aliases and tags, and not deeper than ``_MAX_DEPTH``."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node. Raises _RefusedError."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if event.anchor is not None:
            raise _RefusedError("anchors and aliases are not accepted; write the value out", line)
        if event.tag is not None:
            raise _RefusedError("tags are not accepted; put text that begins with '!' in quotes", line)
        if self._depth == _MAX_DEPTH:
            raise _RefusedError("is nested too deeply; compare the indentation with the documentation", line)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that is read, and the environment that it may refer to."""

    path: Path
    environ: Mapping[str, str]


def parse(text: str, origin: Origin) -> "Field":
    """The document in ``text``. Raises ConfigError where it is not one YAML document that we accept."""
    try:
        node = _StrictLoader(text).get_single_node()
    except _RefusedError as error:
        raise ConfigError(f"{origin.path}:{error.line}: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{origin.path}:{line}: {_explain(error)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{origin.path}:{line}: contains a control character; remove it") from None
    if node is None:
        raise ConfigError(f"{origin.path}:1: the file is empty; write at least one entry under vcenters")
    return Field(origin, "", node.start_mark.line + 1, node=node)


def _explain(error: yaml.MarkedYAMLError) -> str:
    # PyYAML quotes single characters, names of its tokens, and handles of tags: the last may be part of a password.
    problem = re.sub("(tag handle) .*", r"\1", f"{error.problem}")
    where = f"{error.context}, " if error.context else ""
    return f"is not YAML ({where}{problem}); correct this line or the one before it"


@dataclass(frozen=True, slots=True, repr=False)
class Field:
    """One value of the file: where it stands (dotted key, line of its key) and its YAML node, which is not printed."""

    origin: Origin
    key: str
    line: int
    node: yaml.Node

    def error(self, problem: str, *, member: str = "") -> ConfigError:
        """``problem`` (``what is wrong; what to do``) of this field, or of its missing ``member``, as an error."""
        key = ".".join(filter(None, (self.key, member)))
        return ConfigError(f"{self.origin.path}:{self.line}: {key}{': ' if key else ''}{problem}")

    def check(self, parse: Callable[[In], Out], value: In) -> Out:
        """``parse(value)``; its BadValueError becomes an error of this field."""
        try:
            return parse(value)
        except BadValueError as error:
            raise self.error(str(error)) from None

    @property
    def value(self) -> object:
        """The value of a scalar; an empty list or dict where there is a collection."""
        if not isinstance(self.node, yaml.ScalarNode):
            return [] if isinstance(self.node, yaml.SequenceNode) else {}
        text = str(self.node.value)
        kind = self.node.tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool":
            return yaml.SafeLoader.bool_values[text.lower()]
        if kind in {"int", "float"} and _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        return text

    def items(self) -> "list[Field]":
        """The entries of this list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error(f"must be a list, but is {type_name(self.value)}; write a list, or [] for none")
        return [
            Field(self.origin, f"{self.key}[{index}]", node.start_mark.line + 1, node)
            for index, node in enumerate(self.node.value)
        ]

    def members(self) -> "dict[str, Field]":
        """The entries of this mapping by key, in order; keys are text, and none is there twice."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"must be a mapping, but is {type_name(self.value)}; write keys and values")
        found: dict[str, Field] = {}
        for key_node, node in self.node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if key_node.tag == f"{_TAG}str" else None
            if not isinstance(key, str) or not _WORD.fullmatch(key):
                raise Field(self.origin, self.key, line, node).error("has a key that is not a plain word; remove it")
            field = Field(self.origin, f"{self.key}.{key}".removeprefix("."), line, node)
            if key in found:
                raise field.error(f"is there twice, first in line {found[key].line}; remove one")
            found[key] = field
        return found

    def section(self, keys: "Mapping[str, Reader]") -> "dict[str, Field]":
        """``members()`` that must all be in ``keys``."""
        found = self.members()
        for key, field in found.items():
            if key not in keys:
                raise field.error(f"unknown key; {nearest(key, keys)}")
        return found


Reader: TypeAlias = Callable[[Field], object]


def scalar(parse: Callable[[object], Out]) -> Callable[[Field], Out]:
    """A reader of one scalar; ``parse`` raises BadValueError."""
    return lambda field: field.check(parse, field.value)


def each(reader: Reader) -> Reader:
    """A reader of a list whose entries ``reader`` reads."""
    return lambda field: tuple(reader(item) for item in field.items())
