"""One session with one vCenter, shared by all who talk to it: logged in once, kept, renewed when it ends, left."""

import asyncio
import logging
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from exporter.clock import Clock
from exporter.config import Timeouts, VCenter
from exporter.errors import BadReply, ConfigError, Fault, LoginRefused, NotAuthenticated, SourceError
from exporter.vcenter import typed
from exporter.vcenter.soap import Transport

FIRST_WAIT = 60.0
LONGEST_WAIT = 15 * 60.0
JITTER = 0.25
"""A refused login is tried again after 60 s, 120 s, ... 15 min, each up to a quarter longer. vCenter Single Sign-On
locks an account after 5 failures within 180 s by default (its account lockout policy); this schedule makes at most 3 in
that time, which leaves room for the operator's own attempts."""

LOGOUT_LIMIT = 2.0
"""Seconds that stopping waits for vCenter's answer to the log-out."""

PARSE_INLINE = 128 * 1024
"""Bytes of a reply that are decoded on the event loop, which takes some 30 ms; a longer one is decoded in a thread."""

_REFUSALS = {"InvalidLogin", "PasswordExpired", "NoPermission", "NoClientCertificate", "NotFound"}
"""Faults of Login and LoginExtensionByCertificate that trying again does not heal (API reference, SessionManager);
NotFound is an extension that is not registered."""

_LOCALE = "en_US"  # of the messages of faults

_log = logging.getLogger("novacenter.session")


@dataclass(frozen=True, slots=True)
class SessionStats:
    """Logins by outcome since the start; ``since`` is when the present session began (epoch seconds), None if none."""

    logins_ok: int = 0
    logins_refused: int = 0
    logins_failed: int = 0
    since: float | None = None


