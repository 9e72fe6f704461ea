"""Single values of the configuration: a YAML scalar in, a checked value out. Pure; knows no file and no key.

Each function raises ``BadValueError`` for what it does not accept. Its message never quotes the value: it may be a
secret that stands in the wrong place.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from exporter.config import Globs, Secret
from exporter.model import Kind

COPYABLE_LABELS = (
    *("cluster", "datacenter", "folder", "host", "resource_pool", "vapp", "uuid", "instance_uuid"),
    *("server", "project", "flavor", "image", "availability_zone", "nova_host"),
)
"""What ``labels`` may copy on to performance series."""

DEFAULT_COUNTERS: Mapping[Kind, Globs] = MappingProxyType(
    {
        Kind.VM: Globs(
            (
                "cpu.usage.average",
                "cpu.usagemhz.average",
                "cpu.demand.average",
                "cpu.ready.summation",
                "cpu.readiness.average",
                "cpu.costop.summation",
                "mem.usage.average",
                "mem.active.average",
                "mem.consumed.average",
                "mem.swapped.average",
                "mem.vmmemctl.average",
                "virtualDisk.read.average",
                "virtualDisk.write.average",
                "virtualDisk.numberReadAveraged.average",
                "virtualDisk.numberWriteAveraged.average",
                "virtualDisk.totalReadLatency.average",
                "virtualDisk.totalWriteLatency.average",
                "datastore.maxTotalLatency.latest",
                "net.received.average",
                "net.transmitted.average",
                "net.droppedRx.summation",
                "net.droppedTx.summation",
                "sys.uptime.latest",
                "power.power.average",
            )
        ),
        Kind.HOST: Globs(
            (
                "cpu.usage.average",
                "cpu.usagemhz.average",
                "cpu.ready.summation",
                "cpu.readiness.average",
                "cpu.costop.summation",
                "mem.usage.average",
                "mem.active.average",
                "mem.consumed.average",
                "mem.vmmemctl.average",
                "mem.swapinRate.average",
                "mem.swapoutRate.average",
                "mem.state.latest",
                "disk.read.average",
                "disk.write.average",
                "disk.maxTotalLatency.latest",
                "datastore.maxTotalLatency.latest",
                "net.received.average",
                "net.transmitted.average",
                "net.droppedRx.summation",
                "net.droppedTx.summation",
                "net.errorsRx.summation",
                "net.errorsTx.summation",
                "sys.uptime.latest",
                "power.power.average",
            )
        ),
        Kind.CLUSTER: Globs(
            (
                "cpu.usage.average",
                "cpu.usagemhz.average",
                "mem.usage.average",
                "mem.consumed.average",
                "clusterServices.*",
            )
        ),
        Kind.DATASTORE: Globs(
            (
                "datastore.numberReadAveraged.average",
                "datastore.numberWriteAveraged.average",
                "datastore.totalReadLatency.average",
                "datastore.totalWriteLatency.average",
                "disk.used.latest",
                "disk.capacity.latest",
                "disk.provisioned.latest",
            )
        ),
        Kind.RESOURCE_POOL: Globs(
            (
                "cpu.usagemhz.average",
                "mem.consumed.average",
                "mem.vmmemctl.average",
            )
        ),
        Kind.DATACENTER: Globs(("vmop.*",)),
    }
)
"""Counters read where ``counters.<kind>.include`` is not set. One that a vCenter lacks is skipped and reported."""

DEFAULT_INSTANCES: Mapping[Kind, bool] = MappingProxyType({kind: kind is Kind.VM for kind in DEFAULT_COUNTERS})
"""Only VMs per instance: a virtual disk's counters exist per disk only (vSphere API reference, group virtualDisk)."""

OPERATIONS = (
    "attach_interface", "attach_share", "attach_volume", "backup", "crash_dump", "create", "delete",
    "detach_interface", "detach_share", "detach_volume", "evacuate", "extend_volume", "live_migrate",
    "live_migrate_cancel", "live_migrate_force", "lock", "migrate", "pause", "power_off", "power_on", "reboot",
    "rebuild", "refresh_volume", "rescue", "reset_state", "resize", "resize_confirm", "resize_revert", "restore",
    "resume", "set_password", "shelve", "shelve_offload", "snapshot", "suspend", "swap_volume", "unknown", "unlock",
    "unpause", "unrescue", "unshelve",
)  # fmt: skip
"""What ``limits`` may name: the operations of ``exporter.openstack.operations``."""

