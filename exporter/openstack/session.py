"""One session with one region of a cloud: a token kept and renewed, the catalogue, microversions, and GETs.

openstacksdk reads clouds.yaml; keystoneauth logs in, reads the catalogue and negotiates versions. Both block, so they
run in a few threads; ``fetch`` sends the GETs. The life of the token is measured on our own clock from its length, so
clock skew does no harm.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import requests
from keystoneauth1 import exceptions as keystone_errors
from keystoneauth1 import session as keystone

from exporter.clock import Clock
from exporter.config import Cloud, Tls
from exporter.errors import BadReply, LoginRefused, NotAuthenticated, SourceError
from exporter.model import Request
from exporter.openstack import credentials, decode
from exporter.openstack.cloud import ApiFault, NotOffered, Reply
from exporter.openstack.fetch import Answer, Fetcher
from exporter.openstack.wire import BoundedAdapter, Call, titled
from exporter.vcenter import tls

FIRST_WAIT = 60.0
LONGEST_WAIT = 15 * 60.0
JITTER = 0.25
"""A refused login is tried again after 60 s, 120 s, ... 15 min, each up to a quarter longer: Keystone locks an account
after lockout_failure_attempts, where an operator has set that (keystone.conf, [security_compliance])."""

RENEW_AT = 0.9
"""The part of its life after which a token is replaced."""

FRESH = 60.0
"""Seconds for which a token is not replaced, though a service refuses it: the fault is that service's, then."""

LONGEST_PAUSE = 300.0
"""Seconds that a service's Retry-After is heeded at most."""

HIGHEST = {"compute": (2, 87), "placement": (1, 39)}
"""The microversions asked for, or the newest that the cloud has. Compute 2.88 makes os-hypervisors/detail ask every
nova-compute by RPC, so that one that hangs turns the listing into an error (measured with Nova 34)."""

_MAJOR = {"block-storage": "3", "compute": "2", "identity": "3", "image": "2", "network": "2", "placement": "1"}
_DEFAULT_LIFE = 3600.0  # keystone.conf, [token] expiration

_log = logging.getLogger("novacenter.session")

T = TypeVar("T")

Observe = Callable[[Request], None]
"""Is told of every GET that was asked for."""


@dataclass(frozen=True, slots=True)
class CloudStats:
    """Logins by outcome since the start; ``since`` is when the present token was issued, None if there is none."""

    logins_ok: int = 0
    logins_refused: int = 0
    logins_failed: int = 0
    since: float | None = None


@dataclass(frozen=True, slots=True)
class _Endpoint:
    url: str
    microversion: tuple[int, int] | None


