"""Replies of the PropertyCollector are read as pyVmomi reads them, whatever they hold and however they are cut."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st
from pyVmomi import vim
from pyVmomi.VmomiSupport import ManagedObject
from vcenter.inventorylab import SOAP, change, envelope, missing, obj, updates

from exporter.errors import BadReply, Fault, NotAuthenticated
from exporter.vcenter import typed
from exporter.vcenter.properties import ObjectUpdate, Reply, decode
from exporter.vcenter.propertyspec import EVERYTHING
from exporter.vcenter.steps import finish

FIXTURES = Path(__file__).parent.parent / "fixtures/inventory"
COLLECTOR = typed.reference("PropertyCollector", "pc")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\t\n"))


def read(body: bytes) -> Reply:
    """The reply, decoded in one go."""
    return finish(decode(body, EVERYTHING))


def recorded(name: str) -> bytes:
    """A fixture's bytes."""
    return (FIXTURES / f"{name}.xml").read_bytes()


def oracle(body: bytes, method: str) -> list[tuple[str, str, str, dict[str, Any], set[tuple[str, str]]]]:
    """What pyVmomi makes of the same bytes, each object as (kind, type, id, values, missing)."""
    result = typed.reply(body, COLLECTOR, method)
    if result is None:
        return []
    if method == "WaitForUpdatesEx":
        entries = [(entry.kind, entry, entry.changeSet) for each in result.filterSet for entry in each.objectSet]
    else:
        entries = [("enter", entry, entry.propSet) for entry in result.objects]
    return [
        (
            kind,
            type(entry.obj)._wsdlName,
            entry.obj._moId,
            {found.name: plain(found.name, found.val) for found in changes},
            {
                (found.path, type(found.fault.fault if hasattr(found.fault, "fault") else found.fault)._wsdlName)
                for found in entry.missingSet
            },
        )
        for kind, entry, changes in entries
    ]


def plain(path: str, value: Any) -> Any:
    """What our readers promise to keep of a pyVmomi value, said a second time in pyVmomi's terms."""
    known: dict[str, Any] = {
        "triggeredAlarmState": _alarms,
        "customValue": lambda found: tuple((each.key, each.value) for each in found if each.value),
        "field": lambda found: {each.key: each.name for each in found},
        "config.extraConfig": _options,
        "config.managedBy": lambda found: (found.extensionKey, found.type),
        "config.hardware.device": _devices,
        "config.storageDevice.multipathInfo": _multipath,
        "config.certificate": _certificate,
        "config.defaultPortConfig": _vlan,
        "config": _switch,
        "host": lambda found: tuple(
            (each.key._moId, each.mountInfo.accessible, each.mountInfo.mounted) for each in found
        ),
        "snapshot": _snapshots,
        "summary": _summary,
        "layoutEx": _layout,
    }
    if value is None or path in known:
        return None if value is None else known[path](value)
    if isinstance(value, ManagedObject):
        return value._moId
    return value.timestamp() if isinstance(value, datetime) else value


def _certificate(found: Any) -> float | None:
    try:
        pem = bytes(byte & 0xFF for byte in found)
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
    except ValueError:
        return None


def _alarms(found: Any) -> Any:
    return tuple(
        (each.entity._moId, each.alarm._moId, each.overallStatus, each.time.timestamp(), each.acknowledged)
        for each in found
    )


def _options(found: Any) -> Any:
    return {each.key: each.value for each in found if re.match(r"nvp\.|volume-|cinder\.", each.key)}


def _devices(found: Any) -> Any:
    buses = (
        (vim.vm.device.VirtualSCSIController, "scsi"),
        (vim.vm.device.VirtualIDEController, "ide"),
        (vim.vm.device.VirtualSATAController, "sata"),
        (vim.vm.device.VirtualNVMEController, "nvme"),
    )
    address = {each.key: f"{bus}{each.busNumber}" for each in found for cls, bus in buses if isinstance(each, cls)}
    disks = [each for each in found if isinstance(each, vim.vm.device.VirtualDisk)]
    return tuple(
        (
            each.deviceInfo.label,
            f"{address[each.controllerKey]}:{each.unitNumber}" if each.controllerKey in address else "",
            _backing(each.backing),
            getattr(each.backing, "diskMode", None),
            each.backing.datastore._moId if getattr(each.backing, "datastore", None) else None,
            getattr(each.backing, "thinProvisioned", None),
            each.capacityInBytes or each.capacityInKB * 1024,
            getattr(each.backing, "uuid", None),
        )
        for each in disks
    ), tuple(_nic(each) for each in found if isinstance(each, vim.vm.device.VirtualEthernetCard))


