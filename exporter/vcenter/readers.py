"""One property's XML -> one frozen value: what all kinds share, hosts, clusters, datastores and networks. Pure.

A reader takes the element that holds a property's value and returns what is kept of it, so that a large value shrinks
while it is read. Element and type names are those of the vSphere API reference; where a reader reads a data object, its
docstring names it. A reader raises ValueError where the text does not fit.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from exporter.errors import BadReply
from exporter.vcenter import tls

Reader = Callable[[Element], Any]

VIM = "{urn:vim25}"
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_BOOLEANS = MappingProxyType({"true": True, "1": True, "false": False, "0": False})
_VLAN_MODES = MappingProxyType(
    {
        "VmwareDistributedVirtualSwitchVlanIdSpec": ("access", "vlanId"),
        "VmwareDistributedVirtualSwitchTrunkVlanSpec": ("trunk", "vlanId"),
        "VmwareDistributedVirtualSwitchPvlanSpec": ("private", "pvlanId"),
    }
)


class Alarm(NamedTuple):
    """AlarmState: ``entity`` and ``alarm`` are ids, ``severity`` is yellow or red, ``time`` seconds since the epoch."""

    entity: str
    alarm: str
    severity: str
    time: float | None
    acknowledged: bool | None


class Multipath(NamedTuple):
    """HostMultipathInfo: paths by state, logical units, those with one of several paths left, and those with none."""

    paths: Mapping[str, int]
    luns: int
    no_redundancy: int
    all_paths_down: int


class Mount(NamedTuple):
    """DatastoreHostMount: ``host`` is an id; None where the server says nothing."""

    host: str
    accessible: bool | None
    mounted: bool | None


class ClusterSummary(NamedTuple):
    """ComputeResourceSummary, and of ClusterComputeResourceSummary the failover level. MHz and MB as on the wire."""

    hosts: int | None
    effective_hosts: int | None
    cpu_cores: int | None
    cpu_threads: int | None
    cpu_mhz: int | None
    effective_cpu_mhz: int | None
    memory_bytes: int | None
    effective_memory_mb: int | None
    failover_level: int | None


class Member(NamedTuple):
    """DistributedVirtualSwitchHostMember: ``host`` is an id, ``nics`` its physical NICs that the switch uses."""

    host: str
    nics: int | None


class Switch(NamedTuple):
    """DVSConfigInfo, and of VMwareDVSConfigInfo the MTU. ``uplink_groups`` are ids of port groups."""

    mtu: int | None
    uplinks: int | None
    ports: int | None
    hosts: int | None
    version: str | None
    members: tuple[Member, ...] | None
    uplink_groups: tuple[str, ...] | None


class Vlan(NamedTuple):
    """What VMwareDVSPortSetting.vlan says: ``mode`` is access, trunk or private; ``ids`` as ``100`` or ``0-10,20``."""

    mode: str
    ids: str


def text(element: Element) -> str:
    """The text, empty where the element is."""
    return element.text or ""


def keyword(element: Element) -> str:
    """A text of few distinct values (an enumeration, an id that many objects name), of which one copy is kept."""
    return sys.intern(element.text or "")


def integer(element: Element) -> int:
    """xsd:int, xsd:long, xsd:short."""
    return int(element.text or "")


def boolean(element: Element) -> bool:
    """xsd:boolean."""
    return _BOOLEANS[(element.text or "").strip()]


def instant(element: Element) -> float:
    """xsd:dateTime -> seconds since the epoch. A time without a zone is UTC, in which vCenter keeps its times."""
    return _epoch(element.text or "")


def references(element: Element) -> tuple[str, ...]:
    """ArrayOfManagedObjectReference, as ids."""
    return tuple(sys.intern(reference.text or "") for reference in element)


def string(element: Element, name: str) -> str | None:
    """The text of the child ``name``; None without such a child."""
    return element.findtext(VIM + name)


def number(element: Element, name: str) -> int | None:
    """The integer in the child ``name``; None without one."""
    found = element.findtext(VIM + name)
    return int(found) if found else None


def child(element: Element, name: str, reader: Reader) -> Any:
    """What ``reader`` makes of the child ``name``; None without one."""
    found = element.find(VIM + name)
    return None if found is None else reader(found)


def type_of(element: Element) -> str:
    """The xsi:type without its prefix: no two of the API's namespaces share a type name."""
    return element.get(_XSI_TYPE, "").rpartition(":")[2]


def alarms(element: Element) -> tuple[Alarm, ...]:
    """ArrayOfAlarmState."""
    return tuple(
        Alarm(
            entity=string(state, "entity") or "",
            alarm=string(state, "alarm") or "",
            severity=sys.intern(string(state, "overallStatus") or ""),
            time=child(state, "time", instant),
            acknowledged=child(state, "acknowledged", boolean),
        )
        for state in element
    )


