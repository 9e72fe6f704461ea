"""Tables of finished cells, whatever prints them."""

from dataclasses import dataclass

from sla.report.words import line


@dataclass(frozen=True, slots=True)
class Column:
    """``right`` aligned or left; ``weight`` is its share of a page's width; ``fold`` if its words may be broken."""

    name: str
    right: bool = False
    weight: int = 10
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Cells; a line feed in one begins a line. ``tone`` is empty, ``bad`` or ``muted``."""

    cells: tuple[str, ...]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """``empty`` is what to say where there are no rows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str = "none"
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what is below it, and sentences."""

    title: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()


def named(site: str) -> str:
    """A site's name, or that there is none."""
    return line(site) or "(no site)"
