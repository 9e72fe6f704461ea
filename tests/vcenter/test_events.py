"""What hosts say of storage lost: read, paired with its end, and counted once."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyVmomi import vim, vmodl
from vcenter.inventorylab import envelope, of_kind, of_vcsim, watching
from vcsimulator import start

from exporter.clock import Clock
from exporter.errors import BadReply, Fault
from exporter.exposition import bodies
from exporter.model import Entity, Kind
from exporter.vcenter import eventtalk
from exporter.vcenter.events import (
    LOOKBACK,
    MEANINGS,
    MOST,
    OVERLAP,
    REASONS,
    Event,
    Losses,
    begin,
    current,
    decode,
    loss_rows,
    take,
)
from exporter.vcenter.facts import HostFacts
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.session import Session
from exporter.vcenter.soap import Transport

NOW = 1_000_000.0
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
LOST = "esx.problem.storage.apd.start"
BACK = "esx.clear.storage.apd.exit"


def event(key: int, type_: str, *, at: float = NOW, host: str = "host-1", device: str = "naa.1") -> Event:
    """An event that names a device."""
    return Event(key, at, type_, host, MappingProxyType({MEANINGS[type_].argument: device} if device else {}))


def after(*events: Event, now: float = NOW) -> Losses:
    """What is known once these are read, of an agent that was started at NOW."""
    return take(begin(NOW), events, now=now)


def lost(losses: Losses) -> list[tuple[str, str, str]]:
    """What is lost, sorted."""
    return sorted(losses.since)


def answer(*elements: str) -> bytes:
    """The reply to QueryEvents."""
    return envelope("QueryEvents", "").replace(
        b"</QueryEventsResponse>", "".join(elements).encode() + b"</QueryEventsResponse>"
    )


def element(type_: str, *, key: int = 7, host: str = "<host><name>esx1</name><host>host-1</host></host>") -> str:
    """EventEx as vpxd writes it."""
    return (
        f'<returnval xsi:type="EventEx" {XSI}><key>{key}</key><chainId>{key}</chainId>'
        f"<createdTime>2026-11-23T02:00:00.5Z</createdTime><userName></userName>{host}"
        f"<eventTypeId>{type_}</eventTypeId><severity>error</severity>"
        '<arguments><key>1</key><value xsi:type="xsd:string">naa.600508b1</value></arguments>'
        '<arguments><key>2</key><value xsi:type="xsd:string">vmhba1:C0:T0:L1</value></arguments>'
        '<arguments><key>3</key><value xsi:type="xsd:string">gold &amp; co</value></arguments></returnval>'
    )


def test_events_are_read() -> None:
    """What is asked for is kept with its host and arguments; other events, and those of no host, are passed over."""
    body = answer(element(LOST), element("esx.audit.net.firewall.enabled"), element(BACK, key=6, host=""))

    assert decode(body) == (
        Event(
            7,
            1_795_399_200.5,
            LOST,
            "host-1",
            {"1": "naa.600508b1", "2": "vmhba1:C0:T0:L1", "3": "gold & co"},
        ),
    )


@pytest.mark.parametrize("body", [b"", b"<x/>", answer("<returnval><key>x"), envelope("ReadNextTasks", "")])
def test_what_is_no_reply_is_said(body: bytes) -> None:
    """A page of a proxy, a broken document, an answer to something else."""
    with pytest.raises(BadReply):
        decode(body)


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_begins_and_ends(reason: str) -> None:
    """Every reason has events that begin it and one that ends it, for the device that they name."""
    begins = [name for name, meaning in MEANINGS.items() if meaning.reason == reason and meaning.lost]
    [end] = [name for name, meaning in MEANINGS.items() if meaning.reason == reason and not meaning.lost]
    for name in begins:
        losses = after(event(1, name), event(2, name, device="naa.2"))
        assert lost(losses) == [("host-1", reason, "naa.1"), ("host-1", reason, "naa.2")]
        assert lost(take(losses, [event(3, end)], now=NOW)) == [("host-1", reason, "naa.2")]


def test_an_end_without_device_ends_all_of_its_kind_on_its_host() -> None:
    """So nothing stays lost because a host did not say what came back."""
    losses = after(event(1, LOST), event(2, LOST, host="host-2"), event(3, "esx.problem.vmfs.heartbeat.timedout"))

    assert lost(take(losses, [event(4, BACK, device="")], now=NOW)) == [
        ("host-1", "heartbeat", "naa.1"),
        ("host-2", "apd", "naa.1"),
    ]


def test_a_loss_begins_when_it_was_first_said() -> None:
    """The time-out of an APD says the same loss again."""
    losses = after(event(1, LOST, at=NOW - 200), event(2, "esx.problem.storage.apd.timeout", at=NOW - 60))

    assert losses.since == {("host-1", "apd", "naa.1"): NOW - 200}


def test_what_was_never_ended_is_forgotten_after_a_day() -> None:
    """A LUN that was taken away for good does not stay lost."""
    losses = after(event(1, LOST))

    assert lost(take(losses, [], now=NOW + LOOKBACK)) != []
    assert lost(take(losses, [], now=NOW + LOOKBACK + 1)) == []


def test_events_before_the_start_tell_the_state_and_are_not_counted() -> None:
    """A restart knows what is lost, and the counter does not jump."""
    losses = after(event(1, LOST, at=NOW - 3600), event(2, LOST, at=NOW + 1, device="naa.2"))

    assert (len(losses.since), dict(losses.totals)) == (2, {LOST: 1})


def test_the_memory_is_bounded() -> None:
    """Of more losses than are kept the oldest go."""
    losses = after(*(event(number, LOST, at=NOW + number, device=f"naa.{number}") for number in range(MOST + 5)))

    assert len(losses.since) == MOST
    assert ("host-1", "apd", "naa.4") not in losses.since


@given(st.lists(st.sampled_from(list(MEANINGS)), max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_reading_twice_changes_nothing(names: list[str], cuts: list[int]) -> None:
    """However the readings overlap, the same is lost and the same is counted."""
    told = [event(number, name, at=NOW + number) for number, name in enumerate(names)]
    whole = after(*told, now=NOW + 100)
    pieces = after(now=NOW + 100)
    for cut in sorted(cuts):
        recent = [one for one in told[:cut] if one.at >= pieces.mark - OVERLAP]
        pieces = take(pieces, recent, now=NOW + 100)
    pieces = take(pieces, [one for one in told if one.at >= pieces.mark - OVERLAP], now=NOW + 100)

    assert (pieces.since, dict(pieces.totals)) == (whole.since, dict(whole.totals))


def inventory(**boots: float | None) -> Inventory:
    """Hosts by id, with the time of their boot."""
    moids = {name.replace("_", "-"): boot for name, boot in boots.items()}
    entities = {moid: Entity(moid=moid, kind=Kind.HOST, type="HostSystem", name=f"esx-{moid}") for moid in moids}
    return Inventory(entities=entities, facts={moid: HostFacts(boot_time=boot) for moid, boot in moids.items()})


def test_a_host_that_is_gone_or_was_booted_has_lost_nothing() -> None:
    """Neither tells that its storage is back."""
    losses = after(*(event(number, LOST, host=f"host-{number}") for number in range(1, 5)))
    found = current(losses, inventory(host_1=None, host_2=NOW - 1, host_3=NOW + 1))

    assert sorted(found) == [("host-1", "apd", "naa.1"), ("host-2", "apd", "naa.1")]


def test_rows() -> None:
    """Every host has a number for every reason; what is lost is told by device; events count from 0."""
    page, _ = bodies(loss_rows(after(event(1, LOST, at=NOW + 1)), inventory(host_1=None, host_2=None), "vc1"))
    text = {family.name: body.decode().splitlines() for family, body in page.items()}

    assert len(text["vsphere_host_storage_lost"]) == 2 * len(REASONS)
    assert [line for line in text["vsphere_host_storage_lost"] if not line.endswith(" 0.0")] == [
        'vsphere_host_storage_lost{host="esx-host-1",moid="host-1",reason="apd",vcenter="vc1"} 1.0'
    ]
    labels = 'device="naa.1",host="esx-host-1",moid="host-1",reason="apd",vcenter="vc1"'
    since = "vsphere_host_storage_lost_timestamp_seconds"
    assert text[since] == [f"{since}{{{labels}}} 1.000001e+06"]
    assert len(text["vsphere_storage_events_total"]) == len(MEANINGS)
    assert f'vsphere_storage_events_total{{event="{LOST}",vcenter="vc1"}} 1.0' in text["vsphere_storage_events_total"]


def posted(host: vim.HostSystem, name: str, types: Iterable[str]) -> list[vim.event.EventEx]:
    """Events to post."""
    argument = vim.event.HostEventArgument(name=name, host=host)
    return [
        vim.event.EventEx(
            key=0,
            chainId=0,
            createdTime=datetime(2026, 1, 1, tzinfo=UTC),
            userName="",
            host=argument,
            eventTypeId=type_,
            objectId=host._moId,
            objectType=vim.HostSystem,
            severity="error",
            arguments=[vmodl.KeyAnyValue(key="1", value="naa.5")],
        )
        for type_ in types
    ]


async def test_a_real_simulators_events() -> None:
    """govmomi 0.56 keeps what is posted: the loss is seen, then its end; another client's events are none of ours."""
    with start("current") as vcsim:
        vcenter = of_vcsim(vcsim)
        async with watching(vcenter) as watched, Transport(vcenter, clock=Clock()) as transport:
            listed = await watched.until(lambda inventory: inventory.complete)
            host = of_kind(listed, Kind.HOST)[0]
            session = Session(transport, vcenter, clock=Clock(), rng=random.Random(1))
            losses = begin(await session.keep_alive() - 1)
            managed = vim.HostSystem(host.moid)

            async def post(*types: str) -> Losses:
                for one in posted(managed, host.name, types):
                    await session.call(session.content.eventManager, "PostEvent", eventToPost=one)
                return take(losses, await eventtalk.read(session, losses), now=await session.keep_alive())

            losses = await post(LOST, "esx.audit.ssh.enabled")
            assert lost(losses) == [(host.moid, "apd", "naa.5")]
            losses = await post(BACK)
            assert (lost(losses), dict(losses.totals)) == ([], {LOST: 1, BACK: 1})


async def test_a_server_without_events_says_so() -> None:
    """A refusal is the caller's."""
    with start("current", "-control", "127.0.0.1:0") as vcsim:
        vcenter = of_vcsim(vcsim)
        async with Transport(vcenter, clock=Clock()) as transport:
            session = Session(transport, vcenter, clock=Clock(), rng=random.Random(1))
            await session.login()
            vcsim.inject("QueryEvents", "NoPermission", count=1)
            with pytest.raises(Fault, match="NoPermission"):
                await eventtalk.read(session, begin(NOW))
