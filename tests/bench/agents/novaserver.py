"""A cloud to be read: Keystone and Nova over HTTP, as many servers as asked for, in the shapes of recorded replies.

Time stands still but for ``tick``, so that a thousand cycles take no hour. Of each server nothing is kept but what
changed; its record is made when it is asked for.
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import web
from cloudreplies import recorded

from bench.agents.protocol import Answer, serve_async

BEGIN = 1_800_000_000.0
PAGE = 1000  # nova.conf, [api] max_limit, by default
PURGED_AFTER = 3600.0
RECORDED = "http://192.0.2.1:"


def stamp(instant: float, zone: str = "Z") -> str:
    """A time as Nova writes it."""
    return datetime.fromtimestamp(int(instant), UTC).strftime("%Y-%m-%dT%H:%M:%S") + zone


def uuid(number: int) -> str:
    """The id of a server."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


@dataclass(slots=True)
class Change:
    """A server that is not as it was made: its state and its newest action."""

    updated: float
    status: str
    task_state: str | None
    action: str
    start: float
    finish: float | None = None


class NovaServer:
    """The agent. Servers have the numbers ``low`` to ``high``; the lowest are deleted first, the highest are new."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.low = self.high = 0
        self.changes: dict[int, Change] = {}
        self.running: deque[int] = deque()
        self.requests = 0
        self.url = ""
        self._first = self._next = 0
        record = next(each for each in recorded("compute/servers").content["servers"] if each["name"] == "stuck")
        marked = {**record, "id": "@ID@", "name": "@NAME@", "updated": "@UPDATED@", "status": "@STATUS@"}
        marked["OS-EXT-STS:task_state"] = "@TASK@"
        text = json.dumps(marked).replace("%", "%%").replace('"@TASK@"', "%(task)s")
        for word in ("ID", "NAME", "UPDATED", "STATUS"):
            text = text.replace(f"@{word}@", f"%({word.lower()})s")
        self._record = text
        self._action = recorded("compute/action-stuck-stop").content["instanceAction"]

    async def start(self, *, servers: int, hung: int = 0, age: float = 3600.0) -> Answer:
        """Begins to serve. Of the upper half, ``hung`` servers have had an operation in flight for ``age`` seconds."""
        self.high = self._first = servers
        for number in range(hung):
            begun = self.now - age
            place = servers - 1 - number * (servers // 2 // hung)
            self.changes[place] = Change(begun, "ACTIVE", "powering-off", "stop", begun)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return {"url": self.url, "now": self.now}

    async def tick(self, *, seconds: float, begin: int = 0, keep: int = 0, replace: int = 0) -> Answer:
        """Time goes on. ``begin`` operations start, the oldest of what runs beyond ``keep`` end, and so many servers
        are deleted and made."""
        self.now += seconds
        for number in [n for n, change in self.changes.items() if self._is_purged(change)]:
            del self.changes[number]
        while len(self.running) > keep - begin:
            number = self.running.popleft()
            change = self.changes[number]
            change.updated, change.finish, change.task_state = self.now - seconds / 3, self.now - seconds / 3, None
        for _ in range(begin):
            number = self._idle()
            self.changes[number] = Change(self.now - 5, "ACTIVE", "powering-off", "stop", self.now - 5)
            self.running.append(number)
        for _ in range(replace):
            self._replace()
        asked, self.requests = self.requests, 0
        return {"now": self.now, "requests": asked}

    def _is_purged(self, change: Change) -> bool:
        return change.status == "DELETED" and self.now - change.updated > PURGED_AFTER

    def _idle(self) -> int:
        """Another server of the upper half each time, none of those in flight."""
        while True:
            self._next = self._next + 1 if self._next + 1 < self._first else self._first // 2
            change = self.changes.get(self._next)
            if change is None or change.task_state is None:
                return self._next

    def _replace(self) -> None:
        moment = self.now - 3
        self.changes[self.low] = Change(moment, "DELETED", None, "delete", moment - 1, moment)
        self.changes[self.high] = Change(moment, "ACTIVE", None, "create", moment - 9, moment)
        self.low += 1
        self.high += 1

    # --- what it answers ---

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.requests += 1
        port, *rest = request.path.strip("/").split("/")
        if request.path.endswith("/auth/tokens"):
            content = self._here(recorded("identity/token-admin").content)
            return web.json_response(content, status=201, headers={"X-Subject-Token": "token"})
        if len(rest) <= 1:
            service = {"5000": "identity", "8774": "compute"}[port]
            return web.json_response(self._here(recorded(f"{service}/{'version' if rest else 'versions'}").content))
        steps = rest[2:]
        if steps == ["detail"]:
            return self._answer(self._listing(request.query))
        number = int(steps[0].rpartition("-")[2], 16)
        change = self.changes.get(number)
        if change is None and not self.low <= number < self.high:
            return web.json_response({"itemNotFound": {"code": 404, "message": "no such server"}}, status=404)
        found = self._actions(number, change, request.query) if len(steps) == 2 else self._one(number, change)
        return self._answer(json.dumps(found).encode())

    def _answer(self, body: bytes) -> web.Response:
        date = format_datetime(datetime.fromtimestamp(int(self.now), UTC), usegmt=True)
        return web.Response(body=body, content_type="application/json", headers={"Date": date})

    def _here(self, content: Any) -> Any:
        return json.loads(json.dumps(content).replace(RECORDED, f"{self.url}/"))

    def _listing(self, query: Any) -> bytes:
        since = query.get("changes-since")
        after = int(query["marker"].rpartition("-")[2], 16) if "marker" in query else self.high
        limit = min(PAGE, int(query.get("limit", PAGE)))
        if since is None:
            numbers = list(range(after - 1, max(self.low, after - limit) - 1, -1))
        else:
            changed = (n for n, change in self.changes.items() if stamp(change.updated) >= since and n < after)
            numbers = sorted(changed, reverse=True)[:limit]
        more = b', "servers_links": [{"rel": "next", "href": "x"}]' if len(numbers) == limit else b""
        return b'{"servers": [' + ", ".join(map(self._show, numbers)).encode() + b"]" + more + b"}"

    def _show(self, number: int) -> str:
        change = self.changes.get(number)
        task = f'"{change.task_state}"' if change and change.task_state else "null"
        return self._record % {
            "id": uuid(number),
            "name": f"server-{number}",
            "updated": stamp(change.updated if change else BEGIN - 86400),
            "status": change.status if change else "ACTIVE",
            "task": task,
        }

    def _actions(self, number: int, change: Change | None, query: Any) -> dict[str, Any]:
        since = query.get("changes-since", "")
        listed = [self._action_of(number, change)] if change else []
        listed.append(self._action_of(number, Change(BEGIN - 86400, "", None, "create", BEGIN - 86500, BEGIN - 86400)))
        found = [each for each in listed if each["updated_at"] >= since.rstrip("Z")]
        return {"instanceActions": [{k: v for k, v in each.items() if k != "events"} for each in found]}

    def _one(self, number: int, change: Change | None) -> dict[str, Any]:
        return {"instanceAction": self._action_of(number, change) if change else {}}

    def _action_of(self, number: int, change: Change) -> dict[str, Any]:
        event = {**self._action["events"][0], "event": f"compute_{change.action}_instance"}
        event["start_time"] = stamp(change.start, ".000000")
        if change.finish is not None:
            event |= {"finish_time": stamp(change.finish, ".000000"), "result": "Success"}
        return {
            **self._action,
            "action": change.action,
            "instance_uuid": uuid(number),
            "request_id": f"req-{uuid(number)[:-12]}{int(change.start):012x}",
            "start_time": stamp(change.start, ".000000"),
            "updated_at": stamp(change.finish or change.start, ".000000"),
            "events": [event],
        }


if __name__ == "__main__":
    server = NovaServer()
    asyncio.run(serve_async({"start": server.start, "tick": server.tick}))
