"""The catalogue of features: YAML -> values. The file is part of the package, and checked as it is read."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from exporter.coverage.model import Catalogue, Feature, Known, State

FULL = 100
"""What all weights add up to."""


def catalogue() -> Catalogue:
    """The catalogue that comes with the program. Reads a file of the package."""
    return parsed(files("exporter").joinpath("data", "coverage.yml").read_text(encoding="utf-8"))


def parsed(text: str) -> Catalogue:
    """The catalogue in ``text``. Raises ValueError or KeyError where it is not as it must be."""
    content: Mapping[str, Any] = yaml.safe_load(text)
    features = tuple(map(_feature, content["features"]))
    grades = tuple((str(letter), float(least)) for letter, least in content["grades"])
    if sum(feature.weight for feature in features) != FULL:
        raise ValueError(f"the weights do not add up to {FULL}")
    if len({feature.name for feature in features}) != len(features):
        raise ValueError("a feature is there twice")
    if grades != tuple(sorted(grades, key=lambda grade: -grade[1])) or grades[-1][1] != 0.0:
        raise ValueError("the grades do not go down to 0")
    return Catalogue(features, grades, str(content["reference"]))


def _feature(written: Mapping[str, Any]) -> Feature:
    return Feature(
        name=written["feature"],
        title=written["title"],
        weight=written["weight"],
        advice=written["advice"],
        operations=tuple(written.get("operations", ())),
        trait=written.get("trait", ""),
        check=written.get("check", ""),
        driver=tuple(map(_known, written["driver"])),
    )


def _known(written: Mapping[str, str]) -> Known:
    return Known(
        State(written["state"]),
        written["source"],
        since=_version(written.get("since", "0.0")),
        until=_version(written.get("until", "999.0")),
    )


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)
