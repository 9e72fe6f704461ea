"""The side that compares: how often it asks Neutron, what it believes of a vCenter, and what it says of failures."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from drift.world import MAPPING, node
from neutronlab import Pages

from exporter.clock import Clock
from exporter.config import Cloud
from exporter.drift.side import INTERVAL, READING, MappingSide
from exporter.driftkinds import DriftKind
from exporter.errors import Unreachable
from exporter.openstack.model import Hypervisor


@dataclass
class Region:
    """A region of a cloud as a side sees it, without any vCenter that is listed."""

    session: Pages
    hypervisors: Mapping[str, Hypervisor] | None = None
    seconds: float = 0.0
    name: str = "c1"
    cloud: Cloud = field(default_factory=lambda: Cloud("c1", vcenters=("vc1",), mapping=MAPPING))
    vcenters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        """A clock that the test moves."""
        return Clock(now=lambda: 1e9 + self.seconds, monotonic=lambda: self.seconds)

    def asked(self, what: str) -> int:
        """How often something was asked for."""
        return sum(path.startswith(f"/{what}?") for path in self.session.asked)


def seen(region: Region) -> Any:
    """As the protocol has it; what this side does not look at is not there."""
    return region


async def test_neutron_is_asked_every_minute_and_compared_with_more_often() -> None:
    """Twelve looks to one reading, of which one has news; the ports are those of the VMware computes alone."""
    region = Region(Pages({"nova-a": 3}), {"a": node(), "k": node("kvm", "kvm", "QEMU")})
    side = MappingSide(seen(region))
    told = []
    for _ in range(int(READING / INTERVAL) * 2):
        told.append(await side.look() is not None)
        region.seconds += INTERVAL
    assert told == ([True] + [False] * 11) * 2
    assert (region.asked("networks"), region.asked("ports")) == (2, 2)
    assert side.reading is not None
    assert len(side.reading.ports.value or ()) == 3


async def test_without_hypervisors_neutron_is_asked_again_soon() -> None:
    """Whose ports to ask for is known only with them: nothing is said of ports until then."""
    region = Region(Pages({"nova-a": 3}))
    side = MappingSide(seen(region))
    await side.look()
    assert side.compared is not None
    assert "Nova's hypervisors are not read" in {one.reason for one in side.compared.unchecked}
    region.hypervisors = {"a": node()}
    region.seconds += INTERVAL
    await side.look()
    assert region.asked("ports") == 1


async def test_a_neutron_that_fails_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The comparison goes on with what is left; the failure is in the log once, and its end."""
    caplog.set_level(logging.INFO)
    region = Region(Pages({"nova-a": 1}, trouble={"networks": Unreachable("no answer")}), {"a": node()})
    side = MappingSide(seen(region))
    for _ in range(3):
        await side.look()
        region.seconds += READING
    assert str(side.failure) == "no answer"
    region.session = Pages({"nova-a": 1})
    await side.look()
    assert side.failure is None
    assert [record.getMessage() for record in caplog.records] == [
        "cloud c1: networks: no answer",
        "cloud c1: networks: works again after 3 failures (unreachable)",
    ]


@pytest.mark.parametrize(
    "poller",
    [
        None,
        SimpleNamespace(name="vc1", health=None, inventory=None, instance_uuid="uuid-1", since=None),
        SimpleNamespace(
            name="vc1", health=None, inventory=SimpleNamespace(complete=False), instance_uuid="uuid-1", since=None
        ),
    ],
)
async def test_a_vcenter_that_is_not_listed_is_unknown(poller: Any) -> None:
    """Not running, not listed yet, or listed in part: nothing of it is a drift."""
    if poller is not None:
        poller.vcenter = SimpleNamespace(objects={})
    region = Region(Pages({"nova-a": 1}), {"a": node()}, vcenters={"vc1": poller} if poller else {})
    side = MappingSide(seen(region))
    await side.look()
    assert side.compared is not None
    assert {one.kind for one in side.compared.drifts} == {DriftKind.MAPPING_UNUSED}  # Neutron has no network at all
    assert "vCenter vc1 is not listed now" in {one.reason for one in side.compared.unchecked}
