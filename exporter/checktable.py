"""The findings of ``novacenter check`` as tables. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.findings import Finding, State

_BOX = Box(
    "    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True
)  # a rule below the heads; fits every encoding
_ITEM, _STATE = len("counters: resource_pool"), len("warning")  # so that all tables have the same columns
_WORST = tuple(State)
_STYLES = {State.FAILED: "bold red", State.WARNING: "yellow", State.UNKNOWN: "magenta", State.OK: "green"}


@dataclass(frozen=True, slots=True)
class Section:
    """What was found in one place."""

    title: str
    findings: tuple[Finding, ...]

    @property
    def state(self) -> State:
        """That of the worst finding."""
        return min((finding.state for finding in self.findings), key=_WORST.index, default=State.OK)


def render(sections: Sequence[Section], *, width: int, colour: bool) -> str:
    """A table for each section, the worst findings first, and the sum of all in the last line.

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
    for section in sections:
        console.print(_headline(section))
        console.print(_table(section.findings))
    console.print(_sum(sections))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _headline(section: Section) -> Text:
    return Text.assemble((clean(section.title), "bold"), ": ", (section.state.value, _STYLES[section.state]))


def _table(findings: Iterable[Finding]) -> Table:
    table = Table(box=_BOX, pad_edge=False, expand=True)
    table.add_column("item", no_wrap=True, min_width=_ITEM)
    table.add_column("state", no_wrap=True, min_width=_STATE)
    table.add_column("found", overflow="fold", ratio=3)
    table.add_column("what to do", overflow="fold", ratio=2)
    for finding in sorted(findings, key=lambda finding: _WORST.index(finding.state)):
        table.add_row(
            Text(clean(finding.item)),
            Text(finding.state.value, _STYLES[finding.state]),
            Text(clean(finding.found)),
            Text(clean(finding.advice)),
        )
    return table


def _sum(sections: Iterable[Section]) -> Text:
    states = [finding.state for section in sections for finding in section.findings]
    return Text(", ".join(f"{states.count(state)} {state.value}" for state in State))


def clean(text: str) -> str:
    """One line without control characters: a server chooses parts of it, and a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
