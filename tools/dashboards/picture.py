"""Draws a dashboard as an HTML page from what a Prometheus answers to its queries: for the pictures in the README.

    python -m tools.dashboards.picture URL NAME [MINUTES [ROWS [END]]] >page.html

It is no Grafana: it knows the kinds of panel that we use, as far as a picture needs them. END is a Unix time.
"""

import html
import json
import math
import re
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.dashboards import units
from tools.dashboards.__main__ import DIRECTORY

COLUMN, UNIT, GAP = 58, 34, 6
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#fade2a", "#a352cc")
COLORS = {
    "green": "#56a64b",
    "yellow": "#e0b400",
    "orange": "#ff780a",
    "red": "#e02f44",
    "blue": "#3274d9",
    "transparent": "#22252b",
}
STYLE = """body{margin:0;background:#111217;color:#ccccdc;font:12px 'DejaVu Sans',sans-serif}
h1{font-size:18px;margin:12px 8px 4px}.p{position:absolute;background:#181b1f;border:1px solid #25272c;overflow:hidden}
.t{padding:5px 8px;font-weight:bold;white-space:nowrap}
.r{position:absolute;font-size:14px;font-weight:bold;padding-top:9px}
.s{position:absolute;inset:26px 0 0 0;display:flex;align-items:center;justify-content:center;font-size:30px;color:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:3px 8px;border-top:1px solid #25272c;
white-space:nowrap;max-width:330px;overflow:hidden;text-overflow:ellipsis}th{color:#8e9099;font-weight:normal}
.b{display:flex;align-items:center;padding:2px 8px}.b div{height:15px;margin-right:8px}.l{width:190px;flex:none;
overflow:hidden;white-space:nowrap;text-overflow:ellipsis}svg text{fill:#8e9099;font-size:10px}"""


