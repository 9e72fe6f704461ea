"""SOAP faults: bytes of a reply -> ``exporter.errors.Fault``. Pure.

Sources: SOAP 1.1 section 4.4 (Fault: faultcode, faultstring, detail) and section 3 (no document type declaration);
vSphere Web Services SDK: the entry of ``detail`` is ``<NameFault>`` with the data object type in ``xsi:type``.
"""

from typing import Any
from xml.parsers import expat

from exporter.errors import BadReply, Fault, NotAuthenticated

MAX_TEXT = 300
"""Characters kept of any text of a fault."""

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/ "
_XSI_TYPE = "http://www.w3.org/2001/XMLSchema-instance type"
_TEXTS = {4: {"faultcode", "faultstring"}, 6: {"obj", "localizedMessage"}}  # by depth, the envelope being 1
_SESSION_ENDED = "The session is not authenticated."  # vpxd's faultstring, also where its detail is missing


def parse(body: bytes) -> Fault | None:
    """The fault in a SOAP reply, or None where the reply holds a result.

    A result is only read up to its first tag, whatever its size; whether the rest is well-formed is for its decoder to
    say. ``Fault.name`` is the vSphere type (``ManagedObjectNotFound``), or the SOAP fault code where the detail names
    none. Raises BadReply where the reply is no SOAP 1.1 envelope or the fault is malformed.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body, True)
    except _NoFaultError:
        return None
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two: an encoding that Python lacks
        raise BadReply(
            f"the reply is not well-formed XML ({error}); it was cut short, or is not from vCenter"
        ) from error
    if not reader.fault:
        raise BadReply(
            "the reply is a SOAP envelope without content; something between here and vCenter answers for it"
        )
    return reader.result()


def clip(text: str) -> str:
    """``text`` on one line, printable, and at most MAX_TEXT characters long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


class _NoFaultError(Exception):
    """The body's entry is no fault: nothing more to read."""


class _Reader:
    """Expat handlers. ``path`` are the local names of the open elements, the envelope first."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.fault = False
        self.type = ""
        self.found: dict[str, str] = {}
        self.sink: str | None = None

    def doctype(self, *_: object) -> None:
        raise BadReply("the reply has a document type declaration, which SOAP forbids")

    def start(self, tag: str, attributes: dict[str, Any]) -> None:
        name = tag.rpartition(" ")[2]
        depth = len(self.path)
        if depth == 0 and tag != _ENVELOPE + "Envelope":
            raise BadReply(f"the reply is <{clip(name)}>, not a SOAP 1.1 envelope; does the URL end in /sdk?")
        if depth == 2 and self.path[1] == "Body":
            self.fault = tag == _ENVELOPE + "Fault"
            if not self.fault:
                raise _NoFaultError
        if self.fault and depth == 4 and self.path[3] == "detail" and not self.type:
            self.type = attributes.get(_XSI_TYPE, "").rpartition(":")[2] or name.removesuffix("Fault")
        self.path.append(name)
        self.sink = self._wanted() if self.fault else None

    def _wanted(self) -> str | None:
        """The key under which the text of the element just opened is kept; the first of each wins."""
        name = self.path[-1]
        wanted = _TEXTS.get(len(self.path), {"localizedMessage"})
        return name if name in wanted and name not in self.found else None

    def end(self, _: str) -> None:
        self.path.pop()
        self.sink = None

    def text(self, data: str) -> None:
        if self.sink is not None:
            self.found[self.sink] = (self.found.get(self.sink, "") + data)[: 4 * MAX_TEXT]

    def result(self) -> Fault:
        text = clip(self.found.get("faultstring", "")) or clip(self.found.get("localizedMessage", "")) or "no message"
        name = clip(self.type or self.found.get("faultcode", "").rpartition(":")[2]) or "SOAP fault"
        subject = self.found.get("obj", "").strip() or None
        if name == "NotAuthenticated" or text == _SESSION_ENDED:
            return NotAuthenticated("NotAuthenticated", text, subject)
        return Fault(name, text, subject)
