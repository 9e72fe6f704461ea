"""SOAP as vCenter speaks it: a request's bytes to a typed call, and a typed result or fault to bytes.

Types, names and versions are pyVmomi's. Namespaces: ``urn:vim25``; the API version comes in the SOAPAction header.
"""

import io
import re
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import escape

from pyVmomi import SoapAdapter, VmomiSupport, vim, vmodl

from simulator import data

NAMESPACE = "urn:vim25"

MAX_ELEMENTS = 500_000
"""vpxd refuses a request with more XML elements (reported in telegraf issue 5041 and many others)."""

HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope'
    ' xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"\n'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"\n'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"\n'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<soapenv:Body>\n'
)
FOOTER = "\n</soapenv:Body>\n</soapenv:Envelope>"

_PREFIXES = {
    NAMESPACE: "",
    "http://www.w3.org/2001/XMLSchema": "xsd",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
    "http://schemas.xmlsoap.org/soap/encoding/": "soapenc",
    "http://schemas.xmlsoap.org/soap/envelope/": "soapenv",
}
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/ "
_LAYERS = {1: {_ENVELOPE + "Envelope"}, 2: {_ENVELOPE + "Header", _ENVELOPE + "Body"}}


@dataclass(frozen=True, slots=True)
class Call:
    """A request: the wire name of the method, the object it is called on, its arguments by name, the API version."""

    method: str
    this: Any
    arguments: dict[str, Any]
    version: str


def version_of(soap_action: str | None, default: str) -> str:
    """pyVmomi's version for a SOAPAction as ``"urn:vim25/6.5"``; ``default`` is an API version as ``8.0.3.0``."""
    match = re.fullmatch(r'"?urn:(vim25/[\w.]+)"?', (soap_action or "").strip())
    known: str | None = VmomiSupport.versionMap.get(match[1]) if match else None
    return known or str(VmomiSupport.versionMap[f"vim25/{default}"])


def method_of(body: bytes) -> str:
    """The name of the method called, or ``""``: a cheap look at the first kilobytes, before anything is parsed."""
    match = re.search(rb"<(?:[\w.-]+:)?Body[^>]*>\s*<(?:[\w.-]+:)?([A-Za-z_]+)", body[:8192])
    return match[1].decode() if match else ""


def check_size(body: bytes) -> None:
    """Raise vpxd's fault for a request of too many elements, in its words."""
    if body.count(b"<") - body.count(b"</") > MAX_ELEMENTS + 1:
        method = method_of(body)
        raise vmodl.fault.InvalidRequest(
            msg=f"XML document element count exceeds configured maximum {MAX_ELEMENTS}\n\n"
            f"while parsing call information for method {method}\nat line 1, column 171\n\n"
            "while parsing SOAP body\nat line 1, column 64\n\nwhile parsing SOAP envelope\nat line 1, column 0\n\n"
            f"while parsing HTTP request for method {method}\nat line 1, column 0"
        )


