"""What this package needs of the SLA evaluator, and what else it is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from exporter.alertmanager.metrics import Metrics
from exporter.clock import Clock
from exporter.errors import NovacenterError
from sla.engine import Judged
from sla.model import Observation, Window
from sla.policy import Policy

SETTLED = 180.0
"""Seconds after its start from which a member's list is complete. It keeps no alerts; Prometheus tells them again when
it evaluates, each minute by default, but not within a minute of the last time (--rules.alert.resend-delay)."""


class NotReady(NovacenterError):
    """Nothing is judged yet; the same call may be made again."""


class View(Protocol):
    """What matters here of ``slaview.View``."""

    @property
    def now(self) -> float:
        """Effective time; 0.0 before the first picture."""

    @property
    def leader(self) -> bool:
        """Whether this process judges."""

    @property
    def epoch(self) -> int:
        """By which right it does."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""

    @property
    def incidents(self) -> tuple[Judged, ...]:
        """All that are not over, and those over for less than a day."""

    @property
    def windows(self) -> tuple[Window, ...]:
        """All windows known, in effective time."""


class Evaluator(Protocol):
    """What matters here of ``slarunner.Runner``. What is awaited is durable afterwards, or StoreError is raised."""

    @property
    def view(self) -> View:
        """The latest picture."""

    async def observe(self, observation: Observation) -> None:
        """Takes a health, which holds until the next one of its class and resource."""

    async def announce(self, window: Window) -> None:
        """Takes a window, by the wall clock; one of the same id changes nothing."""

    async def end_window(self, window: str, *, actor: str = "") -> None:
        """Ends a window now."""

    def wall(self, effective: float) -> float:
        """Effective time by the wall clock."""


@dataclass(frozen=True, slots=True)
class World:
    """The evaluator, time, and where to count. ``settled`` is for tests; see ``SETTLED``."""

    evaluator: Evaluator
    clock: Clock
    metrics: Metrics
    broken: Callable[[], None] = lambda: None
    settled: float = SETTLED
