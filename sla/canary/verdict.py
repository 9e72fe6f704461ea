"""What the gate says: every check with its numbers, every day with its reason. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Literal

from sla.canary.model import EXIT, Arm, Detectable, Occurrence, Phase, State

_DIGITS = 12
"""Significant digits that are written: the last ones of a sum depend on the machine's mathematics."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one target, comparison or guard.

    ``value`` is that of the canaries (or of the whole), ``control`` that of their controls. Of a comparison,
    ``difference`` is how much the canaries differ, less what they differed before the release; ``lower`` and ``upper``
    are its bounds, each one-sided; the one that fails a release holds with ``confidence``. Of a ratio, ``difference``,
    ``lower``, ``upper`` and ``margin`` are quotients: the canaries' rate over the controls'. ``n`` counts days.
    None: there is none.
    """

    name: str
    kind: Literal["target", "comparison", "guard", "input"]
    state: State
    reason: str
    required: bool = True
    measure: str = ""
    statistic: str = ""
    value: float | None = None
    control: float | None = None
    difference: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    margin: float | None = None
    n: int = 0
    confidence: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class DayResult:
    """A day that is over, its ``number`` since the (last) start, and why it does not count, if so.

    ``coverage`` is 0..1, ``maintenance`` in seconds for each unit, both by arm.
    """

    date: str
    number: int
    valid: bool
    reason: str
    coverage: tuple[tuple[Arm, float], ...]
    maintenance: tuple[tuple[Arm, float], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of a run at the instant ``at``. ``decided_at`` is None while nothing is decided.

    ``day`` is 0 before the first whole day, and starts again at a change; ``days`` are those since then.
    """

    release: str
    phase: Phase
    at: float
    decided_at: float | None
    started: float
    deadline: float
    day: int
    valid_days: int
    needed_days: int
    restarts: tuple[Occurrence, ...]
    share: float
    size_share: float
    checks: tuple[Check, ...]
    days: tuple[DayResult, ...]
    detectable: tuple[Detectable, ...]
    inputs_sha256: str
    reason: str

    @property
    def exit_code(self) -> int:
        """Of a command that ends with this verdict."""
        return EXIT[self.phase]

    @property
    def failing(self) -> tuple[str, ...]:
        """The names of checks that fail, or that cannot be judged for an error."""
        return tuple(check.name for check in self.checks if check.state in {State.ERROR, State.FAILED})

    @property
    def provisional(self) -> bool:
        """Whether the states of the checks may still change."""
        return self.phase in {Phase.PENDING, Phase.RUNNING}

    @property
    def coverage(self) -> Mapping[Arm, float]:
        """Of the last day that is over; empty before there is one."""
        return dict(self.days[-1].coverage) if self.days else {}


def to_json(verdict: Verdict) -> str:
    """As JSON, always the same for the same verdict. ``sha256`` is the hash of the document without that key."""
    document = _plain(asdict(verdict))
    document["exit_code"] = verdict.exit_code
    document["sha256"] = hash_of(document)
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def hash_of(document: object) -> str:
    """The SHA-256 of a JSON document in its one canonical form: sorted keys, no spaces, ASCII."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return sha256(text.encode()).hexdigest()


def unbroken(text: str) -> str | None:
    """What is wrong with a verdict's own hash; None if nothing."""
    try:
        document = json.loads(text)
        said = document.pop("sha256")
        return None if said == hash_of(document) else "its sha256 is not that of its content: it was changed by hand"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "it is no verdict: no JSON object with sha256"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def text_form(verdict: Verdict) -> str:
    """For people: the verdict in a sentence, every check worst first, and the days."""
    seen = f"day {verdict.day}, {verdict.valid_days} of {verdict.needed_days} days count"
    lines = [f"{verdict.release}: {verdict.phase.upper()} ({seen})", verdict.reason, ""]
    order = list(State)
    rows = [("check", "state", "canary", "control", "limit", "why")]
    for check in sorted(verdict.checks, key=lambda check: order.index(check.state)):
        state = check.state if check.required else f"{check.state}, not required"
        limit = check.limit if check.limit is not None else check.margin
        rows.append((check.name, state, _cell(check.value), _cell(check.control), _cell(limit), check.reason))
    lines += _table(rows)
    days = [("day", "date", "counts", "canary", "control", "why not")]
    for day in verdict.days:
        shares = [f"{share:.1%}" for _, share in day.coverage]
        days.append((str(day.number), day.date, "yes" if day.valid else "no", shares[0], shares[1], day.reason))
    return "\n".join([*lines, "", *_table(days)]) + "\n"


def _cell(number: float | None) -> str:
    return "-" if number is None else f"{number:.4g}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
