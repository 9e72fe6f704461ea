"""The kinds of panel, each with its one look. A panel answers one question, which is its title."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models import prometheus as query

from tools.dashboards.house import SOURCE, Panel

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"


@dataclass(frozen=True, slots=True)
class Steps:
    """Colours from a value on; the first is the colour below all of them."""

    base: str
    over: tuple[tuple[float, str], ...] = ()

    def built(self) -> dashboard.ThresholdsConfig:
        """As Grafana has them."""
        steps = [model.Threshold(None, self.base), *(model.Threshold(float(at), color) for at, color in self.over)]
        return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


PLAIN = Steps(BLUE)
NONE_IS_GOOD = Steps(GREEN, ((1, RED),))
NONE_IS_BETTER = Steps(GREEN, ((1, ORANGE),))


def above(at: float, color: str = RED) -> Steps:
    """Good below the limit of an alert."""
    return Steps(GREEN, ((at, color),))


def between(warning: float, critical: float) -> Steps:
    """Good below, then worse in two steps."""
    return Steps(GREEN, ((warning, ORANGE), (critical, RED)))


def below(at: float, color: str = RED) -> Steps:
    """Good from the limit on."""
    return Steps(color, ((at, GREEN),))


States = Mapping[int, tuple[str, str]]
UP_DOWN: States = {0: ("down", RED), 1: ("up", GREEN)}
YES_NO: States = {0: ("no", RED), 1: ("yes", GREEN)}
NO_YES: States = {0: ("no", GREEN), 1: ("yes", RED)}


def mapped(states: States) -> list[model.ValueMapping]:
    """Numbers shown as words."""
    words = {
        str(value): model.ValueMappingResult(text=word, color=color, index=index)
        for index, (value, (word, color)) in enumerate(states.items())
    }
    return [model.ValueMap(options=words)]


@dataclass(frozen=True, slots=True)
class Q:
    """A query and the name of its series."""

    expr: str
    legend: str = ""


def target(asked: Q, *, instant: bool = False, table: bool = False, ref: str = "A") -> prometheus.Dataquery:
    """A query as a panel's target."""
    made = prometheus.Dataquery().datasource(SOURCE).expr(asked.expr).ref_id(ref)
    made = made.instant() if instant else made.range()
    if table:
        return made.format(query.PromQueryFormat.TABLE)
    return made.legend_format(asked.legend) if asked.legend else made


def _targets(panel: Any, asked: Sequence[Q], **how: bool) -> Any:
    for index, each in enumerate(asked):
        panel = panel.with_target(target(each, ref=chr(ord("A") + index), **how))
    return panel


def number(
    title: str,
    text: str,
    asked: str,
    *,
    unit: str = "short",
    steps: Steps = PLAIN,
    width: int = 3,
    states: States | None = None,
    decimals: int | None = None,
) -> Panel:
    """One number of now, with its way there behind it."""
    made = (
        stat.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .datasource(SOURCE)
        .thresholds(steps.built())
        .color_mode(
            looks.BigValueColorMode.BACKGROUND if steps is not PLAIN or states else looks.BigValueColorMode.VALUE
        )
        .graph_mode(looks.BigValueGraphMode.AREA if not states else looks.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
    )
    made = made.mappings(mapped(states)) if states else made
    made = made.decimals(decimals) if decimals is not None else made
    return Panel(_targets(made, [Q(asked)]), width, 4)


def graph(
    title: str,
    text: str,
    *asked: Q,
    unit: str = "short",
    steps: Steps | None = None,
    width: int = 12,
    stacked: bool = False,
    most: float | None = None,
) -> Panel:
    """Values over time; thresholds are dashed lines."""
    made = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .datasource(SOURCE)
        .min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.TABLE)
            .placement(looks.LegendPlacement.RIGHT if width >= 12 else looks.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
            .sort_by("Max")
            .sort_desc(True)
        )
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
        .show_points(looks.VisibilityMode.NEVER)
        .fill_opacity(10 if not stacked else 40)
        .line_width(1)
        .max_data_points(600)
    )
    if stacked:
        made = made.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
    if most is not None:
        made = made.max(most)
    if steps is not None:
        style = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        made = made.thresholds(steps.built()).thresholds_style(style)
    return Panel(_targets(made, asked), width, 8)


