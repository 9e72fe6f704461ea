"""Incidents go out: what is open is told to every member, again and again."""

from exporter.alertmanager import push, wire
from exporter.alertmanager.client import Client
from exporter.alertmanager.evaluator import World
from exporter.config import Push

STALE = 60.0
"""Seconds after which a picture of the incidents is told no more: whoever should draw a new one hangs."""


class Teller:
    """Tells of incidents. Where the evaluator hangs, it says nothing, so that the watchdog ends."""

    def __init__(self, config: Push, client: Client, world: World) -> None:
        self._labels = config.labels
        self._client = client
        self._world = world
        self._ledger = push.Ledger(config.interval)
        self._started = world.clock.now()

    async def tell(self) -> None:
        """One round: what fires, what was resolved lately, and the watchdog."""
        evaluator, now = self._world.evaluator, self._world.clock.now()
        view = evaluator.view
        if not view.now or now - evaluator.wall(view.now) > STALE:
            return
        found = push.Incidents(view.incidents, view.policy, evaluator.wall, self._labels)
        alive = push.watchdog(self._labels, self._started)
        for part in push.chunks(self._ledger.turn({**push.alerts(found), alive.labels: alive}, now)):
            taken = await self._client.post("/alerts", wire.encode(part), operation="push")
            for name in taken.good:
                self._world.metrics.pushed.labels(name).inc(len(part))