def custom_values(element: Element) -> tuple[tuple[int, str], ...]:
    """ArrayOfCustomFieldValue: (key of the definition, value)."""
    pairs = ((number(value, "key"), string(value, "value")) for value in element)
    return tuple((key, value) for key, value in pairs if key is not None and value)


def custom_fields(element: Element) -> Mapping[int, str]:
    """ArrayOfCustomFieldDef: key -> name."""
    pairs = ((number(field, "key"), string(field, "name")) for field in element)
    return MappingProxyType({key: name for key, name in pairs if key is not None and name})


def multipath(element: Element) -> Multipath:
    """HostMultipathInfo. Usable is a path that is active or standby (vSphere API reference, MultipathState)."""
    states: dict[str, int] = dict.fromkeys(("active", "standby", "dead", "disabled", "unknown"), 0)
    luns = no_redundancy = all_down = 0
    for lun in element.iterfind(VIM + "lun"):
        found = lun.findall(VIM + "path")
        paths = [string(path, "pathState") or "unknown" for path in found]
        for state in paths:
            states[state if state in states else "unknown"] += 1
        usable = sum(state in {"active", "standby"} for state in paths)
        luns += 1
        no_redundancy += usable == 1 and len(paths) > 1
        all_down += usable == 0 and bool(paths)
    return Multipath(MappingProxyType(states), luns, no_redundancy, all_down)


def certificate_expiry(element: Element) -> float:
    """ArrayOfByte, each byte signed: HostConfigInfo.certificate, an X.509 certificate -> its end, epoch seconds."""
    try:
        return tls.parse_certificate(bytes(int(byte.text or "") & 0xFF for byte in element)).not_after
    except BadReply as error:
        raise ValueError(str(error)) from error


def mounts(element: Element) -> tuple[Mount, ...]:
    """ArrayOfDatastoreHostMount."""
    out = []
    for mount in element:
        info = mount.find(VIM + "mountInfo")
        accessible = None if info is None else child(info, "accessible", boolean)
        mounted = None if info is None else child(info, "mounted", boolean)
        out.append(Mount(sys.intern(string(mount, "key") or ""), accessible, mounted))
    return tuple(out)


def cluster_summary(element: Element) -> ClusterSummary:
    """ComputeResourceSummary or ClusterComputeResourceSummary."""
    return ClusterSummary(
        hosts=number(element, "numHosts"),
        effective_hosts=number(element, "numEffectiveHosts"),
        cpu_cores=number(element, "numCpuCores"),
        cpu_threads=number(element, "numCpuThreads"),
        cpu_mhz=number(element, "totalCpu"),
        effective_cpu_mhz=number(element, "effectiveCpu"),
        memory_bytes=number(element, "totalMemory"),
        effective_memory_mb=number(element, "effectiveMemory"),
        failover_level=number(element, "currentFailoverLevel"),
    )


def vapp_state(element: Element) -> str | None:
    """VirtualAppSummary.vAppState."""
    return child(element, "vAppState", keyword)


def switch(element: Element) -> Switch:
    """DVSConfigInfo or VMwareDVSConfigInfo, with DVSNameArrayUplinkPortPolicy."""
    policy = element.find(VIM + "uplinkPortPolicy")
    product = element.find(VIM + "productInfo")
    return Switch(
        mtu=number(element, "maxMtu"),
        uplinks=None if policy is None else len(policy.findall(VIM + "uplinkPortName")),
        ports=number(element, "numPorts"),
        hosts=len(element.findall(VIM + "host")),
        version=None if product is None else string(product, "version"),
        members=tuple(_members(element)),
        uplink_groups=tuple(sys.intern(group.text or "") for group in element.iterfind(VIM + "uplinkPortgroup")),
    )


def _members(element: Element) -> Iterator[Member]:
    """DVSConfigInfo.host, with the pnicSpec of DistributedVirtualSwitchHostMemberPnicBacking."""
    for member in element.iterfind(f"{VIM}host/{VIM}config"):
        host, backing = string(member, "host"), member.find(VIM + "backing")
        if host:
            nics = None if backing is None else len(backing.findall(VIM + "pnicSpec"))
            yield Member(sys.intern(host), nics)


def vlan(element: Element) -> Vlan | None:
    """VMwareDVSPortSetting.vlan: VlanIdSpec, TrunkVlanSpec or PvlanSpec; None for another vendor's setting."""
    spec = element.find(VIM + "vlan")
    kind = "" if spec is None else type_of(spec)
    if spec is None or kind not in _VLAN_MODES:
        return None
    mode, name = _VLAN_MODES[kind]
    return Vlan(mode, ",".join(_ranges(spec, name)))


def _epoch(stamp: str) -> float:
    moment = datetime.fromisoformat(stamp.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _ranges(spec: Element, name: str) -> Iterator[str]:
    for entry in spec.iterfind(VIM + name):
        start, end = string(entry, "start"), string(entry, "end")
        yield (entry.text or "").strip() if start is None else start if start == end else f"{start}-{end}"
