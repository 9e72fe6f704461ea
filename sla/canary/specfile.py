"""Specification files of canary runs: YAML text in, a ``Spec`` out, and back. Pure. Errors name file, line, key."""

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sla.canary.spec import (
    Comparison,
    EventKind,
    Figure,
    Guard,
    Margin,
    Scope,
    Spec,
    Statistic,
    Target,
    UnitKind,
    Worse,
)
from sla.policyyaml import Node, PolicyError, parse

BUILT_IN: Mapping[UnitKind, str] = {kind: f"canary_{kind}.yml" for kind in UnitKind}
"""The files in ``sla/data`` that come with the product."""

_DAY = 86400.0
_MEASURE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FIGURE = ("measure", "statistic", "per", "threshold", "required", "min_events", "description")
_OF_UNITS = "unit_"
_LONGEST_FREEZE = 366


def load(text: str, file: str) -> Spec:
    """The specification in ``text``; ``file`` is what errors call it. Raises PolicyError."""
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        raise PolicyError(f"{file}:1: the file is empty; write unit: host and targets: with at least one target")
    root = parse(text, file)
    found = root.members((*_SCALARS, "release", "seed", "freeze", "targets", "comparisons", "guards"))
    if "unit" not in found:
        raise root.error("needs unit; write unit: host, service or cluster")
    made: dict[str, Any] = {key: read(found[key]) for key, read in _SCALARS.items() if key in found}
    made["release"] = found["release"].name() if "release" in found else ""
    if "seed" in found and str(found["seed"].node.value):
        made["seed"] = found["seed"].text()
    if "freeze" in found:
        made["freeze"] = tuple(sorted({day for item in found["freeze"].items() for day in _dates(item)}))
    usual = made.get("min_events", 30)
    for key, read in (("targets", _target), ("comparisons", _comparison)):
        made[key] = tuple(read(name, node, usual) for name, node in _members(found, key).items())
    made["guards"] = tuple(_guard(name, node) for name, node in _members(found, "guards").items())
    return _whole(Spec(**made), found, root)


def _members(found: Mapping[str, Node], key: str) -> dict[str, Node]:
    return found[key].members() if key in found else {}


def _whole(spec: Spec, found: Mapping[str, Node], root: Node) -> Spec:
    """Checks what only all keys together can tell."""
    if not any(target.required for target in spec.targets):
        raise root.error("needs targets with at least one that is required; no data must never pass")
    if spec.max_days < spec.min_days:
        where = found.get("max_days") or found.get("min_days") or root
        raise where.error(f"max_days ({spec.max_days}) must not be less than min_days ({spec.min_days})")
    seen: set[str] = set()
    for key in ("targets", "comparisons", "guards"):
        for name, node in _members(found, key).items():
            if name in seen:
                raise node.error("a check of this name is there already; give each target, comparison, guard its own")
            seen.add(name)
    return spec


def _share(low: float, high: float) -> Any:
    def read(node: Node) -> float:
        value = node.number()
        if not low <= value <= high:
            raise node.error(f"is out of range; write a number from {low:g} to {high:g}")
        return value

    return read


_SCALARS: Mapping[str, Any] = {
    "unit": lambda node: UnitKind(node.one_of(tuple(UnitKind))),
    "share": _share(0.001, 0.5),
    "min_days": lambda node: node.whole(7, 90),
    "max_days": lambda node: node.whole(7, 90),
    "min_coverage": _share(0.5, 1.0),
    "max_maintenance": lambda node: node.seconds(0, _DAY),
    "max_restarts": lambda node: node.whole(0, 100),
    "min_events": lambda node: node.whole(1, 1_000_000_000),
    "alpha": _share(0.0001, 0.2),
    "day_correlation": _share(0.0, 0.9),
}


def _dates(node: Node) -> tuple[str, ...]:
    first, _, last = node.text().partition("..")
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise node.error("is not a date; write one such as 2026-12-24, or a range 2026-12-24..2027-01-02") from None
    if not 0 <= (end - begin).days < _LONGEST_FREEZE:
        raise node.error("is no range of a year or less; write the earlier day first")
    return tuple((begin + timedelta(days=number)).isoformat() for number in range((end - begin).days + 1))


def _scoped(scope: Scope, measure: str, node: Node) -> Scope:
    """A measure of units has no value for the whole, and the reverse."""
    if measure.startswith(_OF_UNITS) != (scope is Scope.COHORT):
        raise node.error(f"scope: {scope} has no {measure}; measures of units ({_OF_UNITS}...) have scope: cohort")
    return scope


def _measure(node: Node) -> str:
    if not _MEASURE.fullmatch(node.text()):
        raise node.error("is not the name of a measure; write one such as unit_cpu_usage_ratio")
    return node.text()


def _figure(found: Mapping[str, Node], node: Node) -> Figure:
    if "measure" not in found or "statistic" not in found:
        raise node.error("needs measure and statistic; write measure: unit_cpu_usage_ratio and statistic: mean")
    statistic = Statistic(found["statistic"].one_of(tuple(Statistic)))
    for key, of in (("per", Statistic.RATIO), ("threshold", Statistic.SHARE_ABOVE)):
        if (key in found) != (statistic is of):
            where = found.get(key, node)
            raise where.error(f"{key} belongs to statistic: {of}; write both, or neither")
    per = tuple(_measure(item) for item in found["per"].items()) if "per" in found else ()
    if "per" in found and not per:
        raise found["per"].error("needs at least one measure; write the measure of what was tried")
    threshold = found["threshold"].number() if "threshold" in found else 0.0
    return Figure(_measure(found["measure"]), statistic, per, threshold)


