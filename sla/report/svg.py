"""The timeline as SVG that stands in a page: its colours are classes of the page's style sheet, so it needs no own."""

from collections.abc import Iterator
from html import escape

from sla.report.picture import KINDS, Lane, Picture

_WIDTH, _LABELS, _LANE, _HEAD, _TITLE = 960, 200, 20, 22, 24
_ROOM = _WIDTH - _LABELS - 4
_LEAST = 2.5
_LEGEND = {"down": 0, "over": 130, "excluded": 320, "unknown": 510, "breach": 745}


def as_svg(drawn: Picture) -> str:
    """One element. A bar has a least width, so that minutes can be seen in a month."""
    height = _HEAD + sum(_TITLE + _LANE * len(group.lanes) for group in drawn.groups) + 34
    parts = [
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Timeline of the period">',
        *_scale(drawn, height - 30),
    ]
    y = _HEAD
    for group in drawn.groups:
        parts.append(f'<text class="group" x="0" y="{y + 16}">{escape(group.name)}</text>')
        y += _TITLE
        for lane in group.lanes:
            parts += _lane(lane, y)
            y += _LANE
    parts += _legend(y + 20)
    return "\n".join([*parts, "</svg>"])


def _scale(drawn: Picture, bottom: int) -> Iterator[str]:
    for tick in drawn.ticks:
        x = _x(tick.place)
        yield f'<line class="tick" x1="{x}" y1="{_HEAD - 4}" x2="{x}" y2="{bottom}"/>'
        yield f'<text class="day" x="{_x(tick.place, 2)}" y="{_HEAD - 8}">{escape(tick.label)}</text>'
    if drawn.known < 1:
        yield _rect("future", drawn.known, 1, y=_HEAD - 4, height=bottom - _HEAD + 4)


def _lane(lane: Lane, y: int) -> Iterator[str]:
    yield f'<line class="lane" x1="0" y1="{y + _LANE}" x2="{_WIDTH}" y2="{y + _LANE}"/>'
    name = lane.name if len(lane.name) <= 32 else f"{lane.name[:15]}…{lane.name[-16:]}"
    yield f'<text class="name" x="8" y="{y + 14}"><title>{escape(lane.name)}</title>{escape(name)}</text>'
    for bar in lane.bars:
        yield _rect(bar.kind, bar.left, bar.right, y=y + 4, height=_LANE - 8)
    for breach in lane.breaches:
        yield _mark(_LABELS + breach * _ROOM, y + 3)


def _rect(kind: str, left: float, right: float, *, y: int, height: int) -> str:
    width = max(_LEAST, (right - left) * _ROOM)
    return f'<rect class="{kind}" x="{_x(left)}" y="{y}" width="{_short(width)}" height="{height}"/>'


def _mark(x: float, y: int) -> str:
    return f'<path class="breach" d="M{_short(x - 4)} {y - 3}h8l-4 6z"/>'


def _legend(y: int) -> Iterator[str]:
    for kind, text in KINDS.items():
        x = _LEGEND[kind]
        yield f'<rect class="{kind}" x="{x}" y="{y - 9}" width="14" height="10"/>'
        yield f'<text class="day" x="{x + 19}" y="{y}">{escape(text)}</text>'
    yield _mark(_LEGEND["breach"] + 7, y - 6)
    yield f'<text class="day" x="{_LEGEND["breach"] + 19}" y="{y}">limit reached</text>'


def _x(place: float, more: float = 0) -> str:
    return _short(_LABELS + place * _ROOM + more)


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
