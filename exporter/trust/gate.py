"""Our own server's gate: TLS, headers and passwords as the file ``web_config`` says now.

The file is read again when it, or a file that it names, has changed: certificates at each handshake, users and headers
at each request. What cannot be used is logged once, and what was in force before stays.
"""

import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter import configweb
from exporter.configweb import WebConfig
from exporter.errors import ConfigError
from exporter.livetls import Live, live, stamp
from exporter.trust import webtls
from exporter.trust.basicauth import Busy, Guard, login

_log = logging.getLogger("novacenter.web")

HEALTH = ("/-/healthy", "/-/ready")
"""Probes know no password; what they are told without one is a word."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Metrics:
    """What the gate turned away."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = Counter(
            "novacenter_web_refused_total",
            "Who was turned away by our server: certificate (none, or not accepted), handshake (other faults of TLS),"
            " credentials (none, or wrong), busy (too many passwords at once).",
            ["reason"],
            registry=registry,
        )
        for reason in ("certificate", "handshake", "credentials", "busy"):
            self.refused.labels(reason)
        self.config_ok = Gauge(
            "novacenter_web_config_last_reload_successful",
            "Whether web_config and its files could be used when they were last read; 1 without web_config.",
            registry=registry,
        )
        self.config_ok.set(1)  # until a gate answers for it


class Gate:
    """The gate that ``file`` describes, None for none. ``own`` are paths that ask for credentials of their own.

    ``key`` is a random secret. Raises ConfigError.
    """

    def __init__(self, file: Path | None, metrics: Metrics, *, key: bytes, own: Iterable[str] = ()) -> None:
        self._file = file
        self._metrics = metrics
        self._open = frozenset((*HEALTH, *own))
        self._guard = Guard(key)
        self._problem = ""
        self._stamp = stamp(self._files())
        self._config = configweb.load(file) if file is not None else WebConfig()
        self.tls: Live | None = live(self._made, "web_config", server=True) if self._config.tls else None
        metrics.config_ok.set_function(lambda: float(not self.problem))

    @property
    def problem(self) -> str:
        """Why what was written last is not in force; empty where it is."""
        return self._problem or (self.tls.problem if self.tls else "")

    @property
    def config(self) -> WebConfig:
        """What is in force."""
        if (seen := stamp(self._files())) != self._stamp:
            self._stamp = seen
            self._read()
        return self._config

    @property
    def files(self) -> tuple[Path, ...]:
        """The file, and those that it names."""
        tls = self.config.tls
        named = (tls.cert_file, tls.key_file, tls.client_ca_file) if tls is not None else ()
        return (*self._files(), *(file for file in named if file is not None))

    def look(self) -> None:
        """Reads what has changed, without waiting for somebody to come."""
        if self.config.tls is not None and self.tls is not None:
            self.tls.current()

    def _files(self) -> tuple[Path, ...]:
        return () if self._file is None else (self._file,)

    def _read(self) -> None:
        try:
            config = configweb.load(self._file) if self._file is not None else WebConfig()
            if (config.tls is None) != (self._config.tls is None):
                raise ConfigError(
                    f"{self._file}: tls_server_config was {'added' if config.tls else 'removed'}, which would change "
                    "the protocol under open connections; start the agent again"
                )
        except ConfigError as error:
            self._problem = str(error)
            _log.error("the changed web_config cannot be used, the one before stays in force: %s", error)
            return
        self._config, self._problem = config, ""
        _log.info("web_config is taken over")

    def _made(self) -> tuple[ssl.SSLContext, tuple[Path, ...]]:
        tls = self.config.tls
        if tls is None:
            raise ConfigError(f"{self._file}: has no tls_server_config")
        return webtls.context(tls, refused=lambda why: self._metrics.refused.labels(why).inc()), self.files

    async def headers(self, _: web.Request, response: web.StreamResponse) -> None:
        """Sets the headers of ``http_server_config``, over those of the page."""
        response.headers.update(self.config.headers)

    @property
    def middleware(self) -> Middleware:
        """Lets nobody through without a password, where there are users."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            refusal = await self._judge(request)
            if refusal is None or request.path in self._open:
                return await handler(request)
            return refusal

        return guarded

    async def _judge(self, request: web.Request) -> web.Response | None:
        users = self.config.users
        if not users:
            return None
        given = login(request.headers.get(hdrs.AUTHORIZATION, ""))
        try:
            if given is not None and request.path not in self._open and await self._guard.knows(users, *given):
                return None
        except Busy:
            self._metrics.refused.labels("busy").inc()
            return web.Response(status=503, text="busy; try again\n", headers={hdrs.RETRY_AFTER: "5"})
        if request.path not in self._open:
            self._metrics.refused.labels("credentials").inc()
        return web.Response(
            status=401, text="Unauthorized\n", headers={hdrs.WWW_AUTHENTICATE: 'Basic realm="novacenter"'}
        )
