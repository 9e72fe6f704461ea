"""What one vCenter's hosts say of storage lost, read cycle by cycle: its part of the page."""

from exporter.clock import Clock
from exporter.exposition import Bodies, bodies
from exporter.vcenter import eventtalk
from exporter.vcenter.events import Losses, begin, loss_rows, take
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.tasktalk import Talker


class EventWatch:
    """The storage events of one vCenter, those of the last day before the first reading among them."""

    def __init__(self, talker: Talker, vcenter: str, *, clock: Clock) -> None:
        self._talker = talker
        self._name = vcenter
        self._clock = clock
        self.losses: Losses | None = None

    async def cycle(self, inventory: Inventory, skew: float) -> Bodies:
        """Reads once; the rendered families. ``skew`` is vCenter's clock less ours. Raises SourceError."""
        now = self._clock.now() + skew
        losses = self.losses or begin(now)
        self.losses = take(losses, await eventtalk.read(self._talker, losses), now=now)
        return bodies(loss_rows(self.losses, inventory, self._name))
