"""The rules of grafana/dashboard-linter (lint/rules.go) that are about dashboards with Prometheus, each by its name.

They are written anew from its sources as of June 2026, since the linter itself cannot be had everywhere that tests run.
A rule yields a sentence per fault; the exclusions in ``dashboards/.lint`` are the linter's own.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as promql
import yaml
from paneltargets import DIRECTORY, every_value, filled, panels

UNITS = {
    *("none", "short", "percentunit", "bytes", "binBps", "hertz", "watt", "s", "dtdurations", "dateTimeFromNow"),
    *("reqps", "cps", "iops"),
}
"""Those of Grafana's units that we have a use for (packages/grafana-data/src/valueFormats/categories.ts)."""

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule has found, and where."""

    rule: str
    dashboard: str
    panel: str
    text: str


def nodes(expression: Any, parents: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every node of a query with the nodes above it, the nearest last."""
    yield expression, parents
    for name in ("expr", "lhs", "rhs", "param", "args", "vector_selector"):
        value = getattr(expression, name, None)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, promql.Expr):
                yield from nodes(inner, (*parents, expression))


def selectors(text: str) -> list[Any]:
    """The vector selectors of a query whose variables are filled in."""
    return [node for node, _ in nodes(promql.parse(text)) if isinstance(node, promql.VectorSelector)]


def _variables(content: Content) -> dict[str, Content]:
    return {one["name"]: one for one in content["templating"]["list"]}


def _asked(content: Content) -> Iterator[tuple[str, str]]:
    """Panel and query, with windows filled in; other variables stay inside their quotes."""
    for panel in panels(content):
        for target in panel["targets"]:
            yield panel["title"], re.sub(r"\$__(rate_interval|range)", "17s", target["expr"])


def template_datasource(content: Content) -> Iterator[tuple[str, str]]:
    """One data source variable, of the name that dashboards share."""
    found = [one for one in content["templating"]["list"] if one["type"] == "datasource"]
    if [(one["name"], one["label"], one["query"]) for one in found] != [("datasource", "Data source", "prometheus")]:
        yield "", f"data source variables: {found}"


def _template(content: Content, name: str) -> Iterator[tuple[str, str]]:
    one = _variables(content).get(name)
    wanted = {"type": "query", "label": name.title(), "multi": True, "allValue": ".+"}
    if one is None or {key: one[key] for key in wanted} != wanted or one["datasource"]["uid"] != "${datasource}":
        yield "", f"the variable {name} is {one}"


def template_job(content: Content) -> Iterator[tuple[str, str]]:
    """A variable for the job."""
    return _template(content, "job")


def template_instance(content: Content) -> Iterator[tuple[str, str]]:
    """A variable for the instance."""
    return _template(content, "instance")


def template_label_promql(content: Content) -> Iterator[tuple[str, str]]:
    """Variables are label_values of a selector that can be read."""
    for name, one in _variables(content).items():
        if one["type"] == "query":
            parts = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"])
            if parts is None or not selectors(filled(parts[1], every_value(content))):
                yield "", f"the variable {name} asks for {one['query']}"


def template_on_time_change_reload(content: Content) -> Iterator[tuple[str, str]]:
    """Variables are read again when the time range changes."""
    for name, one in _variables(content).items():
        if one["type"] == "query" and one["refresh"] != 2:
            yield "", f"the variable {name} is not refreshed"


