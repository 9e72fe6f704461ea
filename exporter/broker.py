"""The message broker, over AMQP 0-9-1: a queue of our own with copies of Nova's notifications, as bytes.

Nova's own queues (``versioned_notifications.info``) are left to those who consume them. Ours is bound to Nova's
exchange. It belongs to the connection, so that the broker deletes it with that, and it is bounded in messages, bytes
and age, so that an agent that hangs cannot fill the broker. What is sent while there is no connection is not heard.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exporter.config import Notifications
from exporter.errors import CertificateError, LoginRefused, SourceError, TimedOut, Unreachable
from exporter.openstack.cloud import NotOffered
from exporter.vcenter import tls

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection, AbstractQueueIterator

PRIORITIES = ("info", "error")
"""The last part of the routing keys; Nova 34.0.0 sends versioned notifications with no other."""

PREFETCH = 100
"""Messages that the broker sends ahead of our acknowledgement."""

QUEUE_ARGUMENTS = {"x-max-length": 10_000, "x-max-length-bytes": 64 * 1024**2, "x-message-ttl": 300_000}
"""Messages, bytes and milliseconds after which the oldest are dropped (RabbitMQ, "Queue Length Limit", "TTL")."""

CONNECT_LIMIT = 30.0
"""Seconds for the connection, the queue and its bindings."""

CLOSE_LIMIT = 5.0
"""Seconds for leaving politely."""


async def messages(config: Notifications, queue: str) -> AsyncGenerator[bytes, None]:
    """The bodies of messages that arrive in ``queue``, which is made for them; first an empty one, once it is bound.

    A message is acknowledged when the next one is asked for. Ends when the broker ends the queue or the connection.
    Raises SourceError, and ConfigError for files of TLS. Needs the extra ``notifications``.
    """
    import aio_pika  # noqa: PLC0415 - an extra

    url = config.url.reveal()
    context = await asyncio.to_thread(tls.context, config.tls) if url.startswith("amqps:") else None
    connection = aio_pika.Connection(
        aio_pika.connection.make_url(url), ssl_context=context, client_properties={"connection_name": queue}
    )
    try:
        async with asyncio.timeout(CONNECT_LIMIT):
            await connection.connect()
            arriving = await _bound(connection, config, queue)
        yield b""
        async for message in arriving:
            yield message.body
            await message.ack()
    except (OSError, RuntimeError, aio_pika.exceptions.AMQPError) as error:
        raise _translated(error, config) from error
    finally:
        with suppress(OSError, RuntimeError, aio_pika.exceptions.AMQPError):
            async with asyncio.timeout(CLOSE_LIMIT):
                await connection.close()


async def _bound(connection: "AbstractConnection", config: Notifications, queue: str) -> "AbstractQueueIterator":
    """Messages from a new queue of this connection. Nova's exchange must be there: Nova says what it is like."""
    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=PREFETCH)
    exchange = await channel.get_exchange(config.exchange)
    ours = await channel.declare_queue(queue, exclusive=True, auto_delete=True, arguments={**QUEUE_ARGUMENTS})
    for priority in PRIORITIES:
        await ours.bind(exchange, f"{config.topic}.{priority}")
    arriving = ours.iterator()
    await arriving.consume()
    return arriving


def _translated(error: Exception, config: Notifications) -> SourceError:
    """Our error for one of the library or of the socket. Neither has the URL in its text."""
    from aio_pika import exceptions  # noqa: PLC0415 - an extra

    parts = urlsplit(config.url.reveal())
    where = f"broker {parts.hostname}:{parts.port or (5671 if parts.scheme == 'amqps' else 5672)}"
    if isinstance(error.__cause__, ssl.SSLError):
        return _mistrusted(error.__cause__, where)
    if isinstance(error, TimeoutError):
        return TimedOut(f"{where} did not answer within {CONNECT_LIMIT:g} s; check that it is reachable and well")
    if isinstance(error, exceptions.ChannelNotFoundEntity):
        return NotOffered(f"{where} has no exchange {config.exchange}; check exchange and the URL's virtual host")
    # RabbitMQ ends the connection in place of an answer where the virtual host is not there, or not for this user.
    login = (exceptions.AuthenticationError, exceptions.ProbableAuthenticationError, exceptions.InvalidFrameError)
    if isinstance(error, login):
        return LoginRefused(f"{where} refuses the login; check user, password and virtual host in the URL")
    if isinstance(error, exceptions.ChannelClosed):
        rights = f"configure, write and read {config.queue}.*, and read {config.exchange}"
        return LoginRefused(f"{where} refuses the queue ({error}); let the user {rights}")
    return Unreachable(f"{where}: {_reason(error)}; check that it runs, and host and port in the URL")


def _mistrusted(error: ssl.SSLError, where: str) -> SourceError:
    if "ALERT" in (error.reason or ""):
        return tls.explain(error, where)
    return CertificateError(f"{where}: {_tls_reason(error)}; check its port, and notifications.tls.ca_file")


def _tls_reason(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", "") or error.reason or "no TLS"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
