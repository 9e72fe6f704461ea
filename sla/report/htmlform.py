"""The report as one HTML file: style and timeline inside, no script, nothing fetched; it prints on A4."""

from collections.abc import Iterator
from html import escape

from sla.report.htmlpage import page
from sla.report.layout import Row, Section, Table
from sla.report.sheet import Headline, Sheet

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 32px 28px; max-width: 1080px; background: #fff; color: #1c2430;
 font: 14px/1.45 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; }
header { border-bottom: 3px solid #1f3a5f; padding-bottom: 10px; }
h1 { margin: 0; font-size: 26px; letter-spacing: -0.01em; color: #1f3a5f; }
h1 span { font-weight: 400; }
header p { margin: 4px 0 0; color: #5a6572; }
h2 { margin: 30px 0 8px; font-size: 16px; color: #1f3a5f; break-after: avoid; }
.verdicts { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 14px; margin: 18px 0 4px; }
.verdict { border: 1px solid #d5dbe3; border-left: 7px solid #2e7d4f; padding: 12px 16px; break-inside: avoid; }
.verdict.broken { border-left-color: #b3261e; }
.verdict h2 { margin: 0; font-size: 14px; color: #1c2430; }
.verdict p.said { margin: 4px 0; font-size: 21px; font-weight: 600; color: #1c2430; }
.verdict .word { color: #2e7d4f; text-transform: uppercase; letter-spacing: 0.04em; }
.verdict.broken .word { color: #b3261e; }
.verdict p { margin: 0; color: #5a6572; font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; font-variant-numeric: tabular-nums; }
thead { display: table-header-group; }
th { text-align: left; font-weight: 600; color: #5a6572; border-bottom: 1.5px solid #1f3a5f; padding: 4px 10px 4px 0;
 vertical-align: bottom; }
td { padding: 4px 10px 4px 0; border-bottom: 1px solid #e4e8ed; vertical-align: top; overflow-wrap: anywhere; }
td.keep { white-space: nowrap; }
th.right, td.right { text-align: right; }
th.right + th:not(.right), td.right + td:not(.right) { padding-left: 16px; }
th:last-child, td:last-child { padding-right: 0; }
tr { break-inside: avoid; }
tr.bad td { color: #8c1d18; background: #fdf3f2; }
tr.muted td { color: #7a8490; }
.note, .empty { color: #5a6572; font-size: 12.5px; margin: 6px 0 0; }
.timeline { width: 100%; height: auto; display: block; }
.timeline text { font-size: 11px; fill: #1c2430; }
.timeline text.group { font-weight: 600; font-size: 12px; }
.timeline text.day { fill: #5a6572; font-size: 10px; }
.timeline .tick { stroke: #e4e8ed; }
.timeline .lane { stroke: #eef1f4; }
.timeline .down { fill: #5b8db8; }
.timeline .over { fill: #b3261e; }
.timeline .excluded { fill: #fff; stroke: #8a94a0; stroke-dasharray: 2 1.5; }
.timeline .unknown { fill: #e8b84a; }
.timeline .future { fill: #f3f5f7; }
.timeline .breach { fill: #b3261e; }
figure { margin: 0; break-inside: avoid; }
@page { size: A4; margin: 14mm 13mm; }
@media print {
 body { padding: 0; max-width: none; font-size: 10.5px; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
 h1 { font-size: 21px; } h2 { font-size: 12.5px; margin-top: 18px; } .verdict p.said { font-size: 15.5px; }
 .verdict h2, .verdict p { font-size: 10px; } .verdicts { grid-template-columns: 1fr 1fr; }
 table { font-size: 9px; } td, th { padding: 2.5px 6px 2.5px 0; } .note, .empty { font-size: 9px; }
}
"""


def as_html(made: Sheet, timeline: str) -> str:
    """The page; ``timeline`` is an SVG element, empty if there is nothing to draw."""
    body = [
        f"<header><h1>{escape(made.title)} <span>{escape(made.period)}</span></h1>",
        *(f"<p>{escape(fact)}</p>" for fact in made.facts),
        "</header>",
        '<div class="verdicts">',
        *map(_verdict, made.headlines),
        "</div>",
        *(line for section in made.before for line in _section(section)),
        "<h2>Timeline</h2>",
        f"<figure>{timeline}</figure>" if timeline else '<p class="empty">nothing was down</p>',
        *(line for section in made.after for line in _section(section)),
    ]
    return page(f"{made.title}: {made.period}", _STYLE, body)


def _verdict(one: Headline) -> str:
    return (
        f'<section class="verdict {one.verdict}"><h2>{escape(one.title)}</h2>'
        f'<p class="said"><span class="word">{one.verdict}</span>: {escape(one.sentence)}</p>'
        f"<p>{escape(one.details)}</p></section>"
    )


def _section(section: Section) -> Iterator[str]:
    yield f"<h2>{escape(section.title)}</h2>"
    for table in section.tables:
        yield from _table(table) if table.rows else (f'<p class="empty">{escape(table.empty)}</p>',)
    for note in section.notes:
        yield f'<p class="note">{escape(note)}</p>'


def _table(table: Table) -> Iterator[str]:
    right = {True: ' class="right"', False: ""}
    heads = "".join(f"<th{right[column.right]}>{escape(column.name)}</th>" for column in table.columns)
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
    for row in table.rows:
        yield _row(table, row)
    yield "</tbody></table>"


def _row(table: Table, row: Row) -> str:
    cells = []
    for column, cell in zip(table.columns, row.cells, strict=True):
        classes = " ".join(name for name, on in (("right", column.right), ("keep", not column.fold)) if on)
        text = "<br>".join(map(escape, cell.split("\n")))
        cells.append(f'<td class="{classes}">{text}</td>' if classes else f"<td>{text}</td>")
    tone = f' class="{row.tone}"' if row.tone else ""
    return f"<tr{tone}>{''.join(cells)}</tr>"
