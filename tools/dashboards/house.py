"""The house style: one data source variable, links that keep time and variables, annotations, the grid, the file."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model

PREFIX = "novacenter"
SOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")

SCHEMA = 39
"""The schema of Grafana 11.0. Newer ones (12: 41, 13: 42) migrate it as they load it; one that is newer than its own a
Grafana takes as it is, without knowing what is new in it."""

_NEWER = {"placement", "allowCustomValue", "auto", "auto_count", "auto_min", "repeatDirection"}
"""Keys that the SDK writes by itself: of later schemas, of other kinds of variable, or of panels that do not repeat."""

WIDTH = 24


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel and its place in its row: ``width`` of 24 columns, ``height`` in units of 30 pixels."""

    builder: Any
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row of panels under one title; panels that do not fit go on below."""

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable: the values of a label, of which several or all may be chosen.

    ``every`` is what stands for all; ``.*`` also lets series through that lack the label.
    """

    name: str
    label: str
    query: str
    every: str = ".+"


JOB = Choice("job", "Job", "label_values(novacenter_build_info, job)")
INSTANCE = Choice("instance", "Instance", 'label_values(novacenter_build_info{job=~"$job"}, instance)')
VCENTERS = Choice("vcenter", "vCenter", 'label_values(vsphere_up{job=~"$job"}, vcenter)')
CLOUDS = Choice("cloud", "Cloud", 'label_values(novacenter_cloud_up{job=~"$job"}, cloud)')


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard: ``name`` is its file and the end of its uid."""

    name: str
    title: str
    text: str
    rows: Sequence[Row]
    choices: Sequence[Choice] = ()
    since: str = "now-6h"


def text(made: Dashboard) -> str:
    """The file of a dashboard: JSON with sorted keys, no id, no version, not to be edited in Grafana."""
    content = json.loads(json.dumps(_built(made).build(), cls=JSONEncoder))
    return json.dumps(settled(content), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def settled(content: dict[str, Any]) -> dict[str, Any]:
    """What the SDK wrote, less what Grafana 11 does not know, and without an id that belongs to one server."""
    found: dict[str, Any] = _without(content, _NEWER)
    return {**found, "id": None, "schemaVersion": SCHEMA}


def _without(value: Any, keys: Iterable[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner, keys) for key, inner in value.items() if key not in keys}
    return [_without(inner, keys) for inner in value] if isinstance(value, list) else value


def _built(made: Dashboard) -> build.Dashboard:
    result = (
        build.Dashboard(f"{PREFIX} / {made.title}")
        .uid(f"{PREFIX}-{made.name}")
        .description(made.text)
        .tags([PREFIX])
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(made.since, "now")
        .refresh("1m")
        .timezone("browser")
        .with_variable(build.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(_links())
    )
    for choice in (JOB, INSTANCE, *made.choices):
        result = result.with_variable(_variable(choice))
    for annotation in _annotations():
        result = result.annotation(annotation)
    for add in _placed(made.rows):
        result = add(result)
    return result


def _links() -> build.DashboardLink:
    return (
        build.DashboardLink(PREFIX)
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([PREFIX])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )


def _variable(choice: Choice) -> build.QueryVariable:
    return (
        build.QueryVariable(choice.name)
        .label(choice.label)
        .datasource(SOURCE)
        .query(choice.query)
        .definition(choice.query)
        .multi(True)
        .include_all(True)
        .all_value(choice.every)
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _annotations() -> Iterable[build.AnnotationQuery]:
    yield (
        _annotation("Alerts", 'ALERTS{alertstate="firing",severity=~"warning|critical"}', "orange")
        .title_format("{{alertname}}")
        .text_format("{{severity}} {{vcenter}} {{cloud}} {{host}}")
        .tag_keys("severity")
    )
    yield (
        _annotation("Incidents", 'sla_incident_info{job=~"$job",state=~"open|acked|recovering"}', "red")
        .title_format("{{class}}")
        .text_format("{{resource}}")
        .tag_keys("class")
    )
    yield (
        _annotation("Maintenance", 'sla_maintenance_active{job=~"$job"} == 1', "blue")
        .title_format("Maintenance")
        .text_format("{{window}}")
    )


def _annotation(name: str, expression: str, color: str) -> build.AnnotationQuery:
    made = build.AnnotationQuery().name(name).datasource(SOURCE).expr(expression).step("60s").icon_color(color)
    return made.enable(True).hide(False)


def _placed(rows: Sequence[Row]) -> Iterable[Callable[[build.Dashboard], build.Dashboard]]:
    """Rows and panels with their ids and places, from the top."""
    top, number = 0, 0
    for row in rows:
        number += 1
        bar = build.Row(row.title).id(number).collapsed(row.collapsed)
        bar = bar.grid_pos(model.GridPos(h=1, w=WIDTH, x=0, y=top))
        top += 1
        placed = []
        for panel, left, y in _lines(row.panels, top):
            number += 1
            place = model.GridPos(h=panel.height, w=panel.width, x=left, y=y)
            placed.append(panel.builder.id(number).grid_pos(place))
            bottom = y + panel.height
        if row.collapsed:
            for each in placed:
                bar = bar.with_panel(each)
            yield lambda made, bar=bar: made.with_row(bar)  # type: ignore[misc]
            continue
        top = bottom
        yield lambda made, bar=bar: made.with_row(bar)  # type: ignore[misc]
        for each in placed:
            yield lambda made, each=each: made.with_panel(each)  # type: ignore[misc]


def _lines(panels: Sequence[Panel], top: int) -> Iterable[tuple[Panel, int, int]]:
    """Each panel with its left edge and its top: from left to right, then below the highest of the line before."""
    left, height = 0, 0
    for panel in panels:
        if left + panel.width > WIDTH:
            left, top, height = 0, top + height, 0
        yield panel, left, top
        left, height = left + panel.width, max(height, panel.height)
