"""Batches run against a vCenter: everything is delivered but what causes a failure, and the failure stays small."""

import asyncio
import math
from collections import Counter as Tally
from collections.abc import Callable, Sequence

import pytest
from vcenter.inventorylab import of_kind, of_vcsim, watching
from vcenter.perfserver import PerfServer, Rule, Spec, read, sample
from vcenter.replies import oracle, reading
from vcsimulator import Flavour, start

from exporter.clock import Clock
from exporter.errors import BadReply, Fault, ReplyTooLarge, SourceError, TimedOut, Unreachable
from exporter.model import Counter, Kind
from exporter.vcenter import limits, plan
from exporter.vcenter.decode import Decoder
from exporter.vcenter.perfxml import Block
from exporter.vcenter.plan import Batch, Limits, Question, Target
from exporter.vcenter.query import HOPELESS, RETRIES, Query, Result
from exporter.vcenter.session import Session

NOW = 1_700_000_000
CLOCK = Clock(now=lambda: NOW, monotonic=lambda: 0.0, cpu=lambda: 0.0)


def question(counters: int = 2, kind: Kind = Kind.VM) -> Question:
    """The newest sample of so many counters."""
    asked = tuple(Counter(n, f"cpu.c{n}.average", "number", "rate", 1, "") for n in range(1, counters + 1))
    return Question("PerfMgr", kind, asked, instances=False, interval=20, newest=1)


def batches(entities: int, size: int = 250, **more: object) -> tuple[Batch, ...]:
    """vm-0, vm-1, ... in batches of this size."""
    wanted = {f"vm-{n}": "VirtualMachine" for n in range(entities)}
    return plan.replan((), question=question(**more), wanted=wanted, limits=Limits(entities=size))


class Delivered:
    """Takes what a query delivers."""

    def __init__(self) -> None:
        self.blocks: list[tuple[Batch, Block]] = []

    def __call__(self, batch: Batch, block: Block) -> None:
        """Keeps a block."""
        self.blocks.append((batch, block))

    @property
    def values(self) -> dict[str, dict[int, int]]:
        """moid -> counter -> value."""
        found: dict[str, dict[int, int]] = {}
        for _, block in self.blocks:
            values = {key.counter: int(value) for key, value in zip(block.series, block.values, strict=True)}
            found.setdefault(block.moid, {}).update(values)
        return found


def expected(entities: int, counters: int = 2, without: Sequence[str] = ()) -> dict[str, dict[int, int]]:
    """What the server has for vm-0, vm-1, ..."""
    return {
        moid: {counter: sample(moid, counter, NOW) for counter in range(1, counters + 1)}
        for moid in (f"vm-{n}" for n in range(entities))
        if moid not in without
    }


async def run(
    todo: Sequence[Batch], *rules: Rule, concurrency: int = 1
) -> tuple[Result, dict[str, dict[int, int]], PerfServer]:
    """The result, what was delivered, and the server that was asked."""
    server = PerfServer(lambda: NOW)
    server.rules.extend(rules)
    delivered = Delivered()
    result = await Query(server, Decoder(), clock=CLOCK).run(todo, delivered, concurrency=concurrency)
    return result, delivered.values, server


def poison(*moids: str, error: SourceError | None = None) -> Rule:
    """A fault, or another error, for every request that names one of these."""

    def rule(specs: Sequence[Spec]) -> None:
        if any(spec.moid in moids for spec in specs):
            raise error or Fault("SystemError", "A general system error occurred")

    return rule


def html(*moids: str) -> Rule:
    """A proxy's page for every request that names one of these, or for all."""

    def rule(specs: Sequence[Spec]) -> bytes | None:
        hit = not moids or any(spec.moid in moids for spec in specs)
        return b"<html><body><p>Bad gateway</body></html>" if hit else None

    return rule


def failing(error: SourceError) -> Rule:
    """An error for every request."""

    def rule(_: Sequence[Spec]) -> None:
        raise error

    return rule


async def test_every_entity_is_delivered_with_its_batch() -> None:
    """One request a batch, as planned; bytes are counted both ways."""
    todo = batches(7, 3)
    server, delivered = PerfServer(lambda: NOW), Delivered()
    result = await Query(server, Decoder(), clock=CLOCK).run(todo, delivered, concurrency=1)
    assert server.requests == [batch.request for batch in todo]
    assert [(batch, block.moid) for batch, block in delivered.blocks] == [
        (batch, target.moid) for batch in todo for target in batch.targets
    ]
    assert delivered.values == expected(7)
    replies = [server.answer(read(batch.request)) for batch in todo]
    assert result == Result(
        outcomes={"ok": 3},
        seconds=(0.0, 0.0, 0.0),
        sent=sum(len(batch.request) for batch in todo),
        received=sum(map(len, replies)),
    )


