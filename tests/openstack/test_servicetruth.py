"""Which compute services are of no use or stuck, from Nova's recorded words and our own sight of the vCenter."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicelab import VCENTER, snapshot

from exporter.errors import TimedOut
from exporter.model import Row
from exporter.openstack.decode import Services
from exporter.openstack.model import Hypervisor, ServiceState
from exporter.openstack.services import Outcome, Reading, ServicesSnapshot
from exporter.openstack.servicetruth import (
    STUCK_AFTER,
    USELESS_AFTER,
    Disabled,
    VCenterState,
    cluster_of,
    disabled,
    judge,
    truth_rows,
)

NOW = 1_800_000_000.0
UP, DOWN, UNTRIED = True, False, None
DRIVER = "set by vmwareapi host_state"


def seen(up: bool | None, lasting: float) -> dict[str, VCenterState]:
    """The vCenter as it has been for so many seconds."""
    return {VCENTER: VCenterState("vc1", up, NOW - lasting)}


def verdicts(computes: str, up: bool | None, lasting: float) -> list[tuple[str, bool | None, bool | None, str | None]]:
    """Host, useless, stuck, who disabled it, of each verdict on the recorded compute services."""
    found = judge(snapshot(computes), seen(up, lasting), now=NOW)
    assert {verdict.vcenter for verdict in found} <= {"vc1"}
    return [(each.host, each.useless, each.stuck_disabled, each.disabled) for each in found]


@pytest.mark.parametrize(
    ("computes", "up", "lasting", "expected"),
    [
        ("services", UP, 9999, [("vmware1", False, False, None), ("vmware2", False, False, None)]),
        ("services", DOWN, 119, [("vmware1", False, False, None), ("vmware2", False, False, None)]),
        ("services", DOWN, 120, [("vmware1", True, False, None), ("vmware2", True, False, None)]),
        ("services", UNTRIED, 9999, [("vmware1", None, False, None), ("vmware2", None, False, None)]),
        # vCenter fails, and the driver has noticed: nothing is hidden, and nothing is stuck.
        (
            "services-driver-disabled-stuck",
            *(DOWN, 9999),
            [("vmware1", False, False, "driver"), ("vmware2", False, False, "driver")],
        ),
        # vmware1 is enabled again and keeps the reason; vmware2 is still disabled.
        ("services-driver-recovered", UP, 299, [("vmware1", False, False, None), ("vmware2", False, False, "driver")]),
        ("services-driver-recovered", UP, 300, [("vmware1", False, False, None), ("vmware2", False, True, "driver")]),
        # nova-compute on vmware1 was restarted while disabled.
        ("services-driver-stuck", UP, 300, [("vmware1", False, True, "driver"), ("vmware2", False, False, None)]),
        ("services-driver-stuck", UNTRIED, 9, [("vmware1", False, None, "driver"), ("vmware2", None, False, None)]),
        # The cell of all three is down.
        ("cell-down-services", DOWN, 9999, []),
    ],
)
def test_recorded_services(
    computes: str, up: bool | None, *, lasting: float, expected: list[tuple[str, bool | None, bool | None, str | None]]
) -> None:
    """The verdicts on the states that a real Nova went through; the fake driver's host never has one."""
    assert verdicts(f"compute/{computes}", up, lasting) == expected


def test_service_that_is_down_is_not_useless() -> None:
    """Down, or forced down, shows already: only one that says it is well is up but useless."""
    for change in ({"up": False}, {"up": False, "forced_down": True}, {"enabled": False, "disabled_reason": "move"}):
        well = snapshot()
        assert well.computes.value is not None
        services = tuple(replace(service, **change) for service in well.computes.value.services)
        ill = replace(well, computes=Reading(Outcome.OK, Services(services)))

        found = judge(ill, seen(DOWN, 9999), now=NOW)

        assert [(verdict.useless, verdict.stuck_disabled) for verdict in found] == [(False, False)] * 2


def test_vcenter_that_is_not_ours_has_no_verdict() -> None:
    """Nothing is said of a vCenter that is not configured; the UUID's case does not matter."""
    assert judge(snapshot(), {"00000000-0000-0000-0000-000000000000": VCenterState("x", DOWN, 0.0)}, now=NOW) == ()
    upper = {VCENTER.upper(): VCenterState("vc1", DOWN, 0.0)}
    assert [verdict.useless for verdict in judge(snapshot(), upper, now=NOW)] == [True, True]