def _nic(found: Any) -> Any:
    backing = found.backing
    network = backing.port.portgroupKey if hasattr(backing, "port") else None
    network = network or getattr(backing, "opaqueNetworkId", None) or getattr(backing, "deviceName", None)
    label = found.deviceInfo.label if found.deviceInfo else ""
    return label, str(found.key), found.macAddress, found.externalId, network


def _backing(found: Any) -> str | None:
    disk = vim.vm.device.VirtualDisk
    if found is None:
        return None
    if isinstance(found, disk.RawDiskMappingVer1BackingInfo):
        return {"physicalMode": "rdm_physical", "virtualMode": "rdm_virtual", None: "rdm"}[found.compatibilityMode]
    if isinstance(found, disk.RawDiskVer2BackingInfo):
        return "raw"
    kinds = (disk.FlatVer2BackingInfo, disk.SeSparseBackingInfo)
    return "vmdk" if isinstance(found, kinds) else "pmem"  # the only other kind in our fixtures


def _multipath(found: Any) -> Any:
    states = dict.fromkeys(("active", "standby", "dead", "disabled", "unknown"), 0)
    luns = [[path.pathState for path in lun.path] for lun in found.lun]
    for state in (state for lun in luns for state in lun):
        states[state if state in states else "unknown"] += 1
    usable = [(len([state for state in lun if state in ("active", "standby")]), len(lun)) for lun in luns]
    return states, len(luns), sum(left == 1 < of for left, of in usable), sum(left == 0 < of for left, of in usable)


def _vlan(found: Any) -> Any:
    switch = vim.dvs.VmwareDistributedVirtualSwitch
    if isinstance(found.vlan, switch.VlanIdSpec):
        return "access", str(found.vlan.vlanId)
    if isinstance(found.vlan, switch.PvlanSpec):
        return "private", str(found.vlan.pvlanId)
    ranges = [(each.start, each.end) for each in found.vlan.vlanId]
    return "trunk", ",".join(f"{start}-{end}" if start != end else str(start) for start, end in ranges)


def _switch(found: Any) -> Any:
    return (
        getattr(found, "maxMtu", None),
        len(found.uplinkPortPolicy.uplinkPortName) if found.uplinkPortPolicy else None,
        found.numPorts,
        len(found.host),
        found.productInfo.version if found.productInfo else None,
        tuple(
            (member.config.host._moId, len(member.config.backing.pnicSpec) if member.config.backing else None)
            for member in found.host
        ),
        tuple(group._moId for group in found.uplinkPortgroup),
    )


def _snapshots(found: Any) -> Any:
    todo, every = list(found.rootSnapshotList), []
    while todo:
        every.append(todo.pop())
        todo += every[-1].childSnapshotList
    oldest = min(each.createTime for each in every).timestamp()
    image = tuple(sorted(each.name for each in every if re.fullmatch(r"[0-9a-f-]{36}-snapshot", each.name)))
    return len(every), oldest, tuple(root.snapshot._moId for root in found.rootSnapshotList), image


def _summary(found: Any) -> Any:
    if isinstance(found, vim.ResourcePool.Summary):
        return getattr(found, "vAppState", None)
    names = ("numHosts", "numEffectiveHosts", "numCpuCores", "numCpuThreads", "totalCpu", "effectiveCpu")
    more = ("totalMemory", "effectiveMemory", "currentFailoverLevel")
    return tuple(getattr(found, name, None) for name in names + more)


def _layout(found: Any) -> Any:
    def keys(disks: Any) -> set[int]:
        return {key for disk in disks for unit in disk.chain for key in unit.fileKey}

    states = {key for each in found.snapshot for key in (each.dataKey, each.memoryKey) if key is not None}
    return (
        {each.key: each.size for each in found.file},
        keys(found.disk),
        {each.key._moId: keys(each.disk) for each in found.snapshot},
        states,
    )


def _fault(name: str) -> bytes:
    detail = f'<detail><{name}Fault xmlns="urn:vim25" xsi:type="{name}"/></detail>'
    return SOAP.format(
        f"<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring/>{detail}</soapenv:Fault>"
    ).encode()


