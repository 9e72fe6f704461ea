"""Alerts come in: by webhook, and by looking at what fires, which alone ends them."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias
from urllib.parse import quote

from exporter.alertmanager import intake, wire
from exporter.alertmanager.client import Answers, Client
from exporter.alertmanager.evaluator import NotReady, World
from exporter.alertmanager.intake import Before, Book, Key, Names, Subject
from exporter.alertmanager.wire import Alert, Delivery
from exporter.config import Alertmanager
from exporter.notice import Notice
from sla.engine import UnknownClassError
from sla.model import Health, Observation
from sla.store.errors import StoreError

_log = logging.getLogger("novacenter.alertmanager")

SOON = 2.0
"""Seconds between two looks, however often webhooks ask for one."""
BLIND_AFTER = 2.5
"""Intervals without an answer after which nobody knows what fires."""
_MOST_SAID = 1000

Firing: TypeAlias = Mapping[Key, tuple[Alert, Subject]]


class AlertLook:
    """Keeps the evaluator told of the alerts of incident classes. ``deliver`` and ``beat`` may run at the same time."""

    def __init__(self, config: Alertmanager, client: Client, world: World) -> None:
        self._interval = config.interval
        self._client = client
        self._world = world
        self._names = Names(config.class_label, config.resource_label)
        has_class = quote(f'{config.class_label}!=""', safe="")
        self._path = f"/alerts?active=true&silenced=true&inhibited=true&unprocessed=true&filter={has_class}"
        self._book = Book()
        self._epoch = 0
        self._lock = asyncio.Lock()
        self._asked = False
        self._looked: float | None = None
        self._sure = world.clock.monotonic()
        self._sight = Notice(_log, "alerts of incident classes")
        self._storing = Notice(_log, "alerts of incident classes cannot be kept now; they are looked at again")
        self._refused: frozenset[Key] = frozenset()
        self._said: set[tuple[str, str]] = set()

    async def deliver(self, delivery: Delivery) -> None:
        """Takes a webhook. Raises NotReady and StoreError, after which the same delivery may come again."""
        if not self._world.evaluator.view.now:
            raise NotReady("the SLA evaluator has not looked yet; send it again")
        # A resolved alert, and what did not fit, are reasons to look, not to believe.
        self._asked |= delivery.truncated > 0 or any(alert.ends_at is not None for alert in delivery.alerts)
        async with self._lock:
            new: dict[Key, tuple[Alert, Subject]] = {}
            for alert in delivery.alerts:
                about = self._subject(alert)
                if isinstance(about, str):
                    self._refuse(alert, about)
                elif alert.ends_at is not None:
                    self._count("resolved")
                elif not self._book.is_new(alert.key):
                    self._count("duplicate")
                else:
                    new[alert.key] = (alert, about)
            await self._begin(new)

    async def beat(self) -> None:
        """Looks at what fires where that is due or asked for."""
        view, now = self._world.evaluator.view, self._world.clock.monotonic()
        if not view.leader or view.epoch != self._epoch:
            self._epoch, self._looked, self._sure = view.epoch, None, now
            self._book.forget()
        if not view.leader or not view.now:
            return
        since = self._interval if self._looked is None else now - self._looked
        if since >= self._interval or (self._asked and since >= SOON):
            self._asked, self._looked = False, now
            await self._look()

    async def _look(self) -> None:
        incidents = (judged.incident for judged in self._world.evaluator.view.incidents)
        before = self._book.before(intake.standing(incidents, self._names))
        listed, started = await asyncio.gather(
            self._client.get(self._path, wire.alerts, operation="alerts"),
            self._client.get("/status", wire.up_since, operation="status"),
        )
        try:
            async with self._lock:
                await self._compare(before, listed, started)
        except StoreError as error:
            self._storing.failed(error, nature=type(error).__name__)
        else:
            self._storing.well()

    async def _compare(self, before: Before, listed: Answers[tuple[Alert, ...]], started: Answers[float]) -> None:
        now = self._world.clock.now()
        whole = any(now - started.good.get(name, now) >= self._world.settled for name in listed.good)
        found = self._sort(alert for one in listed.good.values() for alert in one)
        await self._begin({key: one for key, one in found.items() if key not in before.keys})
        if whole:
            self._book.over(before, found)
        changes = list(self._book.changes(before, now, found=found, whole=whole))
        blind = self._world.clock.monotonic() - self._sure >= BLIND_AFTER * self._interval
        if whole:
            self._sure = self._world.clock.monotonic()
            self._sight.well()
            self._world.metrics.firing.set(len(found))
            self._world.metrics.last_reconcile.set(now)
        elif blind:
            changes += self._unknown(now, found)
        await self._tell((change, partial(self._book.told, change)) for change in changes)

    def _unknown(self, now: float, found: Firing) -> list[Observation]:
        unknown = list(self._book.blind(now, found=found))
        if unknown:
            words = "no member of Alertmanager answers, or none has run for {:g} s; what they do not list is unknown"
            self._sight.failed(NotReady(words.format(self._world.settled)), nature="blind")
        return unknown

    def _sort(self, alerts: Iterable[Alert]) -> Firing:
        """Those that are about something. What was refused at the last look already is not told again."""
        found: dict[Key, tuple[Alert, Subject]] = {}
        refused: set[Key] = set()
        for alert in alerts:
            about = self._subject(alert)
            if not isinstance(about, str):
                found[alert.key] = (alert, about)
                continue
            if alert.key not in self._refused | refused:
                self._refuse(alert, about)
            refused.add(alert.key)
        self._refused = frozenset(refused)
        return found

    def _subject(self, alert: Alert) -> Subject | str:
        return intake.subject(alert, self._world.evaluator.view.policy, self._names)

    def _refuse(self, alert: Alert, why: str) -> None:
        """Counts it, and says it once for each class."""
        self._count(why)
        class_ = dict(alert.labels).get(self._names.class_, "")[:100]
        if why in intake.SAID and (why, class_) not in self._said and len(self._said) < _MOST_SAID:
            self._said.add((why, class_))
            name = dict(alert.labels).get("alertname", "")[:100]
            _log.warning("alert %r is left out: %s", name, intake.SAID[why].format(class_=class_, names=self._names))

    def _count(self, outcome: str) -> None:
        self._world.metrics.alerts.labels(outcome).inc()

    async def _begin(self, new: Firing) -> None:
        def known(key: Key, about: Subject) -> None:
            self._book.fires(key, about)
            self._count("firing")

        await self._tell(
            (Observation(alert.starts_at, *about.place, Health.DOWN, about.labels), partial(known, key, about))
            for key, (alert, about) in new.items()
        )

    async def _tell(self, told: Iterable[tuple[Observation, Callable[[], None]]]) -> None:
        """All at once, so that one write takes them. What was written is noted, also where another was not."""
        results = await asyncio.gather(*(self._observe(*one) for one in told), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _observe(self, observation: Observation, note: Callable[[], None]) -> None:
        try:
            await self._world.evaluator.observe(observation)
        except UnknownClassError:  # the policy changed meanwhile
            self._count("unknown_class")
        else:
            note()
