"""The publisher: complete pages, made off the scrape path, equal in every variant."""

import asyncio
import contextlib
import gzip
import logging
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from exporter.clock import Clock
from exporter.exposition import Format, label_pairs, lines
from exporter.model import Family, Row
from exporter.publisher import Page, Publisher, pieces

USAGE = Family("vsphere_vm_cpu_usage_average_ratio", "gauge", "CPU usage.")
POWER = Family("vsphere_vm_power_state", "gauge", "Power state.")
STRANGE = Family("vsphere_vm_strange", "gauge", "Strange.")
SENT = Family("vsphere_vm_sent_bytes_total", "counter", "Bytes sent.")
NASTY = 'web "1" \\ new\nline é ☃'


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0
        self.clock = Clock(now=self.read, monotonic=self.read)

    def read(self) -> float:
        """Seconds, whichever clock is asked for."""
        return self.seconds


class Witness(Collector):
    """A collector of the agent's registry: it is called whenever the agent's own metrics are rendered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = 0
        self.called = asyncio.Event()
        self.error: Exception | None = None
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Has no names of its own."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Gives nothing, or fails where the test wants that."""
        self.calls += 1
        self.called.set()
        if self.error:
            raise self.error
        yield from ()

    async def next(self) -> None:
        """Waits for one more call."""
        self.called.clear()
        async with asyncio.timeout(10):
            await self.called.wait()


@contextlib.asynccontextmanager
async def running(publisher: Publisher) -> AsyncIterator[None]:
    """The publisher's loop, as long as the block lasts."""
    task = asyncio.create_task(publisher.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def rows(family: Family, values: Iterable[tuple[str, float]]) -> bytes:
    """Series of one VM object by name and value."""
    return lines(family, [Row((("moid", "vm-1"), ("vm", name)), value) for name, value in values])


def text_of(page: Page) -> str:
    """The body as its reader sees it."""
    body = b"".join(page.chunks)
    assert page.size == len(body)
    return (gzip.decompress(body) if page.encoding == "gzip" else body).decode()


def metric(publisher: Publisher, name: str, **labels: str) -> float | None:
    """A sample of the agent's own metrics as it is now."""
    return publisher.registry.get_sample_value(name, labels)


def publisher() -> Publisher:
    """A publisher with nothing put in."""
    return Publisher(CollectorRegistry(), Time().clock, budget=1000)


async def test_whole_page_in_both_formats() -> None:
    """Each family once, in order of name, the parts of all sources under one header; the agent's own metrics last."""
    subject = Publisher(CollectorRegistry(), Time().clock, budget=10)
    Counter("novacenter_things", "Things.", registry=subject.registry)
    subject.put("vc2", "realtime", {USAGE: rows(USAGE, [("b", 0.5)])}, {USAGE: 1})
    subject.put("vc1", "realtime", {USAGE: rows(USAGE, [(NASTY, 0.25)]), SENT: rows(SENT, [("a", 3)])}, {USAGE: 1})
    subject.put("vc1", "inventory", {POWER: rows(POWER, [("a", 1)])}, {POWER: 1})
    await subject.build()
    text = text_of(await subject.variant(Format.TEXT, False))
    seen = text[: text.index("# HELP novacenter_")]
    assert seen == (
        "# HELP vsphere_vm_cpu_usage_average_ratio CPU usage.\n"
        "# TYPE vsphere_vm_cpu_usage_average_ratio gauge\n"
        'vsphere_vm_cpu_usage_average_ratio{moid="vm-1",vm="web \\"1\\" \\\\ new\\nline é ☃"} 0.25\n'
        'vsphere_vm_cpu_usage_average_ratio{moid="vm-1",vm="b"} 0.5\n'
        "# HELP vsphere_vm_power_state Power state.\n"
        "# TYPE vsphere_vm_power_state gauge\n"
        'vsphere_vm_power_state{moid="vm-1",vm="a"} 1.0\n'
        "# HELP vsphere_vm_sent_bytes_total Bytes sent.\n"
        "# TYPE vsphere_vm_sent_bytes_total counter\n"
        'vsphere_vm_sent_bytes_total{moid="vm-1",vm="a"} 3.0\n'
    )
    openmetrics = text_of(await subject.variant(Format.OPENMETRICS, False))
    counter = "vsphere_vm_sent_bytes"
    assert openmetrics[: openmetrics.index("# HELP novacenter_")] == seen.replace(
        f"# HELP {counter}_total", f"# HELP {counter}"
    ).replace(f"# TYPE {counter}_total", f"# TYPE {counter}")
    assert "novacenter_things_total 0.0\n" in text
    assert "novacenter_things_total 0.0\n" in openmetrics
    assert openmetrics.count("# EOF") == 1
    assert openmetrics.endswith("# EOF\n")
    assert "# EOF" not in text


async def test_variants_parse_and_agree() -> None:
    """client_python parses both formats to the same series, names and all; gzip gives exactly the plain page."""
    subject = publisher()
    subject.put("vc1", "realtime", {USAGE: rows(USAGE, [(NASTY, 0.25), ("b", 1e300)])}, {USAGE: 2})
    await subject.build()
    made = {form: text_of(await subject.variant(form, False)) for form in Format}
    assert {form: text_of(await subject.variant(form, True)) for form in Format} == made
    for form, parse in ((Format.TEXT, parse_text), (Format.OPENMETRICS, parse_openmetrics)):
        families = {family.name: family for family in parse(made[form])}
        assert [(s.labels, s.value) for s in families[USAGE.name].samples] == [
            ({"moid": "vm-1", "vm": NASTY}, 0.25),
            ({"moid": "vm-1", "vm": "b"}, 1e300),
        ]
        assert "novacenter_series" in families


async def test_page_says_what_it_is() -> None:
    """A page carries its content type, its encoding and when it was made."""
    time = Time()
    subject = Publisher(CollectorRegistry(), time.clock, budget=10)
    time.seconds += 60
    await subject.build()
    plain = await subject.variant(Format.TEXT, False)
    assert (plain.content_type, plain.encoding, plain.made_at) == (
        "text/plain; version=0.0.4; charset=utf-8",
        "identity",
        1_700_000_060.0,
    )
    small = await subject.variant(Format.OPENMETRICS, True)
    assert (small.content_type, small.encoding, small.made_at) == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "gzip",
        1_700_000_060.0,
    )


