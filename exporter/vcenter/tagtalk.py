"""The tags of virtual machines, read from vCenter's Automation API: SOAP, which all else is read from, lacks them.

vSphere Automation API reference: ``POST /api/session`` logs in with HTTP Basic and answers the id that goes into the
header ``vmware-api-session-id``, ``DELETE /api/session`` ends it (7.0 and later); ``/rest/com/vmware/cis/session`` is
the form before. Reading tags of objects needs the read privilege on the objects, and answers only tags that may be read
(TagAssociation, list attached tags on objects; since 6.5).
"""

import asyncio
import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from exporter.config import VCenter
from exporter.errors import BadReply, LoginRefused, NotAuthenticated, SourceError, Unreachable
from exporter.vcenter import tagdecode
from exporter.vcenter.session import LOGOUT_LIMIT
from exporter.vcenter.soap import Ask, Transport
from exporter.vcenter.tagdecode import TagName

MOST_OBJECTS = 2000
"""Machines that one request asks for: some 200 KB. The reference names no limit; this one keeps replies small."""

MOST_TAGS = 5000
"""Tags whose names are read, each with a request of its own, since the API has no list of names."""

TagsRead = Mapping[str, tuple[str, ...]]
"""``category/name`` of every tag, sorted, by managed object id of each machine that was asked for."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the two forms of the API."""

    session: str
    tagging: str
    action: str
    one: str


_NEW = _Form("/api/session", "/api/cis/tagging/", "?action=", "/")
_OLD = _Form("/rest/com/vmware/cis/session", "/rest/com/vmware/cis/tagging/", "?~action=", "/id:")

_ABSENT = frozenset({404, 405, 415})
"""What answers to a path that a server does not have."""


class _AbsentError(BadReply):
    """There is nothing at this path."""


class TagTalk:
    """Reads the tags of one vCenter over its transport, each time in a session of its own."""

    def __init__(self, transport: Transport, vcenter: VCenter) -> None:
        self._transport = transport
        self._vcenter = vcenter
        self._where = f"vCenter {vcenter.name}"
        self._form = _NEW
        self._id = ""

    async def read(self, moids: Sequence[str]) -> TagsRead:
        """The tags of these machines. One that vCenter does not name in its answer has none.

        A session that ends meanwhile is renewed once. Raises what Transport.fetch raises, and LoginRefused.
        """
        await self._log_in()
        try:
            return await self._read(moids)
        except NotAuthenticated:
            await self._log_in()
            return await self._read(moids)
        finally:
            await self._log_out()

    async def _read(self, moids: Sequence[str]) -> TagsRead:
        ids: dict[str, tuple[str, ...]] = {}
        for start in range(0, len(moids), MOST_OBJECTS):
            ids |= await self._attached(moids[start : start + MOST_OBJECTS])
        names = await self._names({one for its in ids.values() for one in its})
        return {moid: tuple(sorted(names[one] for one in ids.get(moid, ()) if one in names)) for moid in moids}

    async def _attached(self, moids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        objects = [{"id": moid, "type": "VirtualMachine"} for moid in moids]
        path = f"{self._form.tagging}tag-association{self._form.action}list-attached-tags-on-objects"
        body = json.dumps({"object_ids": objects}).encode()
        return await self._ask("POST", path, tagdecode.attached, operation="ListAttachedTagsOnObjects", body=body)

    async def _names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """``category/name`` by id of a tag; one that is deleted meanwhile is left out."""
        wanted = sorted(ids)
        if len(wanted) > MOST_TAGS:
            raise BadReply(f"{self._where}: VMs have more than {MOST_TAGS} tags; set tags: false, or remove tags")
        found: dict[str, TagName] = {}
        categories: dict[str, str] = {}
        for one in wanted:
            with suppress(_AbsentError):
                tag = await self._one("tag", one, tagdecode.tag)
                if tag.category not in categories:
                    categories[tag.category] = await self._one("category", tag.category, tagdecode.category)
                found[one] = tag
        return {one: f"{categories[tag.category]}/{tag.name}" for one, tag in found.items()}

    async def _one(self, kind: str, its: str, decode: Callable[[bytes], T]) -> T:
        path = f"{self._form.tagging}{kind}{self._form.one}{quote(its, safe=':')}"
        return await self._ask("GET", path, decode, operation=f"Get{kind.capitalize()}")

    async def _log_in(self) -> None:
        """A new session, in the form of the API that the server has."""
        if not self._vcenter.password:
            raise LoginRefused(f"{self._where}: tags need username and a password (password_file), or set tags: false")
        pair = f"{self._vcenter.username}:{self._vcenter.password.reveal()}"
        header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        for form in (self._form, _OLD if self._form is _NEW else _NEW):  # what answered last is asked first
            with suppress(_AbsentError):
                # Not repeated: a second try might count as a second wrong password.
                ask = Ask("POST", form.session, header)
                self._id = await self._transport.fetch(ask, self._entered, operation="CreateSession", repeatable=False)
                self._form = form
                return
        raise BadReply(
            f"{self._where}: no Automation API, neither {_NEW.session} nor {_OLD.session} is there; tags need "
            "vCenter 6.5 or later and a url that leads to vCenter itself; otherwise set tags: false"
        )

    async def _log_out(self) -> None:
        header = {"vmware-api-session-id": self._id}
        with suppress(SourceError, TimeoutError):  # vCenter ends an idle session by itself
            async with asyncio.timeout(LOGOUT_LIMIT):
                ask = Ask("DELETE", self._form.session, header)
                await self._transport.fetch(ask, lambda *_: None, operation="DeleteSession", repeatable=False)

    async def _ask(
        self, method: str, path: str, decode: Callable[[bytes], T], *, operation: str, body: bytes = b""
    ) -> T:
        header = {"vmware-api-session-id": self._id, "Content-Type": "application/json"}

        def decoded(status: int, content: bytes) -> T:
            if status == 401:
                raise NotAuthenticated("HTTP 401", f"{self._where}, {operation}: the session of the tags has ended")
            _check(status, f"{self._where}, {operation}")
            return decode(content)

        return await self._transport.fetch(Ask(method, path, header, body), decoded, operation=operation)

    def _entered(self, status: int, content: bytes) -> str:
        if status == 401:
            raise LoginRefused(
                f"{self._where}: the Automation API refused the login of user {self._vcenter.username} (HTTP 401); "
                "check username and password, and whether the account is locked"
            )
        _check(status, f"{self._where}, CreateSession")
        return tagdecode.session_id(content)


def _check(status: int, where: str) -> None:
    """Raises SourceError for what is not a success. The transport says of a BadReply where it was."""
    if status in _ABSENT:
        raise _AbsentError(f"HTTP {status}: there is no such object, or no such API")
    if status == 403:
        raise BadReply("HTTP 403: the user may not read it; tags need the privilege System.Read, or set tags: false")
    if status in {502, 503, 504}:
        raise Unreachable(f"{where}: HTTP {status}: the Automation API is starting, stopping or down")
    if not 200 <= status < 300:
        raise BadReply(f"HTTP {status}; url must lead to vCenter itself, and tags need its Automation API")
