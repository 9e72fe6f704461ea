"""The configuration as frozen types. ``configfile`` reads it from YAML; nothing here does I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.model import Kind
from exporter.thresholds import Thresholds
from exporter.wayrule import WayRule
from sla.model import Selector
from sla.objectives.settings import Wishes
from sla.policy import Policy


class Secret:
    """A password that cannot be printed by accident: only ``reveal()`` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")


@dataclass(frozen=True, slots=True)
class Tls:
    """Trust towards one server. ``thumbprint`` pins the server certificate (SHA-256 or SHA-1, hex) instead of a CA.

    The password of ``client_key`` is read with it, each time it is renewed.
    """

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    thumbprint: str | None = None
    insecure: bool = False
    client_key_password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two reads, and for a whole request."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 60.0


@dataclass(frozen=True, slots=True)
class Globs:
    """What is included and what is then excluded, as shell globs."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VCenter:
    """One vCenter to read. ``extension_key`` asks for login by the client certificate (LoginExtensionByCertificate).

    ``nova_users`` and ``cinder_users`` are the users by which these services log in to it. ``tags`` has the tags of VMs
    read, by user and password.
    """

    name: str
    url: str
    username: str = ""
    password: Secret | None = None
    extension_key: str | None = None
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    proxy: str | None = None
    max_reply_bytes: int = 256 * 1024 * 1024
    connections: int = 4
    objects: Mapping[Kind, Globs] = field(default_factory=dict)
    counters: Mapping[Kind, Globs] = field(default_factory=dict)
    instances: Mapping[Kind, bool] = field(default_factory=dict)
    realtime_interval: float = 20.0
    historical_interval: float = 300.0
    nova_users: tuple[str, ...] = ()
    cinder_users: tuple[str, ...] = ()
    tags: bool = False


@dataclass(frozen=True, slots=True)
class LimitRule:
    """How many seconds an operation may take, for one project, flavor or operation; None stands for all of them."""

    seconds: float
    project: str | None = None
    flavor: str | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Notifications:
    """Where Nova's versioned notifications are heard. ``url`` is the broker's, ``amqp://`` or ``amqps://``.

    ``exchange`` and ``topic`` are Nova's; names of our own queues begin with ``queue``.
    """

    url: Secret
    exchange: str = "nova"
    topic: str = "versioned_notifications"
    queue: str = "novacenter"
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class MappedCluster:
    """A vSphere cluster as a nova-compute has it: ``cluster_name`` and ``datastore_regex`` of its nova.conf."""

    name: str
    datastore_regex: str | None = None


@dataclass(frozen=True, slots=True)
class MappedBackend:
    """A backend of Cinder on VMware: the datastores it may use, by name or regex, and the clusters that need them.

    Without ``clusters`` these are all of the cloud.
    """

    name: str
    datastores: tuple[str, ...] = ()
    datastore_regex: str | None = None
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloudMapping:
    """What of a cloud is what in its vCenters.

    ``physical_networks`` are the distributed switches of each physical network of Neutron: in each vCenter one of them.
    ``nsx`` says whether NSX carries and filters, None where it is not said; ``overlay_switches`` carry its tunnels.
    ``ignore`` are kinds of drift that are not looked for.
    """

    physical_networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clusters: tuple[MappedCluster, ...] = ()
    datastore_regex: str | None = None
    cinder_backends: tuple[MappedBackend, ...] = ()
    nsx: bool | None = None
    overlay_switches: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cloud:
    """One OpenStack cloud to read. ``cloud`` names an entry of ``clouds_file`` (None: where openstacksdk looks).

    Otherwise ``auth_url`` with ``username`` and ``password``, or with ``application_credential_id`` and ``secret``.
    ``regions`` empty is the only or default one. ``limits`` are seconds by operation, ``limit_rules`` in the order of
    the file; ``request_budget`` bounds the requests of a cycle of Nova.
    """

    name: str
    cloud: str | None = None
    clouds_file: Path | None = None
    auth_url: str = ""
    username: str = ""
    password: Secret | None = None
    project_name: str = ""
    user_domain_name: str = "Default"
    project_domain_name: str = "Default"
    application_credential_id: str = ""
    secret: Secret | None = None
    regions: tuple[str, ...] = ()
    interface: str = "public"
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    max_reply_bytes: int = 64 * 1024 * 1024
    connections: int = 4
    interval: float = 20.0
    vcenters: tuple[str, ...] = ()
    request_budget: int = 60
    limits: Mapping[str, float] = field(default_factory=dict)
    limit_rules: tuple[LimitRule, ...] = ()
    notifications: Notifications | None = None
    mapping: CloudMapping = CloudMapping()


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Planned maintenance: from ``start`` to ``end`` (epoch seconds), or on each of ``days`` for ``lasts`` seconds.

    A day is ``mon`` .. ``sun``, one of them in its week of the month (``2nd tue``, ``last sun``), or ``1`` .. ``31``.
    ``at`` is in minutes after midnight in the IANA zone ``zone``.
    """

    name: str
    scope: Selector = field(default_factory=Selector)
    comment: str = ""
    start: float | None = None
    end: float | None = None
    days: tuple[str, ...] = ()
    at: int = 0
    lasts: float = 0.0
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and its password (HTTP Basic); without a user a bearer token."""

    secret: Secret
    username: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Whom ``/webhook/alertmanager`` lets in, and how many bytes one delivery may have."""

    credentials: Credentials
    max_bytes: int = 4 * 1024**2


@dataclass(frozen=True, slots=True)
class Push:
    """Every how many seconds open incidents are told to Alertmanager, and with which further labels."""

    interval: float = 30.0
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A cluster of Alertmanagers: ``urls`` are those of all its members. Durations are seconds.

    ``class_label`` of an alert names its incident class, ``resource_label`` its resource. No silence that is longer
    than ``longest_silence`` pauses anything. ``webhook`` and ``push`` None are off.
    """

    urls: tuple[str, ...]
    credentials: Credentials | None = None
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    max_reply_bytes: int = 64 * 1024**2
    interval: float = 60.0
    class_label: str = "sla_class"
    resource_label: str = "sla_resource"
    longest_silence: float = 86400.0
    webhook: Webhook | None = None
    push: Push | None = None


@dataclass(frozen=True, slots=True)
class MonthlyReport:
    """Where the report of each month is put, in which forms, and the IANA zone that its months are of."""

    directory: Path
    formats: tuple[str, ...] = ("html",)
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Sla:
    """What is promised. ``policy`` None is the built-in one. ``sites`` are the sites of vCenters and clouds by name.

    ``retention`` is for how many seconds incidents are kept that are over.
    """

    policy: Policy | None = None
    sites: Mapping[str, str] = field(default_factory=dict)
    windows: tuple[Maintenance, ...] = ()
    retention: float = 400 * 86400.0
    alertmanager: Alertmanager | None = None
    report: MonthlyReport | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. ``state`` is a directory or a ``postgresql://`` URL; ``web_config`` guards us."""

    listen: str = "127.0.0.1:9272"
    web_config: Path | None = None
    state: str = "/var/lib/novacenter"
    vcenters: tuple[VCenter, ...] = ()
    clouds: tuple[Cloud, ...] = ()
    labels: tuple[str, ...] = ()
    series_budget: int = 1_000_000
    sla: Sla = Sla()
    rules: Thresholds = field(default_factory=Thresholds)
    ways: tuple[WayRule, ...] = ()
    objectives: Wishes = field(default_factory=Wishes)
