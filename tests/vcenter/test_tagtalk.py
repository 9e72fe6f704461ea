"""Tags of VMs, from the Automation API: both its forms, what it says when it refuses, and a real simulator of it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import BasicAuth, web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from vcenter.inventorylab import of_vcsim, vcenter
from vcsimulator import start

from exporter.clock import Clock
from exporter.errors import BadReply, LoginRefused, NotAuthenticated, ReplyTooLarge, SourceError, Unreachable
from exporter.vcenter import tagdecode
from exporter.vcenter.soap import Transport
from exporter.vcenter.tagdecode import TagName
from exporter.vcenter.tagtalk import MOST_OBJECTS, TagTalk

OLD = "/rest/com/vmware/cis/"
NEW = "/api/"
ATTACHED = {"vm-1": ["t:1", "t:2"], "vm-2": ["t:gone"], "vm-9": []}
TAGS = {"t:1": ("prod", "c:1"), "t:2": ("Terraform", "c:2")}
CATEGORIES = {"c:1": "stage", "c:2": "made by"}


def test_both_forms() -> None:
    """Results stand bare, or below ``value``; an empty list may be null; other keys say nothing."""
    objects = [
        {"object_id": {"id": "vm-1", "type": "VirtualMachine"}, "tag_ids": ["a", "b"], "more": 1},
        {"object_id": {"id": "vm-2", "type": "VirtualMachine"}, "tag_ids": None},
    ]
    for wrap in (lambda one: one, lambda one: {"value": one}):
        assert tagdecode.attached(json.dumps(wrap(objects)).encode()) == {"vm-1": ("a", "b"), "vm-2": ()}
        assert tagdecode.attached(json.dumps(wrap(None)).encode()) == {}
        assert tagdecode.session_id(json.dumps(wrap("4cd9")).encode()) == "4cd9"
        tag = json.dumps(wrap({"id": "t", "name": "prod", "category_id": "c", "used_by": []})).encode()
        assert tagdecode.tag(tag) == TagName("prod", "c")
        assert tagdecode.category(json.dumps(wrap({"id": "c", "name": "stage"})).encode()) == "stage"


JSON = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
KEYS = st.sampled_from(["value", "object_id", "tag_ids", "id", "name", "category_id"])


@pytest.mark.parametrize("decode", [tagdecode.session_id, tagdecode.tag, tagdecode.category, tagdecode.attached])
@given(content=st.binary(max_size=20) | st.dictionaries(KEYS, JSON).map(lambda one: json.dumps(one).encode()))
def test_anything_else_is_a_bad_reply(decode: Callable[[bytes], object], content: bytes) -> None:
    """Whatever comes is decoded or is a BadReply."""
    with suppress(BadReply):
        decode(content)


@pytest.mark.parametrize("written", ['"a b"', '"a\\r\\nX: y"', '""', '"é"', "7", "[]"])
def test_an_id_that_no_header_can_hold(written: str) -> None:
    """The id of a session goes into a header, so nothing that breaks one is taken."""
    with pytest.raises(BadReply):
        tagdecode.session_id(written.encode())


@dataclass
class Api:
    """An Automation API of one form. ``ends`` are the numbers of requests at which sessions have just ended."""

    form: str
    password: str = "secret"
    status: int = 0
    ends: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    batches: list[int] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Answers a request."""
        self.asked.append(f"{request.method} {request.path_qs}")
        if not request.path.startswith(self.form):
            return web.Response(status=404, text="404 page not found")
        if request.path == f"{self.form}session":
            return self._session(request)
        if len(self.asked) in self.ends:
            self.sessions.clear()
        if request.headers.get("vmware-api-session-id") not in self.sessions:
            return web.Response(status=401)
        return web.Response(status=self.status) if self.status else self._tagging(request, await request.read())

    def _session(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            self.sessions.discard(request.headers["vmware-api-session-id"])
            return self._say(None)
        login = BasicAuth.decode(request.headers["Authorization"])
        if (login.login, login.password) != ("reader", self.password):
            return web.Response(status=401)
        self.sessions.add(f"id{len(self.asked)}")
        return self._say(f"id{len(self.asked)}")

    def _tagging(self, request: web.Request, body: bytes) -> web.Response:
        kind, _, its = request.path.rpartition("/")
        its = its.removeprefix("id:")
        if its == "tag-association":
            moids = [one["id"] for one in json.loads(body)["object_ids"]]
            self.batches.append(len(moids))
            kinds = {"type": "VirtualMachine"}
            found = [{"object_id": {"id": one, **kinds}, "tag_ids": ATTACHED[one]} for one in moids if one in ATTACHED]
            return self._say(found)
        if kind.endswith("/tag") and its in TAGS:
            return self._say({"name": TAGS[its][0], "category_id": TAGS[its][1]})
        if kind.endswith("/category") and its in CATEGORIES:
            return self._say({"name": CATEGORIES[its]})
        return web.Response(status=404)

    def _say(self, result: object) -> web.Response:
        return web.json_response({"value": result} if self.form == OLD else result)


@asynccontextmanager
async def talking(api: Api, *, most: int = 2**20) -> AsyncIterator[TagTalk]:
    """A reader of what such a server has."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    async with TestServer(app) as server:
        url = f"http://127.0.0.1:{server.port}/sdk"
        found = replace(vcenter("vc1", url, "reader", "secret"), max_reply_bytes=most)
        async with Transport(found, clock=Clock()) as transport:
            yield TagTalk(transport, found)


@pytest.mark.parametrize("form", [NEW, OLD])
async def test_tags_by_name(form: str) -> None:
    """Each machine with ``category/name`` of its tags; one that is deleted meanwhile is left out; then logged out."""
    api = Api(form)
    async with talking(api) as talk:
        assert await talk.read(["vm-1", "vm-2", "vm-3"]) == {
            "vm-1": ("made by/Terraform", "stage/prod"),
            "vm-2": (),
            "vm-3": (),
        }
        asked = len(api.asked)
        await talk.read([])
        assert api.asked[asked] == f"POST {form}session"
    assert api.sessions == set()
    path = {
        NEW: "/api/cis/tagging/tag-association?action=list-attached-tags-on-objects",
        OLD: "/rest/com/vmware/cis/tagging/tag-association?~action=list-attached-tags-on-objects",
    }
    assert f"POST {path[form]}" in api.asked


async def test_batches() -> None:
    """No request asks for more machines than the bound; without machines nothing is asked but the login."""
    api = Api(NEW)
    async with talking(api) as talk:
        moids = [f"vm-{number}" for number in range(100, 100 + 2 * MOST_OBJECTS + 1)]
        assert await talk.read(moids) == dict.fromkeys(moids, ())
        assert api.batches == [MOST_OBJECTS, MOST_OBJECTS, 1]
        assert await talk.read([]) == {}


async def test_a_session_that_ends() -> None:
    """It is renewed once, and the reading is whole; a second end is an error."""
    api = Api(NEW, ends={3})
    async with talking(api) as talk:
        assert (await talk.read(["vm-1"]))["vm-1"] == ("made by/Terraform", "stage/prod")
        assert sum(one == "POST /api/session" for one in api.asked) == 2
        api.ends = set(range(1000))
        with pytest.raises(NotAuthenticated, match="vCenter vc1, ListAttachedTagsOnObjects: the session of the tags"):
            await talk.read(["vm-1"])


async def test_a_wrong_password() -> None:
    """It is tried once, in one form only, since vCenter locks accounts; the message says what to check."""
    api = Api(NEW, password="another")
    async with talking(api) as talk:
        with pytest.raises(LoginRefused) as caught:
            await talk.read(["vm-1"])
    assert api.asked == ["POST /api/session"]
    assert str(caught.value) == (
        "vCenter vc1: the Automation API refused the login of user reader (HTTP 401); "
        "check username and password, and whether the account is locked"
    )


async def test_a_server_without_the_api() -> None:
    """One sentence says that there is none, where it was looked for, and what to do."""
    async with talking(Api("/none/")) as talk:
        with pytest.raises(BadReply) as caught:
            await talk.read(["vm-1"])
    assert str(caught.value) == (
        "vCenter vc1: no Automation API, neither /api/session nor /rest/com/vmware/cis/session is there; tags need "
        "vCenter 6.5 or later and a url that leads to vCenter itself; otherwise set tags: false"
    )


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (403, BadReply, "ListAttachedTagsOnObjects: HTTP 403: the user may not read it; "),
        (404, BadReply, "ListAttachedTagsOnObjects: HTTP 404: there is no such object, or no such API"),
        (500, BadReply, "ListAttachedTagsOnObjects: HTTP 500; url must lead to vCenter itself"),
        (503, Unreachable, "ListAttachedTagsOnObjects: HTTP 503: the Automation API is starting"),
    ],
)
async def test_an_error(status: int, error: type[SourceError], words: str) -> None:
    """What failed, where, and what to do; the session is left all the same."""
    api = Api(NEW, status=status)
    async with talking(api) as talk:
        with pytest.raises(error) as caught:
            await talk.read(["vm-1"])
    assert words in str(caught.value)
    assert "vc1" in str(caught.value)
    assert api.sessions == set()


async def test_a_reply_that_is_too_large() -> None:
    """It is not read to its end."""
    async with talking(Api(NEW), most=100) as talk:
        with pytest.raises(ReplyTooLarge, match=r"ListAttachedTagsOnObjects: the reply is over the limit of 100 bytes"):
            await talk.read(["vm-1", "vm-2"])


@pytest.mark.external
async def test_a_real_simulators_refusal() -> None:
    """govmomi's vCenter refuses a wrong password, too, after it was found to have the old form only."""
    with start("current") as vcsim:
        config = of_vcsim(vcsim)
        wrong = vcenter("vc1", vcsim.url, vcsim.user, "wrong", b"x")
        for one, right in ((config, True), (wrong, False)):
            async with Transport(one, clock=Clock()) as transport:
                if right:
                    assert await TagTalk(transport, one).read(["vm-1"]) == {"vm-1": ()}
                else:
                    with pytest.raises(LoginRefused):
                        await TagTalk(transport, one).read(["vm-1"])
