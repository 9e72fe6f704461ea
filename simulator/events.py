"""The vCenter's events: what hosts tell of their storage, as EventManager.QueryEvents hands it out."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.model import Model

MOST = 10_000
"""Events remembered, and handed out at once."""


@dataclass(frozen=True, slots=True)
class HostEvent:
    """An EventEx of a host: its type (``esx.problem.storage.connectivity.lost``), when, and its arguments by name."""

    key: int
    type: str
    at: float
    host: str
    arguments: Mapping[str, str]


class EventLog:
    """The events of one model, the oldest first."""

    def __init__(self, model: "Model") -> None:
        self._model = model
        self._numbers = 0
        self._found: deque[HostEvent] = deque(maxlen=MOST)

    def tell(self, type_: str, host: str, **arguments: str) -> None:
        """Have a host tell something now; ``arguments`` are by their number with an underscore: ``_1="naa.6000"``."""
        self._numbers += 1
        named = {key.removeprefix("_"): value for key, value in arguments.items()}
        self._found.append(HostEvent(self._numbers, type_, self._model.time(), host, named))

    def fitting(self, wanted: Any) -> list[HostEvent]:
        """Those that an EventFilterSpec means by its time and types; where they are too many, the newest."""
        begin = wanted.time.beginTime.timestamp() if wanted.time and wanted.time.beginTime else 0.0
        types = frozenset(wanted.eventTypeId or ())
        found = [event for event in self._found if event.at >= begin and (not types or event.type in types)]
        return found[-min(wanted.maxCount or MOST, MOST) :]
