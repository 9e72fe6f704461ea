"""The assessment as one HTML file: style and drawings inside, no script, nothing fetched; light, dark, and on paper."""

import re
from collections.abc import Iterator
from html import escape

from sla.objectives.htmlstyle import STYLE
from sla.objectives.model import Assessment, Chart, Grid, Line, Look
from sla.objectives.svg import as_svg
from sla.objectives.trend import direction, told_trend
from sla.objectives.words import STATES, evidence, instant, number, span, target, told
from sla.report.htmlpage import page
from sla.report.words import line as plain

NOTES = """\
A value is judged by its target, which is yours to set; the reference is what the analysis of the integration expects.
Medians and shares are of all samples of the window merged, never averages of averages. Intervals are of 95 %; they \
take samples as independent of each other. One that reaches beyond the target is said to.
Where users' demand bounds a figure, staying below the target shows nothing: it is not measurable, and not missed.
Disks are compared at like load. What guests ask for bounds that load; nothing here is a limit of the hardware.
"""

_CODE = re.compile("`([^`]+)`")


def as_html(made: Assessment) -> str:
    """The page."""
    title = "Integration assessment"
    days = f"{number(made.days)} {'day' if made.days == 1 else 'days'} with data"
    body = [
        f"<header><div><h1>{title}</h1>",
        f"<p>{escape(instant(made.at))} · the last {escape(span(made.at - made.start))} · {days}</p></div>",
        '<ul class="tally">',
        *(f'<li class="{state}"><b>{made.numbers.get(state, 0)}</b>{words}</li>' for state, words in STATES.items()),
        "</ul></header>",
        *(
            f'<p class="failed missed">{_words(f"could not be looked at: {one}: {why}")}</p>'
            for one, why in made.failed
        ),
        '<section class="lines">',
        *(text for found in made.lines for text in _line(found)),
        "</section>",
        "<h2>Beside the reference</h2>",
        '<div class="charts">',
        *map(_figure, made.charts),
        "</div>",
        "<h2>What is behind the figures</h2>",
        *(text for grid in made.grids for text in _grid(grid)),
        "<footer>",
        *(f"<p>{escape(note)}</p>" for note in NOTES.splitlines()),
        "</footer>",
    ]
    return page(f"{title}: {instant(made.at)}", STYLE, body)


def _words(text: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    return _CODE.sub(r"<code>\1</code>", escape(plain(text)))


def _line(found: Line) -> Iterator[str]:
    objective, measured = found.objective, found.measurement
    scope = f" <span>{_words(found.scope)}</span>" if found.scope else ""
    yield f'<article class="line is-{found.state}">'
    yield f'<div><span class="chip {found.state}">{STATES[found.state]}</span></div>'
    yield f"<div><h3>{_words(objective.title)}{scope}</h3>"
    yield from (
        f"<p>{_words(remark)}</p>" for remark in ((found.reason, *found.remarks) if found.reason else found.remarks)
    )
    yield "</div><div>"
    if measured is None:
        yield '<div class="value none">no value</div>'
    else:
        yield f'<div class="value">{_words(told(measured.value, objective.unit))}</div>'
        facts = evidence(measured, objective.unit).split("; ") if measured.n else []
        facts += [] if found.certain else ["the interval reaches beyond the target"]
        yield from (f"<p>{_words(fact)}</p>" for fact in facts)
    if trend := told_trend(found):
        yield f'<p class="trend-{direction(found)}">{_words(trend)}</p>'
    yield "</div><div>"
    yield f"<p><b>target</b> {_words(target(objective))}</p>" if objective.target is not None else ""
    yield f"<p><b>reference</b> {_words(objective.said)}</p>"
    yield f"<p><b>method</b> {_words(measured.method)}</p>" if measured is not None else ""
    yield "</div>"
    if found.advice:
        yield f'<p class="do"><b>What to do</b> {_words(found.advice)}</p>'
    yield "</article>"


def _figure(chart: Chart) -> str:
    drawn = as_svg(chart) or f'<p class="empty">{_words(chart.empty)}</p>'
    band = '<i class="kband"></i>reference' if chart.band[0] is not None and chart.look is Look.HISTOGRAM else ""
    names = chart.series if len(chart.series) > 1 else ()
    keys = "".join(f'<i class="k{n}"></i>{_words(series.name)}' for n, series in enumerate(names)) + band
    legend = f'<span class="legend">{keys}</span>' if keys else ""
    note = f"<p>{_words(chart.note)}</p>" if chart.note else ""
    return f"<figure><figcaption>{legend}{_words(chart.title)}</figcaption>{drawn}{note}</figure>"


def _grid(grid: Grid) -> Iterator[str]:
    rows = f"{len(grid.rows) + grid.left_out:,} {'row' if len(grid.rows) + grid.left_out == 1 else 'rows'}"
    yield f"<details><summary>{_words(grid.title)} <span>· {rows}</span></summary>"
    yield '<div class="scroll"><table><thead><tr>'
    yield "".join(f"<th{_side(grid, n)}>{_words(name)}</th>" for n, name in enumerate(grid.columns))
    yield "</tr></thead><tbody>"
    for row in grid.rows:
        yield f"<tr>{''.join(f'<td{_side(grid, n)}>{_words(cell)}</td>' for n, cell in enumerate(row))}</tr>"
    yield "</tbody></table>"
    if grid.left_out:
        yield f'<p class="note">{grid.left_out:,} more are not shown.</p>'
    if grid.note:
        yield f'<p class="note">{_words(grid.note)}</p>'
    yield "</div></details>"


def _side(grid: Grid, column: int) -> str:
    return ' class="right"' if column in grid.numeric else ""
