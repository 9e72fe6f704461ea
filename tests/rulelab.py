"""Rules, their tests, and which labels a query yields, given those of the series that it reads."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import yaml
from externals import ROOT, require

ALERTS = ROOT / "alerts"
TARGET = frozenset({"job", "instance", "pod"})
"""What Prometheus adds to every series it scrapes; ``pod`` on Kubernetes."""
SETS = {"and", "unless"}

Labels = frozenset[str]


def rules() -> dict[str, list[dict[str, Any]]]:
    """The rules of each committed file."""
    found = {}
    for path in sorted(ALERTS.glob("*.rules.yml")):
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        found[path.name] = [rule for group in read["groups"] for rule in group["rules"]]
    return found


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    return {rule["alert"]: rule for its in rules().values() for rule in its if "alert" in rule}


def cases() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every test of rules, with its file."""
    for path in sorted((ALERTS / "tests").glob("*.yml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            yield path, case


def seconds(duration: str) -> float:
    """``1h30m`` as a number."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(float(count) * units[unit] for count, unit in re.findall(r"([\d.]+)(ms|[smhd])", duration))


def promtool(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and all that promtool says."""
    done = subprocess.run(
        [require("promtool"), *map(str, arguments)],
        cwd=ALERTS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=110, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


# --- the life of an alert in a test -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """What the tests of an alert show of it."""

    silent_before: bool = False
    told: bool = False
    gap: bool = False
    resolved: bool = False
    missing: bool = False


def lives(name: str) -> Life:
    """All that the tests of an alert show together."""
    shown = [_life(case, name) for _, case in cases()]
    return Life(*(any(getattr(life, field) for life in shown) for field in Life.__dataclass_fields__))


def _life(case: Mapping[str, Any], name: str) -> Life:
    looks = [look for look in case["alert_rule_test"] if look["alertname"] == name]
    fired = [seconds(look["eval_time"]) for look in looks if look["exp_alerts"]]
    quiet = [seconds(look["eval_time"]) for look in looks if not look["exp_alerts"]]
    if not fired:
        return Life()
    gaps, ends = _absences(case)
    return Life(
        silent_before=any(at < fired[0] for at in quiet),
        told=all(_is_told(alert, name) for look in looks for alert in look["exp_alerts"]),
        gap=any(gap < at for gap in gaps for at in (*fired, *quiet)),
        resolved=any(at > fired[0] and all(at < end for end in ends) for at in quiet),
        missing=any(at > end for at in quiet for end in ends),
    )


def _is_told(alert: Mapping[str, Any], name: str) -> bool:
    said = alert["exp_annotations"]
    words = said["summary"] and said["description"] and said["runbook_url"].endswith(f"/{name}.md")
    return bool(words) and "{{" not in json.dumps(said) and "severity" in alert["exp_labels"]


def _absences(case: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """When series come back after a scrape that failed, and when they are gone for good."""
    step, gaps, ends = seconds(case["interval"]), [], []
    for series in case["input_series"] or ():
        at, stale = 0, False
        for word in series["values"].split():
            count = _count(word)
            if word == "stale":
                ends.append(at * step)
            elif not word.startswith("_") and stale:
                gaps.append(at * step)
                ends.pop()
            stale = (stale or word == "stale") and (word == "stale" or word.startswith("_"))
            at += count
    return gaps, ends


def _count(word: str) -> int:
    """How many samples a word of promtool's notation stands for."""
    many = re.search(r"x(\d+)$", word)
    if many is None:
        return 1
    return int(many[1]) if word.startswith("_") else int(many[1]) + 1


# --- labels -----------------------------------------------------------------------------------------------------------


class LabelError(Exception):
    """A query names a metric that nobody exports, or a label that is not there."""


def parse(expression: str) -> Any:
    """The query as a tree."""
    return promql.parse(expression)


def selectors(node: Any) -> Iterator[Any]:
    """Every vector selector of a query."""
    if isinstance(node, promql.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "param", "args", "vector_selector"):
        value = getattr(node, name, None)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, promql.Expr):
                yield from selectors(inner)


def yields(node: Any, known: Callable[[str], Labels]) -> Labels:
    """The labels that the result may have. Raises LabelError for what is not there."""
    match node:
        case promql.VectorSelector():
            has = known(node.name) | TARGET
            _within({matcher.name for matcher in node.matchers.matchers}, has | {"device"}, node.name)
            return has
        case promql.AggregateExpr():
            return _aggregated(node, known)
        case promql.BinaryExpr():
            return _joined(node, known)
        case promql.Call():
            return _called(node, known)
        case _:
            inner = getattr(node, "vector_selector", None) or getattr(node, "expr", None)
            return frozenset() if inner is None else yields(inner, known)


def _within(named: set[str] | list[str], there: Labels, where: str) -> None:
    if lacking := set(named) - there:
        raise LabelError(f"{where} has no {', '.join(sorted(lacking))}")


def _aggregated(node: Any, known: Callable[[str], Labels]) -> Labels:
    inner = yields(node.expr, known)
    if node.modifier is None:
        return frozenset()
    named = set(node.modifier.labels)
    _within(named, inner, str(node.modifier))
    return frozenset(named) if str(node.modifier).startswith("by") else inner - named


def _joined(node: Any, known: Callable[[str], Labels]) -> Labels:
    left, right = yields(node.lhs, known), yields(node.rhs, known)
    if not left or not right:
        return left | right
    operator = str(node.op)
    matching = node.modifier.matching if node.modifier else None
    if matching is not None:
        _within(matching.labels, left, f"the left side of {operator}")
        _within(matching.labels, right, f"the right side of {operator}")
    if operator == "or":
        return left | right
    included = frozenset(node.modifier.group_labels or ()) if node.modifier else frozenset()
    _within(set(included), right, "group_left")
    if operator in SETS or included or (node.modifier and "group_left" in str(node.modifier)):
        return left | included
    if matching is not None and str(matching).startswith("on"):
        return frozenset(matching.labels)
    return left - frozenset(matching.labels if matching is not None else ())


def _called(node: Any, known: Callable[[str], Labels]) -> Labels:
    inner = frozenset[str]().union(*(yields(argument, known) for argument in node.args))
    match node.func.name:
        case "label_replace":
            return inner | {node.args[1].val}
        case "histogram_quantile":
            _within({"le"}, inner, "histogram_quantile")
            return inner - {"le"}
        case "absent":
            return frozenset()
        case _:
            return inner
