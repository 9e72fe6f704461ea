"""The section ``rules``: thresholds of alerts that are not the built-in ones."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from exporter import configvalues as values
from exporter.configvalues import BadValueError
from exporter.configyaml import Field, Reader, scalar
from exporter.thresholds import Thresholds

_LONGEST = 365 * 86400.0
_MOST = 1e12


def ratio(value: object) -> float:
    """A share between 0 and 1, both excluded."""
    found = number(value)
    if not 0 < found < 1:
        raise BadValueError("is not a share; write a number between 0 and 1, such as 0.8 for 80 %")
    return found


def number(value: object) -> float:
    """A number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadValueError("is not a number; write one such as 3 or 0.5")
    if not 0 <= value <= _MOST:
        raise BadValueError("is out of range; write a number from 0 to 1e12")
    return float(value)


def _reader(name: str) -> Reader:
    if name.endswith("_ratio"):
        return scalar(ratio)
    return scalar(values.duration(0.001, _LONGEST) if name.endswith("_seconds") else number)


RULES_KEYS: Mapping[str, Reader] = {
    field.name.removesuffix("_seconds"): _reader(field.name) for field in fields(Thresholds)
}
"""What the section may hold: the names of the thresholds; a duration has its unit in its value."""
_NAMES = {field.name.removesuffix("_seconds"): field.name for field in fields(Thresholds)}


def rules(field: Field) -> Thresholds:
    """The whole section."""
    given: dict[str, Any] = {_NAMES[key]: RULES_KEYS[key](value) for key, value in field.section(RULES_KEYS).items()}
    return Thresholds(**given)