class Session:
    """Talks to one region of a cloud (None: its only or default one). Reads files, so make it off the event loop.

    At most ``cloud.connections`` requests are under way. Every request ends within ``timeouts.total``, with all that
    it takes to find the service. Where a service refuses the token, it is renewed once, by one for all, and the request
    repeated once. After a refused login, LoginRefused is raised without asking Keystone until the next try is due. A
    service that asked to wait (Retry-After) is not asked before. Raises ConfigError where clouds.yaml, a credential or
    a TLS file cannot be used.
    """

    def __init__(
        self, cloud: Cloud, *, region: str | None, clock: Clock, rng: random.Random, observe: Observe | None = None
    ) -> None:
        settings = credentials.settings(cloud, region)
        self._cloud = cloud
        self._region = region or settings.get_region_name() or None
        self._interface = cloud.interface if not cloud.cloud else settings.get_interface() or cloud.interface
        self._name = f"cloud {cloud.name}" + (f", region {region}" if region else "")
        self._clock = clock
        self._observe = observe or (lambda _: None)
        self._rng = rng
        self._auth: Any = settings.get_auth()
        self.trust = cloud.tls if cloud.tls != Tls() else credentials.trust(settings)
        context = tls.context(self.trust)
        self._fetcher = Fetcher(context, timeouts=cloud.timeouts, limit=cloud.max_reply_bytes)
        self._places = asyncio.Semaphore(cloud.connections)
        self._wire = BoundedAdapter(
            context,
            timeouts=cloud.timeouts,
            limit=cloud.max_reply_bytes,
            monotonic=clock.monotonic,
            pool=cloud.connections,
        )
        self._http = _http(self._wire)
        self._login_client = keystone.Session(session=self._http, user_agent="novacenter", redirect=3)
        self._client = keystone.Session(session=self._http, user_agent="novacenter", redirect=3)
        self._pool = ThreadPoolExecutor(cloud.connections, thread_name_prefix=f"cloud-{cloud.name}")
        self._access: Any = None
        self._renew_at = 0.0
        self._fresh_until = 0.0
        self._endpoints: dict[str, _Endpoint] = {}
        self._pauses: dict[str, tuple[float, ApiFault]] = {}
        self._login: asyncio.Task[None] | None = None
        self._generation = 0
        self._refusals = 0
        self._refusal = ""
        self._next_try = 0.0
        self._stats = CloudStats()
        self._said = ""

    @property
    def stats(self) -> CloudStats:
        """Counters for the agent's own metrics."""
        return self._stats

    @property
    def places(self) -> Mapping[str, str]:
        """The URLs of Keystone (``identity``) and of the services that were asked."""
        keystone_url = str(getattr(self._auth, "auth_url", None) or self._cloud.auth_url)
        return {"identity": keystone_url, **{name: found.url for name, found in self._endpoints.items()}}

    async def close(self) -> None:
        """Close connections and take no more requests; logins under way end within their time limit."""
        if self._login is not None:
            self._login.cancel()
        await self._fetcher.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._http.close()

    def retry_login_now(self) -> None:
        """Forget a refusal, so that the next request tries to log in: for when the operator has changed something."""
        self._refusals = 0
        self._next_try = 0.0

    async def microversion(self, service: str) -> tuple[int, int] | None:
        """The microversion that is spoken with ``service``; None where it has none. Raises as ``get`` does."""
        return await self._within(service, lambda: self._microversion(service))

    async def get(self, service: str, path: str) -> Reply:
        """The JSON that ``service`` answers to a GET of ``path``, which begins with a slash and may hold a query.

        Raises Unreachable, TimedOut, CertificateError, BadReply, ReplyTooLarge, LoginRefused, NotOffered where the
        catalogue has no such service, NotAuthenticated where it refuses a fresh token, and ApiFault.
        """
        began = self._clock.monotonic()
        try:
            reply = await self._within(service, lambda: self._ask(service, path))
        except SourceError as error:
            spent = self._clock.monotonic() - began
            self._observe(Request(self._cloud.name, path, error.outcome, spent, service))
            raise
        self._observe(Request(self._cloud.name, path, "ok", reply.seconds, service))
        return reply

    async def _within(self, service: str, work: Callable[[], Awaitable[T]]) -> T:
        """``work`` within the session; errors name the cloud and the service."""
        until, pause = self._pauses.get(service, (0.0, None))
        if pause is not None and self._clock.monotonic() < until:
            raise self._told(service, pause)
        generation = await self._established()
        try:
            try:
                return await work()
            except ApiFault as fault:
                is_fresh = generation == self._generation and self._clock.monotonic() < self._fresh_until
                if fault.code != 401 or is_fresh:
                    raise
            await self._renew(generation)
            return await work()
        except ApiFault as fault:
            if fault.retry_after is not None:
                self._pauses[service] = (self._clock.monotonic() + fault.retry_after, fault)
            if fault.code == 401:
                text = f"{self._name}, {service}: {fault.text}; it refuses a fresh token: does it reach Keystone?"
                raise NotAuthenticated(fault.name, text) from fault
            raise self._told(service, fault) from fault
        except LoginRefused:
            raise
        except SourceError as error:
            raise type(error)(f"{self._name}, {service}: {error}") from error

    def _told(self, service: str, fault: ApiFault) -> ApiFault:
        """The same fault, saying who answered."""
        text = f"{self._name}, {service}: {fault.text}"
        return ApiFault(fault.name, text, code=fault.code, request=fault.request, retry_after=fault.retry_after)

    async def _microversion(self, service: str) -> tuple[int, int] | None:
        return (await self._found(service)).microversion

    async def _found(self, service: str) -> _Endpoint:
        """Where ``service`` is, asked once per token."""
        known = self._endpoints.get(service)
        if known is None:
            known = self._endpoints[service] = await self._run(lambda: self._endpoint(service))
        return known

    async def _ask(self, service: str, path: str) -> Reply:
        async with self._places:
            began = self._clock.monotonic()
            endpoint = await self._found(service)
            left = self._cloud.timeouts.total - (self._clock.monotonic() - began)
            headers = {"X-Auth-Token": self._access.auth_token}
            if endpoint.microversion:
                headers["OpenStack-API-Version"] = "{} {}.{}".format(service, *endpoint.microversion)
            if endpoint.microversion and service == "compute":  # the only name before 2.27
                headers["X-OpenStack-Nova-API-Version"] = "{}.{}".format(*endpoint.microversion)
            started = self._clock.monotonic()
            reply = await self._fetcher.get(endpoint.url.rstrip("/") + path, headers, seconds=left)
            return Reply(_json(reply), _date(reply), self._clock.monotonic() - started)

    async def _run(self, work: Callable[[], T]) -> T:
        def call() -> T:
            with self._wire.calling() as this:
                try:
                    done = work()
                except keystone_errors.ClientException as error:
                    raise (this.failure or _understood(error, this)) from error
                if this.failure is not None:  # keystoneauth makes do with the catalogue where a service is silent
                    raise this.failure
                return done

        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    # --- in a thread --------------------------------------------------------------------------------------------------

    def _endpoint(self, service: str) -> _Endpoint:
        """The catalogue says where ``service`` is, then its own version document."""
        access = self._access
        try:
            data = access.service_catalog.endpoint_data_for(
                service_type=service, interface=self._interface, region_name=self._region
            )
        except keystone_errors.CatalogException:
            where = f"the {self._interface} interface" + (f" of region {self._region}" if self._region else "")
            raise NotOffered(f"the catalogue has no {service} for {where}") from None
        major = _MAJOR[service]
        found = data.get_versioned_data(
            self._client,
            project_id=access.project_id,
            min_version=major,
            max_version=f"{major}.latest",
            discover_versions=True,
        )
        return _Endpoint(found.url, _lower(found.max_microversion, HIGHEST.get(service)))

    def _enter(self) -> Any:
        self._auth.invalidate()
        try:
            return self._auth.get_access(self._login_client)
        except keystone_errors.HttpError as error:
            if error.http_status not in {400, 401, 403}:
                raise
            said = decode.fault(error.response.content if error.response is not None else b"")
            raise LoginRefused(
                f"{self._name}: Keystone refused the login ({said[1] if said else error.message}); check the "
                "credentials and whether the account is locked, then reload the configuration"
            ) from error

    # --- the token ----------------------------------------------------------------------------------------------------

    async def _established(self) -> int:
        if self._access is None or self._clock.monotonic() >= self._renew_at:
            await self._renew(self._generation)
        return self._generation

    async def _renew(self, ended: int) -> None:
        """Replace the token of generation ``ended``, unless others have; who comes meanwhile shares the outcome."""
        if self._generation != ended:
            return
        if self._login is None:
            self._login = asyncio.create_task(self._log_in())
            self._login.add_done_callback(self._login_ended)
        await asyncio.shield(self._login)

    def _login_ended(self, _: asyncio.Task[None]) -> None:
        self._login = None

    async def _log_in(self) -> None:
        wait = self._next_try - self._clock.monotonic()
        if wait > 0:
            raise LoginRefused(f"{self._refusal}; next try in {wait:.0f} s")
        try:
            access = await self._run(self._enter)
        except LoginRefused as error:
            self._note_refusal(error)
            raise
        except SourceError as error:
            self._stats = replace(self._stats, logins_failed=self._stats.logins_failed + 1)
            self._say(error.outcome, "%s, no login: %s", self._name, error)
            raise
        self._access = access
        self._client.additional_headers["X-Auth-Token"] = access.auth_token
        self._renew_at = self._clock.monotonic() + RENEW_AT * _life(access)
        self._fresh_until = self._clock.monotonic() + FRESH
        self._endpoints = {}
        self._generation += 1
        self.retry_login_now()
        self._stats = replace(self._stats, logins_ok=self._stats.logins_ok + 1, since=self._clock.now())
        if self._said or self._generation == 1:
            _log.info("%s: logged in as %s", self._name, access.username or access.user_id)
        self._said = ""

    def _note_refusal(self, error: LoginRefused) -> None:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**self._refusals) * (1 + JITTER * self._rng.random())
        self._refusals += 1
        self._refusal = str(error)
        self._next_try = self._clock.monotonic() + wait
        self._access = None
        self._stats = replace(self._stats, logins_refused=self._stats.logins_refused + 1, since=None)
        self._say(error.outcome, "%s; tried again on a slow schedule, next in %.0f s", error, wait)

    def _say(self, outcome: str, message: str, *values: object) -> None:
        """Log a failure where the last outcome was another."""
        if outcome != self._said:
            self._said = outcome
            _log.warning(message, *values)


