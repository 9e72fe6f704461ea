"""A stored run, and what is known of it, as the core takes them. Pure, but for the calls of the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.canary.runs import Note, Runs, RunsError, Started
from sla.canary import recorded
from sla.canary.model import Observations, Occurrence, Run, date_of
from sla.canary.readings import readings_of
from sla.days import Day

OCCURRENCE = "occurrence"
VERSIONS = "versions"
"""Kinds of notes: something that happened, and what every unit ran at the start."""


@dataclass(frozen=True, slots=True)
class Case:
    """A run with all that was noted of it."""

    started: Started
    run: Run
    notes: tuple[Note, ...]

    def occurrences(self, at: float) -> tuple[Occurrence, ...]:
        """What had come to be known by then."""
        known = (note for note in self.notes if note.kind == OCCURRENCE and note.noticed <= at)
        return tuple(recorded.occurrence_of(note.body) for note in known)

    @property
    def baseline(self) -> Mapping[str, str]:
        """The version of each unit at the start, where it was known."""
        found = [note.content for note in self.notes if note.kind == VERSIONS]
        return {str(unit): str(version) for unit, version in found[-1].items()} if found else {}

    def dates(self, at: float) -> tuple[str, str]:
        """The first and last day whose readings are used at this instant."""
        return self.run.history[0], date_of(at).isoformat()

    def observations(self, days: Iterable[Day], at: float) -> Observations:
        """All that a verdict of this instant is given on."""
        return Observations(readings_of(days, self.run.spec), self.occurrences(at))


def opened(runs: Runs, started: Started) -> Case:
    """A run of the store. Raises RunsError, also where its text is damaged or newer than we are."""
    try:
        return Case(started, recorded.run_of(started.text), runs.notes(started.release))
    except (ValueError, KeyError, TypeError) as error:
        raise RunsError(
            f"canary: the run of {started.release} cannot be read ({error}); run the version that wrote it, or restore "
            "a copy of the state"
        ) from error


def noted(found: Iterable[tuple[str, Occurrence]], *, known: Sequence[Note], now: float) -> tuple[Note, ...]:
    """Notes of what is not noted yet."""
    there = {note.key for note in known}
    return tuple(
        Note(key, OCCURRENCE, one.at, now, recorded.occurrence_json(one)) for key, one in found if key not in there
    )
