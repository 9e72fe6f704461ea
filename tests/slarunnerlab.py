"""The SLA evaluator on a clock whose hands the test moves, over what a test says that the agent exports."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from exporter.boottime import Clocks
from exporter.conditions import Sight
from exporter.exposition import Format, lines, page
from exporter.model import Family, Row
from exporter.slajudge import Setup
from exporter.slapolicy import policy as built_in
from exporter.slarunner import Runner, Surroundings
from exporter.slaview import View
from sla.engine import Judged
from sla.policy import Policy
from sla.store.base import Store

NOON = 1_795_348_800.0
"""2026-11-22 12:00:00 UTC."""


@dataclass(slots=True)
class Hands:
    """The hands of all clocks of one machine: seconds since the epoch, and how far the wall clock is off."""

    seconds: float = NOON
    off: float = 0.0
    boot: float = NOON - 5000.0
    synchronised: bool | None = None

    def clocks(self, directory: Path) -> Clocks:
        """As the evaluator reads them; the boot id is in ``directory``."""
        name = directory / "boot_id"
        name.write_text(f"boot at {self.boot}")
        return Clocks(
            wall=lambda: self.seconds + self.off,
            boottime=lambda: self.seconds - self.boot,
            synchronised=lambda: self.synchronised,
            boot_id=name,
        )


@dataclass
class Lab:
    """One evaluator. ``own`` is what the agent's registry shows, ``parts`` what its pages do."""

    store: Store
    directory: Path
    hands: Hands = field(default_factory=Hands)
    setup: Setup = field(default_factory=lambda: Setup(built_in()))
    holder: str = "test"
    own: dict[str, tuple[tuple[Mapping[str, str], float], ...]] = field(default_factory=dict)
    parts: dict[tuple[str, str], Mapping[Family, bytes]] = field(default_factory=dict)
    untried: frozenset[str] = frozenset()
    pages: dict[str, Mapping[Family, bytes]] = field(default_factory=dict)
    published: asyncio.Event = field(default_factory=asyncio.Event)
    runner: Runner = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, *, holder: str = "") -> None:
        """Another process on the same store; the one before died without a word."""
        self.holder = holder or self.holder + "'"
        world = Surroundings(
            clocks=self.hands.clocks(self.directory),
            monotonic=lambda: self.hands.seconds,
            look=self._look,
            publish=self._publish,
        )
        self.runner = Runner(self.store, self.setup, world, holder=self.holder)

    def _look(self, _: Collection[str]) -> Sight:
        return Sight(dict(self.parts), dict(self.own), self.untried)

    def _publish(self, _: str, part: str, families: Mapping[Family, bytes], __: Mapping[Family, int]) -> None:
        self.pages[part] = families
        if part == "incidents":
            self.published.set()

    def up(self, **vcenters: float) -> None:
        """Says which vCenters answer."""
        self.own["vsphere_up"] = tuple(({"vcenter": name}, value) for name, value in vcenters.items())

    def show(self, place: tuple[str, str], name: str, *series: tuple[Mapping[str, str], float]) -> None:
        """Puts the series of a family on the page, in place of those before."""
        family = Family(name, "gauge", "")
        body = lines(family, [Row(tuple(labels.items()), value) for labels, value in series])
        kept = {other: text for other, text in self.parts.get(place, {}).items() if other.name != name}
        self.parts[place] = {**kept, family: body}

    async def run(self, seconds: float, *, step: float = 5.0) -> None:
        """Lets time pass, with a look at every step and at the end."""
        end = self.hands.seconds + seconds
        while self.hands.seconds < end:
            self.hands.seconds = min(end, self.hands.seconds + step)
            await self.runner.tick()

    async def look(self) -> None:
        """One look, now."""
        await self.runner.tick()

    @property
    def view(self) -> View:
        """What the evaluator shows."""
        return self.runner.view

    def incident(self) -> Judged:
        """The only incident."""
        [judged] = self.view.incidents
        return judged

    def text(self) -> str:
        """Everything on the page."""
        return b"".join(page([self.pages[part] for part in sorted(self.pages)], Format.TEXT)).decode()

    def value(self, series: str) -> float | None:
        """The value of one series, named as on the page; None where it is not there."""
        found = [line.rpartition(" ")[2] for line in self.text().splitlines() if line.rpartition(" ")[0] == series]
        return float(found[0]) if found else None


def faster(policy: Policy, **changed: object) -> Policy:
    """The policy with these fields changed in every class."""
    return replace(policy, classes={name: replace(one, **changed) for name, one in policy.classes.items()})  # type: ignore[arg-type]
