"""The product on recorded replies: nothing is sent, so that 1 % of the VMs can change from one cycle to the next."""

import asyncio
import itertools
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from bench.agents.protocol import Answer, measured, serve_async
from bench.agents.stages import Stages
from exporter.clock import Clock
from exporter.model import Kind
from exporter.vcenter.facts import Disk, VmFacts
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.query import Query

_CHUNK = re.compile(rb"<returnval.*?</returnval>", re.DOTALL)
_MOID = re.compile(rb'<entity type="[^"]*">([^<]*)</entity>')
_TIME = re.compile(rb"<sampleInfoCSV>20,[^<]*<")
_VALUE = re.compile(rb"<value>[0-9]+</value>")
_SHOWN = re.compile(rb'moid="([^"]*)"')
_SHARE = 100
"""One VM in so many changes."""


class Replies:
    """In vCenter's place: answers each request from recorded text, with the time of ``now``.

    ``cpu`` is what that costs, which is no part of the product. Where ``wide`` is set each value is a new one of up to
    eight digits, with all lengths alike, as counters in KB and ms have them; the simulator's have four.
    """

    def __init__(self, recorded: dict[bytes, bytes], now: Callable[[], float]) -> None:
        self._now = now
        self.cpu = 0.0
        self.wide = False
        self._rng = random.Random(1)
        reply = next(iter(recorded.values()))
        self._before = reply[: reply.index(b"<returnval")]
        self._after = reply[reply.rindex(b"</returnval>") + len(b"</returnval>") :]
        chunks = (chunk for reply in recorded.values() for chunk in _CHUNK.findall(reply))
        self.chunks = {_MOID.findall(chunk)[0]: chunk for chunk in chunks}

    async def post(self, body: bytes, *, operation: str) -> bytes:  # noqa: ARG002 - the name is the protocol's
        """The reply."""
        began = time.process_time()
        sampled = datetime.fromtimestamp(self._now() // 20 * 20, UTC).strftime("<sampleInfoCSV>20,%Y-%m-%dT%H:%M:%SZ<")
        text = b"".join([self.chunks[moid] for moid in _MOID.findall(body)])
        text = _TIME.sub(sampled.encode(), text)
        if self.wide:
            text = _VALUE.sub(lambda _: b"<value>%d</value>" % 10 ** self._rng.uniform(0, 8), text)
        self.cpu += time.process_time() - began
        return self._before + text + self._after

    def add_disk(self, moid: str, device: str) -> None:
        """From now on the VM has the virtualDisk counters of one more disk."""
        chunk = self.chunks[moid.encode()]
        disks = re.findall(rb"<value><id><counterId>([0-9]+)</counterId><instance>scsi0:0<", chunk)
        template = b"<value><id><counterId>%s</counterId><instance>%s</instance></id><value>7</value></value>"
        extra = b"".join(template % (counter, device.encode()) for counter in disks)
        self.chunks[moid.encode()] = chunk.removesuffix(b"</returnval>") + extra + b"</returnval>"


class Replay(Stages):
    """Cycles of 20 s without waiting for them."""

    def __init__(self) -> None:
        self._time: float | None = None
        super().__init__(Clock(now=lambda: time.time() if self._time is None else self._time))

    async def record(self) -> Answer:
        """One live cycle; from then on its replies are replayed. One VM in twenty is left out, to be added later.

        ``network`` is the CPU of sending the requests and receiving the replies.
        """
        answer = await self.cycle()
        network = [(await self.network())["cpu"] for _ in range(3)]
        self._time = time.time()
        self._replies_from = Replies(self.recorder.replies, self.clock.now)
        query = Query(self._replies_from, self.decoder, clock=self.clock)
        self.poller._query = self.poller._realtime._query = query
        self._whole = self._inventory_now()
        self._vms = [moid for moid, entity in self._whole.entities.items() if entity.kind is Kind.VM]
        self._step = max(1, len(self._vms) // _SHARE)
        self._turn = itertools.count()
        self._absent = self._vms[::20]
        await self.poller._take_inventory(_only(self._whole, set(self._whole.entities) - set(self._absent)))
        return answer | {"network": statistics.median(network)}

    async def replay(self, *, change: str = "none", wide: bool = False) -> Answer:
        """One cycle after a change of the inventory: ``none``, ``moved``, ``swapped``, ``disk`` or ``mixed``."""
        self._replies_from.wide = wide
        assert self._time is not None
        self._time += 20
        gone = frozenset(self._inventory_now().entities)
        changed = self._changed(change)
        gone -= changed.entities.keys()
        self._replies_from.cpu = 0.0
        spent: Answer = {}
        with measured(spent):
            if changed is not self._inventory_now():
                await self.poller._take_inventory(changed)
            await self.work()
        spent["cpu"] -= self._replies_from.cpu
        shown = {moid.decode() for moid in _SHOWN.findall(self.bodies())} if gone else set()
        return spent | self.outcome() | {"gone": len(gone), "gone_but_shown": len(gone & shown)}

    def _inventory_now(self) -> Inventory:
        assert self.poller.inventory is not None
        return self.poller.inventory

    def _changed(self, change: str) -> Inventory:
        parts = {"none": (), "mixed": ("moved", "swapped", "disk")}.get(change, (change,))
        inventory = self._inventory_now()
        for part in parts:
            count = max(1, self._step // len(parts))
            inventory = {"moved": self._moved, "swapped": self._swapped, "disk": self._disk}[part](inventory, count)
        return inventory

    def _some(self, inventory: Inventory, count: int) -> Iterator[str]:
        """VMs that are there now, always others."""
        candidates = (self._vms[next(self._turn) * 7 % len(self._vms)] for _ in itertools.count())
        return itertools.islice((moid for moid in candidates if moid in inventory.entities), count)

    def _moved(self, inventory: Inventory, count: int) -> Inventory:
        """To another host, which is a label of every series here."""
        entities, facts = dict(inventory.entities), dict(inventory.facts)
        for moid in self._some(inventory, count):
            host = f"{entities[moid].labels['host']}-{next(self._turn)}"
            entities[moid] = replace(entities[moid], labels={**entities[moid].labels, "host": host})
            facts[moid] = replace(facts[moid], host=host)
        return replace(inventory, entities=entities, facts=facts, version=inventory.version + 1)

    def _swapped(self, inventory: Inventory, count: int) -> Inventory:
        """So many appear that were not there, and as many are gone."""
        leaving = set(self._some(inventory, count))
        coming, self._absent = self._absent[:count], [*self._absent[count:], *leaving]
        return _only(self._whole, (inventory.entities.keys() - leaving) | set(coming), current=inventory)

    def _disk(self, inventory: Inventory, count: int) -> Inventory:
        """One more disk: two more series, and one more disk in the facts."""
        facts = dict(inventory.facts)
        for moid in self._some(inventory, count):
            known = facts[moid]
            assert isinstance(known, VmFacts)
            device = f"scsi1:{len(known.disks or ())}"
            self._replies_from.add_disk(moid, device)
            facts[moid] = replace(known, disks=(*(known.disks or ()), _disk(device)))
        return replace(inventory, facts=facts, version=inventory.version + 1)


def _disk(device: str) -> Disk:
    return Disk(
        label=device,
        device=device,
        backing="vmdk",
        mode="persistent",
        datastore="LocalDS_0",
        thin=True,
        capacity_bytes=2**30,
        uuid=None,
    )


def _only(whole: Inventory, moids: set[str], *, current: Inventory | None = None) -> Inventory:
    """The inventory with these entities alone: as they are in ``current``, else as they were at first."""
    now = current or whole
    kept = [moid for moid in whole.entities if moid in moids]
    entities = {moid: now.entities.get(moid) or whole.entities[moid] for moid in kept}
    facts = {moid: now.facts.get(moid) or whole.facts[moid] for moid in kept}
    return replace(now, entities=entities, facts=facts, version=now.version + 1)


if __name__ == "__main__":
    replay = Replay()
    asyncio.run(serve_async({"start": replay.start, "record": replay.record, "replay": replay.replay}))
