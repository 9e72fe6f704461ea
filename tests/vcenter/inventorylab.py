"""What the inventory's tests share: a Watch on a running server, and replies of a PropertyCollector as text."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from vcsimulator import Vcsim

from exporter.clock import Clock
from exporter.config import Secret, Tls, VCenter
from exporter.model import Entity, Kind
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.session import Session
from exporter.vcenter.soap import Transport
from exporter.vcenter.watch import Watch

SOAP = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{}</soapenv:Body></soapenv:Envelope>'
)


def envelope(method: str, result: str) -> bytes:
    """The reply to ``method`` as vpxd writes it; without a result, an empty one."""
    inner = f"<returnval>{result}</returnval>" if result else ""
    return SOAP.format(f'<{method}Response xmlns="urn:vim25">{inner}</{method}Response>').encode()


def obj(kind: str, reference: str, *changes: str, tag: str = "objectSet") -> str:
    """An ObjectUpdate (enter, modify, leave), or an ObjectContent (no kind). ``reference`` is ``Folder:group-1``."""
    name, _, moid = reference.partition(":")
    head = f"<kind>{kind}</kind>" if kind else ""
    return f'<{tag}>{head}<obj type="{name}">{escape(moid)}</obj>{"".join(changes)}</{tag}>'


def change(path: str, value: str | None, *, xsi: str = "xsd:string", op: str = "assign") -> str:
    """A PropertyChange. ``value`` is XML."""
    val = "" if value is None else f'<val xsi:type="{xsi}">{value}</val>'
    return f"<changeSet><name>{escape(path)}</name><op>{op}</op>{val}</changeSet>"


def missing(path: str, fault: str) -> str:
    """A MissingProperty."""
    return f'<missingSet><path>{path}</path><fault><fault xsi:type="{fault}"/></fault></missingSet>'


def updates(version: str, objects: Iterable[str], *, truncated: bool = False) -> bytes:
    """The reply to WaitForUpdatesEx."""
    end = "<truncated>true</truncated>" if truncated else ""
    inside = f'<filterSet><filter type="PropertyFilter">f</filter>{"".join(objects)}</filterSet>'
    return envelope("WaitForUpdatesEx", f"<version>{version}</version>{inside}{end}")


def vcenter(name: str, url: str, user: str, password: str, pem: bytes | str = b"") -> VCenter:
    """A configuration for a server under test."""
    return VCenter(name, url, user, Secret(password), tls=Tls(insecure=bool(pem)))


def of_vcsim(vcsim: Vcsim) -> VCenter:
    """A configuration for a running vcsim."""
    found = vcenter("vc1", vcsim.url, vcsim.user, vcsim.password)
    return replace(found, tls=Tls(thumbprint=vcsim.thumbprint) if vcsim.certificate else Tls())


@dataclass
class Watched:
    """A Watch under way, and a session of another client to change things with."""

    watch: Watch
    client: Session
    inventories: AsyncGenerator[Inventory, None]

    async def until(self, seen: Callable[[Inventory], bool], limit: float = 30) -> Inventory:
        """The first inventory from now on in which ``seen`` holds."""
        async with asyncio.timeout(limit):
            async for inventory in self.inventories:
                if seen(inventory):
                    return inventory
        raise AssertionError("the inventory ended")


@asynccontextmanager
async def watching(config: VCenter) -> AsyncIterator[Watched]:
    """Watches a server until the end of the block."""
    clock = Clock()
    transports = [Transport(config, clock=clock) for _ in range(2)]
    sessions = [Session(transport, config, clock=clock, rng=random.Random(1)) for transport in transports]
    watch = Watch(sessions[0], config, clock=clock, pause=0)
    try:
        await sessions[1].login()
        async with aclosing(watch.inventories()) as inventories:
            yield Watched(watch, sessions[1], inventories)
    finally:
        for session, transport in zip(sessions, transports, strict=True):
            await session.logout()
            await transport.close()


def of_kind(inventory: Inventory, kind: Kind) -> list[Entity]:
    """The entities of a kind, by name."""
    return sorted((entity for entity in inventory.entities.values() if entity.kind is kind), key=lambda e: e.name)
