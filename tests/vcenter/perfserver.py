"""QueryPerf of a vCenter that keeps to the API reference, within the process: what is sent and answered is bytes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

from vcenter.replies import Answer, Metric, render
from vcsimulator import value

VIM = "{urn:vim25}"


@dataclass(frozen=True, slots=True)
class Spec:
    """One querySpec of a request. Times are epoch seconds."""

    moid: str
    metrics: tuple[tuple[int, str], ...]
    interval: int
    newest: int | None
    start: int | None
    end: int | None


def read(request: bytes) -> list[Spec]:
    """The querySpecs of a request."""
    return [_spec(spec) for spec in ET.fromstring(request).iter(f"{VIM}querySpec")]


def _spec(spec: ET.Element) -> Spec:
    def text(name: str) -> str | None:
        return spec.findtext(VIM + name)

    newest = text("maxSample")
    return Spec(
        moid=text("entity") or "",
        metrics=tuple(
            (int(metric.findtext(f"{VIM}counterId") or 0), metric.findtext(f"{VIM}instance") or "")
            for metric in spec.iter(f"{VIM}metricId")
        ),
        interval=int(text("intervalId") or 0),
        newest=None if newest is None else int(newest),
        start=_epoch(text("startTime")),
        end=_epoch(text("endTime")),
    )


def _epoch(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp())


Rule = Callable[[Sequence[Spec]], bytes | None]
"""May raise what a Session raises, or answer in the server's place."""


class PerfServer:
    """Samples on a grid of the interval; each value is a pure function of entity, counter, instance and time.

    ``off`` entities have no samples; ``lost`` are samples that were never taken. ``requests`` are all that came.
    """

    def __init__(self, now: Callable[[], float], *, keep: int = 3600) -> None:
        self._now = now
        self._keep = keep
        self.off: set[str] = set()
        self.lost: set[tuple[str, int]] = set()
        self.rules: list[Rule] = []
        self.requests: list[bytes] = []
        self.at_once = 0
        self.most_at_once = 0

    async def post(self, body: bytes, *, operation: str) -> bytes:
        """Answers as Session.post does."""
        assert operation == "QueryPerf"
        self.requests.append(body)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            return self.answer(read(body))
        finally:
            self.at_once -= 1

    def answer(self, specs: Sequence[Spec]) -> bytes:
        """The reply to these querySpecs."""
        for rule in self.rules:
            reply = rule(specs)
            if reply is not None:
                return reply
        return render([self._entity(spec) for spec in specs])

    def _entity(self, spec: Spec) -> Answer:
        times = self.times(spec)
        metrics = tuple(
            Metric(
                counter,
                "" if instance == "*" else instance,
                tuple(sample(spec.moid, counter, time, step=spec.interval) for time in times),
            )
            for counter, instance in spec.metrics
        )
        return Answer(spec.moid, times, metrics if times else ())

    def times(self, spec: Spec) -> tuple[int, ...]:
        """The samples that a querySpec asks for: after its start, up to and including its end, the newest of them."""
        if spec.moid in self.off:
            return ()
        now = self._now()
        first = max(now - self._keep, spec.start if spec.start is not None else 0)
        last = min(now, spec.end if spec.end is not None else now)
        ticks = range(int(first // spec.interval) + 1, int(last // spec.interval) + 1)
        times = [tick * spec.interval for tick in ticks if (spec.moid, tick * spec.interval) not in self.lost]
        return tuple(times[-spec.newest :] if spec.newest else times)


def sample(moid: str, counter: int, time: int, *, step: int = 20) -> int:
    """The aggregate that the server gives for a time."""
    return value(moid, counter, instance="", tick=time // step)
