"""Rules, Prometheus and Alertmanager in less time: every duration in their files divided by one factor.

What is divided: ``for``, ``keep_firing_for``, the intervals of groups, scrapes and evaluations, the waits of routes,
and in PromQL the ranges, steps and offsets. What is not: numbers that are seconds by their meaning alone (``> 120``),
text, names and labels.
"""

import re
from collections.abc import Mapping
from typing import Any

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
"""Milliseconds (Prometheus documentation, "Time Durations": a day is 24 hours, a year 365 days)."""

_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_PROMQL = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    rf"|\[\s*(?P<range>{_DURATION})\s*(?::\s*(?P<step>{_DURATION})?\s*)?\]"
    rf"|\boffset\s+(?P<sign>-?)\s*(?P<offset>{_DURATION})"
)
KEYS = frozenset(
    {
        *("for", "keep_firing_for", "interval"),
        *("scrape_interval", "scrape_timeout", "evaluation_interval", "out_of_order_time_window"),
        *("group_wait", "group_interval", "repeat_interval", "resolve_timeout"),
    }
)
"""The keys whose values are durations."""


def seconds(duration: str) -> float:
    """``1h30m`` -> 5400. Raises ValueError for what is no duration of Prometheus."""
    if not re.fullmatch(_DURATION, duration):
        raise ValueError(f"{duration!r} is no duration")
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(duration)) / 1000


def shorter(duration: str, factor: float) -> str:
    """The duration divided, in milliseconds, at least one; nothing stays nothing."""
    whole = seconds(duration)
    return f"{max(1, round(whole * 1000 / factor))}ms" if whole else "0s"


def promql(expression: str, factor: float) -> str:
    """The expression with every range, step and offset divided; strings stay as they are."""

    def divided(found: re.Match[str]) -> str:
        if found["text"]:
            return found["text"]
        if found["offset"]:
            return f"offset {found['sign']}{shorter(found['offset'], factor)}"
        made = shorter(found["range"], factor)
        if ":" not in found[0]:
            return f"[{made}]"
        return f"[{made}:{shorter(found['step'], factor) if found['step'] else ''}]"

    return _PROMQL.sub(divided, expression)


def compressed(content: Any, factor: float) -> Any:
    """A parsed file of rules, of Prometheus or of Alertmanager, with its durations divided."""
    if isinstance(content, Mapping):
        return {key: _entry(key, value, factor) for key, value in content.items()}
    return [compressed(each, factor) for each in content] if isinstance(content, list) else content


def _entry(key: str, value: Any, factor: float) -> Any:
    if isinstance(value, str) and key in KEYS:
        return shorter(value, factor)
    if isinstance(value, str) and key == "expr":
        return promql(value, factor)
    return compressed(value, factor)
