"""What a store keeps: one line of the append-only log. Everything else is derived from these lines."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One recorded fact, as text.

    ``incident`` is the id of the incident that it belongs to, or ``""`` for a fact about the engine as a whole (a
    maintenance window, a policy, a start of the agent, a clock jump). ``kind`` names the fact (``opened``).
    ``at`` is the effective time (seconds since the epoch) at which the fact became true, which may lie before the
    moment it was noticed; so ``at`` is not sorted. ``key`` is unique: the same fact always has the same key, whoever
    finds it and how often. ``body`` is a JSON object with sorted keys.

    The order of the log is the order in which the engine hands records out, not the order of ``at``.
    """

    incident: str
    kind: str
    at: float
    key: str
    body: str