async def test_before_the_first_page_only_own_metrics() -> None:
    """What sources put in is not seen before a page is complete; the agent's own metrics always are."""
    subject = publisher()
    subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("a", 1)])}, {USAGE: 1})
    text = text_of(await subject.variant(Format.TEXT, False))
    assert "vsphere" not in text
    assert "# TYPE novacenter_series gauge\n" in text


async def test_parts_are_replaced_whole_and_removed() -> None:
    """A part replaces what it was; removing takes one part, or everything of a source."""
    subject = publisher()

    async def shown() -> list[str]:
        await subject.build()
        text = text_of(await subject.variant(Format.TEXT, False))
        return [line for line in text.splitlines() if line.startswith("vsphere_")]

    def line(family: Family, vm: str) -> str:
        return f"{family.name}{{{label_pairs((('moid', 'vm-1'), ('vm', vm)))}}} 1.0"

    subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("a", 1)]), SENT: rows(SENT, [("a", 1)])}, {USAGE: 1, SENT: 1})
    subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("b", 1)])}, {USAGE: 1})
    subject.put("vc1", "inventory", {POWER: rows(POWER, [("b", 1)])}, {POWER: 1})
    subject.put("vc2", "inventory", {POWER: rows(POWER, [("c", 1)])}, {POWER: 1})
    assert await shown() == [line(USAGE, "b"), line(POWER, "b"), line(POWER, "c")]
    subject.remove("vc1", "realtime")
    assert await shown() == [line(POWER, "b"), line(POWER, "c")]
    subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("b", 1)])}, {USAGE: 1})
    subject.remove("vc1")
    assert await shown() == [line(POWER, "c")]
    subject.remove("never there")
    assert await shown() == [line(POWER, "c")]


