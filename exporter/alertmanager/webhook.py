"""POST /webhook/alertmanager: who may, how much, and what Alertmanager is answered.

Alertmanager sends again after 5xx and gives up after 4xx (notify/util.go, Retrier.Check), so what may succeed later is
answered 503. There is no signature; who sends is known by the credentials of its ``http_config``.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from exporter.alertmanager import wire
from exporter.alertmanager.client import authorization
from exporter.alertmanager.evaluator import NotReady
from exporter.alertmanager.metrics import Metrics
from exporter.alertmanager.wire import Delivery
from exporter.config import Webhook
from exporter.errors import BadReply, NovacenterError
from exporter.notice import Notice
from sla.store.errors import StoreError

_log = logging.getLogger("novacenter.alertmanager")

PATH = "/webhook/alertmanager"
AT_ONCE = 8
"""Most deliveries under way, which bounds memory together with their size."""
BODY_LIMIT = 10.0
"""Seconds for a body to arrive."""


class Refused(NovacenterError):
    """A delivery was not taken."""


class Receiver:
    """The handler of the route. ``deliver`` raises NotReady or StoreError where the sender should try again."""

    def __init__(self, config: Webhook, metrics: Metrics, deliver: Callable[[Delivery], Awaitable[None]]) -> None:
        self._expected = authorization(config.credentials).encode()
        self._scheme = "Basic" if config.credentials.username else "Bearer"
        self._words = "basic_auth" if config.credentials.username else "authorization"
        self._limit = config.max_bytes
        self._metrics = metrics
        self._deliver = deliver
        self._under_way = 0
        self._notice = Notice(_log, "webhook of Alertmanager")

    async def handle(self, request: web.Request) -> web.Response:
        """401, 413, 400, 503, or 200 once what it says is kept."""
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._expected):
            answer = self._answer(401, "unauthorized", f"set {self._words} in Alertmanager's http_config")
            answer.headers[hdrs.WWW_AUTHENTICATE] = f'{self._scheme} realm="novacenter"'
            return answer
        if self._under_way >= AT_ONCE:
            return self._answer(503, "busy", f"{self._under_way} deliveries are under way already; send it again")
        self._under_way += 1
        try:
            return await self._take(request)
        finally:
            self._under_way -= 1

    async def _take(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_LIMIT):
                body = await self._read(request)
        except TimeoutError:
            return self._answer(503, "busy", f"the body did not arrive within {BODY_LIMIT:g} s; send it again")
        if body is None:
            text = f"the body is over {self._limit} bytes; set max_alerts, or raise sla.alertmanager.webhook.max_body"
            return self._answer(413, "too_large", text)
        try:
            await self._deliver(wire.delivery(body))
        except BadReply as error:
            return self._answer(400, "malformed", str(error))
        except (NotReady, StoreError) as error:
            return self._answer(503, "unavailable", str(error))
        self._notice.well()
        self._metrics.deliveries.labels("taken").inc()
        return web.Response(text="taken\n")

    async def _read(self, request: web.Request) -> bytes | None:
        """The body; None where it is too large, of which no more is read."""
        if (request.content_length or 0) > self._limit:
            return None
        pieces: list[bytes] = []
        size = 0
        while piece := await request.content.readany():
            size += len(piece)
            if size > self._limit:
                return None
            pieces.append(piece)
        return b"".join(pieces)

    def _answer(self, status: int, outcome: str, text: str) -> web.Response:
        """Counts the failure, says it if it is a new one, and answers it."""
        self._metrics.deliveries.labels(outcome).inc()
        self._notice.failed(Refused(f"answered {status}: {text}"), nature=outcome)
        return web.Response(status=status, text=f"{text}\n")
