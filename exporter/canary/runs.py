"""What is kept of canary runs, and what every store of them promises.

The core judges from texts that are only ever added to: the run as it was started, and what was noticed since. A store
knows none of their meaning. Every call opens, commits and closes, so it may come from any thread and from several
processes: a command stands beside a running agent.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from exporter.errors import NovacenterError


@dataclass(frozen=True, slots=True)
class Limits:
    """How many runs are kept, the newest, and how many notes of one run, the oldest."""

    runs: int = 20
    notes: int = 10_000


LIMITS = Limits()


class RunsError(NovacenterError):
    """Runs cannot be read or written. The message says where, and what to do."""


class AlreadyRunningError(NovacenterError):
    """A run cannot begin: another one is not over, or its release was judged before."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run: the id of the release, when it was started (epoch seconds), its text, and when it was over."""

    release: str
    at: float
    text: str
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something that counts for a run: what, when it was so, and when it came to be known (epoch seconds).

    ``key`` is unique in the run: what is noted twice is one note. ``body`` is JSON.
    """

    key: str
    kind: str
    at: float
    noticed: float
    body: str

    @property
    def content(self) -> Mapping[str, Any]:
        """What ``body`` says."""
        found: Mapping[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict as text, and when it was given. The last one of a UTC day is kept."""

    at: float
    text: str


class Runs(Protocol):
    """The runs of one state. Any call may raise RunsError."""

    def begin(self, run: Started) -> None:
        """Stores a new run. Raises AlreadyRunningError while another one is not over, or if there was one of it."""

    def newest(self) -> Started | None:
        """The run that was started last; None if there never was one."""

    def find(self, release: str) -> Started | None:
        """The run of a release."""

    def note(self, release: str, notes: Sequence[Note]) -> None:
        """Adds what is not there yet."""

    def notes(self, release: str) -> tuple[Note, ...]:
        """All notes of a run, in the order in which they came to be known."""

    def judged(self, release: str, judgement: Judgement, *, over: bool) -> None:
        """Stores a verdict in place of an earlier one of its day; ``over``: the run has ended by it."""

    def judgements(self, release: str) -> tuple[Judgement, ...]:
        """The verdicts on a run, the oldest first."""


def last(runs: Runs, release: str) -> Judgement | None:
    """The newest verdict on a run."""
    found = runs.judgements(release)
    return found[-1] if found else None