@dataclass(frozen=True, slots=True)
class Line:
    """A series: its name in the panel, its labels, and its points (time, value)."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    ref: str

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Store:
    """Prometheus, and the time that is shown."""

    url: str
    start: float
    end: float

    def lines(self, panel: Mapping[str, Any], values: Mapping[str, str]) -> list[Line]:
        """What the targets of a panel give."""
        known = {**values, "$__rate_interval": "1m", "$__range": f"{self.end - self.start:.0f}s"}
        step = 60.0 if panel.get("interval") == "1m" else max((self.end - self.start) / 300, 1.0)
        return [line for target in panel["targets"] for line in self._asked(target, known, step)]

    def _asked(self, target: Mapping[str, Any], known: Mapping[str, str], step: float) -> Iterator[Line]:
        query = re.sub(r"\$[a-z_]\w*", lambda found: known[found.group()], target["expr"])
        given = {"query": query, "start": self.start, "end": self.end, "step": step}
        path, given = ("query", {"query": query, "time": self.end}) if target["instant"] else ("query_range", given)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(given)}") as reply:  # noqa: S310
            found = json.load(reply)["data"]["result"]
        for one in found:
            raw = one["values"] if "values" in one else [one["value"]]
            points = [(float(at), float(value)) for at, value in raw if math.isfinite(float(value))]
            if points:
                yield Line(_named(target, one["metric"]), one["metric"], points, target["refId"])


@dataclass(frozen=True, slots=True)
class Box:
    """Where a panel is drawn: its size in pixels, and the time that it shows."""

    width: int
    height: int
    start: float
    end: float


def _named(target: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    legend = target.get("legendFormat", "")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend).strip() or "value"


def _color(config: Mapping[str, Any], value: float) -> str:
    for mapping in config.get("mappings", ()):
        if (shown := mapping["options"].get(f"{value:g}")) is not None:
            return COLORS[shown["color"]]
    steps = config.get("thresholds", {"steps": [{"color": "blue", "value": None}]})["steps"]
    passed = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return COLORS[passed[-1]]


def _text(config: Mapping[str, Any], value: float) -> str:
    for mapping in config.get("mappings", ()):
        if (shown := mapping["options"].get(f"{value:g}")) is not None:
            return str(shown["text"])
    return units.text(round(value, config["decimals"]) if "decimals" in config else value, config.get("unit", ""))


def _number(panel: Mapping[str, Any], lines: Sequence[Line], _box: Box) -> str:
    config = panel["fieldConfig"]["defaults"]
    if not lines:
        return '<div class="s">no data</div>'
    color = _color(config, lines[0].last)
    return f'<div class="s" style="background:{color}">{_text(config, lines[0].last)}</div>'


def _graph(panel: Mapping[str, Any], lines: Sequence[Line], box: Box) -> str:
    config = panel["fieldConfig"]["defaults"]
    width, height, left = box.width - 290, box.height - 30, 60
    bounds = [step["value"] for step in config.get("thresholds", {}).get("steps", ()) if step["value"] is not None]
    if config["custom"].get("thresholdsStyle") is None:
        bounds = []
    stacked = config["custom"].get("stacking", {}).get("mode") == "normal"
    drawn = _stacked(lines) if stacked else [(line, line.points) for line in lines]
    top = max([*(value for _, points in drawn for _, value in points), *bounds, 1e-9]) * 1.08

    def place(at: float, value: float) -> str:
        across = (at - box.start) / (box.end - box.start)
        return f"{left + across * (width - left):.1f},{(1 - value / top) * (height - 20) + 4:.1f}"

    unit = config.get("unit", "")
    parts = [
        f'<text x="2" y="{(1 - share) * (height - 20) + 8:.0f}">{units.text(share * top, unit)}</text>'
        for share in (0, 0.25, 0.5, 0.75)
    ]
    for bound in bounds:
        ends = f"{place(box.start, bound)} {place(box.end, bound)}"
        parts.append(f'<polyline points="{ends}" stroke="{_color(config, bound)}" stroke-dasharray="6 4"/>')
    if config["custom"].get("drawStyle") == "bars":
        parts += _columns(
            [points for _, points in drawn],
            place,
            (round((width - left) / ((box.end - box.start) / 60) * 0.8), height - 16),
        )
        drawn = []
    for index, (_, points) in enumerate(drawn):
        for piece in _pieces(points, (box.end - box.start) / 100):
            path = " ".join(place(*point) for point in piece)
            parts.append(f'<polyline points="{path}" stroke="{PALETTE[index % len(PALETTE)]}" stroke-width="1.5"/>')
    for index, line in enumerate(lines[: (height - 10) // 16]):
        name = html.escape(f"{line.name[:34]}  {units.text(line.last, unit)}")
        color = PALETTE[index % len(PALETTE)]
        parts.append(f'<text x="{width + 8}" y="{14 + index * 16}" style="fill:{color}">{name}</text>')
    return f'<svg width="{box.width}" height="{height}" fill="none">{"".join(parts)}</svg>'


def _columns(
    stack: Sequence[Sequence[tuple[float, float]]], place: Callable[..., str], size: tuple[int, int]
) -> Iterator[str]:
    """Bars, the highest first, so that those of series below it stand before them."""
    wide, foot = size
    for index, points in reversed(list(enumerate(stack))):
        for at, value in points:
            x, y = place(at, value).split(",")
            color = PALETTE[index % len(PALETTE)]
            yield f'<line x1="{x}" x2="{x}" y1="{foot}" y2="{y}" stroke="{color}" stroke-width="{wide:.0f}"/>'


def _pieces(points: Sequence[tuple[float, float]], gap: float) -> Iterator[list[tuple[float, float]]]:
    """The points without the gaps between them."""
    piece: list[tuple[float, float]] = []
    for point in points:
        if piece and point[0] - piece[-1][0] > gap:
            yield piece
            piece = []
        piece.append(point)
    yield piece


def _stacked(lines: Sequence[Line]) -> list[tuple[Line, list[tuple[float, float]]]]:
    sums: dict[float, float] = {}
    found = []
    for line in lines:
        for at, value in line.points:
            sums[at] = sums.get(at, 0.0) + value
        found.append((line, [(at, sums[at]) for at, _ in line.points]))
    return found


def _timeline(panel: Mapping[str, Any], lines: Sequence[Line], box: Box) -> str:
    config = panel["fieldConfig"]["defaults"]
    left = 330 if box.width > 1000 else 170
    width, parts = box.width - left - 20, []
    span = box.end - box.start
    each = min(30, (box.height - 40) / max(len(lines), 1))
    for index, line in enumerate(lines):
        y = 4 + index * each
        parts.append(f'<text x="6" y="{y + each / 2 + 3:.0f}">{html.escape(line.name[: left // 6])}</text>')
        for at, value in line.points:
            x, w = left + (at - box.start) / span * width, width / 300 + 1
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{each * 0.8:.1f}" '
                f'fill="{_color(config, value)}"/>'
            )
    words = [shown for mapping in config["mappings"] for shown in mapping["options"].values()]
    for index, shown in enumerate(words):
        parts.append(
            f'<text x="{left + index * 90}" y="{box.height - 36}" style="fill:{COLORS[shown["color"]]}">'
            f"&#9632; {shown['text']}</text>"
        )
    return f'<svg width="{box.width}" height="{box.height - 28}">{"".join(parts)}</svg>'


def _bars(panel: Mapping[str, Any], lines: Sequence[Line], box: Box) -> str:
    config = panel["fieldConfig"]["defaults"]
    most = config.get("max") or max([line.last for line in lines], default=1) or 1
    rows = []
    for line in sorted(lines, key=lambda line: -line.last)[: (box.height - 30) // 20]:
        wide = max(min(line.last / most, 1), 0.004) * (box.width - 310)
        rows.append(
            f'<div class="b"><span class="l">{html.escape(line.name)}</span>'
            f'<div style="width:{wide:.0f}px;background:{_color(config, line.last)}"></div>'
            f"{_text(config, line.last)}</div>"
        )
    return "".join(rows)


def _table(panel: Mapping[str, Any], lines: Sequence[Line], box: Box) -> str:
    options = {one["id"]: one["options"] for one in panel["transformations"]}
    fields = sorted(options["organize"]["indexByName"], key=lambda name: options["organize"]["indexByName"][name])
    titles = {field: options["organize"]["renameByName"].get(field, field) for field in fields}
    several = len(panel["targets"]) > 1
    rows: list[dict[str, str]] = []
    for line in lines:
        row = dict(line.labels)
        fitting = [one for one in rows if all(one.get(key, value) == value for key, value in row.items())]
        for one in fitting or [row]:
            one.update(row | {f"Value #{line.ref}" if several else "Value": str(line.last)})
        rows += [] if fitting else [row]
    config = {
        one["matcher"]["options"]: {p["id"]: p["value"] for p in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }
    order = panel["options"].get("sortBy", [{"displayName": "", "desc": False}])[0]
    key = next((field for field in fields if titles[field] == order["displayName"]), fields[0])
    rows.sort(key=lambda row: _sortable(row.get(key, "")), reverse=order["desc"])
    body = "".join(
        f"<tr>{_cells(row, fields, [config.get(titles[f], {}) for f in fields])}</tr>"
        for row in rows[: (box.height - 50) // 22]
    )
    return f"<table><tr>{''.join(f'<th>{titles[field]}</th>' for field in fields)}</tr>{body}</table>"


def _sortable(text: str) -> tuple[float, str]:
    try:
        return float(text), ""
    except ValueError:
        return 0.0, text


def _cells(row: Mapping[str, str], fields: Sequence[str], configs: Iterable[Mapping[str, Any]]) -> str:
    found = ""
    for field, config in zip(fields, configs, strict=True):
        text, color = row.get(field, ""), "inherit"
        if field.startswith("Value") and text:
            color = _color(config, float(text)) if {"thresholds", "mappings"} & config.keys() else color
            text = _text(config, float(text))
        found += f'<td style="color:{color}">{html.escape(text)}</td>'
    return found


def _nothing(_panel: Mapping[str, Any], _lines: Sequence[Line], _box: Box) -> str:
    return ""


_KINDS = {
    "stat": _number,
    "timeseries": _graph,
    "state-timeline": _timeline,
    "bargauge": _bars,
    "table": _table,
}


def page(content: Mapping[str, Any], store: Store, rows: int) -> str:
    """The dashboard's first ``rows`` rows as HTML."""
    values = {f"${one['name']}": one["allValue"] for one in content["templating"]["list"] if one["type"] == "query"}
    parts, seen, bottom = [], 0, 0
    for panel in content["panels"]:
        place = panel["gridPos"]
        x, y, w, h = place["x"] * COLUMN, place["y"] * UNIT, place["w"] * COLUMN - GAP, place["h"] * UNIT - GAP
        seen += panel["type"] == "row"
        if seen > rows:
            break
        at = f"left:{x + 8}px;top:{y + 40}px;width:{w}px;height:{h}px"
        title = html.escape(panel["title"])
        bottom = max(bottom, y + h)
        if panel["type"] == "row":
            parts.append(f'<div class="r" style="{at}">{title}</div>')
            continue
        inner = _KINDS.get(panel["type"], _nothing)(
            panel, store.lines(panel, values), Box(w, h, store.start, store.end)
        )
        parts.append(f'<div class="p" style="{at}"><div class="t">{title}</div>{inner}</div>')
    frame = f"position:relative;width:{24 * COLUMN + 10}px;height:{bottom + 50}px"
    head = f'<!DOCTYPE html><meta charset="utf-8"><style>{STYLE}</style>'
    return f'{head}<div style="{frame}"><h1>{html.escape(content["title"])}</h1>{"".join(parts)}</div>'


def main(arguments: Sequence[str]) -> int:
    """Prints the page."""
    url, name, minutes, rows, end = (*arguments, *("15", "9", "")[len(arguments) - 2 :])
    if not end:
        with urllib.request.urlopen(f"{url}/api/v1/query?query=time()") as reply:  # noqa: S310
            end = json.load(reply)["data"]["result"][0]
    content = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
    print(page(content, Store(url, float(end) - float(minutes) * 60, float(end)), int(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
