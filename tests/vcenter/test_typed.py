"""pyVmomi as a codec: no request without being asked, and nothing unknown read as nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyVmomi import vim, vmodl
from vcenter.tlslab import envelope, fault

from exporter.errors import BadReply, Fault, SourceError
from exporter.vcenter import typed

PAGE = '<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>%s</returnval></RetrievePropertiesExResponse>'
OBJECT = (
    '<objects><obj type="VirtualMachine">vm-1</obj><propSet><name>name</name><val xsi:type="xsd:string">a &amp; b</val>'
    "</propSet><propSet><name>runtime.powerState</name>"
    '<val xsi:type="VirtualMachinePowerState">poweredOn</val></propSet></objects>'
)


def collector() -> vmodl.query.PropertyCollector:
    """The PropertyCollector, where nothing is sent."""
    return typed.reference("PropertyCollector", "propertyCollector")


def test_a_request_is_bytes() -> None:
    """The whole envelope, for API version 6.5, with markup in arguments escaped."""
    manager = typed.reference("SessionManager", "SessionManager")
    assert (
        typed.request(manager, "Login", userName="a&b", password="<p>é")
        == (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"'
            ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">\n'
            '<soapenv:Body><Login xmlns="urn:vim25"><_this versionId="6.5" type="SessionManager">SessionManager</_this>'
            '<userName versionId="6.5">a&amp;b</userName><password versionId="6.5">&lt;p&gt;é</password></Login>'
            "</soapenv:Body>\n</soapenv:Envelope>"
        ).encode()
    )


def test_methods_go_by_either_name() -> None:
    """pyVmomi's QueryStats is QueryPerf on the wire; both names are understood."""
    manager = typed.reference("PerformanceManager", "PerfMgr")
    assert [typed.operation(manager, name) for name in ("QueryStats", "QueryPerf")] == ["QueryPerf", "QueryPerf"]


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("RetrieveEverything", {}, "vmodl.query.PropertyCollector has no method RetrieveEverything"),
        ("RetrievePropertiesEx", {"specs": []}, "RetrievePropertiesEx has no argument specs"),
        ("RetrievePropertiesEx", {"specSet": []}, 'Required field "specSet" not provided (not @optional)'),
        ("RetrievePropertiesEx", {"specSet": [1]}, 'For "specSet" expected type'),
    ],
)
def test_wrong_arguments_are_refused(method: str, arguments: dict[str, object], words: str) -> None:
    """TypeError names the argument before anything is sent."""
    with pytest.raises(TypeError) as caught:
        typed.request(collector(), method, **arguments)
    assert words in str(caught.value)


def test_no_attribute_access_hides_a_request() -> None:
    """Reading a property or calling a method of any managed object raises, also of one that came in a reply."""
    page = typed.reply(envelope(PAGE % OBJECT), collector(), "RetrievePropertiesEx")
    machine = page.objects[0].obj
    for read in (lambda: machine.name, lambda: machine.runtime.powerState, lambda: hasattr(machine, "config")):
        with pytest.raises(typed.HiddenRequestError, match=r"of 'vim.VirtualMachine:vm-1' was read; "):
            read()
    with pytest.raises(typed.HiddenRequestError, match=r"PowerOffVM_Task was called on 'vim.VirtualMachine:vm-1'"):
        machine.PowerOff()


def test_references() -> None:
    """A reference is a managed object of the named type; other names are refused."""
    assert typed.reference("HostSystem", "host-3") == vim.HostSystem("host-3")
    for name in ("PerfQuerySpec", "Nonsense"):
        with pytest.raises(ValueError, match=f"{name} is not a managed object type of the vSphere API"):
            typed.reference(name, "x")