def _common(found: Mapping[str, Node], usual: int) -> dict[str, Any]:
    return {
        "required": found["required"].boolean() if "required" in found else True,
        "min_events": found["min_events"].whole(1, 1_000_000_000) if "min_events" in found else usual,
        "description": found["description"].text() if "description" in found else "",
    }


def _target(name: str, node: Node, usual: int) -> Target:
    found = node.members((*_FIGURE, "at_most", "at_least", "scope"))
    if ("at_most" in found) == ("at_least" in found):
        raise node.error("needs either at_most or at_least; write at_most: 0.8")
    least = "at_least" in found
    limit = found["at_least" if least else "at_most"].number()
    scope = Scope(found["scope"].one_of(tuple(Scope))) if "scope" in found else Scope.COHORT
    figure = _figure(found, node)
    _scoped(scope, figure.measure, node)
    return Target(name, figure, limit, least=least, scope=scope, **_common(found, usual))


def _comparison(name: str, node: Node, usual: int) -> Comparison:
    found = node.members((*_FIGURE, "worse", "margin"))
    if "margin" not in found:
        raise node.error("needs margin; write margin: {relative: 0.1}")
    parts = found["margin"].members(("relative", "absolute"))
    relative, absolute = (_share(0, 1e9)(parts[key]) if key in parts else 0.0 for key in ("relative", "absolute"))
    figure = _figure(found, node)
    _scoped(Scope.COHORT, figure.measure, node)
    if not parts or (figure.statistic is Statistic.RATIO and "absolute" in parts):
        raise found["margin"].error("needs relative, such as {relative: 0.1}, or absolute where it is no ratio")
    worse = Worse(found["worse"].one_of(tuple(Worse))) if "worse" in found else Worse.HIGHER
    if figure.statistic is Statistic.RATIO and worse is Worse.LOWER:
        raise found["worse"].error("a ratio counts what is bad, so more is worse; count failures, or remove this")
    return Comparison(name, figure, Margin(relative, absolute), worse, **_common(found, usual))


def _guard(name: str, node: Node) -> Guard:
    found = node.members(("event", "class", "measure", "at_most", "above", "for", "scope", "description"))
    is_level = "above" in found
    if ("event" in found) == ("measure" in found):
        raise node.error("needs either event or measure; write event: sla_breach and at_most: 0")
    if is_level == ("at_most" in found) or is_level != ("for" in found) or (is_level and "event" in found):
        raise node.error("needs at_most: 0, or for a measure above: 0.05 and for: 30m")
    if "class" in found and "event" not in found:
        raise found["class"].error("is the class of an SLA breach; remove it")
    scope = Scope(found["scope"].one_of(tuple(Scope))) if "scope" in found else Scope.COHORT
    measure = _measure(found["measure"]) if "measure" in found else ""
    if measure:
        _scoped(scope, measure, node)
    return Guard(
        name,
        event=EventKind(found["event"].one_of(tuple(EventKind))) if "event" in found else None,
        class_=found["class"].name() if "class" in found else "",
        measure=measure,
        limit=found["at_most"].whole(0, 1_000_000_000) if "at_most" in found else 0,
        above=found["above"].number() if is_level else None,
        lasting=found["for"].seconds(1, _DAY) if is_level else 0.0,
        scope=scope,
        description=found["description"].text() if "description" in found else "",
    )


def text_of(spec: Spec) -> str:
    """The specification as text that ``load`` reads back, in one line, always the same for the same specification."""
    return json.dumps(_plain(spec), separators=(", ", ": "), ensure_ascii=True)


def _plain(spec: Spec) -> dict[str, Any]:
    scalars = {key: getattr(spec, key) for key in _SCALARS}
    made = {key: _number(value) if isinstance(value, float) else value for key, value in scalars.items()}
    made["seed"] = spec.seed
    if spec.release:
        made["release"] = spec.release
    made["freeze"] = list(spec.freeze)
    made["targets"] = {target.name: _plain_target(target) for target in spec.targets}
    made["comparisons"] = {comparison.name: _plain_comparison(comparison) for comparison in spec.comparisons}
    made["guards"] = {guard.name: _plain_guard(guard) for guard in spec.guards}
    return made


def _plain_figure(check: Target | Comparison) -> dict[str, Any]:
    figure = check.figure
    made: dict[str, Any] = {"measure": figure.measure, "statistic": figure.statistic, "min_events": check.min_events}
    made["required"] = check.required
    if figure.statistic is Statistic.RATIO:
        made["per"] = list(figure.per)
    if figure.statistic is Statistic.SHARE_ABOVE:
        made["threshold"] = _number(figure.threshold)
    return made | _described(check.description)


def _plain_target(target: Target) -> dict[str, Any]:
    limit = {"at_least" if target.least else "at_most": _number(target.limit)}
    return _plain_figure(target) | limit | {"scope": target.scope}


def _plain_comparison(comparison: Comparison) -> dict[str, Any]:
    margin = {"relative": _number(comparison.margin.relative)}
    if comparison.figure.statistic is not Statistic.RATIO:
        margin["absolute"] = _number(comparison.margin.absolute)
    return _plain_figure(comparison) | {"worse": comparison.worse, "margin": margin}


def _plain_guard(guard: Guard) -> dict[str, Any]:
    made: dict[str, Any] = {"scope": guard.scope}
    made |= {"event": guard.event} if guard.event else {"measure": guard.measure}
    if guard.class_:
        made["class"] = guard.class_
    if guard.above is None:
        made["at_most"] = guard.limit
    else:
        made |= {"above": _number(guard.above), "for": _number(guard.lasting)}
    return made | _described(guard.description)


def _described(description: str) -> dict[str, str]:
    return {"description": description} if description else {}


def _number(value: float) -> str:
    """Without an exponent, exactly."""
    return format(Decimal(repr(value)), "f")
