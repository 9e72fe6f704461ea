"""``novacenter check``: configuration, connection, rights and limits of each source as a table."""

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TextIO

from exporter import checktable, cloudcheck, findings
from exporter.checktable import Section
from exporter.clock import Clock
from exporter.clouds import regions
from exporter.config import Config, Globs, VCenter
from exporter.errors import (
    CertificateError,
    ConfigError,
    Fault,
    LoginRefused,
    NotAuthenticated,
    SourceError,
    TimedOut,
    Unreachable,
)
from exporter.findings import Finding, State
from exporter.model import HISTORICAL_KINDS, REALTIME_KINDS
from exporter.poller import HISTORICAL_PERIOD
from exporter.vcenter import counters, limits, rights, tls, typed
from exporter.vcenter.session import Session
from exporter.vcenter.soap import Transport

WIDTH = 120
"""Columns of the table where the output is no terminal."""

LIMIT = 120.0
"""Seconds that the examination of one vCenter may take, whatever its time limits."""

_GATES = frozenset({"connection", "login"})
"""Items without which nothing else can be asked."""

_NEEDED = _GATES | {"clock", "privileges", "inventory", "counters"}
"""Items without which nothing is collected, or not the right thing."""

_LACKING = frozenset({"MethodNotFound", "NotImplemented", "NotSupported"})
"""Faults of a server that does not offer what was asked for."""

_GONE = (Unreachable, TimedOut, CertificateError, LoginRefused, NotAuthenticated)
"""After these there is no use in asking on."""

_Probe = Callable[[], Awaitable[Iterable[Finding]]]


async def run(config: Config, *, out: TextIO, clock: Clock | None = None, limit: float = LIMIT) -> int:
    """Writes the table of all sources, which are examined at the same time, each within ``limit`` seconds.

    Where all is well and there are clouds, they are joined with the vCenters, too. Returns 1 if a source failed or
    lacks something necessary. Logs in at most twice to each, and out again.
    """
    watch = clock or Clock()
    vcenters = (_examined(vcenter, watch, limit=limit) for vcenter in config.vcenters)
    clouds = (
        cloudcheck.examined(cloud, region, clock=watch, limit=limit)
        for cloud in config.clouds
        for region in regions(cloud).values()
    )
    examined = await asyncio.gather(*vcenters, *clouds)
    sections = [Section("configuration", (findings.configuration(config),)), *examined]
    if config.clouds and not any(section.state is State.FAILED for section in sections):
        sections.append(await cloudcheck.fitting(config, clock=watch, limit=limit))
    terminal = out.isatty()
    width = shutil.get_terminal_size((WIDTH, 0)).columns if terminal else WIDTH
    text = checktable.render(sections, width=width, colour=terminal)
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return 1 if any(section.state is State.FAILED for section in sections) else 0


async def _examined(vcenter: VCenter, clock: Clock, *, limit: float) -> Section:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(limit), Transport(vcenter, clock=clock) as transport:
            rng = random.Random()  # noqa: S311 - spreads retries over time, keeps no secret
            session = Session(transport, vcenter, clock=clock, rng=rng)
            try:
                await _Examination(vcenter, clock, transport=transport, session=session, found=found).run()
            finally:
                await session.logout()
    except ConfigError as error:
        found.append(findings.failure("configuration", error))
    except TimeoutError:
        advice = "see whether vCenter is overloaded; lower timeouts.total to learn what it does not answer"
        found.append(Finding("time", State.FAILED, f"not done within {limit:g} s", advice))
    return Section(f"vCenter {vcenter.name}", tuple(found))


