"""Sessions to ask questions through: real ones with a simulator, and one that answers with canned bytes."""

import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from simclient import NOON
from vcenter.tlslab import envelope
from vcsimulator import Vcsim

from exporter.clock import Clock
from exporter.config import Secret, Tls, VCenter
from exporter.vcenter import typed
from exporter.vcenter.session import Session
from exporter.vcenter.soap import Transport
from simulator.inventory import Size, build
from simulator.model import Accounts, Model
from simulator.vcenter import Server

PASSWORD = "s3cret-Ünlike"

CONTENT = envelope(
    '<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><rootFolder type="Folder">group-d1</rootFolder>'
    '<propertyCollector type="PropertyCollector">pc</propertyCollector><viewManager type="ViewManager">vm</viewManager>'
    "<about><name>vCenter</name><fullName>vCenter 8.0.3</fullName><vendor>VMware</vendor><version>8.0.3</version>"
    "<build>1</build><osType>linux</osType><productLineId>vpx</productLineId><apiType>VirtualCenter</apiType>"
    '<apiVersion>8.0.3.0</apiVersion></about><setting type="OptionManager">om</setting>'
    '<sessionManager type="SessionManager">sm</sessionManager>'
    '<authorizationManager type="AuthorizationManager">am</authorizationManager>'
    '<perfManager type="PerformanceManager">pm</perfManager></returnval></RetrieveServiceContentResponse>'
)


def model() -> Model:
    """A small vCenter whose clock stands at noon."""
    accounts = Accounts(user="monitor@vsphere.local", password=PASSWORD)
    return build(Size(hosts=4, vms=10), now=lambda: NOON, accounts=accounts)


def to(server: Server | Vcsim, name: str = "vc") -> VCenter:
    """How to log in to a simulator; its certificate is pinned where it has one."""
    if isinstance(server, Vcsim):
        user, password = server.user, server.password
    else:
        user, password = server.model.accounts.user, server.model.accounts.password
    tls = Tls(thumbprint=server.thumbprint or None)
    return VCenter(name=name, url=server.url, username=user, password=Secret(password), tls=tls)


@asynccontextmanager
async def logged_in(vcenter: VCenter) -> AsyncIterator[Session]:
    """A session that is logged in until the block is left."""
    clock = Clock()
    async with Transport(vcenter, clock=clock) as transport:
        session = Session(transport, vcenter, clock=clock, rng=random.Random(1))
        await session.login()
        yield session
        await session.logout()


class Canned:
    """A session that answers each operation, or each property asked for, with canned bytes; ``asked`` is what came."""

    def __init__(self, replies: dict[str, bytes], *, content: bytes = CONTENT) -> None:
        self.content = typed.reply(content, typed.service_instance(), "RetrieveServiceContent")
        self.asked: list[str] = []
        self._replies = replies

    async def call(self, mo: Any, method: str, /, **arguments: Any) -> Any:
        """What the canned bytes say."""
        body = typed.request(mo, method, **arguments).decode()
        path = re.search("<pathSet>(.*)</pathSet>", body)
        self.asked.append(body)
        return typed.reply(self._replies[path[1] if path else typed.operation(mo, method)], mo, method)


def returned(operation: str, xml: str) -> bytes:
    """The reply to an operation."""
    return envelope(f'<{operation}Response xmlns="urn:vim25">{xml}</{operation}Response>')


def property_reply(xml: str) -> bytes:
    """The reply to RetrieveProperties of one object; ``xml`` is its propSet or missingSet."""
    return returned("RetrieveProperties", f'<returnval><obj type="SessionManager">sm</obj>{xml}</returnval>')


def prop(name: str, xml_type: str, xml: str) -> bytes:
    """The reply to RetrieveProperties with one property in it."""
    return property_reply(f'<propSet><name>{name}</name><val xsi:type="{xml_type}">{xml}</val></propSet>')
