"""A chart as one SVG element that stands in a page; colours are classes of the page's style sheet."""

from collections.abc import Callable, Iterator, Mapping
from html import escape

from sla.objectives import drawing
from sla.objectives.drawing import HEIGHT, WIDTH
from sla.objectives.model import Chart, Look

_BODIES: Mapping[Look, Callable[[Chart], Iterator[str]]] = {
    Look.HISTOGRAM: drawing.histogram,
    Look.BARS: drawing.bars,
    Look.COLUMNS: drawing.columns,
    Look.LINES: drawing.lines,
    Look.POINTS: drawing.points,
}


def as_svg(chart: Chart) -> str:
    """The element; empty where the chart has no points."""
    if not any(series.points for series in chart.series):
        return ""
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">'
    return "\n".join([head, *_BODIES[chart.look](chart), "</svg>"])