class Session:
    """A logged-in Transport. Logs in when first used; many callers share one login, and one renewal.

    Where a request fails with NotAuthenticated, the session is renewed once and the request repeated once; a second
    NotAuthenticated is the caller's. After a refused login, LoginRefused is raised without asking vCenter until the
    next try is due. Every method raises what Transport.post raises, and LoginRefused.
    """

    def __init__(self, transport: Transport, vcenter: VCenter, *, clock: Clock, rng: random.Random) -> None:
        if vcenter.extension_key and not vcenter.tls.client_cert:
            raise ConfigError(
                f"vCenter {vcenter.name}: extension_key needs tls.client_cert, the certificate it registered"
            )
        if not vcenter.extension_key and not (vcenter.username and vcenter.password):
            raise ConfigError(f"vCenter {vcenter.name}: set username and a password (password_file), or extension_key")
        self._transport = transport
        self._vcenter = vcenter
        self._clock = clock
        self._rng = rng
        self._content: Any = None
        self._login: asyncio.Task[None] | None = None
        self._generation = 0  # of the session: who was refused in an older one need not log in, others have
        self._refusals = 0
        self._refusal = ""
        self._next_try = 0.0
        self._stats = SessionStats()
        self._said = ""

    @property
    def stats(self) -> SessionStats:
        """Counters for the agent's own metrics."""
        return self._stats

    @property
    def content(self) -> Any:
        """vim.ServiceInstanceContent: the managers, and ``about``. RuntimeError before the first login."""
        if self._content is None:
            raise RuntimeError("the content is known after the first login")
        return self._content

    @property
    def about(self) -> Any:
        """vim.AboutInfo: what the server is, its version and instance UUID. RuntimeError before the first login."""
        return self.content.about

    async def login(self) -> None:
        """Log in, unless that is done already."""
        await self._established()

    async def post(self, body: bytes, *, operation: str, timeouts: Timeouts | None = None) -> bytes:
        """Like Transport.post, within the session."""
        generation = await self._established()
        try:
            return await self._transport.post(body, operation=operation, timeouts=timeouts)
        except NotAuthenticated:
            await self._renew(generation)
        return await self._transport.post(body, operation=operation, timeouts=timeouts)

    async def call(self, mo: Any, method: str, /, *, timeouts: Timeouts | None = None, **arguments: Any) -> Any:
        """The result of ``method`` on the managed object ``mo`` (see ``typed``), as pyVmomi's types."""
        body = typed.request(mo, method, **arguments)
        reply = await self.post(body, operation=typed.operation(mo, method), timeouts=timeouts)
        if len(reply) <= PARSE_INLINE:
            return typed.reply(reply, mo, method)
        return await asyncio.to_thread(typed.reply, reply, mo, method)

    async def keep_alive(self) -> float:
        """Use the session, so that it does not end for idleness; the server's clock in seconds since the epoch."""
        now = await self.call(typed.service_instance(), "CurrentTime")
        return float(now.timestamp())

    async def logout(self) -> None:
        """End the session, at best and within LOGOUT_LIMIT. Raises no SourceError; a later request logs in again."""
        if self._login is not None:
            self._login.cancel()
        if self._stats.since is None:
            return
        self._stats = replace(self._stats, since=None)
        with suppress(SourceError, TimeoutError):  # vCenter ends an idle session by itself
            async with asyncio.timeout(LOGOUT_LIMIT):
                await self._ask(self.content.sessionManager, "Logout")
        self._transport.forget_session()

    def retry_login_now(self) -> None:
        """Forget a refusal, so that the next request tries to log in: for when the operator has changed something."""
        self._refusals = 0
        self._next_try = 0.0

    async def _established(self) -> int:
        """The generation of the present session, made now if there is none."""
        if self._stats.since is None:
            await self._renew(self._generation)
        return self._generation

    async def _renew(self, ended: int) -> None:
        """Replace the session of generation ``ended``, unless others have; who comes meanwhile shares the outcome."""
        if self._generation != ended and self._stats.since is not None:
            return
        if self._login is None:
            self._stats = replace(self._stats, since=None)
            self._login = asyncio.create_task(self._log_in())
            self._login.add_done_callback(self._login_ended)
        await asyncio.shield(self._login)  # one caller's cancellation is not the others'

    def _login_ended(self, _: asyncio.Task[None]) -> None:
        self._login = None

    async def _log_in(self) -> None:
        wait = self._next_try - self._clock.monotonic()
        if wait > 0:
            raise LoginRefused(f"{self._refusal}; next try in {wait:.0f} s")
        try:
            content = await self._enter()
        except LoginRefused as error:
            self._note_refusal(error)
            raise
        except SourceError as error:
            self._stats = replace(self._stats, logins_failed=self._stats.logins_failed + 1)
            self._say(error.outcome, "no login: %s", error)
            raise
        self._content = content
        self._generation += 1
        self.retry_login_now()
        self._stats = replace(self._stats, logins_ok=self._stats.logins_ok + 1, since=self._clock.now())
        self._said = ""
        _log.info("vCenter %s: logged in to %s", self._vcenter.name, content.about.fullName)

    async def _enter(self) -> Any:
        """Begin a session and log in; the service content."""
        self._transport.forget_session()  # Login within a session that still lives fails with InvalidLogin
        content = await self._ask(typed.service_instance(), "RetrieveServiceContent")
        if content.sessionManager is None:
            raise BadReply(f"vCenter {self._vcenter.name} offers no SessionManager; is url that of vCenter or ESXi?")
        try:
            if self._vcenter.extension_key:
                key = self._vcenter.extension_key
                await self._ask(content.sessionManager, "LoginExtensionByCertificate", extensionKey=key, locale=_LOCALE)
            elif self._vcenter.password:
                name, password = self._vcenter.username, self._vcenter.password.reveal()
                await self._ask(content.sessionManager, "Login", userName=name, password=password, locale=_LOCALE)
        except Fault as fault:
            if fault.name not in _REFUSALS:
                raise
            raise LoginRefused(self._refusal_text(fault)) from fault
        return content

    async def _ask(self, mo: Any, method: str, **arguments: Any) -> Any:
        """A call outside the session; not repeated, because a second Login might count as a second wrong password."""
        name = typed.operation(mo, method)
        reply = await self._transport.post(typed.request(mo, method, **arguments), operation=name, repeatable=False)
        return typed.reply(reply, mo, method)

    def _refusal_text(self, fault: Fault) -> str:
        if self._vcenter.extension_key:
            who, fix = f"extension {self._vcenter.extension_key}", "check extension_key and tls.client_cert"
        else:
            who, fix = (
                f"user {self._vcenter.username}",
                "check username and password, and whether the account is locked",
            )
        return (
            f"vCenter {self._vcenter.name} refused the login of {who} ({fault}); {fix}, then reload the configuration"
        )

    def _note_refusal(self, error: LoginRefused) -> None:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**self._refusals) * (1 + JITTER * self._rng.random())
        self._refusals += 1
        self._refusal = str(error)
        self._next_try = self._clock.monotonic() + wait
        self._stats = replace(self._stats, logins_refused=self._stats.logins_refused + 1)
        self._say(error.outcome, "%s; tried again on a slow schedule, next in %.0f s", error, wait)

    def _say(self, outcome: str, message: str, *values: object) -> None:
        """Log a failure where the last outcome was another."""
        if outcome != self._said:
            self._said = outcome
            _log.warning(message, *values)
