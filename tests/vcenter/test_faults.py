"""SOAP faults out of bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcenter.tlslab import envelope, fault

from exporter.errors import BadReply, Fault, NotAuthenticated, SourceError
from exporter.vcenter import faults


def parts(found: Fault | None) -> tuple[type[Fault], str, str, str | None] | None:
    """A fault as something that can be compared."""
    return None if found is None else (type(found), found.name, found.text, found.subject)


def test_a_vpxd_fault_is_named_by_its_type() -> None:
    """The type of the detail, the faultstring on one line, and the object that ManagedObjectNotFound names."""
    body = fault(
        "ManagedObjectNotFound",
        "The object 'vim.VirtualMachine:vm-7' has already been\n deleted &amp; gone",
        '<faultCause><fault xsi:type="Other"><obj type="X">no</obj></fault></faultCause>'
        '<obj type="VirtualMachine">vm-7</obj>',
    )
    assert parts(faults.parse(body)) == (
        Fault,
        "ManagedObjectNotFound",
        "The object 'vim.VirtualMachine:vm-7' has already been deleted & gone",
        "vm-7",
    )


def test_prefixes_do_not_matter() -> None:
    """vcsim binds other prefixes than vpxd, on other elements; names and namespaces are what counts."""
    body = (
        b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header><h/><Fault>no</Fault></Header><Body><Fault>'
        b'<faultcode xmlns="">ServerFaultCode</faultcode><faultstring xmlns="">refused</faultstring><detail xmlns="">'
        b'<v:InvalidLoginFault xmlns:v="urn:vim25" xmlns:XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance"'
        b' XMLSchema-instance:type="v:InvalidLogin"/></detail></Fault></Body></Envelope>'
    )
    assert parts(faults.parse(body)) == (Fault, "InvalidLogin", "refused", None)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            "<faultcode>ServerFaultCode</faultcode><faultstring>s</faultstring><detail><RuntimeFaultFault/></detail>",
            (Fault, "RuntimeFault", "s", None),
            id="named by the element where there is no type",
        ),
        pytest.param(
            '<faultstring>s</faultstring><detail><MethodFaultFault xsi:type="v:NoPermission"/><OtherFault/></detail>',
            (Fault, "NoPermission", "s", None),
            id="the type of the first entry of the detail, which tells more than its name",
        ),
        pytest.param(
            "<detail><AFault><a><localizedMessage>first</localizedMessage></a><localizedMessage>second"
            "</localizedMessage></AFault></detail>",
            (Fault, "A", "first", None),
            id="the first of several messages",
        ),
        pytest.param(
            "<faultcode>soapenv:Client</faultcode><faultstring>s</faultstring>",
            (Fault, "Client", "s", None),
            id="named by the fault code where there is no detail",
        ),
        pytest.param(
            '<faultstring/><detail><SystemErrorFault xsi:type="SystemError"><faultMessage><key>k</key></faultMessage>'
            "<localizedMessage>out of memory</localizedMessage></SystemErrorFault></detail>",
            (Fault, "SystemError", "out of memory", None),
            id="the localized message where there is no faultstring",
        ),
        pytest.param("", (Fault, "SOAP fault", "no message", None), id="nothing at all"),
        pytest.param(
            "<faultstring>The session is not authenticated.</faultstring>",
            (NotAuthenticated, "NotAuthenticated", "The session is not authenticated.", None),
            id="an ended session by its text",
        ),
        pytest.param(
            '<faultstring>whatever</faultstring><detail><NotAuthenticatedFault xsi:type="v:NotAuthenticated">'
            '<object type="Folder">group-d1</object></NotAuthenticatedFault></detail>',
            (NotAuthenticated, "NotAuthenticated", "whatever", None),
            id="an ended session by its type",
        ),
    ],
)
def test_incomplete_faults(entry: str, expected: tuple[type[Fault], str, str, str | None]) -> None:
    """Every part of a fault may be missing; what is there is used."""
    assert parts(faults.parse(envelope(f"<soapenv:Fault>{entry}</soapenv:Fault>"))) == expected


def test_texts_are_bounded() -> None:
    """A fault never carries more than MAX_TEXT characters of the server's text, on one printable line."""
    found = faults.parse(fault("SystemError", "a\tb&#13; " + "x" * 1_000_000))
    assert found
    assert found.text == "a b " + "x" * (faults.MAX_TEXT - 5) + "…"


def test_a_result_is_no_fault_and_is_not_read() -> None:
    """None for a result, even one that is damaged further on: its decoder will say so."""
    assert faults.parse(envelope("<CurrentTimeResponse><returnval>x</returnval></CurrentTimeResponse>")) is None
    assert faults.parse(envelope("<QueryPerfResponse>")[:-20]) is None
    assert faults.parse(envelope("<Fault>of another namespace</Fault>")) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not well-formed XML (no element found: line 1, column 0)"),
        (b"Service Unavailable", "not well-formed XML (syntax error: line 1, column 0)"),
        (fault("SystemError", "s")[:-30], "not well-formed XML"),
        (b"<html><body>It works!</body></html>", "the reply is <html>, not a SOAP 1.1 envelope"),
        (b'<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"/>', "the reply is <Envelope>, not a SOAP 1.1"),
        (envelope(""), "a SOAP envelope without content"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + envelope("<a/>")[39:], "a document type declaration, which SOAP forbids"),
    ],
)
def test_what_is_no_soap_is_a_bad_reply(body: bytes, words: str) -> None:
    """BadReply says what the reply is."""
    with pytest.raises(BadReply) as caught:
        faults.parse(body)
    assert words in str(caught.value)


@settings(deadline=None)
@given(st.integers(0, 600), st.binary(max_size=3))
def test_damage_never_escapes(at: int, damage: bytes) -> None:
    """Whatever bytes come, the answer is a fault, None or BadReply."""
    body = fault("ManagedObjectNotFound", "gone", '<obj type="VirtualMachine">vm-7</obj>')
    try:
        found = faults.parse(body[:at] + damage + body[at + 1 :])
    except SourceError as error:
        assert type(error) is BadReply  # noqa: PT017 - either outcome is right
    else:
        assert found is None or isinstance(found, Fault)
