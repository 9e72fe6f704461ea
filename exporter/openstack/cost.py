"""What a cycle costs the cloud, and the budget that bounds it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Requests of one cycle by what was asked for; ``carried`` servers did not fit and are asked in the next one.

    ``failed`` are requests without a usable answer, counted among the others too; ``received`` is bytes of replies.
    """

    listing: int = 0
    actions: int = 0
    events: int = 0
    failed: int = 0
    carried: int = 0
    received: int = 0
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        """All requests of the cycle."""
        return self.listing + self.actions + self.events


class Budget:
    """Counts the requests of one cycle. Listings are always allowed, since all else depends on them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.listing = 0
        self.actions = 0
        self.events = 0
        self.failed = 0
        self.received = 0

    @property
    def left(self) -> int:
        """How many requests for actions and events are still allowed."""
        return max(0, self._limit - self.listing - self.actions - self.events)

    def cost(self, *, carried: int, seconds: float) -> Cost:
        """The cost of the cycle at its end."""
        return Cost(
            listing=self.listing,
            actions=self.actions,
            events=self.events,
            failed=self.failed,
            carried=carried,
            received=self.received,
            seconds=seconds,
        )
