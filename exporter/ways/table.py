"""The ways in use as tables for a terminal. Pure."""

from collections.abc import Iterable
from io import StringIO

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.ways.model import Governed

_BOX = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)
_GIB = 1024**3


def render(governed: Iterable[Governed], *, way: str | None, width: int, colour: bool) -> str:
    """For each vCenter the sums by way, then its machines in order of way and name; with ``way`` only those of it.

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
    for one in governed:
        console.print(Text(f"vCenter {_clean(one.vcenter)}: {len(one.machines)} VMs", "bold"))
        console.print(_sums(one))
        console.print(_machines(one, way))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _sums(governed: Governed) -> Table:
    table = Table(box=_BOX, pad_edge=False)
    table.add_column("way", no_wrap=True)
    for head in ("VMs", "share", "vCPUs", "memory"):
        table.add_column(head, justify="right", no_wrap=True)
    for way, tally in governed.tallies.items():
        if tally.vms:
            share = f"{tally.vms / len(governed.machines):.1%}"
            table.add_row(way, f"{tally.vms}", share, f"{tally.vcpus}", f"{tally.memory_bytes / _GIB:.1f} GiB")
    return table


def _machines(governed: Governed, way: str | None) -> Table:
    table = Table(box=_BOX, pad_edge=False, expand=True)
    table.add_column("way", no_wrap=True)
    table.add_column("VM", overflow="fold", ratio=3)
    table.add_column("id", no_wrap=True)
    table.add_column("rule", no_wrap=True)
    table.add_column("note", overflow="fold", ratio=2)
    for one in sorted(governed.machines, key=lambda one: (governed.ways.index(one.verdict.way), one.name, one.moid)):
        if way in {None, one.verdict.way}:
            words = (one.name, one.moid, one.verdict.rule, one.verdict.note)
            table.add_row(one.verdict.way, *(Text(_clean(word)) for word in words))
    return table


def _clean(text: str) -> str:
    """One line without control characters: whoever names a VM chooses the text, and a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