INTERFACES = ("public", "internal", "admin")
"""The interfaces of an endpoint (Identity API v3, endpoints)."""

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]{1,12})(KiB|MiB|GiB)")
_BYTES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIGEST = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z+.-]*:")
_HIDDEN = "postgresql://***"


class BadValueError(Exception):
    """A value is not acceptable. The text is ``what is wrong; what to do``, without the value."""


class DatabaseUrl(str):
    """A database URL that may hold a password: printing shows ``postgresql://***``; ``reveal()`` gives the text."""

    __slots__ = ()

    def reveal(self) -> str:
        """The URL as it was written."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return repr(_HIDDEN)

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return format(_HIDDEN, spec)


def type_name(value: object) -> str:
    """What an operator calls the type of ``value``."""
    words = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return words.get(type(value), "without a value")


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown ``word``: the nearest known one, or all of them."""
    names = list(known)
    if not names:
        return "remove it"
    close = get_close_matches(word.lower().replace("-", "_"), names, n=1)
    return f"did you mean {close[0]}?" if close else f"use one of: {', '.join(names)}"


def text(value: object) -> str:
    """Text that is not empty, in one line."""
    if not isinstance(value, str):
        hint = "write a value or remove the key" if value is None else "write text, in quotes if it looks like a number"
        raise BadValueError(f"must be text, but is {type_name(value)}; {hint}")
    if not value.strip():
        raise BadValueError("is empty; write a value or remove the key")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in value):
        raise BadValueError("contains a control character; write printable text")
    return value


def boolean(value: object) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise BadValueError(f"must be true or false, but is {type_name(value)}; write true or false without quotes")
    return value


def whole(low: int, high: int) -> Callable[[object], int]:
    """A whole number in ``low..high``."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadValueError(
                f"must be a whole number, but is {_not_whole(value)}; write a number from {low} to {high}"
            )
        if not low <= value <= high:
            raise BadValueError(f"is out of range; write a number from {low} to {high}")
        return value

    return parse


def _not_whole(value: object) -> str:
    return "a fraction" if isinstance(value, float) else type_name(value)


def duration(low: float, high: float) -> Callable[[object], float]:
    """Seconds in ``low..high``: a number, or a number and ms, s, m or h (``20s``, ``5m``)."""

    def parse(value: object) -> float:
        seconds = _seconds(value)
        if not low <= seconds <= high:
            raise BadValueError(f"is out of range; write a time from {low:g}s to {high:g}s")
        return seconds

    return parse


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise BadValueError(
            "is not a time; write seconds as a number, or a number and ms, s, m or h, such as 20s or 5m"
        )
    return float(match[1]) * _SECONDS[match[2]]


def size(low: int, high: int) -> Callable[[object], int]:
    """Bytes in ``low..high``: a whole number, or a whole number and KiB, MiB or GiB (``256MiB``)."""

    def parse(value: object) -> int:
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        count = int(match[1]) * _BYTES[match[2]] if match else value
        if isinstance(count, bool) or not isinstance(count, int):
            raise BadValueError("is not a size; write bytes as a whole number, or with KiB, MiB or GiB, such as 256MiB")
        if not low <= count <= high:
            raise BadValueError(f"is out of range; write a size from {low // 1024}KiB to {high // 1024**3}GiB")
        return count

    return parse


def name(value: object) -> str:
    """The name of a source: it becomes a label value and part of file names."""
    if not _NAME.fullmatch(text(value)):
        raise BadValueError(
            "is not a name; use 1 to 63 letters, digits, '.', '_' or '-', and begin with a letter or digit"
        )
    return text(value)


def variable(value: object) -> str:
    """The name of an environment variable (POSIX.1-2017, 8.1)."""
    if not _VARIABLE.fullmatch(text(value)):
        raise BadValueError("is not the name of an environment variable; write the name, never the password itself")
    return text(value)


def secret(content: bytes) -> Secret:
    """A password as it is stored: UTF-8, one line, with at most one line end behind it, which is not part of it."""
    try:
        plain = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadValueError("the password is not UTF-8; store it as UTF-8 text") from None
    plain = plain.removesuffix("\n").removesuffix("\r")
    if not plain:
        raise BadValueError("the password is empty; store a password there")
    if any(unicodedata.category(letter) == "Cc" for letter in plain):
        raise BadValueError("the password contains a line break or control character; store it alone, in one line")
    return Secret(plain)


def thumbprint(value: object) -> str:
    """The SHA-1 or SHA-256 digest of a certificate, with or without colons, as lower-case hex."""
    digits = text(value).replace(":", "").lower()
    if not _DIGEST.fullmatch(digits):
        raise BadValueError("is not a thumbprint; write 40 (SHA-1) or 64 (SHA-256) hex digits, with or without colons")
    return digits


def listen(value: object) -> str:
    """``host:port``; an IPv6 address stands in brackets. Port 0 leaves the choice to the system."""
    host, colon, port = text(value).rpartition(":")
    inner = host[1:-1] if host.startswith("[") and host.endswith("]") else ""
    good_host = _version(inner) == 6 if inner else bool(_HOSTNAME.fullmatch(host))
    if not colon or not good_host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise BadValueError("is not host:port; write for example 127.0.0.1:9272, 0.0.0.0:9272 or [::]:9272")
    return text(value)


def vcenter_url(value: object) -> str:
    """``https://host/sdk``; plain http only to a loopback host, where a simulator listens."""
    parts = _url(value, "https://vcenter.example/sdk")
    if parts.scheme not in {"https", "http"}:
        raise BadValueError("is not an https:// URL; write for example https://vcenter.example/sdk")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise BadValueError(
            "would send the password unencrypted; use https:// (http:// is only for a loopback address)"
        )
    if parts.path in {"", "/"} or parts.query or parts.fragment:
        raise BadValueError("must end with the path of the API; write for example https://vcenter.example/sdk")
    return text(value)