LISTINGS = [
    (f"{flavour}-listing", "WaitForUpdatesEx") for flavour in ("classic", "current", "simulator", "handwritten")
]
CHANGES = [
    (f"{flavour}-{what}", "WaitForUpdatesEx")
    for flavour in ("classic", "current")
    for what in ("power", "name", "leave")
]
LAYOUTS = [
    (f"{flavour}-layout", "RetrievePropertiesEx") for flavour in ("classic", "current", "simulator", "handwritten")
]


@pytest.mark.parametrize(("name", "method"), [*LISTINGS, *CHANGES, *LAYOUTS])
def test_reads_what_pyvmomi_reads(name: str, method: str) -> None:
    """Every value of every recorded object is the one that pyVmomi finds in the same bytes."""
    body = recorded(name)
    ours = [
        (
            update.kind,
            update.type,
            update.moid,
            dict(update.values),
            {each for each in update.missing if each[1] != "unreadable"},
        )
        for update in read(body).objects
    ]
    assert ours == oracle(body, method)
    assert ours


@pytest.mark.parametrize("flavour", ["classic", "current"])
def test_a_wait_may_end_without_news(flavour: str) -> None:
    """No update set: no objects, and no version that would replace the one we have."""
    assert read(recorded("classic-nothing")) == Reply()
    assert read(recorded(f"{flavour}-name")).version == "-"


def test_says_how_to_go_on() -> None:
    """Version and whether more is waiting, or the token for the rest, but never a member of a value by that name."""
    product = change("about", "<version>8</version><token>x</token><truncated>false</truncated>", xsi="AboutInfo")
    told = read(updates("21", [obj("enter", "Folder:group-1", product)], truncated=True))
    assert (told.version, told.truncated, told.token) == ("21", True, "")
    assert read(recorded("handwritten-layout")).token == "t-1"


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 400), st.sampled_from(["handwritten-layout", "current-power", "classic-name", "simulator-layout"])
)
def test_it_does_not_matter_where_bytes_are_cut(size: int, name: str) -> None:
    """The same objects from slices of any length, also within a tag, a character or an entity."""
    body = recorded(name)
    assert finish(decode(body, EVERYTHING, size=size)) == read(body)


@given(TEXT, st.booleans())
def test_any_text_survives(text: str, cdata: bool) -> None:
    """Names as people write them, escaped or as CDATA, as pyVmomi reads them."""
    inner = f"<![CDATA[{text.replace(']]>', '')}]]>" if cdata else escape(text)
    body = updates("1", [obj("modify", "VirtualMachine:vm-1", change("name", inner))])
    (update,) = read(body).objects
    assert update.values["name"] == (text.replace("]]>", "") if cdata else text)
    ((_, _, _, values, _),) = oracle(body, "WaitForUpdatesEx")
    assert (values["name"] or "") == update.values["name"]


REWRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "another prefix for xsi:type": lambda body: body.replace(b"xsi:", b"q:").replace(b"xmlns:xsi=", b"xmlns:q="),
    "a prefix in type names": lambda body: body.replace(b'xsi:type="V', b'xsi:type="v:V').replace(
        b"<returnval>", b'<returnval xmlns:v="urn:vim25">'
    ),
    "a prefix on every element": lambda body: re.sub(rb"<(/?)(\w+)(?=[ />])", rb"<\1v:\2", body).replace(
        b'xmlns="urn:vim25"', b'xmlns:v="urn:vim25"'
    ),
    "comments and processing instructions": lambda body: body.replace(b"<val ", b"<!-- <val> --><?x y?><val "),
    "elements that we do not know": lambda body: body.replace(b"</val>", b"</val><new><name>n</name></new>"),
    "white space": lambda body: body.replace(b"<changeSet><name>", b"<changeSet>\n\t<name>"),
    "other quotes": lambda body: re.sub(rb'type="(\w+)"', rb"type='\1'", body),
}


@pytest.mark.parametrize("how", REWRITTEN)
def test_reads_what_is_meant(how: str) -> None:
    """The same objects where the same is written otherwise, or where a newer vCenter writes more."""
    body = recorded("handwritten-listing")
    other = REWRITTEN[how](body)
    assert other != body
    assert read(other).objects == read(body).objects


