"""What ``novacenter check`` thinks of what it saw: facts of a vCenter -> findings with a state and an advice. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from exporter.config import Config, VCenter
from exporter.errors import Fault, NovacenterError
from exporter.model import HISTORICAL_KINDS, Kind
from exporter.vcenter.counters import Selected
from exporter.vcenter.limits import DEFAULT_MAX_QUERY_METRICS, MAX_QUERY_METRICS
from exporter.vcenter.tls import Certificate

OLDEST = (6, 7)
"""The oldest version of vCenter that is supported."""

CERTIFICATE_WARNING, CERTIFICATE_FAILURE = 30.0, 7.0
"""Days before a certificate's end."""

SKEW_WARNING, SKEW_FAILURE = 5.0, 60.0
"""Seconds between vCenter's clock and ours."""

MOST_NAMES = 5
"""Names shown of a list; how many more there are is said."""

READ_ONLY = "give the user the role Read-only on vCenter's root folder, with 'Propagate to children'"

_HINTS = {
    "MethodNotFound": "this server has no such method; if it is a vCenter, is it of a supported version?",
    "NoPermission": READ_ONLY,
}


class State(StrEnum):
    """What a finding means, the worst first; unknown is where the server does not tell."""

    FAILED = "failed"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and what the operator should do about it."""

    item: str
    state: State
    found: str
    advice: str = ""


def failure(item: str, error: NovacenterError, *, state: State = State.FAILED) -> Finding:
    """The finding where an error stands in place of an answer: ``what; what to do``, as our errors are written."""
    if isinstance(error, Fault):
        return Finding(item, state, str(error), _HINTS.get(error.name, ""))
    found, _, advice = str(error).partition("; ")
    return Finding(item, state, found, advice)


def configuration(config: Config) -> Finding:
    """That the configuration was read, and the secrets that it names with it."""
    passwords = sum(vcenter.password is not None for vcenter in config.vcenters)
    keys = sum(vcenter.tls.client_key is not None for vcenter in config.vcenters)
    passwords += sum((cloud.password or cloud.secret) is not None for cloud in config.clouds)
    clouds = f"; clouds: {len(config.clouds)}" if config.clouds else ""
    read = f"vCenters: {len(config.vcenters)}{clouds}; passwords read: {passwords}; client keys read: {keys}"
    if not config.vcenters:
        return Finding("configuration", State.WARNING, read, "add a vCenter under vcenters")
    return Finding("configuration", State.OK, read)


def connection(vcenter: VCenter, seconds: float) -> Finding:
    """The first answer of a vCenter, and why its certificate is trusted."""
    item, tls = "connection", vcenter.tls
    answered = f"{vcenter.url} answered in {_milliseconds(seconds)}"
    if not vcenter.url.startswith("https:"):
        advice = "write https in url: whoever listens on the way can read the password"
        return Finding(item, State.WARNING, f"{answered}, without TLS", advice)
    if tls.thumbprint:
        return Finding(item, State.OK, f"{answered}; its certificate is the pinned one (tls.thumbprint)")
    if tls.insecure:
        advice = "set tls.ca_file, or tls.thumbprint to the SHA-256 of the server certificate, and remove tls.insecure"
        return Finding(item, State.WARNING, f"{answered}; its certificate is not verified (tls.insecure)", advice)
    trust = f"with {tls.ca_file}" if tls.ca_file else "with the CAs of this system"
    return Finding(item, State.OK, f"{answered}; its certificate is verified {trust}")


def certificate(item: str, seen: Certificate, *, now: float) -> Finding:
    """How long a certificate is still good for; ``now`` is seconds since the epoch."""
    days = (seen.not_after - now) / 86400
    end = f"{datetime.fromtimestamp(seen.not_after, UTC):%Y-%m-%d}"
    validity = f"{int(days)} days left, until {end}" if days >= 0 else f"expired on {end}"
    found = f"{validity}; {seen.subject or 'no subject'}; SHA-256 {seen.sha256}"
    if days >= CERTIFICATE_WARNING:
        return Finding(item, State.OK, found)
    state = State.FAILED if days < CERTIFICATE_FAILURE else State.WARNING
    return Finding(item, state, found, "renew it; where a thumbprint is pinned, change that at the same time")


def login(vcenter: VCenter) -> Finding:
    """Who logged in."""
    extension = vcenter.extension_key
    who = f"extension {extension}, by its certificate" if extension else f"user {vcenter.username}"
    return Finding("login", State.OK, who)


def version(about: Any) -> Finding:
    """What the server says of itself (vSphere API reference, AboutInfo)."""
    found = f"{about.fullName}; {about.apiType}; instance UUID {about.instanceUuid or 'none'}"
    if about.apiType != "VirtualCenter":
        advice = "write the url of its vCenter: a single host knows no clusters and keeps no historical samples"
        return Finding("version", State.WARNING, found, advice)
    try:
        numbers = tuple(int(part) for part in (about.version or "").split(".")[:2])
    except ValueError:
        return Finding("version", State.UNKNOWN, found, "the version cannot be understood")
    if numbers < OLDEST:
        advice = f"upgrade it: {'.'.join(map(str, OLDEST))} is the oldest version that is supported"
        return Finding("version", State.WARNING, found, advice)
    return Finding("version", State.OK, found)


def clock(skew: float, seconds: float) -> Finding:
    """How far vCenter's clock is ahead of ours, seen in a round trip of so many ``seconds``."""
    way = "ahead of" if skew >= 0 else "behind"
    found = f"vCenter is {abs(skew):.1f} s {way} this machine (CurrentTime in {_milliseconds(seconds)})"
    if abs(skew) <= SKEW_WARNING:
        return Finding("clock", State.OK, found)
    state = State.FAILED if abs(skew) > SKEW_FAILURE else State.WARNING
    advice = "let NTP set both clocks; no sample is lost meanwhile, because windows of queries follow vCenter's clock"
    return Finding("clock", state, found, advice)