async def test_nothing_to_ask_is_nothing() -> None:
    """No batch, no request."""
    assert (await run(()))[0] == Result()


@pytest.mark.parametrize("where", [0, 1, 124, 125, 249])
async def test_one_poison_entity_among_250_is_found_by_halving(where: int) -> None:
    """At most two requests for each halving; everything else is delivered."""
    moid = f"vm-{where}"
    result, values, server = await run(batches(250), poison(moid))
    assert values == expected(250, without=[moid])
    assert {moid: error.name for moid, error in result.poisoned.items()} == {moid: "SystemError"}
    assert len(server.requests) - 1 <= 2 * math.ceil(math.log2(250))
    assert (result.error, result.outcomes["ok"]) == (None, len(server.requests) - result.outcomes["fault"])


@pytest.mark.parametrize(
    "error", [TimedOut("30 s"), ReplyTooLarge("1 GB"), BadReply("no"), Fault("ManagedObjectNotFound", "?", "vm-999")]
)
async def test_whatever_one_batch_fails_with_alone_is_tracked_down(error: SourceError) -> None:
    """Errors that might be the whole vCenter's are not, where other batches are answered."""
    result, values, _ = await run(batches(40, 10), poison("vm-3", error=error))
    assert values == expected(40, without=["vm-3"])
    assert (result.poisoned, result.error) == ({"vm-3": error}, None)


async def test_a_damaged_entity_in_the_only_batch_is_tracked_down() -> None:
    """A small site has one batch: what is no reply for one entity does not hide the others."""
    result, values, _ = await run(batches(16), html("vm-0"))
    assert values == expected(16, without=["vm-0"])
    assert (list(result.poisoned), result.error) == (["vm-0"], None)


async def test_several_poison_entities_in_several_batches_are_found_in_one_cycle() -> None:
    """Within the budget of retries each is found, and the rest is delivered."""
    bad = ["vm-7", "vm-81", "vm-82", "vm-199"]
    result, values, server = await run(batches(200, 50), poison(*bad), concurrency=3)
    assert values == expected(200, without=bad)
    assert sorted(result.poisoned) == sorted(bad)
    assert len(server.requests) <= 4 + RETRIES


async def test_parts_of_failed_batches_wait_for_whole_ones() -> None:
    """A batch that fails delays none that does not."""
    todo = batches(40, 10)
    _, _, server = await run(todo, poison("vm-0"))
    assert server.requests[:4] == [batch.request for batch in todo]


def removing(*gone: str) -> Rule:
    """vCenter's fault for the first entity that no longer exists."""

    def rule(specs: Sequence[Spec]) -> None:
        for spec in specs:
            if spec.moid in gone:
                raise Fault("ManagedObjectNotFound", "has already been deleted", spec.moid)

    return rule


async def test_entities_that_no_longer_exist_are_taken_out() -> None:
    """One extra request for each, as the fault names it; the rest is delivered."""
    gone = ["vm-3", "vm-4", "vm-20"]
    result, values, server = await run(batches(50, 25), removing(*gone))
    assert values == expected(50, without=gone)
    assert (result.removed, result.poisoned, len(server.requests)) == (frozenset(gone), {}, 2 + 3)
    assert result.outcomes == {"fault": 3, "ok": 2}


async def test_a_batch_of_which_nothing_is_left_is_done() -> None:
    """The only entity is gone: nothing is asked again, nothing is wrong."""
    result, values, server = await run(batches(1), removing("vm-0"))
    assert (result.removed, result.error, values, len(server.requests)) == (frozenset({"vm-0"}), None, {}, 1)


def limited(pairs: int) -> Rule:
    """config.vpxd.stats.maxQueryMetrics: a fault for more entity x counter pairs."""

    def rule(specs: Sequence[Spec]) -> None:
        if sum(len(spec.metrics) for spec in specs) > pairs:
            raise Fault("RestrictedByAdministrator", "maxQueryMetrics")

    return rule