def parse(body: bytes, version: str) -> Call:
    """The call in a SOAP request. Raises InvalidRequest where it is not one, MethodNotFound for an unknown method."""
    reader = _Reader()
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    reader.attach(parser)
    try:
        parser.Parse(body, True)
    except ExpatError as error:
        raise vmodl.fault.InvalidRequest(msg=f"not well-formed XML: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise vmodl.fault.InvalidRequest(msg=f"cannot read the arguments of {reader.method}: {error}") from error
    missing = [name for name in reader.required if name not in reader.arguments]
    if not reader.method or missing:
        raise vmodl.fault.InvalidRequest(msg=f"not a complete SOAP call: {reader.method} without {missing}")
    return Call(reader.method, reader.arguments.pop("_this", None), reader.arguments, version)


class _Reader(SoapAdapter.ExpatDeserializerNSHandlers):
    """Finds the method element and hands each argument below it to pyVmomi's deserialiser."""

    def __init__(self) -> None:
        super().__init__()
        self.method = ""
        self.required: list[str] = ["_this"]
        self.arguments: dict[str, Any] = {}
        self._depth = 0
        self._types: dict[str, Any] = {}
        self._pending: tuple[str, Any] | None = None

    def attach(self, parser: Any) -> None:
        self._parser = parser
        SoapAdapter.SetHandlers(parser, SoapAdapter.GetHandlers(self))

    def StartElementHandler(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: N802  expat's name
        self._collect()
        self._depth += 1
        name = tag.rpartition(" ")[2]
        if tag not in _LAYERS.get(self._depth, {tag}):
            raise ValueError(f"{name} where SOAP has none")
        if self._depth == 2 and tag == _ENVELOPE + "Header":
            self._depth = -100
        elif self._depth == 3:
            self._begin(name)
        elif self._depth == 4:
            declared = self._types[name]
            item = _item(declared)
            deserializer = SoapAdapter.SoapDeserializer(None)
            deserializer.Deserialize(self._parser, item, False, self.nsMap)
            self._pending = (name, deserializer)
            self._depth -= 1
            deserializer.StartElementHandler(tag, attributes)

    def EndElementHandler(self, tag: str) -> None:  # noqa: N802  expat's name
        self._collect()
        self._depth -= 1
        if tag == _ENVELOPE + "Header":
            self._depth = 1

    def CharacterDataHandler(self, data: str) -> None:  # noqa: N802  expat's name
        """Text between elements means nothing."""

    def _begin(self, name: str) -> None:
        self.method = name
        if name == "Fetch":
            self._types = {"_this": VmomiSupport.ManagedObject, "prop": str}
            return
        try:
            parameters = VmomiSupport.GetWsdlMethod(NAMESPACE, name).info.params
        except KeyError:
            raise method_not_found(name) from None
        self._types = {"_this": VmomiSupport.ManagedObject, **{p.name: p.type for p in parameters}}
        self.required += [p.name for p in parameters if not p.flags & VmomiSupport.F_OPTIONAL]

    def _collect(self) -> None:
        if self._pending is None:
            return
        (name, deserializer), self._pending = self._pending, None
        declared, value = self._types[name], deserializer.GetResult()
        if _item(declared) is not declared:
            self.arguments.setdefault(name, []).append(value)
        else:
            self.arguments[name] = value


def _item(declared: Any) -> Any:
    """The type of an array's items; of anything else the type itself."""
    return declared.Item if issubclass(declared, list) else declared


def reply(method: str, content: str) -> bytes:
    """A successful reply around the XML of its ``returnval`` elements."""
    return f'{HEADER}<{method}Response xmlns="{NAMESPACE}">{content}</{method}Response>{FOOTER}'.encode()


def returned(method: str, value: Any) -> str:
    """The ``returnval`` elements for what a method returned."""
    info = VmomiSupport.GetWsdlMethod(NAMESPACE, method).info
    return data.element("returnval", value, data.declare(info.methodResult))


def localized(tag: str, error: Any, version: str) -> str:
    """A fault inside a reply, as a LocalizedMethodFault element."""
    message, error.msg = error.msg, None
    inner = _fault_element("fault", error, version, attributes="")
    error.msg = message
    return f"<{tag}>{inner}<localizedMessage>{escape(message or '')}</localizedMessage></{tag}>"


def _fault_element(tag: str, error: Any, version: str, *, attributes: str) -> str:
    writer = io.StringIO()
    serializer = SoapAdapter.SoapSerializer(writer, version, _PREFIXES)
    serializer.outermostAttrs = ""
    field = VmomiSupport.Object(name=tag, type=object, version="vim.version.version1", flags=0)
    serializer._SerializeDataObject(error, field, attributes, NAMESPACE)  # noqa: SLF001  no public way around msg
    return writer.getvalue()


def fault(error: Any, version: str) -> bytes:
    """A SOAP fault; vCenter sends it with status 500."""
    name = VmomiSupport.GetWsdlName(VmomiSupport.GetCompatibleType(type(error), version))
    message, error.msg = error.msg or name, None
    detail = _fault_element(f"{name}Fault", error, version, attributes=f' xmlns="{NAMESPACE}"')
    error.msg = message
    text = (
        f"{HEADER}<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{escape(message)}</faultstring>"
        f"<detail>{detail}</detail></soapenv:Fault>{FOOTER}"
    )
    return text.encode()


def no_permission(node: Any, privilege: str) -> Any:
    """The fault for what the caller may not do on an object of the store."""
    text = "Permission to perform this operation was denied."
    return vim.fault.NoPermission(msg=text, object=node.cls(node.moid), privilegeId=privilege)


def named_fault(name: str, message: str) -> Any:
    """A vSphere fault by its type name; references that it must have are to the service instance."""
    cls = data.class_of(name)
    error = cls(msg=message)
    for info in cls._GetPropertyList():
        if issubclass(info.type, VmomiSupport.ManagedObject) and not info.flags & VmomiSupport.F_OPTIONAL:
            setattr(error, info.name, vim.ServiceInstance("ServiceInstance"))
    return error


def method_not_found(name: str) -> Any:
    """The fault for a method that there is not, or not here."""
    receiver = vim.ServiceInstance("ServiceInstance")
    return vmodl.fault.MethodNotFound(msg=f"not simulated: {name}", receiver=receiver, method=name)


def not_authenticated() -> Any:
    """The fault for a call without a session."""
    receiver = vim.ServiceInstance("ServiceInstance")
    return vim.fault.NotAuthenticated(
        msg="The session is not authenticated.", object=receiver, privilegeId="System.View"
    )