def _http(wire: BoundedAdapter) -> requests.Session:
    """requests without its conveniences: proxies and passwords from the environment, cookies, compression."""
    made = requests.Session()
    made.trust_env = False
    made.headers["Accept-Encoding"] = "identity"
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    made.mount("https://", wire)
    made.mount("http://", wire)
    return made


def _lower(offered: tuple[int, int] | None, wanted: tuple[int, int] | None) -> tuple[int, int] | None:
    """The microversion to speak, where the service has any and we ask for one."""
    return None if offered is None or wanted is None else min(tuple(offered), wanted)  # type: ignore[return-value]


def _life(access: Any) -> float:
    """Seconds between a token's issue and its end, both by Keystone's clock."""
    if access.issued is None or access.expires is None:
        return _DEFAULT_LIFE
    return max(0.0, float((access.expires - access.issued).total_seconds()))


def _json(reply: Answer) -> bytes:
    """The body, where it is JSON and no error. Raises ApiFault or BadReply."""
    body: bytes = reply.content
    if reply.status_code >= 400:
        raise _fault(reply)
    kind = reply.headers.get("Content-Type", "").partition(";")[0][:80]
    if reply.status_code != 200 or "json" not in kind:
        hint = "something else than the service answers there; check the endpoint in the catalogue"
        raise BadReply(f"HTTP {reply.status_code} with {kind or 'no type'}{titled(body)}; {hint}")
    return body