async def test_what_vcenter_restricts_is_halved() -> None:
    """The smallest size that was refused is reported for the kind; everything is delivered."""
    result, values, _ = await run(batches(64, 64, counters=4), limited(100))
    assert values == expected(64, 4)
    assert (result.restricted, result.poisoned, result.error) == ({Kind.VM: 128}, {}, None)


async def test_the_smallest_size_that_was_refused_is_reported() -> None:
    """Whichever was refused last."""
    small, large = batches(9, counters=4), batches(64, counters=4)
    result, _, _ = await run([*small, *large], limited(35))
    assert result.restricted == {Kind.VM: 36}


async def test_a_single_entity_over_the_limit_is_asked_for_part_of_its_counters() -> None:
    """Down to what vCenter answers; each counter once."""
    result, values, server = await run(batches(1, counters=20, kind=Kind.CLUSTER), limited(6))
    assert values == expected(1, 20)
    assert (result.restricted, result.poisoned) == ({Kind.CLUSTER: 10}, {})
    assert Tally(len(read(request)[0].metrics) for request in server.requests) == {20: 1, 10: 2, 5: 4}


async def test_many_entities_over_the_limit_are_all_read() -> None:
    """Thirty clusters, each refused at first, are no reason to give up: the fault says what to do."""
    result, values, server = await run(batches(30, 1, kind=Kind.CLUSTER), limited(1))
    assert (values, result.error, result.poisoned) == (expected(30), None, {})
    assert len(server.requests) == 30 + 60


@pytest.mark.parametrize("error", [TimedOut("30 s"), BadReply("no")])
@pytest.mark.parametrize("concurrency", [1, 3])
async def test_where_nothing_is_answered_the_cycle_ends(error: SourceError, concurrency: int) -> None:
    """The second failure without any answer is the vCenter's: no batch is cut, nobody blamed."""
    result, values, server = await run(batches(400, 10), failing(error), concurrency=concurrency)
    assert (result.error, result.poisoned, values) == (error, {}, {})
    assert len(server.requests) <= concurrency + 1


async def test_html_for_all_ends_the_cycle_soon() -> None:
    """A proxy that answers for vCenter: a handful of requests, also where there is one batch."""
    for todo in (batches(400, 10), batches(10)):
        result, values, server = await run(todo, html())
        assert isinstance(result.error, BadReply)
        assert (result.poisoned, values, len(server.requests) <= 4) == ({}, {}, True)


async def test_the_only_batch_timing_out_is_the_vcenters_failure() -> None:
    """With nothing to compare with, the cycle failed; it is not cut, each part of which would take as long."""
    error = TimedOut("30 s")
    result, _, server = await run(batches(10), failing(error))
    assert (result.error, result.poisoned, len(server.requests)) == (error, {}, 1)


async def test_a_lost_connection_ends_the_cycle_at_once() -> None:
    """No other batch is tried."""
    error = Unreachable("refused")
    result, _, server = await run(batches(400, 10), failing(error))
    assert (result.error, result.outcomes, len(server.requests)) == (error, {"unreachable": 1}, 1)


async def test_a_fault_for_everything_blames_nobody() -> None:
    """After a few requests the fault is the cycle's error, and no entity is called poison, however few the batches."""
    error = Fault("SystemError", "statistics are not available")
    for todo in (batches(1000, 10), batches(1000, 500), batches(3)):
        result, values, server = await run(todo, failing(error))
        assert (result.error, result.poisoned, values) == (error, {}, {})
        assert len(server.requests) <= HOPELESS


async def test_a_lone_entity_that_fails_is_quarantined() -> None:
    """With one entity to ask, its failure is its own."""
    result, _, _ = await run(batches(1), failing(Fault("SystemError", "no")))
    assert (list(result.poisoned), result.error) == (["vm-0"], None)


async def test_what_the_retries_did_not_reach_is_said() -> None:
    """Too many poison entities for one cycle: every entity is delivered, blamed, or left for the next cycle."""
    bad = [f"vm-{n}" for n in range(0, 1000, 10)]
    result, values, server = await run(batches(1000, 100), poison(*bad))
    assert len(server.requests) <= 10 + RETRIES
    assert values.keys() | result.poisoned.keys() | result.left == expected(1000).keys()
    assert result.poisoned
    assert result.poisoned.keys() <= set(bad)
    assert not values.keys() & result.left


@pytest.mark.parametrize("concurrency", [1, 2, 4])
async def test_no_more_requests_run_at_once_than_allowed(concurrency: int) -> None:
    """As many as allowed, and no more, through failures too."""
    _, _, server = await run(batches(100, 10), poison("vm-5", "vm-50"), concurrency=concurrency)
    assert server.most_at_once == concurrency