def test_unreadable_services_and_hypervisors() -> None:
    """Without services there is no verdict; for hypervisors, those last known stand in."""
    well = snapshot()
    failed: Reading[Services] = Reading(Outcome.FAILED, None, TimedOut("no"))
    lost: Reading[dict[str, Hypervisor]] = Reading(Outcome.FAILED, None, TimedOut("no"))
    assert well.hypervisors.value is not None
    last = well.hypervisors.value.values()

    assert judge(replace(well, computes=failed), seen(DOWN, 9999), now=NOW, hypervisors=last) == ()
    assert judge(replace(well, hypervisors=lost), seen(DOWN, 9999), now=NOW) == ()
    same = judge(replace(well, hypervisors=lost), seen(DOWN, 9999), now=NOW, hypervisors=last)
    assert same == judge(well, seen(DOWN, 9999), now=NOW)


def test_holds_can_be_given() -> None:
    """How long each must last are arguments."""
    found = judge(snapshot(), seen(DOWN, 5), now=NOW, useless_after=5, stuck_after=0)
    assert [verdict.useless for verdict in found] == [True, True]


def test_rows() -> None:
    """1 and 0 by host and vCenter; what is unknown has no row."""
    found = list(
        truth_rows("c1", judge(snapshot("compute/services-driver-stuck"), seen(UNTRIED, 9), now=NOW)),
    )
    labels = [(("cloud", "c1"), ("host", host), ("vcenter", "vc1")) for host in ("vmware1", "vmware2")]
    assert [(family.name, row) for family, row in found] == [
        ("nova_vmware_service_useless", Row(labels[0], 0.0)),
        ("nova_vmware_service_stuck_disabled", Row(labels[1], 0.0)),
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (DRIVER, Disabled.DRIVER),
        (f"{DRIVER}, says ops", Disabled.OPERATOR),
        ("AUTO: Connection to libvirt lost: 1", Disabled.DRIVER),
        ("Auto-disabled due to 10 build failures", Disabled.BUILD_FAILURES),
        ("New compute service disabled due to config option.", Disabled.NEW_SERVICE),
        ("maintenance until Friday", Disabled.OPERATOR),
        ("", Disabled.UNSTATED),
        (None, Disabled.UNSTATED),
    ],
)
def test_who_disabled_it(reason: str | None, expected: Disabled) -> None:
    """Known texts name the program; any other one is an operator's. An enabled service was disabled by nobody."""
    service = ServiceState(binary="nova-compute", host="h", up=True, enabled=False, disabled_reason=reason)
    assert disabled(service) is expected
    assert disabled(replace(service, enabled=True)) is None


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        (f"domain-c8.{VCENTER}", ("domain-c8", VCENTER)),
        (f"domain-c8.{VCENTER.upper()}", ("domain-c8", VCENTER)),
        ("fake1", None),
        ("kvm1.example.org", None),
        (f"a.b.{VCENTER}", None),
        (f".{VCENTER}", None),
        (f"domain-c8.{VCENTER}.example.org", None),
        ("", None),
    ],
)
def test_cluster_in_a_hypervisors_name(hostname: str, expected: tuple[str, str] | None) -> None:
    """Only names of the VMware driver's form have a cluster and a vCenter."""
    assert cluster_of(hostname) == expected


WELL = snapshot()
SERVICES = st.builds(
    ServiceState,
    binary=st.sampled_from(["nova-compute", "nova-scheduler"]),
    host=st.sampled_from(["vmware1", "vmware2", "fake1"]),
    up=st.booleans(),
    enabled=st.booleans(),
    disabled_reason=st.sampled_from([None, DRIVER, "maintenance"]),
)


@given(st.lists(SERVICES, max_size=4), st.sampled_from([UP, DOWN, UNTRIED]), st.floats(-1000, 1000))
def test_invariants(services: list[ServiceState], up: bool | None, lasting: float) -> None:
    """Never both useless and stuck; useless only without, stuck only with an answer; nothing before its time."""
    known: ServicesSnapshot = replace(WELL, computes=Reading(Outcome.OK, Services(tuple(services))))

    found = judge(known, seen(up, lasting), now=NOW)

    hosts = {service.host for service in services if service.binary == "nova-compute"} - {"fake1"}
    assert [verdict.host for verdict in found] == sorted(hosts)
    for verdict in found:
        assert not (verdict.useless and verdict.stuck_disabled)
        assert not verdict.useless or (up is DOWN and lasting >= USELESS_AFTER and verdict.disabled is None)
        assert not verdict.stuck_disabled or (
            up is UP and lasting >= STUCK_AFTER and verdict.disabled is Disabled.DRIVER
        )
