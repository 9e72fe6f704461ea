"""The simulated cloud's replies have the shape of those that a real one gave (tests/fixtures/openstack)."""

from collections.abc import Iterable
from typing import Any

import aiohttp
import pytest
from cloudreplies import names, recorded
from simclient import Clock

from simulator.model import Accounts
from simulator.openstack import operations
from simulator.openstack.cloud import Cloud
from simulator.openstack.server import CloudServer
from simulator.openstack.trouble import ApiTrouble, BuildFailure

FREE = frozenset(
    {"addresses", "inventories", "usages", "bridge_mappings", "binding:vif_details", "cpu_info", "metadata"}
)
"""Objects whose keys are data; their values are compared with one another."""
OPTIONAL = frozenset({"vmware_adaptertype", "vmware_ostype", "vmware_disktype"})
"""Properties that an image may have besides."""


def kinds(value: Any, at: str = "") -> set[tuple[str, str]]:
    """Every path in a reply with the type there; for an object, its keys are part of the type."""
    if isinstance(value, dict):
        if at.rpartition(".")[2] in FREE:
            return {(at, "map")}.union(*(kinds(inner, f"{at}.*") for inner in value.values()))
        shown = sorted(key for key in value if key not in OPTIONAL and not key.startswith("owner_specified"))
        found = {(at, f"{{{', '.join(shown)}}}")}
        return found.union(*(kinds(value[key], f"{at}.{key}") for key in shown))
    if isinstance(value, list):
        return {(at, "list")}.union(*(kinds(item, f"{at}[]") for item in value))
    return {(at, type(value).__name__)}


def all_kinds(replies: Iterable[Any]) -> set[tuple[str, str]]:
    """The paths and types of several replies."""
    return set[tuple[str, str]]().union(*(kinds(reply) for reply in replies))


