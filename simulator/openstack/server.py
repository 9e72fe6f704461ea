"""The cloud on the network: every service on one port, each below a path of its own, with what goes wrong.

async with serve_cloud(populate(model)) as running:
    ...  # log in at running.url, change running.cloud, arm running.cloud.troubles
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate

from aiohttp import web

from simulator.openstack import compute, listing, networking
from simulator.openstack import neighbours as other
from simulator.openstack.cloud import Cloud
from simulator.openstack.identity import Keystone
from simulator.openstack.replies import Answer, Refused, glance_unauthorised, nova_error
from simulator.openstack.trouble import ApiTrouble

SERVICES: Mapping[str, str] = {
    "identity": "identity",
    "compute": "compute",
    "placement": "placement",
    "network": "network",
    "volume": "block-storage",
    "image": "image",
}
"""First step of a path -> the service's type in the catalogue."""

_PAGE_503 = (
    "<html><body><h1>{0} Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)

Handler = Callable[[web.Request], Answer]


class CloudServer:
    """A running cloud. What it serves is ``cloud``; ``keystone`` has its tokens."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.keystone = Keystone(cloud, cloud.model.accounts)
        self.base = ""
        self._numbers = 0
        self._cleared = asyncio.Event()
        self.app = web.Application(client_max_size=1 << 20)
        self._open, self._known = self._routes()
        self.app.router.add_route("*", "/{service}{path:.*}", self._handle)
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=1)

    @property
    def url(self) -> str:
        """Where Keystone is: the ``auth_url`` of a client."""
        return f"{self.base}/identity/v3"

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        name, number = self._runner.addresses[0][:2]
        self.base = self.keystone.base = f"http://{f'[{name}]' if ':' in name else name}:{number}"

    async def stop(self) -> None:
        """Stop serving; what hangs is cut off."""
        self.clear()
        await self._runner.cleanup()

    def clear(self) -> None:
        """End everything that goes wrong."""
        self.cloud.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        service, path = SERVICES.get(request.match_info["service"], ""), request.match_info["path"]
        self.cloud.agenda.run()
        cleared = self._cleared
        trouble = self.cloud.troubles.apis.take(lambda one: one.meets(service, path))
        body = await request.read()
        if trouble is not None and trouble.kind == "black_hole":
            await cleared.wait()
        elif trouble is not None and trouble.kind == "delay":
            await asyncio.sleep(trouble.seconds)
        elif trouble is not None and trouble.kind in {"dead", "rate_limit"}:
            return _refusing(trouble)
        try:
            answer = self._answer(request, service, path, body=body)
        except Refused as error:
            answer = error.answer
        return self._response(answer, service, request, broken=trouble is not None and trouble.kind == "malformed")

    def _answer(self, request: web.Request, service: str, path: str, *, body: bytes) -> Answer:
        path = path.rstrip("/")
        if service == "identity" and (request.method, path) == ("POST", "/v3/auth/tokens"):
            return self.keystone.login(_parsed(body))
        handler = self._open.get((service, path))
        if handler is not None:
            return handler(request)
        try:
            self.keystone.check(request.headers.get("X-Auth-Token", ""))
        except Refused:
            if service == "image":
                return glance_unauthorised(self.base)
            raise
        for known, steps, handler in self._known:
            values = _matched(steps, path.split("/")[1:]) if known == service and request.method == "GET" else None
            if values is not None:
                request.match_info.update(values)
                return handler(request)
        return Answer({"itemNotFound": {"code": 404, "message": "The resource could not be found."}}, 404)

    def _response(self, answer: Answer, service: str, request: web.Request, *, broken: bool) -> web.Response:
        self._numbers += 1
        identity = f"req-{self.cloud.model.uuid('http', self._numbers)}"
        content = answer.content if isinstance(answer.content, str) else json.dumps(answer.content)
        headers = {
            "Date": formatdate(self.cloud.now(), usegmt=True),
            "Content-Type": "application/json",
            "x-openstack-request-id": identity,
            **_versioned(service, request, identity),
            **answer.headers,
        }
        body = content.encode()
        return web.Response(body=body[: len(body) // 2] if broken else body, status=answer.status, headers=headers)

    # --- routes -------------------------------------------------------------------------------------------------------

    def _routes(self) -> tuple[dict[tuple[str, str], Handler], list[tuple[str, list[str], Handler]]]:
        """What needs no token, by service and path; what does, by service and steps, with ``{}`` for any one."""
        cloud, keystone = self.cloud, self.keystone
        free: dict[tuple[str, str], Handler] = {
            ("identity", ""): lambda _: keystone.versions(),
            ("identity", "/v3"): lambda _: keystone.version(),
            ("compute", ""): lambda _: Answer({"versions": compute.versions(self.base)}),
            ("compute", "/v2.1"): lambda _: Answer({"version": compute.version(self.base)}),
            ("placement", ""): lambda _: other.placement_versions(),
            ("network", ""): lambda _: networking.network_versions(self.base),
            ("block-storage", ""): lambda _: other.volume_versions(self.base),
            ("block-storage", "/v3"): lambda _: other.volume_versions(self.base),
            ("image", ""): lambda _: other.image_versions(self.base),
        }
        known: list[tuple[str, str, Handler]] = [
            ("identity", "v3/auth/catalog", lambda _: self._catalogue()),
            *self._compute_routes(),
            ("placement", "resource_providers", lambda _: other.providers(cloud)),
            ("placement", "resource_providers/{0}/{1}", lambda r: other.provider(cloud, *_values(r))),
            ("network", "v2.0/agents", lambda r: networking.agents(cloud, r.query)),
            ("network", "v2.0/networks", lambda r: networking.networks(cloud, r.query)),
            ("network", "v2.0/ports", lambda r: networking.ports(cloud, r.query)),
            ("network", "v2.0/extensions", lambda _: networking.extensions()),
            ("block-storage", "v3/{0}/os-services", lambda _: other.volume_services(cloud)),
            ("block-storage", "v3/{0}/scheduler-stats/get_pools", lambda _: other.pools(cloud)),
            ("block-storage", "v3/{0}/volumes", lambda r: other.volumes(cloud, _limit(r), self.base)),
            ("image", "v2/images", lambda r: other.images(cloud, _limit(r))),
        ]
        return free, [(service, path.split("/"), handler) for service, path, handler in known]

    def _compute_routes(self) -> list[tuple[str, str, Handler]]:
        cloud, actions = self.cloud, "v2.1/servers/{0}/os-instance-actions"

        def nova(path: str, read: Callable[[web.Request], object]) -> tuple[str, str, Handler]:
            return "compute", path, lambda request: _nova(request, read)

        return [
            nova("v2.1/servers", lambda r: listing.servers(cloud, r.query, self.base, detailed=False)),
            nova("v2.1/servers/detail", lambda r: listing.servers(cloud, r.query, self.base, detailed=True)),
            nova("v2.1/servers/{0}", lambda r: listing.server(cloud, _values(r)[0], base=self.base)),
            nova(actions, lambda r: listing.actions(cloud, _values(r)[0], query=r.query, base=self.base)),
            nova(f"{actions}/{{1}}", lambda r: listing.action(cloud, *_values(r))),
            nova("v2.1/os-services", lambda _: {"services": compute.services(cloud)}),
            nova("v2.1/os-hypervisors/detail", lambda r: self._hypervisors(_microversion(r))),
            nova("v2.1/os-aggregates", lambda _: {"aggregates": compute.aggregates(cloud)}),
            # Nothing moves between the computes of this cloud.
            nova("v2.1/os-migrations", lambda _: {"migrations": []}),
            nova("v2.1/flavors/detail", lambda _: self._flavors()),
        ]

    def _catalogue(self) -> Answer:
        links = {"self": f"{self.url}/auth/catalog"}
        return Answer({"catalog": self.keystone.catalogue(), "links": links})

    def _hypervisors(self, microversion: tuple[int, int]) -> dict[str, object]:
        cloud = self.cloud
        if cloud.troubles.cell_down:
            raise nova_error(500, "computeFault", compute.DETAIL.format("oslo_db.exception.DBConnectionError"))
        if microversion >= (2, 88) and any(one.deaf and cloud.is_up(one.host) for one in cloud.computes.values()):
            raise nova_error(500, "computeFault", compute.DETAIL.format("oslo_messaging.exceptions.MessagingTimeout"))
        return {"hypervisors": compute.hypervisors(cloud, microversion=microversion)}

    def _flavors(self) -> dict[str, object]:
        return {"flavors": [compute.flavor(flavor, self.base) for flavor in self.cloud.flavors.values()]}


def _nova(request: web.Request, read: Callable[[web.Request], object]) -> Answer:
    """An answer of Nova in the microversion asked for. Raises Refused for one that there is not."""
    asked = _microversion(request)
    if not compute.LOWEST <= asked <= compute.HIGHEST:
        lowest, highest = ("{}.{}".format(*version) for version in (compute.LOWEST, compute.HIGHEST))
        words = (
            f"Version {asked[0]}.{asked[1]} is not supported by the API. Minimum is {lowest} and maximum is {highest}."
        )
        raise nova_error(406, "computeFault", words)
    return Answer(read(request))


def _microversion(request: web.Request) -> tuple[int, int]:
    """What ``OpenStack-API-Version: compute 2.87`` asks for; 2.1 where nothing does."""
    words = request.headers.get("OpenStack-API-Version", "").split()
    number = words[1] if len(words) == 2 and words[0] == "compute" else "2.1"
    major, _, minor = (f"{number}".replace("latest", "{}.{}".format(*compute.HIGHEST))).partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)


def _versioned(service: str, request: web.Request, identity: str) -> dict[str, str]:
    """The headers that only some services have."""
    if service == "compute" and request.match_info["path"].strip("/"):
        number = "{}.{}".format(*_microversion(request))
        return {
            "OpenStack-API-Version": f"compute {number}",
            "X-OpenStack-Nova-API-Version": number,
            "Vary": "X-OpenStack-Nova-API-Version",
            "x-compute-request-id": identity,
        }
    if service == "placement":
        asked = request.headers.get("OpenStack-API-Version", "placement 1.0")
        return {"openstack-api-version": asked, "vary": "openstack-api-version"}
    return {"Vary": "X-Auth-Token"} if service == "identity" else {}


def _refusing(trouble: ApiTrouble) -> web.Response:
    if trouble.kind == "rate_limit":
        content = {"overLimit": {"code": 429, "message": "This request was rate-limited."}}
        return web.json_response(content, status=429, headers={"Retry-After": f"{trouble.seconds:.0f}"})
    return web.Response(text=_PAGE_503.format(trouble.status), status=trouble.status, content_type="text/html")


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _matched(steps: list[str], given: list[str]) -> dict[str, str] | None:
    """The values of the steps ``{0}``, ``{1}`` of a path; None where it does not fit."""
    if len(steps) != len(given):
        return None
    pairs = list(zip(steps, given, strict=True))
    if any(step != there and not step.startswith("{") for step, there in pairs):
        return None
    return {step.strip("{}"): there for step, there in pairs if step.startswith("{")}


def _values(request: web.Request) -> list[str]:
    return [value for key, value in sorted(request.match_info.items()) if key.isdigit()]


def _limit(request: web.Request) -> int:
    written = request.query.get("limit", "1000")
    return int(written) if written.isascii() and written.isdigit() else 1000


@asynccontextmanager
async def serve_cloud(cloud: Cloud, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[CloudServer]:
    """Serve a cloud over HTTP until the block is left."""
    server = CloudServer(cloud)
    await server.start(host, port)
    try:
        yield server
    finally:
        await server.stop()
