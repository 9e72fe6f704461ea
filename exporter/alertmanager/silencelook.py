"""Silences come in: marked ones become maintenance windows, which the evaluator keeps."""

import logging

from exporter.alertmanager import silences, wire
from exporter.alertmanager.client import Client
from exporter.alertmanager.evaluator import World
from exporter.alertmanager.metrics import SILENCES
from exporter.alertmanager.silences import Plan
from exporter.alertmanager.wire import Silence
from exporter.config import Alertmanager
from exporter.notice import Notice
from sla.store.errors import StoreError

_log = logging.getLogger("novacenter.alertmanager")

ACTOR = "alertmanager"


class SilenceLook:
    """Keeps the windows in step with the silences. ``seen`` are the silences and what became of each, by id."""

    def __init__(self, config: Alertmanager, client: Client, world: World) -> None:
        self.seen: tuple[tuple[Silence, str], ...] = ()
        self._longest = config.longest_silence
        self._client = client
        self._world = world
        self._silences: tuple[Silence, ...] = ()
        self._announced: set[str] = set()
        self._ended: set[str] = set()
        self._storing = Notice(_log, "silences cannot be kept as windows now; they are looked at again")

    async def look(self) -> None:
        """Reads the silences of all members, and does what follows. Where none answers, all stays as it is."""
        if not self._world.evaluator.view.leader:
            self._silences = ()
            return
        answers = await self._client.get("/silences", wire.silences, operation="silences")
        if answers.good:
            self._silences = silences.newest(answers.good.values())
            self._world.metrics.last_silences.set(self._world.clock.now())
            await self.match()

    async def match(self) -> None:
        """Does what follows from the silences read last for the incidents that there are now."""
        view = self._world.evaluator.view
        if not view.leader or not view.now or not self._silences:
            return
        incidents = [judged.incident for judged in view.incidents]
        plan = silences.plan(self._silences, incidents, view.windows, now=view.now, longest=self._longest)
        self.seen = tuple((one, plan.outcomes[one.id]) for one in self._silences if one.id in plan.outcomes)
        for outcome in SILENCES:
            count = sum(found == outcome for found in plan.outcomes.values())
            self._world.metrics.silences.labels(outcome).set(count)
        try:
            await self._follow(plan, {window.id for window in view.windows})
        except StoreError as error:
            self._storing.failed(error, nature=type(error).__name__)
        else:
            self._storing.well()

    async def _follow(self, plan: Plan, known: set[str]) -> None:
        """New windows first, so that one that replaces another leaves no gap. Raises StoreError."""
        # The picture shows only later what was done now.
        self._announced &= {window.id for window in plan.windows}
        self._ended &= set(plan.ended)
        for window in plan.windows:
            if window.id not in known | self._announced:
                await self._world.evaluator.announce(window)
                self._announced.add(window.id)
                self._world.metrics.windows.labels("announced").inc()
        for key in plan.ended:
            if key not in self._ended:
                await self._world.evaluator.end_window(key, actor=ACTOR)
                self._ended.add(key)
                self._world.metrics.windows.labels("ended").inc()