async def test_budget_drops_says_which_and_recovers(caplog: pytest.LogCaptureFixture) -> None:
    """Over the budget the least important families leave the page, metrics and one log line name them."""
    caplog.set_level(logging.INFO, "novacenter.publisher")
    subject = Publisher(CollectorRegistry(), Time().clock, budget=4)
    for source in ("vc1", "vc2"):
        body = {family: rows(family, [("a", 1), ("b", 1)]) for family in (USAGE, POWER, STRANGE)}
        subject.put(source, "realtime", body, dict.fromkeys(body, 2))

    async def shown() -> set[str]:
        await subject.build()
        text = text_of(await subject.variant(Format.TEXT, False))
        return {line.partition("{")[0] for line in text.splitlines() if line.startswith("vsphere_")}

    assert await shown() == {POWER.name}
    assert await shown() == {POWER.name}
    assert subject.dropped == (STRANGE.name, USAGE.name)
    assert (metric(subject, "novacenter_series"), metric(subject, "novacenter_series_budget")) == (12, 4)
    assert metric(subject, "novacenter_family_dropped", family=STRANGE.name) == 1
    subject.set_budget(8)
    assert await shown() == {POWER.name, USAGE.name}
    assert metric(subject, "novacenter_family_dropped", family=USAGE.name) is None
    assert metric(subject, "novacenter_family_dropped", family=STRANGE.name) == 1
    subject.set_budget(12)
    assert await shown() == {POWER.name, USAGE.name, STRANGE.name}
    assert metric(subject, "novacenter_family_dropped", family=STRANGE.name) is None
    both = f"{STRANGE.name}, {USAGE.name}"
    advice = "Raise series_budget, or exclude counters, instances or objects"
    assert [record.getMessage() for record in caplog.records] == [
        f"12 series exceed the budget of 4; left out, the least important first: {both}. {advice}",
        f"12 series exceed the budget of 8; left out, the least important first: {STRANGE.name}. {advice}",
        "12 series fit the budget of 12 again; no family is left out",
    ]


async def test_only_what_is_scraped_is_made_ahead() -> None:
    """A variant is rendered with each page for five minutes after its last scrape, and not afterwards."""
    time = Time()
    registry = CollectorRegistry()
    subject = Publisher(registry, time.clock, budget=10)
    witness = Witness(registry)
    await subject.build()
    assert witness.calls == 0
    await subject.variant(Format.OPENMETRICS, True)
    assert witness.calls == 1
    time.seconds += 300
    await subject.build()
    assert witness.calls == 2
    size = (await subject.variant(Format.OPENMETRICS, True)).size
    assert witness.calls == 2
    assert metric(subject, "novacenter_page_bytes", format="openmetrics", encoding="gzip") == size
    time.seconds += 301
    await subject.build()
    assert witness.calls == 2
    assert metric(subject, "novacenter_page_bytes", format="openmetrics", encoding="gzip") is None


async def test_cold_variant_is_made_once_for_all_who_wait() -> None:
    """Scrapes of a variant that nobody asked for lately share one rendering and one compression."""
    registry = CollectorRegistry()
    subject = Publisher(registry, Time().clock, budget=10)
    witness = Witness(registry)
    pages = await asyncio.gather(*(subject.variant(Format.TEXT, True) for _ in range(10)))
    assert witness.calls == 1
    assert all(page is pages[0] for page in pages)


async def test_a_client_that_gives_up_does_not_take_the_page_away() -> None:
    """Cancelling the scrape that began a page leaves the page to the others."""
    subject = publisher()
    first = asyncio.create_task(subject.variant(Format.TEXT, True))
    second = asyncio.create_task(subject.variant(Format.TEXT, True))
    await asyncio.sleep(0)
    first.cancel()
    assert "novacenter_series" in text_of(await second)
    assert first.cancelled()


