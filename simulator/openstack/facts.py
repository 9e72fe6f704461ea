"""What the simulated cloud knows: plain frozen values. Instants are seconds since the epoch by the cloud's clock."""

from dataclasses import dataclass
from typing import Final

ACTIVE, BUILDING, STOPPED, SUSPENDED = "active", "building", "stopped", "suspended"
RESIZED, ERROR, DELETED = "resized", "error", "deleted"
"""Values of ``vm_state`` that are used here (nova/compute/vm_states.py)."""

NOSTATE, RUNNING, SHUTDOWN, ASLEEP = 0, 1, 4, 7
"""Values of ``power_state`` that are used here (nova/compute/power_state.py)."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """A flavor: MB of memory, GB of root disk."""

    id: str
    name: str
    vcpus: int
    memory_mb: int
    disk_gb: int


@dataclass(frozen=True, slots=True)
class ServerFault:
    """Why a server is in ERROR."""

    code: int
    message: str
    created: float
    details: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """A network of Neutron: flat without ``vlan``. ``group`` names its port group, ``moid`` is that group's id."""

    id: str
    name: str
    physical: str
    vlan: int | None = None
    mtu: int = 1500
    group: str = ""
    moid: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A Neutron port: its id, address and MAC address."""

    id: str
    address: str
    mac: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server of Nova. ``number`` makes its instance name; ``old_flavor`` is set until a resize is confirmed.

    ``host`` is the compute service, None while unscheduled or after a failed build.
    """

    id: str
    number: int
    name: str
    project: str
    user: str
    flavor: Flavor
    image: str | None
    created: float
    updated: float
    host: str | None = None
    vm_state: str = BUILDING
    task_state: str | None = "scheduling"
    power_state: int = NOSTATE
    launched: float | None = None
    terminated: float | None = None
    fault: ServerFault | None = None
    volumes: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    old_flavor: Flavor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A step of an action; ``finish`` None is under way."""

    name: str
    host: str
    start: float
    finish: float | None = None
    result: str | None = None
    traceback: str | None = None
    details: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An operation asked of a server; ``events`` the newest first."""

    request: str
    server: str
    action: str
    project: str
    user: str
    start: float
    updated: float
    message: str | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Compute:
    """A nova-compute and its one node. ``cluster`` is the vSphere cluster's id, None on KVM.

    ``stopped`` is when its process ceased to work: no heartbeat, and nothing that it is asked for. ``deaf`` answers
    nothing either, but its heartbeat goes on.
    """

    host: str
    node: str
    zone: str
    cluster: str | None
    vcpus: int
    memory_mb: int
    disk_gb: int
    enabled: bool = True
    reason: str | None = None
    forced_down: bool = False
    stopped: float | None = None
    deaf: bool = False

    @property
    def is_vmware(self) -> bool:
        """Whether it drives a vSphere cluster."""
        return self.cluster is not None


HEARTBEAT: Final = 10.0
"""Seconds between two heartbeats of a service (nova.conf, report_interval)."""
SERVICE_DOWN: Final = 60.0
"""Seconds without heartbeat after which a service counts as down (nova.conf, service_down_time)."""