def test_what_was_unset_is_none() -> None:
    """Assigned without a value, removed, or removed with its parent: the property has no value now."""
    body = updates(
        "1",
        [
            obj(
                "modify",
                "VirtualMachine:vm-1",
                change("runtime.bootTime", None),
                change("snapshot", None, op="remove"),
                change("config.template", "true", xsi="xsd:boolean", op="indirectRemove"),
            )
        ],
    )
    (update,) = read(body).objects
    assert update == ObjectUpdate(
        "modify", "VirtualMachine", "vm-1", {"runtime.bootTime": None, "snapshot": None, "config.template": None}
    )


def test_part_of_a_property_is_only_named() -> None:
    """A change inside something asked for as a whole, and properties that nobody asked for."""
    part = change("config.hardware.device[2000].backing", "<x/>", xsi="VirtualDeviceBackingInfo", op="add")
    (update,) = read(updates("1", [obj("modify", "VirtualMachine:vm-1", part, change("guest.net", "x"))])).objects
    assert update.nested == ("config.hardware.device[2000].backing", "guest.net")
    assert update.values == {}


def test_what_the_server_refuses_or_garbles_is_missing() -> None:
    """The fault's name, or that the text is no such value; the rest of the object is read."""
    (update,) = read(
        updates(
            "1",
            [
                obj(
                    "enter",
                    "HostSystem:host-1",
                    change("name", "esx"),
                    change("summary.hardware.cpuMhz", "fast", xsi="xsd:int"),
                    change("runtime.inMaintenanceMode", "maybe", xsi="xsd:boolean"),
                    change("runtime.bootTime", "yesterday", xsi="xsd:dateTime"),
                    missing("config.certificate", "NoPermission"),
                )
            ],
        )
    ).objects
    assert update.values["name"] == "esx"
    assert set(update.missing) == {
        ("config.certificate", "NoPermission"),
        ("summary.hardware.cpuMhz", "unreadable"),
        ("runtime.inMaintenanceMode", "unreadable"),
        ("runtime.bootTime", "unreadable"),
    }


def test_a_certificate_is_read_in_either_form() -> None:
    """PEM as vCenter documents it, or DER; bytes are signed on the wire."""
    pem = re.search(rb"(?:<byte>\d+</byte>){200,}", recorded("handwritten-listing"))
    assert pem is not None
    text = bytes(int(byte) for byte in re.findall(rb"\d+", pem[0]))
    der = x509.load_pem_x509_certificate(text).public_bytes(serialization.Encoding.DER)
    signed = "".join(f"<byte>{byte - 256 if byte > 127 else byte}</byte>" for byte in der)
    found = change("config.certificate", signed, xsi="ArrayOfByte")
    assert read(updates("1", [obj("enter", "HostSystem:host-1", found)])).objects[0].values == {
        "config.certificate": 1924992000.0
    }


@pytest.mark.parametrize(
    "seconds", ["2026-11-22T10:00:00Z", "2026-11-22T10:00:00", "2026-11-22T12:00:00.000000000+02:00"]
)
def test_times_are_utc(seconds: str) -> None:
    """With a zone, without one (UTC), and to the nanosecond, as vcsim writes them."""
    body = updates("1", [obj("enter", "HostSystem:host-1", change("runtime.bootTime", seconds, xsi="xsd:dateTime"))])
    assert read(body).objects[0].values["runtime.bootTime"] == 1795341600.0


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (recorded("classic-listing")[:-400], BadReply, "cut short"),
        (b"<html><body>Service Unavailable</body></html>", BadReply, "not a SOAP 1.1 envelope"),
        (envelope("CurrentTime", "2026-11-22T10:00:00Z"), BadReply, "none of the PropertyCollector's"),
        (updates("1", ["<objectSet><kind>enter</kind></objectSet>"]), BadReply, "object without id"),
        (
            b'<!DOCTYPE a [<!ENTITY b "c">]>' + recorded("classic-nothing").partition(b"?>")[2].strip(),
            BadReply,
            "document type declaration",
        ),
        (_fault("InvalidCollectorVersion"), Fault, "InvalidCollectorVersion"),
        (_fault("NotAuthenticated"), NotAuthenticated, "NotAuthenticated"),
    ],
)
def test_what_is_no_reply_is_said(body: bytes, error: type[Exception], text: str) -> None:
    """Faults keep their name, whatever the HTTP status was; anything else is a BadReply that says what came instead."""
    with pytest.raises(error, match=re.escape(text)):
        read(body)
