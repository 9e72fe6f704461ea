"""The bodies of charts, as lines of SVG. Their colours are classes of the page, so that they follow light and dark.

``svg`` puts a frame around them.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from sla.objectives.model import Chart
from sla.objectives.scales import Scale, linear, logarithmic
from sla.objectives.words import told

WIDTH, HEIGHT = 520, 236
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 22, 206
_NAMES = 168
_BARS = _TOP + 6


def short(value: float) -> str:
    """A place, without needless digits."""
    return f"{value:.1f}".removesuffix(".0")


def _text(kind: str, text: str, *, x: float, y: float) -> str:
    return f'<text class="{kind}" x="{short(x)}" y="{short(y)}">{escape(text)}</text>'


def _line(kind: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    places = zip(("x1", "y1", "x2", "y2"), (*start, *end), strict=True)
    return f'<line class="{kind}" {" ".join(f"{name}={chr(34)}{short(at)}{chr(34)}" for name, at in places)}/>'


def _box(kind: str, corner: tuple[float, float], size: tuple[float, float], *, title: str = "") -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    x, y, width, height = (short(value) for value in (*corner, *size))
    shape = f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"'
    return f"{shape}>{inner}</rect>" if inner else f"{shape}/>"


def _values(chart: Chart, axis: int) -> list[float]:
    return [point[axis] for series in chart.series for point in series.points]


def _marks(chart: Chart) -> list[float]:
    return [value for value in (*chart.band, chart.mark) if value is not None]


def _across(scale: Scale, unit: str) -> Iterator[str]:
    """The horizontal axis."""
    for tick in scale.ticks():
        yield _line("tick", (scale.at(tick), _TOP), (scale.at(tick), _BOTTOM))
        yield _text("axis mid", told(tick, unit), x=scale.at(tick), y=_BOTTOM + 14)


def _up(scale: Scale, unit: str) -> Iterator[str]:
    """The vertical axis."""
    for tick in scale.ticks(5):
        yield _line("tick", (_LEFT, scale.at(tick)), (WIDTH - _RIGHT, scale.at(tick)))
        yield _text("axis end", told(tick, unit), x=_LEFT - 6, y=scale.at(tick) + 3.5)


def _band(chart: Chart, across: Scale) -> Iterator[str]:
    """Reference and target on the horizontal axis."""
    low, high = chart.band
    if low is not None and high is not None and high > low:
        left, right = across.at(low), across.at(high)
        yield _box("band", (left, _TOP), (right - left, _BOTTOM - _TOP), title=f"reference: {_ends(chart)}")
    if chart.mark is not None and chart.mark <= across.high:
        at = across.at(chart.mark)
        yield _line("mark", (at, _TOP - 4), (at, _BOTTOM))
        yield _text("target mid", f"target {told(chart.mark, chart.x_unit)}", x=min(at, WIDTH - 44), y=_TOP - 9)


def _ends(chart: Chart) -> str:
    return " to ".join(told(end, chart.x_unit) for end in chart.band)


def histogram(chart: Chart) -> Iterator[str]:
    """Shares over a logarithmic axis."""
    edges = _values(chart, 0)
    across = logarithmic([*edges, *(edge * chart.step for edge in edges), *_marks(chart)], _LEFT, WIDTH - _RIGHT)
    up = linear(_values(chart, 1), _BOTTOM, _TOP)
    yield from _up(up, chart.y_unit)
    yield from _across(across, chart.x_unit)
    yield from _band(chart, across)
    for series in chart.series:
        for edge, share in series.points:
            left, right = across.at(edge), across.at(edge * chart.step)
            said = f"{told(edge, chart.x_unit)} to {told(edge * chart.step, chart.x_unit)}: {told(share, chart.y_unit)}"
            size = (max(1.0, right - left - 1), _BOTTOM - up.at(share))
            yield _box("s0", (left, up.at(share)), size, title=said)
    yield _line("base", (_LEFT, _BOTTOM), (WIDTH - _RIGHT, _BOTTOM))


def bars(chart: Chart) -> Iterator[str]:
    """Lying bars, those of one name together."""
    across = linear([*_values(chart, 0 if not chart.names else 1), *_marks(chart)], _NAMES, WIDTH - 54)
    yield from _across(across, chart.x_unit)
    room = (_BOTTOM - _BARS) / max(1, len(chart.names))
    thick = min(16.0, (room - 5) / len(chart.series))
    for n, name in enumerate(chart.names):
        top = _BARS + n * room + (room - thick * len(chart.series)) / 2
        yield _text("name end", _cut(name, 26), x=_NAMES - 8, y=_BARS + (n + 0.5) * room + 3.5)
        for k, series in enumerate(chart.series):
            yield from _bar(chart, k, across, place=(dict(series.points).get(float(n)), top + k * thick, thick))
    yield from _band(chart, across)
    yield _line("base", (_NAMES, _TOP), (_NAMES, _BOTTOM))


def _bar(chart: Chart, k: int, across: Scale, *, place: tuple[float | None, float, float]) -> Iterator[str]:
    value, top, thick = place
    if value is None:
        yield _text("axis", "none", x=_NAMES + 5, y=top + thick / 2 + 3.5)
        return
    length = max(1.0, across.at(value) - _NAMES)
    yield _box(f"s{k}", (_NAMES, top), (length, max(1.0, thick - 1.5)), title=chart.series[k].name)
    yield _text("value", told(value, chart.x_unit), x=_NAMES + length + 5, y=top + thick / 2 + 3)


def columns(chart: Chart) -> Iterator[str]:
    """Standing bars, one for each name."""
    values = _values(chart, 1)
    up = linear([*values, *_marks(chart)], _BOTTOM, _TOP)
    yield from _up(up, chart.y_unit)
    room = (WIDTH - _RIGHT - _LEFT) / max(1, len(chart.names))
    for n, value in chart.series[0].points:
        wide = min(34.0, room * 0.7)
        left = _LEFT + (n + 0.5) * room - wide / 2
        said = f"{chart.names[int(n)]}: {told(value, chart.y_unit)}"
        yield _box("s0", (left, min(up.at(value), _BOTTOM - 1)), (wide, max(1.0, _BOTTOM - up.at(value))), title=said)
        if len(chart.names) <= 12:
            yield _text("value mid", told(value, chart.y_unit), x=left + wide / 2, y=up.at(value) - 5)
    every = max(1, -(-len(chart.names) // 6))
    for n, name in list(enumerate(chart.names))[::every]:
        yield _text("axis mid", name[5:] if len(name) == 10 else name, x=_LEFT + (n + 0.5) * room, y=_BOTTOM + 14)
    yield _line("base", (_LEFT, _BOTTOM), (WIDTH - _RIGHT, _BOTTOM))
    yield from _level(chart, up)


def _level(chart: Chart, up: Scale) -> Iterator[str]:
    """The target on the vertical axis."""
    if chart.mark is not None:
        at = up.at(chart.mark)
        yield _line("mark", (_LEFT, at), (WIDTH - _RIGHT, at))
        yield _text("target end", f"target {told(chart.mark, chart.y_unit)}", x=WIDTH - _RIGHT, y=at - 4)


def lines(chart: Chart) -> Iterator[str]:
    """A line for each series, its name at its end."""
    across = linear(_values(chart, 0), _LEFT + 6, WIDTH - 30)
    up = linear([*_values(chart, 1), *_marks(chart)], _BOTTOM, _TOP)
    yield from _up(up, chart.y_unit)
    for tick in across.ticks(6):
        yield _text("axis mid", f"{tick:g} {'year' if tick == 1 else 'years'}", x=across.at(tick), y=_BOTTOM + 14)
    yield _line("base", (_LEFT, _BOTTOM), (WIDTH - _RIGHT, _BOTTOM))
    for k, series in enumerate(chart.series):
        places = [(across.at(x), up.at(y)) for x, y in series.points]
        path = "L".join(f"{short(x)} {short(y)}" for x, y in places)
        yield f'<path class="line l{k}" d="M{path}"/>'
        yield from _dots(f"s{k}", series.points[-1:], (across, up), units=("", chart.y_unit))
        yield _text("value end", told(series.points[-1][1], chart.y_unit), x=places[-1][0] + 24, y=places[-1][1] - 8)


def points(chart: Chart) -> Iterator[str]:
    """A dot for each point, both axes logarithmic."""
    across = logarithmic(_values(chart, 0), _LEFT + 6, WIDTH - _RIGHT - 6)
    up = logarithmic(_values(chart, 1), _BOTTOM - 4, _TOP)
    yield from _up(up, chart.y_unit)
    yield from _across(across, chart.x_unit)
    for k, series in enumerate(chart.series):
        yield from _dots(f"s{k} dot", series.points, (across, up), units=(chart.x_unit, chart.y_unit))


def _dots(
    kind: str, found: Iterable[tuple[float, float]], scales: tuple[Scale, Scale], *, units: Sequence[str]
) -> Iterator[str]:
    for x, y in found:
        said = ", ".join(told(value, unit) for value, unit in zip((x, y), units, strict=True) if unit)
        place = f'cx="{short(scales[0].at(x))}" cy="{short(scales[1].at(y))}"'
        yield f'<circle class="{kind}" {place} r="4"><title>{escape(said)}</title></circle>'


def _cut(name: str, room: int) -> str:
    return name if len(name) <= room else f"{name[: room - 1]}…"
