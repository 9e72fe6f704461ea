"""vSphere data objects as light values, and their XML.

pyVmomi's tables say which type each field has; its classes are not instantiated, for they cost far more. What is built
here uses only fields that API version 6.5 has, so no client needs a reply cut down to its version.
"""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pyVmomi import VmomiSupport

NAMESPACE = "urn:vim25"


class Ref(NamedTuple):
    """A reference to a managed object: its vSphere type and managed object id."""

    kind: str
    moid: str


def moid_of(reference: Any) -> str:
    """The managed object id of one of pyVmomi's managed objects."""
    return str(reference._GetMoId())  # noqa: SLF001  pyVmomi's word for public


class Time(float):
    """An instant: seconds since the epoch."""


class Data:
    """A data object: its vSphere type name and its fields in the order of the schema. None is "not set"."""

    __slots__ = ("fields", "type")

    def __init__(self, type: str, /, **fields: Any) -> None:  # noqa: A002  positional only; the schema's word
        self.type = type
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared type: the pyVmomi class, its wire name, and whether it is an array of that."""

    cls: Any
    word: str
    many: bool

    @property
    def any_name(self) -> str:
        """The ``xsi:type`` under which a value of this type travels where anything may stand."""
        if self.many:
            return f"ArrayOf{self.word[0].upper()}{self.word[1:]}"
        return _SCALARS.get(self.word, self.word)


_SCALARS = {
    name: f"xsd:{name}" for name in ("string", "boolean", "int", "long", "short", "byte", "double", "float", "dateTime")
}


@functools.cache
def declare(cls: Any) -> Declared:
    """The declared type for a pyVmomi class."""
    many = issubclass(cls, list)
    item = cls.Item if many else cls
    if item in {VmomiSupport.ManagedMethod, VmomiSupport.PropertyPath, type}:
        return Declared(str, "string", many)
    if issubclass(item, VmomiSupport.ManagedObject):
        return Declared(item, "ManagedObjectReference", many)
    word = "anyType" if item is object else VmomiSupport.GetWsdlName(item)
    return Declared(item, str(word), many)


@functools.cache
def class_of(name: str) -> Any:
    """pyVmomi's class for a vSphere type name. Raises KeyError where there is none."""
    return VmomiSupport.GetWsdlType(NAMESPACE, name)


@functools.cache
def field(type_name: str, name: str) -> Declared:
    """The declared type of a field or property. Raises AttributeError where the type has no such field."""
    return declare(class_of(type_name)._GetPropertyInfo(name).type)  # noqa: SLF001  pyVmomi's word for public


def escape(text: str) -> str:
    """Text as XML character data."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def iso(seconds: float) -> str:
    """An instant as vCenter writes it: microseconds, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def element(tag: str, value: Any, declared: Declared) -> str:
    """A value as XML where its declared type is known: one element, or one per item of an array. None gives none."""
    out: list[str] = []
    _write(out, tag, value, declared=declared)
    return "".join(out)


def anything(tag: str, value: Any, declared: Declared) -> str:
    """A value as XML where anything may stand: an element with the ``xsi:type`` of what it is."""
    if not declared.many:
        if isinstance(value, Data):
            return element(tag, value, Declared(object, "", many=False))
        if isinstance(value, Ref):
            return f'<{tag} type="{value.kind}" xsi:type="ManagedObjectReference">{value.moid}</{tag}>'
        name = _guess(value) if declared.cls is object else declared.any_name
        return f'<{tag} xsi:type="{name}">{_text(value)}</{tag}>'
    items = element(declared.word, value, declared)
    return f'<{tag} xsi:type="{declared.any_name}">{items}</{tag}>'


def _write(out: list[str], tag: str, value: Any, *, declared: Declared) -> None:
    if value is None:
        return
    if declared.many and isinstance(value, list | tuple) and not isinstance(value, Ref):
        for item in value:
            _write_one(out, tag, item, declared=declared)
    else:
        _write_one(out, tag, value, declared=declared)


def _write_one(out: list[str], tag: str, value: Any, *, declared: Declared) -> None:
    if isinstance(value, Data):
        out.append(f"<{tag}>" if value.type == declared.word else f'<{tag} xsi:type="{value.type}">')
        for name, inner in value.fields.items():
            if inner is not None:
                _write(out, name, inner, declared=field(value.type, name))
        out.append(f"</{tag}>")
    elif isinstance(value, Ref):
        out.append(f'<{tag} type="{value.kind}">{value.moid}</{tag}>')
    elif declared.cls is object:
        out.append(f'<{tag} xsi:type="{_guess(value)}">{_text(value)}</{tag}>')
    else:
        out.append(f"<{tag}>{_text(value)}</{tag}>")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return iso(value) if isinstance(value, Time) else str(value)


def _guess(value: Any) -> str:
    """The xsd type of a plain value where nothing is declared: option values, and little else."""
    if isinstance(value, bool):
        return "xsd:boolean"
    if isinstance(value, int):
        return "xsd:int" if abs(value) < 1 << 31 else "xsd:long"
    return "xsd:dateTime" if isinstance(value, Time) else "xsd:string"
