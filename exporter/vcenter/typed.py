"""pyVmomi as a codec and nothing else: managed object + method + arguments <-> bytes. Pure: no request leaves here.

pyVmomi normally sends a request when an attribute of a managed object is read. Every managed object made here carries a
stub that raises instead, and names what was read.
"""

from functools import cache
from io import BytesIO
from typing import Any
from xml.parsers.expat import ExpatError

from pyVmomi.SoapAdapter import SoapResponseDeserializer, SoapStubAdapterBase
from pyVmomi.VmomiSupport import F_OPTIONAL, CheckField, GuessWsdlType, ManagedMethod, ManagedObject

from exporter.errors import BadReply
from exporter.vcenter import faults

VERSION = "vim.version.version11"
"""pyVmomi's name of API version 6.5: all that is read exists there, and every newer vCenter accepts it."""


class HiddenRequestError(RuntimeError):
    """Code read a property of, or called a method on, a managed object, which pyVmomi would turn into a request."""


class _Codec(SoapStubAdapterBase):
    """Serialises for VERSION; refuses to send."""

    requestContext = None  # noqa: N815 - pyVmomi reads it by this name

    def InvokeMethod(self, mo: Any, info: Any, args: Any) -> Any:  # noqa: N802, ARG002 - pyVmomi's name and signature
        raise HiddenRequestError(f"{info.wsdlName} was called on {mo}; call it through Session.call")

    def InvokeAccessor(self, mo: Any, info: Any) -> Any:  # noqa: N802 - pyVmomi's name
        raise HiddenRequestError(f"{info.name} of {mo} was read; ask for it through the PropertyCollector")


class _Decoder(SoapResponseDeserializer):
    """Remembers which method was answered: pyVmomi itself reads any other answer as an empty one."""

    answered = ""

    def StartElementHandler(self, tag: str, attr: Any) -> None:  # noqa: N802 - pyVmomi's name
        if tag.endswith("Response"):
            self.answered = tag.rpartition(" ")[2]
        super().StartElementHandler(tag, attr)


@cache
def _codec() -> _Codec:
    return _Codec(VERSION)


def reference(type_name: str, moid: str) -> Any:
    """The managed object ``type_name`` (``VirtualMachine``) with id ``moid``. ValueError if there is no such type."""
    try:
        found = GuessWsdlType(type_name)
    except KeyError:
        found = None
    if not (isinstance(found, type) and issubclass(found, ManagedObject)):
        raise ValueError(f"{type_name} is not a managed object type of the vSphere API")
    return found(moid, _codec())


def service_instance() -> Any:
    """The root object; its id is the same on every server (vSphere API reference, ServiceInstance)."""
    return reference("ServiceInstance", "ServiceInstance")


def operation(mo: Any, method: str) -> str:
    """The method's name on the wire, which pyVmomi sometimes calls otherwise (``QueryStats`` is ``QueryPerf``)."""
    return str(_method(mo, method).wsdlName)


def request(mo: Any, method: str, /, **arguments: Any) -> bytes:
    """The SOAP envelope that calls ``method`` on ``mo``. TypeError where the arguments do not fit the method."""
    info = _method(mo, method)
    values = [arguments.pop(parameter.name, None) for parameter in info.params]
    if arguments:
        raise TypeError(f"{info.wsdlName} has no argument {', '.join(sorted(arguments))}")
    for parameter, value in zip(info.params, values, strict=True):
        CheckField(parameter, value)
    return bytes(_codec().SerializeRequest(mo, info, values))


def reply(body: bytes, mo: Any, method: str) -> Any:
    """The result of ``method`` on ``mo`` from the bytes of its reply; None for a method without a result.

    Raises the Fault that the reply holds, and BadReply, naming what is unknown or wrong, where pyVmomi cannot read it.
    Takes about 25 us per data object: many thousand objects belong in a thread.
    """
    info = _method(mo, method)
    fault = faults.parse(body)
    if fault is not None:
        raise fault
    decoder = _Decoder(_codec())
    try:
        # A file, because pyVmomi does not tell expat the end of a string, and so takes a truncated one for whole.
        result = decoder.Deserialize(BytesIO(body), info.result)
    except (ArithmeticError, AttributeError, ExpatError, LookupError, TypeError, ValueError) as error:
        raise BadReply(
            f"the reply to {info.wsdlName} does not fit the vSphere API that this pyVmomi knows: "
            f"{type(error).__name__}: {faults.clip(str(error))}; a newer pyVmomi may know it"
        ) from error
    if decoder.answered != info.wsdlName + "Response":
        raise BadReply(f"the reply to {info.wsdlName} is the reply to something else: {faults.clip(decoder.answered)}")
    if result is None and info.result is not type(None) and not info.resultFlags & F_OPTIONAL:
        raise BadReply(f"the reply to {info.wsdlName} holds no result")
    return result


def _method(mo: Any, method: str) -> Any:
    """pyVmomi's description of a method, by its name in pyVmomi or on the wire."""
    found = getattr(type(mo), method, None)
    if not isinstance(found, ManagedMethod):
        raise TypeError(f"{type(mo).__name__} has no method {method}")
    return found.info
