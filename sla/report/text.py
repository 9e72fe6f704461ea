"""The report as text for a terminal, a file or a mail."""

from collections.abc import Iterator
from io import StringIO

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from sla.report.layout import Section, Table
from sla.report.sheet import Headline, Sheet

_BOX = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)  # a rule below the heads
_STYLES = {"bad": "red", "muted": "dim", "": ""}


def as_text(made: Sheet, timeline: str, *, width: int, colour: bool) -> str:
    """Lines of at most ``width`` columns; without ``colour`` it holds no control sequences."""
    text = StringIO()
    console = Console(
        file=text,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(Text(f"{made.title}: {made.period}", "bold"))
    for fact in made.facts:
        console.print(Text(fact))
    for headline in made.headlines:
        for part in _headline(headline):
            console.print(part)
    for section in made.before:
        _section(console, section)
    console.print(Text("\nTimeline", "bold"))
    console.print(Text(timeline, no_wrap=True, overflow="crop"))
    for section in made.after:
        _section(console, section)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "".join(f"{line}\n" for line, before in zip(lines, ["", *lines], strict=False) if line or before)


def _headline(one: Headline) -> Iterator[Text]:
    style = "bold green" if one.kept else "bold red"
    yield Text.assemble("\n", (f"{one.verdict.upper()}: {one.sentence}", style), (f" - {one.title}", "bold"))
    yield Text(f"  {one.details}")


def _section(console: Console, section: Section) -> None:
    console.print(Text(f"\n{section.title}", "bold"))
    for table in section.tables:
        console.print(_grid(table) if table.rows else Text(f" {table.empty}"))
    for note in section.notes:
        console.print(Text(note))


def _least(table: Table, number: int) -> int:
    """What a column that may be folded needs to be readable: all of it, or part of its weight."""
    cells = (line for row in table.rows for line in row.cells[number].splitlines())
    return min(table.columns[number].weight * 2 // 3, max((cell_len(cell) for cell in cells), default=1))


def _grid(table: Table) -> Grid:
    grid = Grid(box=_BOX, pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(table.columns):
        grid.add_column(
            Text(column.name),
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=not column.fold,
            min_width=_least(table, number) if column.fold else None,
        )
    for row in table.rows:
        grid.add_row(*(Text(cell, _STYLES[row.tone]) for cell in row.cells))
    return grid