def events(title: str, text: str, *asked: Q, width: int = 12) -> Panel:
    """What happened in each step, as bars upon each other: a series may have gaps."""
    made = graph(title, text, *asked, width=width, stacked=True)
    made.builder.draw_style(looks.GraphDrawStyle.BARS).interval("1m").max_data_points(180)
    return made


def timeline(title: str, text: str, *asked: Q, states: States, width: int = 12, height: int = 8) -> Panel:
    """States over time: what was wrong, where, and since when."""
    made = (
        statetimeline.Panel()
        .title(title)
        .description(text)
        .unit("none")
        .datasource(SOURCE)
        .mappings(mapped(states))
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(Steps("transparent").built())
        .show_value(looks.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(looks.LegendDisplayMode.LIST)
            .placement(looks.LegendPlacement.BOTTOM)
            .calcs([])
        )
        .max_data_points(400)
    )
    return Panel(_targets(made, asked), width, height)


def bars(
    title: str,
    text: str,
    *asked: Q,
    unit: str = "short",
    steps: Steps = PLAIN,
    width: int = 8,
    height: int = 8,
    most: float | None = None,
) -> Panel:
    """One bar each, of now."""
    made = (
        bargauge.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .datasource(SOURCE)
        .thresholds(steps.built())
        .min(0)
        .orientation(looks.VizOrientation.HORIZONTAL)
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    made = made.max(most) if most is not None else made
    return Panel(_targets(made, asked, instant=True), width, height)


def heat_map(title: str, text: str, buckets: str, *, unit: str = "s", width: int = 12, height: int = 8) -> Panel:
    """How many observations fell into each bucket, over time."""
    asked = prometheus.Dataquery().datasource(SOURCE).expr(buckets).ref_id("A").legend_format("{{le}}")
    asked = asked.range().format(query.PromQueryFormat.HEATMAP)
    made = (
        heatmap.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .datasource(SOURCE)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(looks.AxisPlacement.LEFT))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heat.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .steps(64)
            .exponent(0.5)
            .fill("dark-orange")
            .reverse(False)
        )
        .with_target(asked)
        .max_data_points(300)
    )
    return Panel(made, width, height)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the label or ``Value #A`` that it shows, its title, and how."""

    field: str
    title: str
    unit: str = ""
    states: States | None = None
    steps: Steps | None = None
    link: str = ""


def table(
    title: str,
    text: str,
    *asked: str,
    columns: Sequence[Column],
    sort: str = "",
    width: int = 24,
    height: int = 8,
    descending: bool = True,
) -> Panel:
    """Rows of now, joined by the labels that all queries share."""
    order = {column.field: index for index, column in enumerate(columns)}
    titles = {column.field: column.title for column in columns if column.title != column.field}
    shown = {column.field: True for column in columns}
    made = (
        tables.Panel()
        .title(title)
        .description(text)
        .unit("short")
        .datasource(SOURCE)
        .filterable(True)
        .cell_height(looks.TableCellHeight.SM)
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            model.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(shown)}})
        )
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize", options={"indexByName": order, "renameByName": titles, "excludeByName": {}}
            )
        )
        .no_value("none")
    )
    for column in columns:
        if properties := _properties(column):
            made = made.override_by_name(column.title, properties)
    if sort:
        made = made.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    return Panel(_targets(made, [Q(each) for each in asked], instant=True, table=True), width, height)


def _properties(column: Column) -> list[model.DynamicConfigValue]:
    """The overrides of a column."""
    found: list[tuple[str, Any]] = []
    if column.unit:
        found.append(("unit", column.unit))
    if column.states:
        words = {
            str(value): {"text": word, "color": color, "index": index}
            for index, (value, (word, color)) in enumerate(column.states.items())
        }
        found.append(("mappings", [{"type": "value", "options": words}]))
    if column.steps:
        steps = [{"color": column.steps.base, "value": None}, *({"color": c, "value": v} for v, c in column.steps.over)]
        found.append(("thresholds", {"mode": "absolute", "steps": steps}))
    if column.states or column.steps:
        found.append(("custom.cellOptions", {"type": "color-text"}))
    if column.link:
        found.append(("links", [{"title": "Show ${__value.text}", "url": column.link}]))
    return [model.DynamicConfigValue(id_val=key, value=value) for key, value in found]


def opens(name: str, variable: str) -> str:
    """A link of a cell to another dashboard, narrowed to the cell's value; time and data source are kept."""
    return f"/d/novacenter-{name}?var-{variable}=${{__value.raw}}&${{__url_time_range}}&${{datasource:queryparam}}"
