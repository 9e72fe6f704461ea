"""A bare client of the lab's cloud for tests and for recording: it sends what it is told and returns what came back.

It stands beside novacenter's own client, so that a fault of that one cannot hide itself.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from e2e.openstack.lab import Lab, wait

MICROVERSION = "2.87"  # the last whose os-hypervisors/detail does not ask each compute for its uptime


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``path`` follows the service's endpoint in the catalogue, or is a whole URL."""

    service: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: header names as sent, the body decoded where it is JSON and else as text."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def __getitem__(self, key: str) -> Any:
        """A member of a JSON body; RuntimeError with the whole reply unless it is a success."""
        if self.status >= 300:
            raise RuntimeError(f"{self.status}: {self.body}")
        return self.body[key]


class Cloud:
    """The cloud as one user of the project admin sees it."""

    def __init__(self, lab: Lab, *, user: str = "admin") -> None:
        """Fetch a token; every account of the lab has the same password."""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._environment = lab.credentials()
        self._endpoints = {"identity": self._environment["OS_AUTH_URL"]}
        reply = self.send(self.login(user))
        self.token = reply.headers["X-Subject-Token"]
        for service in reply["token"]["catalog"]:
            for endpoint in service["endpoints"]:
                self._endpoints[service["type"]] = endpoint["url"]

    def login(self, user: str = "admin", *, password: str | None = None) -> Request:
        """The request for a token of the project admin."""
        domain = {"id": self._environment["OS_USER_DOMAIN_ID"]}
        secret = self._environment["OS_PASSWORD"] if password is None else password
        who = {"user": {"name": user, "domain": domain, "password": secret}}
        scope = {"project": {"name": self._environment["OS_PROJECT_NAME"], "domain": domain}}
        auth = {"identity": {"methods": ["password"], "password": who}, "scope": scope}
        return Request("identity", "/auth/tokens", "POST", body={"auth": auth})

    def url(self, request: Request) -> str:
        """Where a request goes."""
        return request.path if "://" in request.path else self._endpoints[request.service] + request.path

    def send(self, request: Request, *, seconds: float = 90) -> Reply:
        """Send as it is, without token or microversion of our own."""
        data = None if request.body is None else json.dumps(request.body).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json", **request.headers}
        message = urllib.request.Request(  # noqa: S310 - loopback
            self.url(request), method=request.method, headers=headers, data=data
        )
        try:
            with self._opener.open(message, timeout=seconds) as reply:
                return _reply(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error.code, error.headers, error.read())

    def authorised(
        self, service: str, path: str, *, method: str = "GET", body: Any = None, version: str = ""
    ) -> Request:
        """A request with our token and the microversion, which for Nova is MICROVERSION unless given."""
        headers = {"X-Auth-Token": self.token}
        version = version or {"compute": MICROVERSION, "placement": "1.39"}.get(service, "")
        if version:
            headers["OpenStack-API-Version"] = f"{service} {version}"
        return Request(service, path, method, headers, body)

    def get(self, service: str, path: str) -> Reply:
        """The reply to a GET."""
        return self.send(self.authorised(service, path))

    # --- servers -----------------------------------------------------------------------------------------------------

    def server(self, uuid: str) -> dict[str, Any]:
        """A server in full."""
        server: dict[str, Any] = self.get("compute", f"/servers/{uuid}")["server"]
        return server

    def create(self, name: str, zone: str, *, flavor: str = "lab.tiny", network: str = "lab-net") -> str:
        """Ask for a server in the zone ``vmware``, ``fake`` or ``nova:HOST``; its UUID."""
        flavors = self.get("compute", "/flavors")["flavors"]
        body = {
            "name": name,
            "availability_zone": zone,
            "flavorRef": next(each["id"] for each in flavors if each["name"] == flavor),
            "imageRef": self.get("image", "/v2/images?name=lab-image")["images"][0]["id"],
            "networks": [{"uuid": self.get("network", f"/v2.0/networks?name={network}")["networks"][0]["id"]}],
        }
        reply = self.send(self.authorised("compute", "/servers", method="POST", body={"server": body}))
        return str(reply["server"]["id"])

    def act(self, uuid: str, action: str, argument: Any = None) -> Reply:
        """Ask for ``os-start``, ``os-stop``, ``reboot``, ``pause``..."""
        path = f"/servers/{uuid}/action"
        return self.send(self.authorised("compute", path, method="POST", body={action: argument}))

    def delete(self, uuid: str) -> None:
        """Delete a server and wait until Nova does not know it any more."""
        self.send(self.authorised("compute", f"/servers/{uuid}", method="DELETE"))
        wait(lambda: self.get("compute", f"/servers/{uuid}").status == 404, what=f"deletion of {uuid}")

    def settled(self, uuid: str, *, seconds: float = 60) -> dict[str, Any]:
        """The server once Nova has nothing more to do with it."""

        def done() -> dict[str, Any] | None:
            server = self.server(uuid)
            idle = server["OS-EXT-STS:task_state"] is None and server["status"] != "BUILD"
            return server if idle else None

        return wait(done, what=f"rest of {uuid}", seconds=seconds)

    def actions(self, uuid: str) -> list[dict[str, Any]]:
        """The server's actions with their events, newest first."""
        path = f"/servers/{uuid}/os-instance-actions"
        listed = self.get("compute", path)["instanceActions"]
        return [self.get("compute", f"{path}/{action['request_id']}")["instanceAction"] for action in listed]


def _reply(status: int, headers: Message, body: bytes) -> Reply:
    text = body.decode()
    is_json = headers.get("Content-Type", "").partition(";")[0].strip() == "application/json" and text
    return Reply(status, dict(headers.items()), json.loads(text) if is_json else text)
