"""What Nova and its neighbours say, as frozen values. Instants are seconds since the epoch (UTC); None is unknown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFault:
    """Why a server is in ERROR (Compute API, ``fault``): the HTTP-like code, the message, and when."""

    code: int
    message: str
    created: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server as ``GET /servers/detail`` shows it to an administrator.

    ``host`` is the nova-compute service, ``hypervisor`` the node (with VMware: ``<cluster moid>.<vCenter UUID>``), both
    None while unscheduled or on a down cell. ``flavor`` is the flavor's name, ``image`` an id (None: boot from volume).
    """

    id: str
    name: str
    project: str
    status: str
    task_state: str | None = None
    vm_state: str | None = None
    power_state: int | None = None
    host: str | None = None
    hypervisor: str | None = None
    availability_zone: str | None = None
    flavor: str | None = None
    image: str | None = None
    created: float | None = None
    updated: float | None = None
    launched: float | None = None
    fault: ServerFault | None = None
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEvent:
    """A step of an action (Compute API, instance action ``events``). ``finish`` None is in flight."""

    name: str
    start: float
    finish: float | None = None
    result: str | None = None
    host: str | None = None
    details: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One operation asked of a server. ``events`` None has not been asked for; empty is not picked up by any host."""

    server: str
    request: str
    action: str
    start: float
    updated: float | None = None
    message: str | None = None
    project: str | None = None
    user: str | None = None
    events: tuple[ActionEvent, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """A service of Nova or Cinder, or a Neutron agent. ``up`` is its heartbeat, which says nothing of the vCenter."""

    binary: str
    host: str
    zone: str | None = None
    up: bool
    enabled: bool
    disabled_reason: str | None = None
    forced_down: bool | None = None
    updated: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypervisor:
    """A node of nova-compute. ``hostname`` with VMware is ``<cluster moid>.<vCenter instance UUID>``."""

    hostname: str
    type: str
    service_host: str
    up: bool
    enabled: bool
    version: int | None = None
    vcpus: int | None = None
    vcpus_used: int | None = None
    memory_bytes: int | None = None
    memory_used_bytes: int | None = None
    disk_bytes: int | None = None
    disk_used_bytes: int | None = None
    running: int | None = None
