"""What the rooms of OpenStack hand to each other: a reply, the errors of its APIs, the picture that a cycle yields."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from exporter.errors import BadReply, Fault, SourceError
from exporter.openstack.cost import Cost
from exporter.openstack.model import Action, Server

DECODE_INLINE = 128 * 1024
"""Bytes of a reply that are decoded on the event loop, which takes some 2 ms; a longer one is decoded in a thread."""

T = TypeVar("T")


class ApiFault(Fault):
    """An error that an API answered with. ``code`` is the HTTP status, ``request`` the cloud's id of the request.

    ``name`` is the API's word for it (``itemNotFound``); ``retry_after`` are seconds that it asks to wait.
    """

    def __init__(
        self, name: str, text: str, *, code: int, request: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(name, text)
        self.code = code
        self.request = request
        self.retry_after = retry_after
        self.outcome = _OUTCOMES.get(code, "server_error" if code >= 500 else "fault")


_OUTCOMES = {401: "not_authenticated", 403: "forbidden", 404: "not_found", 429: "rate_limited"}


class NotOffered(SourceError):
    """The catalogue of the cloud has no such service in this region and for this interface."""

    outcome = "absent"


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: its bytes, the server's clock (``Date`` header, epoch seconds), and how many seconds it took."""

    body: bytes
    date: float | None
    seconds: float


class Api(Protocol):
    """A cloud that can be asked. Both methods raise SourceError; ApiFault and NotOffered among others."""

    async def get(self, service: str, path: str) -> Reply:
        """The answer to a GET of ``path`` below the endpoint of ``service`` (``compute``, ``block-storage``...)."""

    async def microversion(self, service: str) -> tuple[int, int] | None:
        """The microversion that is spoken with ``service``; None where it has none."""


async def understood(reply: Reply, decode: Callable[[bytes], T], *, what: str) -> T:
    """The decoded reply. Raises BadReply saying ``what`` was asked for."""
    try:
        if len(reply.body) <= DECODE_INLINE:
            return decode(reply.body)
        return await asyncio.to_thread(decode, reply.body)
    except BadReply as error:
        raise BadReply(f"{what}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSnapshot:
    """Nova's servers and operations after a cycle.

    ``now`` is the time by Nova's clock, ``skew`` that clock less ours (None where Nova sends no ``Date``). ``servers``
    holds all that exist and those deleted a short while ago. ``actions`` has, for each server that was asked for, the
    actions read with their events; a server without an entry has not been asked, or could not be this time. ``gone``
    are servers that Nova no longer knows. ``complete`` says that nothing is left to be asked; otherwise ``error`` is
    why, or None where the budget was used up. To resume after a restart, keep ``mark`` and ``watched``.
    """

    now: float
    mark: float
    skew: float | None
    servers: Mapping[str, Server]
    actions: Mapping[str, tuple[Action, ...]]
    gone: frozenset[str] = frozenset()
    watched: tuple[str, ...] = ()
    complete: bool = True
    error: SourceError | None = None
    cost: Cost = field(default_factory=Cost)