def test_replies_become_objects() -> None:
    """Data objects, enums, lists, times and nothing."""
    page = typed.reply(envelope(PAGE % (OBJECT + "<token>2</token>")), collector(), "RetrievePropertiesEx")
    found = [(each.obj._moId, [(p.name, p.val) for p in each.propSet]) for each in page.objects]
    assert (page.token, found) == ("2", [("vm-1", [("name", "a & b"), ("runtime.powerState", "poweredOn")])])
    time = "<CurrentTimeResponse><returnval>2026-01-02T03:04:05.5Z</returnval></CurrentTimeResponse>"
    answer = typed.reply(envelope(time), typed.service_instance(), "CurrentTime")
    assert answer == datetime(2026, 1, 2, 3, 4, 5, 500000, UTC)
    manager = typed.reference("SessionManager", "SessionManager")
    assert typed.reply(envelope("<LogoutResponse/>"), manager, "Logout") is None
    nothing = envelope('<RetrievePropertiesExResponse xmlns="urn:vim25"/>')
    assert typed.reply(nothing, collector(), "RetrievePropertiesEx") is None


def test_a_fault_is_raised() -> None:
    """A fault is the server's, also where pyVmomi does not know its type."""
    with pytest.raises(Fault) as caught:
        typed.reply(fault("FaultFromTheFuture", "too new"), collector(), "RetrievePropertiesEx")
    assert (caught.value.name, caught.value.text) == ("FaultFromTheFuture", "too new")


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("<novelty>1</novelty>", "AttributeError: novelty"),
        (OBJECT.replace("VirtualMachine<", "x<").replace('"VirtualMachine"', '"QuantumMachine"'), "KeyError: 'Quantum"),
        (OBJECT.replace("xsd:string", "QuantumConfig"), "KeyError: 'QuantumConfig'"),
        (OBJECT.replace("poweredOn", "sleeping"), "'vim.VirtualMachine.PowerState' has no attribute 'sleeping'"),
        (OBJECT.replace("xsd:string", "xsd:int"), "ValueError: invalid literal for int() with base 10: 'a & b'"),
        (OBJECT.replace(' type="VirtualMachine"', ""), "KeyError: 'type'"),
        ("<objects>", "ExpatError: mismatched tag"),
    ],
)
def test_what_pyvmomi_does_not_know_is_a_bad_reply(inside: str, words: str) -> None:
    """BadReply names the method and the unknown element, type or value."""
    with pytest.raises(BadReply) as caught:
        typed.reply(envelope(PAGE % inside), collector(), "RetrievePropertiesEx")
    assert str(caught.value).startswith("the reply to RetrievePropertiesEx does not fit the vSphere API")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("<CurrentTimeResponse/>", "the reply to CurrentTime holds no result"),
        ("<LogoutResponse/>", "the reply to CurrentTime is the reply to something else: LogoutResponse"),
        ("<Hello/>", "the reply to CurrentTime is the reply to something else: "),
    ],
)
def test_a_missing_result_is_not_nothing(entry: str, words: str) -> None:
    """Where the method promises a result, its absence is an error, and so is the answer to another question."""
    with pytest.raises(BadReply) as caught:
        typed.reply(envelope(entry), typed.service_instance(), "CurrentTime")
    assert words in str(caught.value)


@settings(deadline=None)
@given(st.integers(1, 2000))
def test_a_truncated_reply_is_never_half_a_result(cut: int) -> None:
    """However much is missing at the end, the answer is BadReply."""
    body = envelope(PAGE % (OBJECT * 3))
    with pytest.raises(BadReply):
        typed.reply(body[: -(cut % len(body)) or None][:-1], collector(), "RetrievePropertiesEx")


@settings(deadline=None)
@given(st.integers(0, 900), st.binary(max_size=3))
def test_damage_never_escapes(at: int, damage: bytes) -> None:
    """Damaged bytes give an object or a SourceError, no other exception."""
    body = envelope(PAGE % OBJECT)
    try:
        typed.reply(body[:at] + damage + body[at + 1 :], collector(), "RetrievePropertiesEx")
    except SourceError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