class Client:
    """Asks the cloud with a token, and keeps what it said."""

    def __init__(self, http: aiohttp.ClientSession, running: CloudServer) -> None:
        self.http = http
        self.running = running
        self.headers = {"OpenStack-API-Version": "compute 2.87"}

    async def login(self) -> Any:
        """A token; the body of the reply."""
        accounts = self.running.cloud.model.accounts
        status, headers, body = await self.post(accounts.user, accounts.password)
        assert status == 201
        self.headers["X-Auth-Token"] = headers["X-Subject-Token"]
        return body

    async def post(self, user: str, password: str) -> tuple[int, Any, Any]:
        """Status, headers and body of a login."""
        identity = {"methods": ["password"], "password": {"user": {"name": user, "password": password}}}
        async with self.http.post(f"{self.running.url}/auth/tokens", json={"auth": {"identity": identity}}) as reply:
            return reply.status, reply.headers, await reply.json()

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of a GET."""
        async with self.http.get(self.running.base + path, headers={**self.headers, **headers}) as reply:
            return reply.status, dict(reply.headers), await reply.json(content_type=None)

    async def content(self, path: str) -> Any:
        """The JSON of a good answer."""
        status, _, body = await self.get(path)
        assert status in {200, 300}, body
        return body


@pytest.fixture
async def client(running: CloudServer) -> Any:
    """A client that is logged in."""
    async with aiohttp.ClientSession() as http:
        made = Client(http, running)
        await made.login()
        yield made


def busy(clock: Clock, cloud: Cloud) -> None:
    """Have every kind of operation done, and some under way, or in error."""
    servers = [server for server in cloud.alive() if server.vm_state == "active"]
    for action, server in zip(
        ("stop", "reboot", "resize", "delete", "attach_volume", "createImage"), servers, strict=False
    ):
        operations.begin(cloud, action, server.id)
    for fault in ("no_host", "network", "vcenter"):
        cloud.troubles.builds.arm(BuildFailure(fault=fault))
        operations.create(cloud, f"fails-{fault}", host="nova-cluster0")
    clock.seconds += 60
    cloud.agenda.run()
    cloud.model.remove(cloud.vms[servers[6].id])
    operations.create(cloud, "building", host="nova-cluster1")
    clock.seconds += 3
    cloud.agenda.run()
    for action, server in zip(("stop", "reboot"), servers[6:8], strict=True):
        operations.begin(cloud, action, server.id)
    clock.seconds += 1
    cloud.agenda.run()


def assert_known(simulated: Iterable[Any], recordings: Iterable[Any], *besides: tuple[str, str]) -> None:
    """Nothing is simulated that was not recorded, or is named: neither a set of keys, nor a type at a path."""
    assert all_kinds(simulated) - set(besides) <= all_kinds(recordings)


async def test_servers(clock: Clock, client: Client) -> None:
    """Servers that are built, run, are busy, failed, deleted, each as Nova shows it, alone and in pages."""
    busy(clock, client.running.cloud)
    queries = ("", "&limit=3", "&changes-since=2020-01-01T00:00:00Z")
    listed = [await client.content(f"/compute/v2.1/servers/detail?all_tenants=1{more}") for more in queries]
    shown = {server["status"] for reply in listed for server in reply["servers"]}
    assert shown >= {"ACTIVE", "BUILD", "SHUTOFF", "VERIFY_RESIZE", "ERROR", "DELETED", "HARD_REBOOT"}
    # The recorded cloud has no volumes; these keys are those of the API reference since 2.3.
    volumes = ".servers[].os-extended-volumes:volumes_attached[]"
    besides = (
        (volumes, "{delete_on_termination, id}"),
        (f"{volumes}.delete_on_termination", "bool"),
        (f"{volumes}.id", "str"),
    )
    assert_known(listed, [recorded(name).content for name in names("compute/servers*")], *besides)
    one = await client.content(f"/compute/v2.1/servers/{listed[0]['servers'][0]['id']}")
    assert_known([one], [recorded(name).content for name in names("compute/server-*") if "migrations" not in name])


async def test_actions(clock: Clock, client: Client) -> None:
    """Actions and their events: done, failed, under way, not begun."""
    cloud = client.running.cloud
    cloud.freeze("kvm-01", heartbeat=True)
    busy(clock, cloud)
    deaf = next(server for server in cloud.alive() if server.host == "kvm-01")
    operations.begin(cloud, "stop", deaf.id)
    lists, actions = [], []
    for server in cloud.listed():
        path = f"/compute/v2.1/servers/{server.id}/os-instance-actions"
        lists.append(await client.content(path))
        actions += [await client.content(f"{path}/{found['request_id']}") for found in lists[-1]["instanceActions"]]
    assert_known(lists, [recorded(name).content for name in names("compute/actions-*")])
    assert_known(actions, [recorded(name).content for name in names("compute/action-*")])
    events = {event["event"] for action in actions for event in action["instanceAction"]["events"]}
    assert events >= {"compute_stop_instance", "compute_finish_resize", "conductor_schedule_and_build_instances"}
    results = {event["result"] for action in actions for event in action["instanceAction"]["events"]}
    assert results == {"Success", "Error", None}
    assert [] in [action["instanceAction"]["events"] for action in actions]


REPLIES = (
    ("/identity/v3", "identity/version"),
    ("/identity/", "identity/versions"),
    ("/compute/", "compute/versions"),
    ("/compute/v2.1", "compute/version"),
    ("/compute/v2.1/os-services", "compute/services*"),
    ("/compute/v2.1/os-hypervisors/detail", "compute/hypervisors"),
    ("/compute/v2.1/flavors/detail", "compute/flavors-detail"),
    ("/placement/", "placement/versions"),
    ("/placement/resource_providers", "placement/resource-providers"),
    ("/placement/resource_providers/{node}/traits", "placement/traits-*"),
    ("/placement/resource_providers/{node}/usages", "placement/usages-*"),
    ("/placement/resource_providers/{node}/inventories", "placement/inventories-*"),
    ("/network/", "network/versions"),
    ("/network/v2.0/agents", "network/agents"),
    ("/network/v2.0/networks", "network/networks"),
    ("/network/v2.0/ports", "network/ports"),
    ("/image/", "image/versions"),
    ("/image/v2/images", "image/images"),
)


@pytest.mark.parametrize(("path", "recording"), REPLIES)
async def test_the_others(client: Client, path: str, recording: str) -> None:
    """Every other reply that was recorded: the status, the headers that the client may look at, and the shape."""
    cloud = client.running.cloud
    cloud.set_compute("nova-cluster0", enabled=False, reason="maintenance")
    node = (await client.content("/compute/v2.1/os-hypervisors/detail"))["hypervisors"][0]["id"]
    is_open = recording.rpartition("/")[2].startswith("version")
    token = {} if is_open else {"X-Auth-Token": client.headers["X-Auth-Token"]}
    client.headers = {**token, "OpenStack-API-Version": "compute 2.87"}
    status, headers, body = await client.get(path.format(node=node))
    real = [recorded(name) for name in names(recording)]
    assert status == real[0].status
    # No disabled hypervisor was recorded; a disabled service was. The lab has no VLANs, and nothing that filters.
    besides = (
        (".hypervisors[].service.disabled_reason", "str"),
        (".networks[].provider:segmentation_id", "int"),
        (".ports[].binding:vif_details.*", "bool"),
    )
    assert_known([body], [one.content for one in real], *besides)
    plain = {"last-modified", "server", "content-length"}
    expected = {name.lower() for name in real[0].headers} - plain
    ours = {name.lower() for name in headers} - plain
    # Nova's own version document has no microversion to say, Placement's has one.
    assert expected <= ours | {"x-compute-request-id", "x-openstack-request-id"}


async def test_from_2_88_on_hypervisors_have_no_resources(client: Client) -> None:
    """As recorded, and an error while a compute that counts as up does not answer: that is why 2.87 is spoken."""
    path, newer = "/compute/v2.1/os-hypervisors/detail", {"OpenStack-API-Version": "compute 2.88"}
    _, _, body = await client.get(path, **newer)
    assert_known([body], [recorded("compute/hypervisors-2.88").content])
    client.running.cloud.freeze("kvm-01", heartbeat=True)
    status, _, body = await client.get(path, **newer)
    real = recorded("compute/hypervisors-2.88-hung")
    assert (status, body) == (real.status, real.content)


async def test_the_token(client: Client) -> None:
    """A token is like a real one's, for a password and for an application credential; the catalogue has Cinder, too."""
    body = await client.login()
    assert_known([body], [recorded(name).content for name in names("identity/token-a*")])
    assert {service["type"] for service in body["token"]["catalog"]} == {
        "identity",
        "compute",
        "placement",
        "network",
        "image",
        "block-storage",
    }
    keystone = client.running.keystone
    secret = {"id": keystone.credential, "secret": Accounts().password}
    identity = {"methods": ["application_credential"], "application_credential": secret}
    async with client.http.post(f"{client.running.url}/auth/tokens", json={"auth": {"identity": identity}}) as reply:
        assert reply.status == 201
        assert kinds(await reply.json()) == kinds(body)