def _fault(reply: requests.Response | Answer) -> ApiFault:
    word, text = decode.fault(reply.content) or (
        f"HTTP {reply.status_code}",
        (reply.reason or "") + titled(reply.content),
    )
    request = reply.headers.get("x-openstack-request-id") or reply.headers.get("x-compute-request-id")
    told = f"{text} (HTTP {reply.status_code}" + (f", request {request})" if request else ")")
    return ApiFault(word, told, code=reply.status_code, request=request, retry_after=_pause(reply))


def _pause(reply: requests.Response | Answer) -> float | None:
    """The seconds of Retry-After (RFC 9110, section 10.2.3; as a date it is not heeded)."""
    written = reply.headers.get("Retry-After", "").strip()
    return min(LONGEST_PAUSE, float(written)) if written.isascii() and written.isdigit() else None


def _date(reply: Answer) -> float | None:
    try:
        return parsedate_to_datetime(reply.headers["Date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def _understood(error: keystone_errors.ClientException, call: Call) -> SourceError:
    """Our error for one of keystoneauth's where the wire had an answer: an error of the API, or not its protocol."""
    last = call.last
    if last is not None and last.status_code >= 400:
        return _fault(last)
    title = titled(last.content) if last is not None else ""
    return BadReply(f"{error}{title}; something else than the service answers there; check auth_url and the catalogue")
