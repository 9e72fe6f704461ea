"""The look at a cloud: recorded real replies make the whole table; what is refused is unknown, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from coveragelab import FORBIDDEN, FakeSeen, Recorded
from pollerlab import lab

from exporter.coverage import decode, table
from exporter.coverage.catalog import rows
from exporter.coverage.model import Coverage, Outcomes, State
from exporter.coverage.side import AT_ONCE, PATIENCE, PERIOD, SOON, CoverageSide, coverage_of
from exporter.errors import BadReply, LoginRefused, Unreachable
from exporter.exposition import Format, bodies, page
from exporter.openstack.model import Hypervisor
from exporter.openstack.services import VMWARE


async def looked(seen: FakeSeen) -> Coverage:
    """What the side saw."""
    side = CoverageSide(seen)
    for _ in range(PATIENCE + 1):
        if await side.look() is not None:
            break
    assert side.coverage is not None
    return side.coverage


async def test_the_recorded_cloud(golden: Callable[[str, str], None]) -> None:
    """The whole table of a real cloud: Nova's VMware driver, Neutron without NSX, no Cinder."""
    coverage = await looked(FakeSeen())
    golden("coverage.txt", table.render(coverage, width=160))


async def test_the_page(golden: Callable[[str, str], None]) -> None:
    """One state of each feature is 1, the others 0; the score and how much is known."""
    coverage = await looked(FakeSeen())
    families, counts = bodies(rows(coverage))
    assert sum(counts.values()) == 4 * len(coverage.items) + 2
    golden("coverage.prom", b"".join(page([families], Format.TEXT)).decode())


@pytest.mark.parametrize(
    ("refused", "unknown"),
    [
        ("compute /os-migrations", set()),
        ("compute /os-aggregates", {"zones"}),
        ("network /extensions", {"network_overlay", "network_sync"}),
        ("network /ports", set()),
        ("block-storage", {"volume_attach"}),
    ],
)
async def test_missing_rights(refused: str, unknown: set[str]) -> None:
    """What only one API tells is unknown without it, with the reason; everything else is as it was."""
    usual = await looked(FakeSeen())
    without = await looked(FakeSeen(session=Recorded(failing={refused: FORBIDDEN})))
    known = {item.feature for item in usual.items if item.state is State.UNKNOWN}
    found = {item.feature: item for item in without.items if item.state is State.UNKNOWN}
    assert set(found) == known | unknown
    assert all(f"cannot be read: {FORBIDDEN}" == found[feature].found for feature in unknown)


async def test_a_cloud_that_does_not_answer() -> None:
    """Whatever an API fails with, the look has a table, and claims no more than is known of the driver."""
    for error in (Unreachable("no route"), LoginRefused("wrong password"), BadReply("not JSON")):
        seen = FakeSeen(session=Recorded(failing={" ": error}), snapshot=None)
        coverage = await looked(seen)
        states = {item.feature: item.state for item in coverage.items}
        assert states["security_groups"] is State.UNKNOWN
        assert states["volume_attach"] is State.UNKNOWN
        assert states["pause"] is State.MISSING


async def test_before_anything_was_read() -> None:
    """Without readings there is no table, not an empty one; servers are waited for, and for vCenters, not for ever."""
    seen = FakeSeen(services=None)
    side = CoverageSide(seen)
    assert (await side.look(), side.coverage, coverage_of(side), side.interval) == (None, None, None, AT_ONCE)
    seen.services, seen.snapshot = FakeSeen().services, None
    for _ in range(PATIENCE - 1):
        assert await side.look() is None
    assert await side.look() is not None
    for _ in range(PATIENCE - 1):
        assert side.interval == SOON
        await side.look()
    assert side.interval == PERIOD
    assert coverage_of(side) is side.coverage
    whole = CoverageSide(FakeSeen())
    await whole.look()
    assert whole.interval == PERIOD


async def test_lately() -> None:
    """After the first look, only what ended since counts; what did not end anew keeps what was counted."""
    seen = FakeSeen(ended={("vmware1", "snapshot", "success"): 5, ("fake1", "snapshot", "error"): 9})
    side = CoverageSide(seen)

    async def words() -> dict[str, str]:
        await side.look()
        assert side.coverage is not None
        return {item.feature: item.found for item in side.coverage.items}

    assert (await words())["snapshot"] == "5 of 5 succeeded on VMware hosts"
    seen.ended = {**seen.ended, ("vmware1", "snapshot", "error"): 4, ("vmware1", "rescue", "success"): 1}
    found = await words()
    assert found["snapshot"] == "all 4 failed on VMware hosts"
    assert found["rescue"] == "1 of 1 succeeded on VMware hosts"


async def test_high_availability_of_a_real_inventory() -> None:
    """The clusters that hypervisors are, looked up in the vCenters that are read here."""
    async with lab() as vc:
        poller = vc.poller
        await poller.session.login()
        clusters = [one.moid for one in poller.inventory.entities.values() if one.kind == "cluster"]  # type: ignore[union-attr]
        uuid = poller.instance_uuid
        nodes = {
            f"{moid}.{uuid}": Hypervisor(
                hostname=f"{moid}.{uuid}", type=VMWARE, service_host="vmware1", up=True, enabled=True
            )
            for moid in clusters[:1]
        }
        coverage = await looked(FakeSeen(vcenters={"vc1": poller}, hypervisors=nodes))
    item = next(item for item in coverage.items if item.feature == "host_failover")
    assert (item.state, item.found) == (State.WORKS, "vSphere HA is on in 1 of 1 clusters")


def test_migrations() -> None:
    """By type, over those from or to the hosts; what is under way is neither done nor failed."""

    def one(kind: str, status: str, source: str = "a", **more: Any) -> dict[str, Any]:
        return {"migration_type": kind, "status": status, "source_compute": source, "dest_compute": None, **more}

    import json  # noqa: PLC0415

    listed = [
        one("live-migration", "completed"),
        one("live-migration", "error"),
        one("live-migration", "running"),
        one("resize", "confirmed", source="x", dest_compute="b"),
        one("resize", "finished", source="x"),
        {"status": "error"},
    ]
    body = json.dumps({"migrations": listed}).encode()
    assert decode.migrations(body, {"a", "b"}) == {"live-migration": Outcomes(1, 1), "resize": Outcomes(1)}


def test_pools() -> None:
    """A protocol or several names of one; a pool that says none has none."""
    body = (
        b'{"pools": [{"capabilities": {"storage_protocol": ["iSCSI", "iscsi"]}}, {"capabilities": {}}, {"name": "a"}]}'
    )
    assert decode.pools(body) == ("iSCSI", "iscsi")
    with pytest.raises(BadReply):
        decode.pools(b'{"pools": [1]}')


async def test_headline() -> None:
    """The score beside the analysis' own, and how much of it is known."""
    coverage = await looked(FakeSeen())
    assert table.headline(coverage).startswith("c1: ")
    nothing = replace(coverage, items=tuple(replace(item, state=State.UNKNOWN) for item in coverage.items))
    assert table.headline(nothing) == "c1: nothing is known of what its VMware hosts offer"