async def test_a_reply_cut_off_is_asked_again_in_halves() -> None:
    """Entities before the damage come again with their half; the values are the same, and nobody is blamed."""
    server, delivered = PerfServer(lambda: NOW), Delivered()

    def cut(specs: Sequence[Spec]) -> bytes | None:
        return PerfServer(lambda: NOW).answer(specs)[:-300] if specs[0].moid == "vm-16" and len(specs) == 16 else None

    server.rules.append(cut)
    result = await Query(server, Decoder(), clock=CLOCK).run(batches(32, 16), delivered, concurrency=1)
    assert (delivered.values, result.poisoned, result.error) == (expected(32), {}, None)
    assert result.outcomes == {"ok": 3, "bad_reply": 1}
    assert len(delivered.blocks) > 32


async def test_an_error_of_the_taker_fails_the_batch_it_came_from() -> None:
    """BadReply raised on what a block says (sample times that are none) is the entity's failure."""

    def take(_: Batch, block: Block) -> None:
        if block.moid == "vm-2":
            raise BadReply("no times")

    result = await Query(PerfServer(lambda: NOW), Decoder(), clock=CLOCK).run(batches(8, 4), take, concurrency=1)
    assert (list(result.poisoned), result.outcomes["bad_reply"]) == (["vm-2"], 3)


def ticking(step: float) -> Callable[[], float]:
    """A clock that moves each time it is read."""
    times = iter(range(10**9))
    return lambda: next(times) * step


async def test_others_get_their_turn_while_a_long_reply_is_decoded() -> None:
    """Decoding gives way to the event loop every few milliseconds, and counts only its own seconds."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    clock = Clock(now=lambda: NOW, monotonic=ticking(0.011), cpu=lambda: 0.0)
    task = asyncio.create_task(others())
    result = await Query(PerfServer(lambda: NOW), Decoder(), clock=clock).run(batches(100), Delivered(), concurrency=1)
    task.cancel()
    assert turns > 45
    assert result.decode_seconds == pytest.approx(0.011 * 101)


class Recorder:
    """A session that keeps what it hands out."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.replies: list[bytes] = []

    async def post(self, body: bytes, *, operation: str) -> bytes:
        """The reply, as Session.post gives it."""
        self.replies.append(await self._session.post(body, operation=operation))
        return self.replies[-1]


@pytest.mark.external
@pytest.mark.parametrize("flavour", ["classic", "current"])
async def test_a_simulated_vcenter_is_read_as_pyvmomi_reads_it(flavour: Flavour) -> None:
    """Every counter and instance of every VM and host over TLS: the bytes mean what pyVmomi says, and pass fast."""
    decoder = Decoder()
    with start(flavour, "-strict", "-instances", "2") as vcsim:
        async with watching(of_vcsim(vcsim)) as watched:
            inventory = await watched.until(lambda found: found.complete)
            has = await limits.abilities(watched.client)
            todo = [
                plan.batch(
                    Question(has.manager, kind, has.counters, instances=True, interval=20, newest=1),
                    [Target(entity.type, entity.moid) for entity in of_kind(inventory, kind)],
                )
                for kind in (Kind.VM, Kind.HOST)
            ]
            for _ in range(3):
                recorder, delivered, parsed = Recorder(watched.client), Delivered(), decoder.parsed
                result = await Query(recorder, decoder, clock=Clock()).run(todo, delivered, concurrency=2)
                assert result.outcomes == {"ok": 2}
    assert len(delivered.values) == len(of_kind(inventory, Kind.VM)) + len(of_kind(inventory, Kind.HOST))
    assert sum(len(block.series) for _, block in delivered.blocks) > 5000
    seen = sorted(reading(block) for _, block in delivered.blocks)
    assert seen == sorted(found for reply in recorder.replies for found in oracle(reply))
    assert decoder.parsed == parsed


async def test_what_is_gone_is_forgotten_by_the_decoder() -> None:
    """``forget`` reaches the decoder, which reads the entity anew."""
    decoder = Decoder()
    query = Query(PerfServer(lambda: NOW), decoder, clock=CLOCK)
    for _ in range(2):
        await query.run(batches(3), Delivered(), concurrency=1)
        query.forget(["vm-0"])
    assert all(not dialect.of_entity.keys() - {b"vm-1", b"vm-2"} for dialect in decoder._dialects.values())
