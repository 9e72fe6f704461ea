"""A model of Nova: servers and actions to which things happen, listed and paged as the Compute API does.

Listing by creation, paging by marker, ``changes-since`` in whole seconds. Its shapes are proved by the recorded replies
of a real Nova in openstack/test_decode.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.openstack.cloud import ApiFault, Reply

BEGIN = 1_800_000_000.0


def stamp(instant: float, *, zone: str = "") -> str:
    """A time as Nova writes it: whole seconds."""
    return datetime.fromtimestamp(int(instant), UTC).strftime("%Y-%m-%dT%H:%M:%S") + zone


def fault(code: int, text: str = "no") -> ApiFault:
    """An error of the API."""
    return ApiFault("word", text, code=code)


@dataclass
class Event:
    """An event of an action in the model."""

    name: str
    start: float
    finish: float | None = None


@dataclass
class Action:
    """An action in the model."""

    request: str
    action: str
    start: float
    updated: float
    events: list[Event] = field(default_factory=list)


@dataclass
class Server:
    """A server in the model."""

    id: str
    created: float
    updated: float
    status: str = "ACTIVE"
    task_state: str | None = None
    actions: list[Action] = field(default_factory=list)
    is_down: bool = False
    host: str | None = None


@dataclass
class FakeNova:
    """A model of Nova behind the Api protocol, which counts what it is asked. ``skew`` is its clock less ours.

    ``failing`` answers (a part of a path) with an error; ``page_hook`` runs after each page was made.
    """

    now: float = BEGIN
    skew: float = 0.0
    page: int = 1000
    version: tuple[int, int] | None = (2, 87)
    servers: dict[str, Server] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    failing: dict[str, SourceError] = field(default_factory=dict)
    page_hook: Any = None
    requests: int = 0

    @property
    def clock(self) -> Clock:
        """The agent's clock."""
        return Clock(now=lambda: self.now - self.skew, monotonic=lambda: self.now)

    # --- what happens in the cloud ---

    def boot(self, name: str, **changes: Any) -> Server:
        """A server as it is made, without actions."""
        server = Server(name, self.now, self.now, **changes)
        self.servers[name] = server
        return server

    def begin(self, name: str, action: str = "stop", *, task_state: str | None = "powering-off") -> Action:
        """An action starts on a server, and a host picks it up."""
        server = self.servers[name]
        self.requests += 1
        started = Action(f"req-{self.requests}", action, self.now, self.now, [Event(f"compute_{action}", self.now)])
        server.actions.insert(0, started)
        if task_state is not None:
            server.task_state, server.updated = task_state, self.now
        return started

    def end(self, name: str, action: Action) -> None:
        """An action ends."""
        action.events[-1].finish = action.updated = self.now
        server = self.servers[name]
        if server.task_state is not None:
            server.task_state, server.updated = None, self.now

    def delete(self, name: str) -> None:
        """A server is deleted."""
        self.servers[name].status, self.servers[name].updated = "DELETED", self.now
        self.servers[name].task_state = None

    # --- what it answers ---

    async def microversion(self, service: str) -> tuple[int, int] | None:
        """The microversion."""
        assert service == "compute"
        return self.version

    async def get(self, service: str, path: str) -> Reply:
        """The reply to a GET."""
        assert service == "compute"
        self.asked.append(path)
        for part, error in self.failing.items():
            if part in path:
                raise error
        url = urlsplit(path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        steps = url.path.strip("/").split("/")
        if steps == ["servers", "detail"]:
            content = self._listing(query)
        else:
            content = self._actions(self.servers.get(steps[1]), steps[3:], query)
        return Reply(json.dumps(content).encode(), float(int(self.now)), 0.0)

    def _listing(self, query: dict[str, str]) -> dict[str, Any]:
        since = query.get("changes-since")
        is_partial = set(query) == {"all_tenants"}
        found = [
            server
            for server in sorted(self.servers.values(), key=lambda server: (-server.created, server.id))
            if (server.status != "DELETED" if since is None else stamp(server.updated, zone="Z") >= since)
            and (not server.is_down or is_partial)
        ]
        if "marker" in query:
            marker = self.servers.get(query["marker"])
            if marker is None:
                raise fault(400, "marker not found")
            place = (-marker.created, marker.id)
            found = [server for server in found if (-server.created, server.id) > place]
        limit = min(self.page, int(query.get("limit", self.page)))
        page = [_show(server) for server in found[:limit]]
        content = {"servers": page, **({"servers_links": [{"rel": "next", "href": "x"}]} if len(page) == limit else {})}
        if self.page_hook:
            self.page_hook()
        return content

    def _actions(self, server: Server | None, steps: list[str], query: dict[str, str]) -> dict[str, Any]:
        if server is None:
            raise fault(404)
        if server.is_down:
            raise fault(500)
        modern = (self.version or (2, 1)) >= (2, 58)
        if steps:
            one = next((action for action in server.actions if action.request == steps[0]), None)
            if one is None:
                raise fault(404)
            events = [_event(event) for event in reversed(one.events)]
            return {"instanceAction": {**_action(one, modern=modern), "events": events}}
        since = query.get("changes-since", "")
        listed = [action for action in server.actions if stamp(action.updated, zone="Z") >= since]
        limit = int(query.get("limit", 1000))
        return {"instanceActions": [_action(action, modern=modern) for action in listed[:limit]]}


def _show(server: Server) -> dict[str, Any]:
    if server.is_down:
        return {"id": server.id, "status": "UNKNOWN", "tenant_id": "p", "created": stamp(server.created, zone="Z")}
    return {
        "id": server.id,
        "name": server.id,
        "tenant_id": "p",
        "status": server.status,
        "created": stamp(server.created, zone="Z"),
        "updated": stamp(server.updated, zone="Z"),
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-SRV-ATTR:host": server.host,
    }


def _action(action: Action, *, modern: bool) -> dict[str, Any]:
    shown = {
        "request_id": action.request,
        "action": action.action,
        "start_time": stamp(action.start),
        "message": None,
    }
    return {**shown, "updated_at": stamp(action.updated)} if modern else shown


def _event(event: Event) -> dict[str, Any]:
    finish = None if event.finish is None else stamp(event.finish)
    return {"event": event.name, "start_time": stamp(event.start), "finish_time": finish, "result": None}