def auth_url(value: object) -> str:
    """The URL of Keystone, brought to ``.../v3`` where it ends before that."""
    parts = _url(value, "https://keystone.example/v3")
    if parts.scheme not in {"https", "http"} or parts.query or parts.fragment:
        raise BadValueError("is not the URL of Keystone; write for example https://keystone.example/v3")
    bare = text(value).rstrip("/")
    return bare if parts.path.rstrip("/").endswith("/v3") else f"{bare}/v3"


def is_unencrypted(url: str) -> bool:
    """Whether what is sent to ``url`` leaves this machine in the clear."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "amqp"} and not _is_loopback(parts.hostname or "")


def interface(value: object) -> str:
    """One of ``INTERFACES``."""
    if text(value) not in INTERFACES:
        raise BadValueError(f"is not an interface; {nearest(text(value), INTERFACES)}")
    return text(value)


def operation(value: object) -> str:
    """One of ``OPERATIONS``."""
    if text(value) not in OPERATIONS:
        raise BadValueError(f"is not an operation; {nearest(text(value), OPERATIONS)}")
    return text(value)


def proxy_url(value: object) -> str:
    """``http://host:port`` of a proxy that allows CONNECT."""
    parts = _url(value, "http://proxy.example:3128")
    if parts.scheme != "http" or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise BadValueError("is not the URL of a proxy; write for example http://proxy.example:3128")
    return text(value)


def _url(value: object, example: str) -> SplitResult:
    """A URL with a host and without user or password. No exception is chained: urlsplit's own quote the URL."""
    written = text(value)
    try:
        parts = urlsplit(written)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadValueError(f"is not a URL; write for example {example}") from None
    if "@" in parts.netloc:
        raise BadValueError("contains a user or password; remove everything up to the @")
    if not host or not (_HOSTNAME.fullmatch(host) or _version(host) == 6) or " " in written:
        raise BadValueError(f"is not a URL with a host; write for example {example}")
    return parts


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_version(host) is not None and ip_address(host).is_loopback)


def _version(host: str) -> int | None:
    try:
        return ip_address(host).version
    except ValueError:
        return None


def database_url(value: object) -> DatabaseUrl | None:
    """A ``postgresql://`` URL, or None where ``value`` is a path."""
    written = text(value)
    if not _SCHEME.match(written):
        return None
    if not written.startswith("postgresql://") or " " in written or written == "postgresql://":
        raise BadValueError("is neither a directory nor a postgresql:// URL; write for example /var/lib/novacenter")
    return DatabaseUrl(written)


def label(value: object) -> str:
    """One of ``COPYABLE_LABELS``."""
    if text(value) not in COPYABLE_LABELS:
        raise BadValueError(f"is not a label that can be copied; {nearest(text(value), COPYABLE_LABELS)}")
    return text(value)