class _Examination:
    """One vCenter's examination; ``found`` grows as it goes on."""

    def __init__(
        self, vcenter: VCenter, clock: Clock, *, transport: Transport, session: Session, found: list[Finding]
    ) -> None:
        self._vcenter = vcenter
        self._clock = clock
        self._transport = transport
        self._session = session
        self._found = found
        self._host: str | None = None
        self._levels: Mapping[int, int] = {}

    async def run(self) -> None:
        """Asks one thing after the other, and names what could not be asked."""
        left = self._within_session()
        try:
            if self._vcenter.tls.client_cert:
                await self._attempt("client certificate", self._client_certificate)
            trouble = await self._attempt("connection", self._connect)
            if self._vcenter.url.startswith("https:") and not isinstance(trouble, Unreachable | TimedOut):
                await self._attempt("server certificate", self._server_certificate)
            if trouble is None:
                await self._ask(left)
        finally:
            if left:
                names = ", ".join(item for item, _ in left)
                self._found.append(Finding("not checked", State.UNKNOWN, names, "first mend what failed"))

    async def _ask(self, left: list[tuple[str, _Probe]]) -> None:
        """Makes what is left less, until nothing is or there is no use in going on."""
        while left:
            item, probe = left[0]
            trouble = await self._attempt(item, probe)
            del left[0]
            if isinstance(trouble, _GONE) or (trouble and item in _GATES):
                return

    def _within_session(self) -> list[tuple[str, _Probe]]:
        return [
            ("login", self._login),
            ("clock", self._skew),
            ("privileges", self._privileges),
            ("least rights", self._least_rights),
            ("inventory", self._inventory),
            ("query limit", self._query_limit),
            ("realtime samples", self._realtime),
            ("historical samples", self._historical),
            ("counters", self._counters),
            ("sessions", self._sessions),
        ]

    async def _attempt(self, item: str, probe: _Probe) -> SourceError | None:
        """Adds what was found, else the error as a finding; the error."""
        try:
            self._found.extend(await probe())
        except SourceError as error:
            lacking = isinstance(error, Fault) and error.name in _LACKING and item not in _GATES
            known = isinstance(error, _GONE) or (item in _NEEDED and not lacking)
            state = State.FAILED if known else State.UNKNOWN
            self._found.append(findings.failure(item, error, state=state))
            return error
        return None

    async def _client_certificate(self) -> Iterable[Finding]:
        path = self._vcenter.tls.client_cert
        content = await asyncio.to_thread(path.read_bytes) if path else b""
        seen = tls.parse_certificate(content)
        return [findings.certificate("client certificate", seen, now=self._clock.now())]

    async def _connect(self) -> Iterable[Finding]:
        service, method = typed.service_instance(), "RetrieveServiceContent"
        content, seconds = await self._timed(
            self._transport.post(typed.request(service, method), operation=method, repeatable=False)
        )
        about = typed.reply(content, service, method).about
        return [findings.connection(self._vcenter, seconds), findings.version(about)]

    async def _server_certificate(self) -> Iterable[Finding]:
        vcenter = self._vcenter
        seen = await tls.peer_certificate(vcenter.url, vcenter.tls, vcenter.timeouts, proxy=vcenter.proxy)
        return [findings.certificate("server certificate", seen, now=self._clock.now())]

    async def _login(self) -> Iterable[Finding]:
        await self._session.login()
        return [findings.login(self._vcenter)]

    async def _skew(self) -> Iterable[Finding]:
        began = self._clock.now()
        server, seconds = await self._timed(self._session.keep_alive())
        return [findings.clock(server - (began + seconds / 2), seconds)]

    async def _privileges(self) -> Iterable[Finding]:
        return [findings.privileges(await rights.granted(self._session, rights.NEEDED))]

    async def _least_rights(self) -> Iterable[Finding]:
        return [findings.least_rights(await rights.granted(self._session, rights.EXCESSIVE))]

    async def _inventory(self) -> Iterable[Finding]:
        visible = await rights.visible(self._session)
        self._host = visible.host
        return [findings.inventory(visible.counts)]

    async def _query_limit(self) -> Iterable[Finding]:
        try:
            return [findings.query_limit(await limits.stated_max_query_metrics(self._session))]
        except NotAuthenticated:
            raise
        except Fault as error:
            return [findings.unstated_query_limit(error)]

    async def _realtime(self) -> Iterable[Finding]:
        if self._host is None:
            return [findings.realtime(None, None)]
        seconds = await limits.stated_refresh_rate(self._session, "HostSystem", self._host)
        return [findings.realtime(self._host, seconds)]

    async def _historical(self) -> Iterable[Finding]:
        self._levels = await limits.statistics_levels(self._session)
        return [findings.historical(self._levels, HISTORICAL_PERIOD)]

    async def _counters(self) -> Iterable[Finding]:
        available = await limits.counters(self._session)
        if not available:
            return [findings.no_counters()]
        level = self._levels.get(HISTORICAL_PERIOD)
        asked = self._vcenter.counters
        return [
            findings.counters(kind, counters.select(available, asked.get(kind, Globs())), level=level)
            for kind in (*REALTIME_KINDS, *HISTORICAL_KINDS)
        ]

    async def _sessions(self) -> Iterable[Finding]:
        """Nothing where vCenter does not tell, as it should not tell this user."""
        try:
            return [findings.sessions(*await rights.sessions(self._session))]
        except Fault:
            return []

    async def _timed(self, request: Awaitable[Any]) -> tuple[Any, float]:
        began = self._clock.monotonic()
        return await request, self._clock.monotonic() - began
