"""What a compute service is worth, judged from both sides: Nova's word, and our own session with the vCenter. Pure.

A nova-compute of the VMware driver goes on reporting while its vCenter hangs, and one that the driver disabled stays so
where nova-compute was restarted meanwhile (nova/virt/vmwareapi/host.py, VCState: what it disabled is kept in memory).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from exporter import cloudcatalog as catalog
from exporter.model import Family, Row
from exporter.openstack.model import Hypervisor, ServiceState
from exporter.openstack.services import ServicesSnapshot

USELESS_AFTER = 120.0
"""Seconds without an answer of the vCenter after which its nova-compute is of no use: longer than a restart of a
proxy, shorter than the 450 s for which the driver hides the failure."""
STUCK_AFTER = 300.0
"""Seconds of a vCenter that answers after which the driver should have enabled its service: nova-compute looks every 60
(update_resources_interval), and oslo.vmware waits for up to 60 between two tries."""

COMPUTE = "nova-compute"
DRIVER_REASON = "set by vmwareapi host_state"
"""What the driver writes when it disables the service, and leaves there when it enables it (host.py)."""

_CLUSTER = re.compile(r"([^.]+)\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


class Disabled(StrEnum):
    """Who disabled a service. ``operator`` is any text that no program is known for, ``unstated`` none at all."""

    DRIVER = "driver"
    BUILD_FAILURES = "build_failures"
    NEW_SERVICE = "new_service"
    OPERATOR = "operator"
    UNSTATED = "unstated"


_REASONS = (
    # "AUTO: " is the libvirt driver's (nova/virt/libvirt/driver.py, DISABLE_PREFIX).
    (Disabled.DRIVER, re.compile(rf"{DRIVER_REASON}$|AUTO: ")),
    # Until Queens; since Rocky a nova-compute whose builds fail is only weighed less (release notes of Nova 18).
    (Disabled.BUILD_FAILURES, re.compile(r"Auto-disabled due to \d+ build failures")),
    # nova.conf, enable_new_services (nova/db/main/api.py, service_create).
    (Disabled.NEW_SERVICE, re.compile(r"New \w+ service disabled due to config option")),
)


@dataclass(frozen=True, slots=True)
class VCenterState:
    """Our own sight of a vCenter: its name in the configuration, whether it answers, and since when without a break.

    ``up`` is None while it was not tried yet. ``since`` is seconds since the epoch, by our clock.
    """

    name: str
    up: bool | None
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is thought of the nova-compute on ``host`` for its ``vcenter``; None is unknown.

    ``useless``: up and enabled, while the vCenter does not answer. ``stuck_disabled``: disabled by the driver, while
    the vCenter answers. ``disabled``: who disabled it; None where it is enabled.
    """

    host: str
    vcenter: str
    useless: bool | None
    stuck_disabled: bool | None
    disabled: Disabled | None


def disabled(service: ServiceState) -> Disabled | None:
    """Who disabled a service, by the text that it was given; None where it is enabled, whatever text is left."""
    if service.enabled:
        return None
    reason = service.disabled_reason
    if not reason:
        return Disabled.UNSTATED
    return next((who for who, pattern in _REASONS if pattern.match(reason)), Disabled.OPERATOR)


def cluster_of(hostname: str) -> tuple[str, str] | None:
    """The cluster's managed object id and the vCenter's instance UUID in a hypervisor's name; None for any other.

    The name is ``<moid>.<UUID>`` (nova/virt/vmwareapi/driver.py, _create_nodename).
    """
    found = _CLUSTER.fullmatch(hostname)
    return (found[1], found[2].lower()) if found else None


def judge(
    read: ServicesSnapshot,
    vcenters: Mapping[str, VCenterState],
    *,
    now: float,
    hypervisors: Iterable[Hypervisor] | None = None,
    useless_after: float = USELESS_AFTER,
    stuck_after: float = STUCK_AFTER,
) -> tuple[Verdict, ...]:
    """A verdict on each nova-compute whose vCenter is among ``vcenters``, by host and vCenter.

    ``vcenters`` is by instance UUID, ``now`` seconds since the epoch by our clock. ``hypervisors`` are the last known;
    they stand in where their reading failed: a hypervisor keeps its host. A service or a hypervisor that is not known
    has no verdict.
    """
    services = read.computes.value.services if read.computes.value is not None else ()
    known = read.hypervisors.value.values() if read.hypervisors.value is not None else hypervisors or ()
    computes = {service.host: service for service in services if service.binary == COMPUTE}
    states = {uuid.lower(): state for uuid, state in vcenters.items()}
    found: dict[tuple[str, str], Verdict] = {}
    for hypervisor in known:
        cluster = cluster_of(hypervisor.hostname)
        service = computes.get(hypervisor.service_host)
        state = states.get(cluster[1]) if cluster else None
        if service is None or state is None:
            continue
        lasted = now - state.since
        who = disabled(service)
        by_driver = who is Disabled.DRIVER and service.disabled_reason == DRIVER_REASON
        found[service.host, state.name] = Verdict(
            host=service.host,
            vcenter=state.name,
            useless=_both(service.up and service.enabled, _opposite(state.up), lasted >= useless_after),
            stuck_disabled=_both(by_driver, state.up, lasted >= stuck_after),
            disabled=who,
        )
    return tuple(found[key] for key in sorted(found))


def truth_rows(cloud: str, verdicts: Iterable[Verdict]) -> Iterator[tuple[Family, Row]]:
    """The verdicts as 1 and 0; what is unknown has no row."""
    for verdict in verdicts:
        labels = (("cloud", cloud), ("host", verdict.host), ("vcenter", verdict.vcenter))
        for family, value in ((catalog.USELESS, verdict.useless), (catalog.STUCK_DISABLED, verdict.stuck_disabled)):
            if value is not None:
                yield family, Row(labels, float(value))


def _opposite(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _both(service: bool, vcenter: bool | None, lasted: bool) -> bool | None:
    """Whether both sides are so, and have been for long enough; False where the service alone says no."""
    if not service:
        return False
    return None if vcenter is None else vcenter and lasted