ERRORS = (
    ("/compute/v2.1/servers/11111111-2222-4333-8444-555555555555", "compute/server-unknown"),
    ("/compute/v2.1/servers/11111111-2222-4333-8444-555555555555/os-instance-actions", "compute/actions-unknown"),
    (
        "/compute/v2.1/servers/detail?limit=3&marker=11111111-2222-4333-8444-555555555555",
        "compute/servers-marker-unknown",
    ),
    ("/compute/v2.1/servers/detail?all_tenants=1&changes-since=2100-01-01T00:00:00Z", "compute/servers-changed-none"),
)


@pytest.mark.parametrize(("path", "recording"), ERRORS)
async def test_what_is_refused(client: Client, path: str, recording: str) -> None:
    """The same status and the same words as a real Nova."""
    status, _, body = await client.get(path)
    real = recorded(recording)
    assert (status, body) == (real.status, real.content)


async def test_bad_tokens_and_versions(client: Client) -> None:
    """A wrong password, a token that is none, a microversion that there is not: as recorded."""
    status, _, body = await client.post("admin", "wrong")
    real = recorded("identity/token-refused")
    assert (status, body) == (real.status, real.content)
    for path, name in (
        ("/compute/v2.1/servers", "compute/unauthorised"),
        ("/network/v2.0/agents", "network/unauthorised"),
        ("/placement/resource_providers", "placement/unauthorised"),
        ("/image/v2/images", "image/unauthorised"),
    ):
        status, headers, body = await client.get(path, **{"X-Auth-Token": "nonsense"})
        real = recorded(name)
        assert (status, body) == (real.status, real.content)
        assert headers["WWW-Authenticate"] == f'Keystone uri="{client.running.url}"'
    status, _, body = await client.get("/compute/v2.1/servers", **{"OpenStack-API-Version": "compute 2.999"})
    real = recorded("compute/microversion-unknown")
    words = real.content["computeFault"]["message"].replace("2.104", "2.96")
    assert (status, body["computeFault"]) == (real.status, {"code": 406, "message": words})


async def test_keystone_down(client: Client) -> None:
    """While nobody can log in, a token that a service has not seen is a 503, from Glance a 401: as recorded."""
    client.running.cloud.troubles.apis.arm(ApiTrouble(kind="dead", service="identity"))
    for path, name in (
        ("/compute/v2.1/servers/detail?limit=1", "compute/keystone-down"),
        ("/network/v2.0/agents", "network/keystone-down"),
        ("/placement/resource_providers", "placement/keystone-down"),
        ("/image/v2/images?limit=1", "image/keystone-down"),
    ):
        status, _, body = await client.get(path, **{"X-Auth-Token": "not-seen"})
        real = recorded(name)
        assert (status, body) == (real.status, real.content)


async def test_a_cell_down(clock: Clock, client: Client) -> None:
    """Partial records of servers and services, none of them with changes-since or limit; hypervisors are an error."""
    cloud = client.running.cloud
    busy(clock, cloud)
    cloud.troubles.cell_down = True
    base = "/compute/v2.1/servers/detail?all_tenants=1"
    whole, changed = await client.content(base), await client.content(f"{base}&changes-since=2020-01-01T00:00:00Z")
    assert_known([whole], [recorded("compute/cell-down-servers").content])
    assert {server["status"] for server in whole["servers"]} == {"UNKNOWN", "ERROR"}
    assert [server["name"] for server in changed["servers"]] == ["fails-no_host"]
    services = await client.content("/compute/v2.1/os-services")
    assert kinds(services) == kinds(recorded("compute/cell-down-services").content)
    status, _, body = await client.get("/compute/v2.1/os-hypervisors/detail")
    real = recorded("compute/cell-down-hypervisors")
    assert (status, body) == (real.status, real.content)
