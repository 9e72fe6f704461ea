"""Durations of rules and configurations divided by a factor, and nothing else changed."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from externals import ROOT, require
from hypothesis import given
from hypothesis import strategies as st
from promql_parser import parse
from timelapse import KEYS, compressed, promql, seconds, shorter

RULES = sorted((ROOT / "alerts").glob("*.rules.yml"))
MARK = "0s"


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("1h30m", 5400), ("500ms", 0.5), ("2d", 172_800), ("1w", 604_800), ("0s", 0)]
)
def test_durations(text: str, expected: float) -> None:
    """Durations as Prometheus writes them, in seconds."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "1.5h", "-5m"])
def test_no_durations(text: str) -> None:
    """What Prometheus would not take is an error."""
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


@given(st.integers(1, 10**6), st.sampled_from(("s", "m", "h", "d")), st.integers(1, 100))
def test_a_shorter_duration(number: int, unit: str, factor: int) -> None:
    """It is the factor's part, to the millisecond, and never nothing."""
    whole = seconds(f"{number}{unit}")
    assert seconds(shorter(f"{number}{unit}", factor)) == pytest.approx(whole / factor, abs=0.00051)
    assert seconds(shorter("1ms", factor)) == 0.001


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(a_total[5m]) > 300", "rate(a_total[30000ms]) > 300"),
        ("max_over_time(a[1h:30s])", "max_over_time(a[360000ms:3000ms])"),
        ("max_over_time(a[1h:])", "max_over_time(a[360000ms:])"),
        ("a offset 10m", "a offset 60000ms"),
        ("a offset -10m", "a offset -60000ms"),
        ('a{b=~"x[5m]|offset 5m"} + a[2m]', 'a{b=~"x[5m]|offset 5m"} + a[12000ms]'),
        (r'a{b="\"[5m]"}', r'a{b="\"[5m]"}'),
        ("slo:sli_error:ratio_rate5m > 0.1", "slo:sli_error:ratio_rate5m > 0.1"),
    ],
)
def test_promql(expression: str, expected: str) -> None:
    """Ranges, steps and offsets are divided; numbers, names and strings are not."""
    assert promql(expression, 10) == expected


def leaves(content: Any, *path: str) -> dict[tuple[str, ...], Any]:
    """Every scalar with the way to it."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else None
    if pairs is None:
        return {path: content}
    return {place: leaf for key, each in pairs for place, leaf in leaves(each, *path, str(key)).items()}


def without_durations(expression: str) -> str:
    """An expression in which every duration is the same, printed by a parser of PromQL, without white space."""
    printed = re.sub(r"(?<![\w.])(\d+(ms|[smhdwy]))+(?![\w.])", MARK, parse(expression).prettify())
    return re.sub(r"\s+", "", printed)


@pytest.mark.parametrize("file", [*RULES, ROOT / "alerts/prometheus.yml", ROOT / "alerts/alertmanager.yml"])
def test_committed_files(file: Path) -> None:
    """In the files of this product durations are a tenth, expressions differ in durations alone, the rest is equal."""
    whole = leaves(yaml.safe_load(file.read_text(encoding="utf-8")))
    made = leaves(compressed(yaml.safe_load(file.read_text(encoding="utf-8")), 10))
    assert whole.keys() == made.keys()
    for place, value in whole.items():
        if place[-1] in KEYS:
            assert seconds(made[place]) == pytest.approx(seconds(value) / 10)
        elif place[-1] == "expr":
            assert without_durations(made[place]) == without_durations(value)
        else:
            assert made[place] == value


@pytest.mark.external
@pytest.mark.parametrize("file", RULES, ids=lambda file: file.name)
def test_prometheus_takes_them(file: Path, tmp_path: Path) -> None:
    """Compressed rules are rules."""
    made = tmp_path / file.name
    made.write_text(yaml.safe_dump(compressed(yaml.safe_load(file.read_text(encoding="utf-8")), 20)))
    subprocess.run([require("promtool"), "check", "rules", made], check=True, capture_output=True)
