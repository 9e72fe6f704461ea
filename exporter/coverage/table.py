"""The coverage as a table for a terminal. Pure."""

from io import StringIO

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.coverage.model import Coverage, State

_BOX = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)
_STYLES = {State.MISSING: "bold red", State.UNKNOWN: "magenta", State.BY_HAND: "yellow", State.WORKS: "green"}
_WORST = tuple(State)


def render(coverage: Coverage, *, width: int, colour: bool = False) -> str:
    """The score in one line, then every feature: missing, unknown, by hand, works; the weightiest first.

    The text depends on the arguments alone; without ``colour`` it holds no control sequences.
    """
    text = StringIO()
    console = Console(
        file=text,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(Text(headline(coverage), "bold"))
    table = Table(box=_BOX, pad_edge=False, expand=True)
    table.add_column("feature", overflow="fold", ratio=4)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("by", no_wrap=True)
    table.add_column("found", overflow="fold", ratio=5)
    table.add_column("what to do", overflow="fold", ratio=4)
    for item in sorted(coverage.items, key=lambda item: (_WORST.index(item.state), -item.weight)):
        state = Text(item.state.value, _STYLES[item.state])
        words = (Text(_clean(item.found)), Text(item.advice))
        table.add_row(item.title, f"{item.weight}", state, item.evidence.value, *words)
    console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def headline(coverage: Coverage) -> str:
    """Score and grade beside the analysis' own."""
    if coverage.score is None:
        return f"{_clean(coverage.cloud)}: nothing is known of what its VMware hosts offer"
    known = "" if coverage.known == 1.0 else f" of the {coverage.known:.0%} that are known"
    return (
        f"{_clean(coverage.cloud)}: {coverage.score:.0%}{known}, {coverage.grade} (the analysis: {coverage.reference})"
    )


def _clean(text: str) -> str:
    """One line without control characters: a server chooses parts of it, and a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