async def test_scrape_during_a_build_gets_the_page_before() -> None:
    """Until a page is complete the one before is handed out, at once."""
    subject = publisher()
    subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("a", 1)])}, {USAGE: 1})
    await subject.build()
    before = await subject.variant(Format.TEXT, True)
    subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("a", 2)])}, {USAGE: 1})
    building = asyncio.create_task(subject.build())
    await asyncio.sleep(0)
    assert await subject.variant(Format.TEXT, True) is before
    assert not building.done()
    await building
    after = await subject.variant(Format.TEXT, True)
    assert f'{USAGE.name}{{moid="vm-1",vm="a"}} 2.0' in text_of(after)


async def test_loop_publishes_what_was_put_and_coalesces() -> None:
    """Many changes at once make one page; changes within the pause wait for its end."""
    registry = CollectorRegistry()
    subject = Publisher(registry, Time().clock, budget=1000, pause=3600)
    await subject.variant(Format.TEXT, False)
    witness = Witness(registry)
    async with running(subject):
        for value in range(100):
            subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("a", value)])}, {USAGE: 1})
        await witness.next()
        assert f'{USAGE.name}{{moid="vm-1",vm="a"}} 99.0' in text_of(await subject.variant(Format.TEXT, False))
        subject.put("vc1", "realtime", {}, {})
        for _ in range(100):
            await asyncio.sleep(0)
        assert witness.calls == 1


async def test_loop_rests_while_nothing_changes() -> None:
    """One change is one page: there is no other before the next change or renewal."""
    registry = CollectorRegistry()
    subject = Publisher(registry, Time().clock, budget=10, refresh=3600, pause=0)
    await subject.variant(Format.TEXT, False)
    witness = Witness(registry)
    async with running(subject):
        subject.put("vc1", "realtime", {}, {})
        await witness.next()
        for _ in range(100):
            await asyncio.sleep(0)
        assert witness.calls == 1
        subject.put("vc1", "realtime", {}, {})
        await witness.next()
        assert witness.calls == 2


async def test_loop_renews_the_page_without_any_change() -> None:
    """The agent's own metrics stay fresh while no source puts anything in."""
    registry = CollectorRegistry()
    gauge = Gauge("novacenter_thing", "Thing.", registry=registry)
    subject = Publisher(registry, Time().clock, budget=10, refresh=0.01, pause=0)
    assert "novacenter_thing 0.0\n" in text_of(await subject.variant(Format.TEXT, False))
    gauge.set(7)
    witness = Witness(registry)
    async with running(subject):
        await witness.next()
        await witness.next()
    assert "novacenter_thing 7.0\n" in text_of(await subject.variant(Format.TEXT, False))


async def test_loop_survives_a_page_that_cannot_be_made(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error is counted and logged, the page before stays, and the next one is made."""
    registry = CollectorRegistry()
    subject = Publisher(registry, Time().clock, budget=10, refresh=3600, pause=0)
    before = await subject.variant(Format.TEXT, False)
    witness = Witness(registry)
    witness.error = RuntimeError("no luck")
    async with running(subject):
        subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("a", 1)])}, {USAGE: 1})
        await witness.next()
        assert await subject.variant(Format.TEXT, False) is before
        witness.error = None
        subject.put("vc1", "realtime", {USAGE: rows(USAGE, [("a", 2)])}, {USAGE: 1})
        await witness.next()
    text = text_of(await subject.variant(Format.TEXT, False))
    assert f'{USAGE.name}{{moid="vm-1",vm="a"}} 2.0' in text
    assert "novacenter_render_failures_total 1.0\n" in text
    assert [record.getMessage() for record in caplog.records] == [
        "the page could not be made; the one before is still served. Please report it"
    ]


def test_pieces_are_the_same_bytes() -> None:
    """Large chunks are cut, small ones pass, nothing is copied or lost."""
    chunks = [b"a" * 300_000, b"", b"b" * 131_072, b"c"]
    cut = list(pieces(chunks))
    assert b"".join(cut) == b"".join(chunks)
    assert [len(piece) for piece in cut] == [131_072, 131_072, 37_856, 131_072, 1]
    assert {id(piece.obj) for piece in cut} == {id(chunks[0]), id(chunks[2]), id(chunks[3])}
