"""What was judged last of the newest run, for others: read only, beside a running agent."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from exporter.canary import opening, runs
from exporter.canary.runs import RunsError
from exporter.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Last:
    """A verdict. ``failing`` are names of checks; ``judged_at`` and ``deadline`` epoch seconds; ``share`` of units."""

    release: str
    phase: str
    day: int
    valid_days: int
    needed_days: int
    share: float | None
    failing: tuple[str, ...]
    judged_at: float
    deadline: float
    exit_code: int
    sentence: str


def last_verdict(state: str, *, monotonic: Callable[[], float]) -> Last | None:
    """The last verdict on the newest run; None before there is one. Raises ConfigError. Blocks: call it in a thread."""
    try:
        store = opening.runs(state, monotonic=monotonic)
        newest = store.newest()
        judgement = runs.last(store, newest.release) if newest is not None else None
        return None if judgement is None else _last(judgement.text)
    except (RunsError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"canary: the last verdict cannot be read ({error}); see novacenter canary status") from error


def _last(text: str) -> Last:
    found = json.loads(text)
    bad = {"failed", "error"}
    return Last(
        release=found["release"],
        phase=found["phase"],
        day=found["day"],
        valid_days=found["valid_days"],
        needed_days=found["needed_days"],
        share=found["share"],
        failing=tuple(check["name"] for check in found["checks"] if check["state"] in bad),
        judged_at=found["at"],
        deadline=found["deadline"],
        exit_code=found["exit_code"],
        sentence=found["reason"],
    )