def panel_datasource(content: Content) -> Iterator[tuple[str, str]]:
    """Panels and targets use the variable."""
    for panel in panels(content):
        for one in (panel, *panel["targets"]):
            if one["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                yield panel["title"], f"uses {one['datasource']}"


def panel_title_description(content: Content) -> Iterator[tuple[str, str]]:
    """Panels have a title and a description."""
    for panel in panels(content):
        if not panel.get("title") or not panel.get("description"):
            yield panel.get("title", ""), "lacks title or description"


def panel_units(content: Content) -> Iterator[tuple[str, str]]:
    """Panels have a unit that Grafana knows."""
    for panel in panels(content):
        config = panel["fieldConfig"]
        properties = [each for override in config["overrides"] for each in override["properties"]]
        units = [config["defaults"].get("unit"), *(each["value"] for each in properties if each["id"] == "unit")]
        if not set(units) <= UNITS:
            yield panel["title"], f"has the units {units}"


def panel_no_targets(content: Content) -> Iterator[tuple[str, str]]:
    """Panels ask for something."""
    for panel in panels(content):
        if not panel["targets"]:
            yield panel["title"], "asks for nothing"


def target_promql(content: Content) -> Iterator[tuple[str, str]]:
    """Queries can be read."""
    for panel, query in _asked(content):
        try:
            promql.parse(query)
        except ValueError as error:
            yield panel, f"{query}: {error}"


def target_rate_interval(content: Content) -> Iterator[tuple[str, str]]:
    """rate and irate have the window that follows from the scrape interval and the width of the panel."""
    for panel, query in ((p["title"], t["expr"]) for p in panels(content) for t in p["targets"]):
        for window in re.findall(r"\bi?rate\([^\[]*\[([^\]]+)\]", query):
            if window != "$__rate_interval":
                yield panel, f"rate over {window}"


def _matcher(content: Content, name: str) -> Iterator[tuple[str, str]]:
    for panel, query in _asked(content):
        for selector in selectors(query):
            found = [(one.op, one.value) for one in selector.matchers.matchers if one.name == name]
            if found != [(promql.MatchOp.Re, f"${name}")]:
                yield panel, f"{selector.prettify()} is not narrowed to {name}"


def target_job(content: Content) -> Iterator[tuple[str, str]]:
    """Selectors are narrowed to the job."""
    return _matcher(content, "job")


def target_instance(content: Content) -> Iterator[tuple[str, str]]:
    """Selectors are narrowed to the instance."""
    return _matcher(content, "instance")


def target_counter_agg(content: Content) -> Iterator[tuple[str, str]]:
    """Counters are only looked at through rate, irate or increase."""
    for panel, query in _asked(content):
        for node, parents in nodes(promql.parse(query)):
            if isinstance(node, promql.VectorSelector) and (node.name or "").endswith("_total"):
                call = parents[-2] if len(parents) > 1 else None
                if not isinstance(call, promql.Call) or call.func.name not in {"rate", "irate", "increase"}:
                    yield panel, f"{node.prettify()} is not a rate"


def uneditable_dashboard(content: Content) -> Iterator[tuple[str, str]]:
    """Nobody edits in Grafana what the next delivery overwrites."""
    if content["editable"]:
        yield "", "can be edited"


_ALL: tuple[Callable[[Content], Iterator[tuple[str, str]]], ...] = (
    template_datasource,
    template_job,
    template_instance,
    template_label_promql,
    template_on_time_change_reload,
    panel_datasource,
    panel_title_description,
    panel_units,
    panel_no_targets,
    target_promql,
    target_rate_interval,
    target_job,
    target_instance,
    target_counter_agg,
    uneditable_dashboard,
)


def name_of(rule: Callable[..., object]) -> str:
    """As the linter calls it."""
    return rule.__name__.replace("_", "-") + ("" if rule is uneditable_dashboard else "-rule")


def faults(content: Content) -> list[Fault]:
    """What all rules find, exclusions included."""
    title = content["title"]
    return [Fault(name_of(rule), title, panel, text) for rule in _ALL for panel, text in rule(content)]


def exclusions() -> dict[str, dict[str, Any]]:
    """Rule -> reason and entries, as the linter reads them."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((DIRECTORY / ".lint").read_text())["exclusions"]
    return found


def excluded(fault: Fault) -> bool:
    """Whether an entry is about this fault."""
    entries = exclusions().get(fault.rule, {}).get("entries", ())
    return any((one["dashboard"], one["panel"]) == (fault.dashboard, fault.panel) for one in entries)