def query_limit(pairs: int | None) -> Finding:
    """The bound of a historical query as vCenter states it; None is no bound."""
    found = "no limit" if pairs is None else f"{pairs} entity x counter pairs per historical query"
    return Finding("query limit", State.OK, f"{MAX_QUERY_METRICS}: {found}")


def unstated_query_limit(error: NovacenterError) -> Finding:
    """Where vCenter does not state it."""
    advice = f"nothing: {DEFAULT_MAX_QUERY_METRICS} is taken, vCenter's own default"
    return Finding("query limit", State.UNKNOWN, f"{MAX_QUERY_METRICS}: {error}", advice)


def realtime(host: str | None, seconds: int | None) -> Finding:
    """How often there are realtime samples of the host that was asked, None where none was visible."""
    item = "realtime samples"
    if host is None:
        return Finding(item, State.UNKNOWN, "no host is visible that could be asked", READ_ONLY)
    if seconds is None:
        return Finding(item, State.WARNING, f"{host} has none", "see whether this host is connected")
    return Finding(item, State.OK, f"every {seconds} s ({host})")


def historical(levels: Mapping[int, int], period: int) -> Finding:
    """Whether vCenter keeps samples of this period; ``levels`` is period -> statistics level."""
    item = "historical samples"
    if period in levels:
        return Finding(item, State.OK, f"every {period} s, statistics level {levels[period]}")
    kept = ", ".join(f"{seconds} s" for seconds in sorted(levels)) or "none"
    advice = "enable the first interval in vCenter's statistics settings: clusters, datastores and pools need it"
    return Finding(item, State.WARNING, f"none every {period} s; kept: {kept}", advice)


def counters(kind: Kind, selected: Selected, *, level: int | None) -> Finding:
    """The counters of a kind that this vCenter has, lacks, or has but does not keep at its statistics ``level``."""
    item, parts, advice = f"counters: {kind.value}", [f"{len(selected.counters)} found"], []
    if selected.missing:
        parts.append(f"missing: {_names(selected.missing)}")
        advice.append(f"nothing, or remove what is missing from counters.{kind.value}.include")
    above = [counter.name for counter in selected.counters if level is not None and counter.level > level]
    if above and kind in HISTORICAL_KINDS:
        parts.append(f"not kept at statistics level {level}: {_names(above)}")
        advice.append("raise the level of the first interval in vCenter's statistics settings, or exclude them")
    state = State.WARNING if advice else State.OK
    return Finding(item, state, "; ".join(parts), "; ".join(advice))


def no_counters() -> Finding:
    """That vCenter lists none at all."""
    return Finding("counters", State.FAILED, "vCenter lists no performance counters", READ_ONLY)


def privileges(granted: Mapping[str, bool]) -> Finding:
    """Whether the login has what it needs."""
    lacking = [name for name, given in granted.items() if not given]
    if lacking:
        return Finding("privileges", State.FAILED, f"lacks {', '.join(lacking)} on the root folder", READ_ONLY)
    return Finding("privileges", State.OK, f"{', '.join(granted)} on the root folder")


def least_rights(granted: Mapping[str, bool]) -> Finding:
    """Whether the login has what it should not have."""
    item, held = "least rights", [name for name, given in granted.items() if given]
    if not held:
        return Finding(item, State.OK, f"has none of {len(granted)} privileges that can do harm")
    advice = (
        "use an account with the role Read-only alone: nothing more is needed, and its password lies on this machine"
    )
    return Finding(item, State.WARNING, f"has more than it needs: {_names(held, most=len(granted))}", advice)


def inventory(counts: Mapping[Kind, int]) -> Finding:
    """How many objects the login sees."""
    if not any(counts.values()):
        return Finding("inventory", State.FAILED, "nothing is visible", READ_ONLY)
    found = ", ".join(f"{counts[kind]} {kind.value}" for kind in Kind if kind in counts)
    return Finding("inventory", State.OK, found)


def sessions(count: int, own: int) -> Finding:
    """How many sessions there are, and how many of them are of this user."""
    return Finding("sessions", State.OK, f"{count}, of which {own} of this user")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _names(names: Iterable[str], *, most: int = MOST_NAMES) -> str:
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
