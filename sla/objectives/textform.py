"""The assessment as text: one page, worst first, each objective with what to do."""

import textwrap
from collections.abc import Iterator

from sla.objectives.model import Assessment, Line, State
from sla.objectives.trend import told_trend
from sla.objectives.words import STATES, evidence, instant, number, span, target, told
from sla.report.words import line as plain

NARROWEST = 60
_COLOURS = {State.MISSED: "31;1", State.NOT_MEASURABLE: "33", State.MET: "32"}


def as_text(made: Assessment, *, width: int = 100, colour: bool = False) -> str:
    """The page, at most ``width`` columns wide (at least ``NARROWEST``)."""
    width = max(NARROWEST, width)
    days = f"{number(made.days)} {'day' if made.days == 1 else 'days'}"
    shown = [
        f"Integration assessment of {instant(made.at)}, the last {span(made.at - made.start)} ({days} with data)",
        ", ".join(f"{made.numbers.get(state, 0)} {STATES[state]}" for state in STATES),
    ]
    for source, reason in made.failed:
        shown += _wrapped(f"could not be looked at: {plain(source)}: {plain(reason)}", width, indent="  ")
    for found in made.lines:
        shown += ["", *_line(found, width, colour=colour)]
    return "".join(f"{text.rstrip()}\n" for text in shown)


def _line(found: Line, width: int, *, colour: bool) -> Iterator[str]:
    objective, measured = found.objective, found.measurement
    state = f"{STATES[found.state].upper():<14}"
    scope = f" ({plain(found.scope)})" if found.scope else ""
    value = f": {told(measured.value, objective.unit)}" if measured is not None else ""
    yield f"{_painted(state, _COLOURS[found.state], colour)}  {plain(objective.title)}{scope}{value}"
    facts = []
    if measured is not None and measured.n:
        facts.append(evidence(measured, objective.unit))
    facts += [] if found.certain else ["the interval reaches beyond the target"]
    facts += [f"target {target(objective)}"] if objective.target is not None else []
    facts.append(f"reference {objective.said}")
    yield from _wrapped("; ".join(facts), width)
    if found.reason:
        yield from _wrapped(f"why: {plain(found.reason)}", width)
    more = [*found.remarks, *([told_trend(found)] if told_trend(found) else [])]
    if more:
        yield from _wrapped("; ".join(map(plain, more)), width)
    if found.advice:
        yield from _wrapped(f"-> {plain(found.advice)}", width, hang="   ")


def _wrapped(text: str, width: int, *, indent: str = " " * 16, hang: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=True,
        break_on_hyphens=False,
    )


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
