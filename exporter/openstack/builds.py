"""How servers are made: how long it takes on each kind of hypervisor, how many an hour, why the rest failed. Pure."""

import re
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.openstack.model import Hypervisor, Server
from exporter.openstack.phases import Result, timeout_in
from exporter.openstack.timeouts import Ended

HOUR = 3600.0
NOWHERE = "none"
"""The hypervisor type of a server that no host was found for."""
OTHER = "other"

_FAULTS = (
    ("no_valid_host", re.compile(r"No valid host|NoValidHost|Exceeded max scheduling attempts")),
    ("quota", re.compile(r"[Qq]uota|OverQuota|TooManyInstances")),
    ("network", re.compile(r"Binding failed|PortBinding|Virtual Interface|allocate the network|[Nn]eutron|FixedIp")),
    ("volume", re.compile(r"[Vv]olume|Block Device Mapping|[Cc]inder")),
    ("no_space", re.compile(r"NoDiskSpace|[Ii]nsufficient (?:disk|storage) space|NoSpace|DatastoreNotFound")),
    ("image", re.compile(r"\b[Ii]mage\b|ImageNotFound|[Gg]lance")),
    ("vcenter", re.compile(r"Vim\w*(?:Fault|Exception)|vCenter|VMware|vim\.fault|InsufficientResourcesFault")),
    ("retries", re.compile(r"Exceeded maximum number of retries|Exhausted all hosts")),
    ("aborted", re.compile(r"Build of instance .* (?:was re-scheduled|aborted)")),
)
"""Class -> what its faults say, the first that is found; the sentences are those of nova/exception.py (34.0.0)."""

FAULTS = (*(name for name, _ in _FAULTS), "timeout", OTHER)
"""Every class of fault."""


@dataclass(frozen=True, slots=True)
class Build:
    """A finished create, seen ``at``. ``seconds`` is None where Nova does not tell, ``fault`` where it succeeded.

    ``host`` is the nova-compute service, empty where none was found, ``flavor`` a name, empty where it is not known.
    """

    at: float
    hypervisor_type: str
    seconds: float | None
    fault: str | None = None
    host: str = ""
    flavor: str = ""


@dataclass(frozen=True, slots=True)
class Builds:
    """``recent`` are those of the last hour; ``failures`` counts by hypervisor type and fault since the start."""

    recent: tuple[Build, ...] = ()
    failures: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def per_hour(self) -> Mapping[tuple[str, str], int]:
        """Builds within the last hour by hypervisor type and result."""
        return Tally((build.hypervisor_type, "error" if build.fault else "success") for build in self.recent)


def fault_class(message: str) -> str:
    """One of FAULTS for what a server's fault says."""
    if timeout_in(message) is not None:
        return "timeout"
    return next((name for name, pattern in _FAULTS if pattern.search(message)), OTHER)


def build(ended: Ended, server: Server | None, hypervisors: Mapping[str, Hypervisor]) -> Build | None:
    """The build that an ended operation was; None for any other operation, and one whose end Nova does not tell.

    ``hypervisors`` by hostname, as in ``Server.hypervisor``. The time is from the action's start to the launch of the
    server or, where it failed, to the last event's end.
    """
    operation = ended.operation
    if operation.name != "create" or ended.result is Result.UNKNOWN:
        return None
    kind = _kind(operation.host, server, hypervisors)
    where = {"host": operation.host, "flavor": (server.flavor if server is not None else None) or ""}
    if ended.result is Result.ERROR:
        message = server.fault.message if server is not None and server.fault is not None else ""
        return Build(ended.at, kind, ended.seconds, fault_class(message), **where)
    launched = server.launched if server is not None else None
    seconds = ended.seconds if launched is None else max(0.0, launched - operation.start)
    return Build(ended.at, kind, seconds, **where)


def _kind(host: str, server: Server | None, hypervisors: Mapping[str, Hypervisor]) -> str:
    """The type of the server's hypervisor; of a failed build Nova tells the host alone, whose nodes share a type."""
    node = hypervisors.get(server.hypervisor or "") if server is not None else None
    if node is None and host:
        node = next((node for node in hypervisors.values() if node.service_host == host), None)
    return node.type if node is not None else OTHER if host else NOWHERE


def add(builds: Builds, news: Iterable[Build], now: float) -> Builds:
    """Takes over a cycle's builds, and forgets those of more than an hour ago."""
    found = tuple(news)
    failures = Tally(builds.failures)
    failures.update((build.hypervisor_type, build.fault) for build in found if build.fault is not None)
    return Builds(tuple(build for build in (*builds.recent, *found) if now - build.at <= HOUR), failures)
