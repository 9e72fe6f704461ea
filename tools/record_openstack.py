"""Records real replies of the lab's cloud (tests/e2e/openstack) into tests/fixtures/openstack.

Needs a fresh cloud with all three computes; takes about seven minutes, most of it waiting for time-outs to pass:

    LAB_COMPUTES="vmware1 vmware2 fake1" tests/e2e/openstack/up.sh
    PYTHONPATH=tests .venv/bin/python tools/record_openstack.py
"""

import json
import re
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from e2e.openstack.cloud import Cloud, Reply, Request
from e2e.openstack.lab import Lab, wait

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "tests" / "fixtures" / "openstack"

LISTING = "/servers/detail?all_tenants=1"
ON_VMWARE1 = "vmware:vmware1"
PROBES = {
    "compute": "/servers/detail?limit=1",
    "placement": "/resource_providers",
    "image": "/v2/images?limit=1",
    "network": "/v2.0/agents",
}
UNKNOWN_UUID = "11111111-2222-4333-8444-555555555555"
VCSIM_UUID = "dbed6e0c-bd88-4ef6-b594-21283e1c677f"  # govmomi's, the same everywhere; half of a hypervisor's name
TRANSPORT_HEADERS = {"connection", "content-length", "server"}


class Scrubber:
    """Replaces what differs between two recordings, and what belongs to the machine, by numbered stand-ins.

    The same original gets the same stand-in in every file, so identities still join.
    """

    def __init__(self, state: Path) -> None:
        """``state`` is the lab's folder, which tracebacks show."""
        self._paths = {str(state / "venv"): "/usr/local", str(state): "/var/lib/lab"}
        self._known: dict[str, str] = {VCSIM_UUID: VCSIM_UUID, UNKNOWN_UUID: UNKNOWN_UUID}
        self._kinds: dict[str, tuple[re.Pattern[str], Callable[[int], str]]] = {
            "uuid": (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), _uuid),
            "hash": (re.compile(r"\b(?:[0-9a-f]{128}|[0-9a-f]{56}|[0-9a-f]{32})\b"), "{:032x}".format),
            "reservation": (re.compile(r"\br-[0-9a-z]{8}\b"), "r-{:08d}".format),
            "mac": (re.compile(r"\bfa:16:3e(?::[0-9a-f]{2}){3}\b"), "fa:16:3e:00:00:{:02x}".format),
        }
        self._counts = dict.fromkeys(self._kinds, 0)

    def __call__(self, text: str) -> str:
        """The text without this machine and this hour's random numbers."""
        for path, stand_in in self._paths.items():
            text = text.replace(path, stand_in)
        text = re.sub(r"gAAAA[\w=-]+", "TOKEN", text)
        text = re.sub(r'("secret": )"[^"]*"', r'\1"SECRET"', text)
        text = re.sub(r'("audit_ids": )\[[^]]*\]', r'\1["AUDIT"]', text)
        text = text.replace("127.0.0.1", "192.0.2.1")
        for kind, (pattern, _) in self._kinds.items():
            text = pattern.sub(partial(self._stand_in, kind), text)
        return text

    def _stand_in(self, kind: str, match: re.Match[str]) -> str:
        original = match[0]
        if original not in self._known:
            self._counts[kind] += 1
            self._known[original] = self._kinds[kind][1](self._counts[kind])
        return self._known[original]


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


class Recorder:
    """Sends requests to the cloud and keeps them with their replies until all is well."""

    def __init__(self, lab: Lab) -> None:
        """``monitor`` is the reader, ``cloud`` the administrator."""
        self.lab = lab
        self.cloud = Cloud(lab)
        self.monitor = Cloud(lab, user="monitor")
        self._cases: dict[str, dict[str, Any]] = {}

    def send(self, case: str, request: Request, how: str, *, seconds: float = 90) -> Reply:
        """Record one exchange as ``case``, which is its file's name."""
        reply = self.cloud.send(request, seconds=seconds)
        headers = {name: value for name, value in reply.headers.items() if name.lower() not in TRANSPORT_HEADERS}
        request = replace(request, path=self.cloud.url(request))
        self._cases[case] = {"how": how, "request": asdict(request), "reply": asdict(replace(reply, headers=headers))}
        print(f"{reply.status} {case}")
        return reply

    def get(self, case: str, path: str, how: str, *, version: str = "", seconds: float = 90) -> Reply:
        """Record a GET by the administrator; the service is what ``case`` begins with."""
        request = self.cloud.authorised(case.split("/", 1)[0], path, version=version)
        return self.send(case, request, how, seconds=seconds)

    def actions(self, name: str, uuid: str, how: str) -> None:
        """Record a server, the list of its actions and each action's events."""
        self.get(f"compute/server-{name}", f"/servers/{uuid}", how)
        path = f"/servers/{uuid}/os-instance-actions"
        listed = self.get(f"compute/actions-{name}", path, how)["instanceActions"]
        for action in listed:
            case = f"compute/action-{name}-{action['action']}"
            case += "-again" * (case in self._cases)
            self.get(case, f"{path}/{action['request_id']}", how)

    def write(self) -> None:
        """Replace the fixtures by what was recorded; nothing is written if something would betray this machine."""
        scrub = Scrubber(self.lab.state)
        texts = {case: scrub(json.dumps(exchange, indent=1) + "\n") for case, exchange in self._cases.items()}
        secrets = re.compile("|".join(map(re.escape, (str(ROOT), str(self.lab.state), f"{Path.home()}/"))))
        for case, text in texts.items():
            if match := secrets.search(text) or re.search(rf"[\"/@]{re.escape(socket.gethostname())}[\"/:.]", text):
                sys.exit(f"{case} contains {match[0]!r}: teach Scrubber to replace it")
        for folder in {case.split("/")[0] for case in texts}:
            shutil.rmtree(TARGET / folder, ignore_errors=True)
        for case, text in texts.items():
            file = TARGET / f"{case}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def identity(r: Recorder) -> None:
    """Version documents, tokens, and being refused one."""
    for service, path, name in (
        ("identity", "/", "versions"),
        ("identity", "/v3", "version"),
        ("compute", "/", "versions"),
        ("compute", "/v2.1", "version"),
        ("placement", "/", "versions"),
        ("image", "/", "versions"),
        ("network", "/", "versions"),
    ):
        root = urlsplit(r.cloud.url(Request(service, "")))
        r.send(f"{service}/{name}", Request(service, f"{root.scheme}://{root.netloc}{path}"), "asked without a token")
    r.send("identity/token-admin", r.cloud.login(), "password of the administrator")
    r.send("identity/token-monitor", r.cloud.login("monitor"), "password of the reader")
    r.send("identity/token-refused", r.cloud.login(password="wrong"), "wrong password")  # noqa: S106
    user = r.cloud.send(r.cloud.login())["token"]["user"]["id"]
    path = f"/users/{user}/application_credentials"
    wanted = {"application_credential": {"name": "novacenter", "roles": [{"name": "reader"}]}}
    made = r.cloud.send(r.cloud.authorised("identity", path, method="POST", body=wanted))["application_credential"]
    secret = {"id": made["id"], "secret": made["secret"]}
    auth = {"identity": {"methods": ["application_credential"], "application_credential": secret}}
    login = Request("identity", "/auth/tokens", "POST", body={"auth": auth})
    r.send("identity/token-application-credential", login, "application credential of the administrator, role reader")
    r.cloud.send(r.cloud.authorised("identity", f"{path}/{made['id']}", method="DELETE"))


def finished_operations(r: Recorder) -> str:
    """Builds and actions that ended, well or badly; returns a server on vmware1."""
    cloud = r.cloud
    active = cloud.create("active", ON_VMWARE1)
    cloud.settled(active)
    deleted = cloud.create("deleted", "fake")
    cloud.settled(deleted)
    cloud.delete(deleted)
    r.actions("deleted", deleted, "created on the fake driver, then deleted")
    for name, options, how in (
        ("no-host", {"flavor": "lab.huge"}, "created with a flavor that fits no host"),
        ("network", {"network": "lab-fail-net"}, "created on a network that binds no port"),
        ("vcenter", {}, "created on vmware1 while vCenter's CreateVM_Task ends with NoDiskSpace"),
    ):
        if name == "vcenter":
            r.lab.task_fails("createVM", "NoDiskSpace")
        failed = cloud.create(f"failed-{name}", ON_VMWARE1 if name == "vcenter" else "vmware", **options)
        cloud.settled(failed)
        r.actions(f"failed-{name}", failed, how)
    for action, argument in (("pause", None), ("os-stop", None), ("reboot", {"type": "HARD"})):
        if action == "os-stop":
            r.lab.task_fails("powerOff", "TaskInProgress")
        cloud.act(active, action, argument)
        cloud.settled(active)
    r.actions(
        "active",
        active,
        "pause, which the driver lacks; stop while PowerOffVM_Task ends with TaskInProgress; reboot that works",
    )
    return active


def moves(r: Recorder, server: str) -> None:
    """Live migrations, one of them while it runs and one that fails, and a resize."""
    cloud = r.cloud
    flavors = cloud.get("compute", "/flavors")["flavors"]
    small = next(flavor["id"] for flavor in flavors if flavor["name"] == "lab.small")
    r.lab.task_runs("relocateVM", 20)
    cloud.act(server, "os-migrateLive", {"host": "vmware2", "block_migration": "auto"})
    running = f"/servers/{server}/migrations"
    wait(lambda: any(each["status"] == "running" for each in cloud.get("compute", running)["migrations"]), what="move")
    r.get("compute/server-migrations-running", running, "RelocateVM_Task takes 20 s")
    r.get("compute/migrations-running", "/os-migrations", "RelocateVM_Task takes 20 s")
    cloud.settled(server)
    cloud.act(server, "resize", {"flavorRef": small})
    wait(lambda: cloud.server(server)["status"] == "VERIFY_RESIZE", what="resize")
    r.get("compute/migrations-resized", "/os-migrations", "a resize from vmware2 to vmware1 waits for confirmation")
    cloud.act(server, "confirmResize")
    wait(lambda: cloud.server(server)["status"] == "ACTIVE", what="confirmation of the resize")
    with r.lab.frozen("nova-compute-vmware2"):
        cloud.act(server, "os-migrateLive", {"host": "vmware2", "block_migration": "auto"})
        wait(lambda: newest_migration(cloud)["status"] == "error", what="the end of the migration")
    cloud.settled(server)
    r.get("compute/migrations", "/os-migrations", "completed, confirmed, and one in error, since the destination hung")
    r.actions("moved", server, "the same server after live migration, resize and a live migration that failed")


def newest_migration(cloud: Cloud) -> dict[str, Any]:
    """The migration that began last."""
    migrations: list[dict[str, Any]] = cloud.get("compute", "/os-migrations")["migrations"]
    return max(migrations, key=lambda migration: migration["id"])


def operations_in_flight(r: Recorder, changed_since: str) -> None:
    """A stop that vCenter never ends, a host that hangs, a slow build; and the listings that show them."""
    cloud = r.cloud
    hung, stuck = cloud.create("hung", "fake"), cloud.create("stuck", ON_VMWARE1)
    cloud.settled(hung)
    cloud.settled(stuck)
    r.lab.task_runs("powerOff", 300)
    cloud.act(stuck, "os-stop")
    with r.lab.frozen("nova-compute-fake1"):
        cloud.act(hung, "reboot", {"type": "HARD"})
        how = "nova-compute on fake1 hangs but still counts as up: Nova waits 20 s for its answer"
        r.get("compute/hypervisors-2.88-hung", "/os-hypervisors/detail", how, version="2.88")
        wait(lambda: any(each["state"] == "down" for each in services(cloud)), what="fake1 down")
        r.get("compute/services-down", "/os-services", "nova-compute on fake1 has been hung for 12 s")
        r.get("compute/hypervisors-down", "/os-hypervisors/detail", "nova-compute on fake1 has been hung for 12 s")
        building = cloud.create("building", ON_VMWARE1, network="lab-slow-net")
        wait(lambda: cloud.server(building)["OS-EXT-STS:task_state"] == "spawning", what="the build's spawning")
        listings(r, changed_since)
        r.actions("stuck", stuck, "stopped while PowerOffVM_Task takes 300 s")
        r.actions("hung", hung, "rebooted while nova-compute on fake1 hangs")
        r.actions("building", building, "Neutron takes 45 s to bind the port")
    cloud.settled(hung)
    r.actions("thawed", hung, "the same reboot after nova-compute on fake1 woke up")
    cloud.settled(building)


def listings(r: Recorder, changed_since: str) -> None:
    """All servers in one piece, in pages, changed ones, and as the reader sees them."""
    how = "one server of each sort; stuck, hung and building are in flight"
    r.get("compute/servers", LISTING, how)
    r.get("compute/servers-changed", f"{LISTING}&changes-since={quote(changed_since)}", f"{how}; with the deleted ones")
    r.get("compute/servers-changed-none", f"{LISTING}&changes-since=2100-01-01T00:00:00Z", "a time to come")
    path = f"{LISTING}&limit=3"
    for page in range(1, 100):
        body = r.get(f"compute/servers-page-{page}", path, f"{how}; page {page}").body
        links = [link["href"] for link in body.get("servers_links", []) if link["rel"] == "next"]
        if not links:
            break
        path = links[0]
    r.get("compute/servers-marker-unknown", f"{LISTING}&limit=3&marker={UNKNOWN_UUID}", "the marker is no server")
    mine = r.monitor.authorised("compute", "/servers/detail")
    r.send("compute/servers-monitor", mine, "the reader lists its own project")


def services(cloud: Cloud) -> list[dict[str, Any]]:
    """The compute services."""
    listed: list[dict[str, Any]] = cloud.get("compute", "/os-services?binary=nova-compute")["services"]
    return listed


def change(cloud: Cloud, host: str, **values: object) -> None:
    """Change a compute service as an operator does."""
    service = next(each["id"] for each in services(cloud) if each["host"] == host)
    cloud.send(cloud.authorised("compute", f"/os-services/{service}", method="PUT", body=values))["service"]


def service_states(r: Recorder) -> None:
    """Services as operators and the driver change them."""
    cloud, path = r.cloud, "/os-services"
    r.get("compute/services", path, "all is well")
    change(cloud, "fake1", status="disabled", disabled_reason="maintenance")
    r.get("compute/services-disabled", path, "an operator disabled fake1")
    change(cloud, "fake1", status="enabled")
    change(cloud, "fake1", forced_down=True)
    r.get("compute/services-forced-down", path, "an operator forced fake1 down")
    change(cloud, "fake1", forced_down=False)

    def disabled() -> bool:
        return any(each["host"] == "vmware1" and each["status"] == "disabled" for each in services(cloud))

    for case, how in (
        ("recovered", "vCenter answers again"),
        ("stuck", "vCenter answers again, but nova-compute restarted"),
    ):
        r.lab.soap_status(0, count=10**9)
        wait(disabled, what="vmware1 disabled by its driver", seconds=120)
        r.get(f"compute/services-driver-disabled-{case}", path, "vCenter drops every connection")
        if case == "stuck":
            r.lab.stop("nova-compute-vmware1")
        r.lab.soap_status(0, count=0)
        if case == "stuck":
            r.lab.start()
        else:
            wait(lambda: not disabled(), what="vmware1 enabled by its driver", seconds=120)
        r.get(f"compute/services-driver-{case}", path, how)
    change(cloud, "vmware1", status="enabled")


def inventory(r: Recorder) -> None:
    """What stands still."""
    how = "all is well"
    hypervisors = r.get("compute/hypervisors", "/os-hypervisors/detail", how)["hypervisors"]
    hosts = {hypervisor["hypervisor_hostname"]: hypervisor["service"]["host"] for hypervisor in hypervisors}
    r.get("compute/hypervisors-with-servers", "/os-hypervisors/detail?with_servers=true", how)
    r.get("compute/hypervisors-2.88", "/os-hypervisors/detail", how, version="2.88")
    for name in ("flavors/detail", "os-aggregates", "os-availability-zone/detail"):
        r.get(f"compute/{name.removeprefix('os-').replace('/', '-')}", f"/{name}", how)
    r.get("image/images", "/v2/images", how)
    for name in ("agents", "extensions", "networks", "subnets", "ports", "segments"):
        more = "; of the agents one fell silent" if name == "agents" else ""
        r.get(f"network/{name}", f"/v2.0/{name}", how + more)
    providers = r.get("placement/resource-providers", "/resource_providers", how)["resource_providers"]
    for provider in providers:
        host = hosts[provider["name"]]
        for name in ("inventories", "usages", "traits", "aggregates"):
            r.get(
                f"placement/{name}-{host}",
                f"/resource_providers/{provider['uuid']}/{name}",
                f"{how}; {provider['name']}",
            )


def refusals(r: Recorder) -> None:
    """What a client did wrong, or may not."""
    for name in ("os-services", "os-hypervisors/detail", "os-migrations", "servers/detail?all_tenants=1"):
        case = f"compute/forbidden-{re.split('[/?]', name.removeprefix('os-'))[0]}"
        r.send(case, r.monitor.authorised("compute", f"/{name}"), "the reader asks")
    r.get("compute/server-unknown", f"/servers/{UNKNOWN_UUID}", "no such server")
    r.get("compute/actions-unknown", f"/servers/{UNKNOWN_UUID}/os-instance-actions", "no such server")
    r.get("compute/microversion-unknown", LISTING, "a microversion that Nova has not", version="2.999")
    revoked = Cloud(r.lab)
    headers = {"X-Auth-Token": r.cloud.token, "X-Subject-Token": revoked.token}
    r.send("identity/token-revoked", Request("identity", "/auth/tokens", "DELETE", headers), "a token is revoked")
    r.send("compute/unauthorised-revoked", revoked.authorised("compute", LISTING), "with that token")
    for service, path in PROBES.items():
        r.send(
            f"{service}/unauthorised",
            Request(service, path, headers={"X-Auth-Token": "nonsense"}),
            "no token of Keystone",
        )


def outages(r: Recorder) -> None:
    """What clients hear while a part of the cloud is gone."""
    fresh = Cloud(r.lab)  # its token is in no service's cache
    with r.lab.stopped("keystone"):
        for service, path in PROBES.items():
            r.send(
                f"{service}/keystone-down",
                fresh.authorised(service, path),
                "Keystone is stopped, the token unknown here",
            )
    with r.lab.cell_down():
        how = "the API cannot reach the database of cell1"
        r.get("compute/cell-down-servers", LISTING, how)
        r.get("compute/cell-down-changed", f"{LISTING}&changes-since=2020-01-01T00:00:00Z", how)
        r.get("compute/cell-down-services", "/os-services", how)
        r.get("compute/cell-down-hypervisors", "/os-hypervisors/detail", how)
    for service, path in PROBES.items():  # so that they know the token
        r.cloud.get(service, path)
    with r.lab.stopped("mariadb"):
        for service, path in PROBES.items():
            r.get(f"{service}/database-down", path, "MariaDB is stopped", seconds=300)
        r.send("identity/database-down", r.cloud.login(), "MariaDB is stopped", seconds=300)


def main() -> None:
    """Record everything."""
    lab = Lab()
    if not {"nova-compute-vmware1", "nova-compute-vmware2", "nova-compute-fake1"} <= lab.status().keys():
        sys.exit(f"the three computes are not there: {__doc__}")
    r = Recorder(lab)
    identity(r)
    started = parsedate_to_datetime(r.cloud.get("compute", "/flavors").headers["Date"])
    server = finished_operations(r)
    moves(r, server)
    operations_in_flight(r, started.strftime("%Y-%m-%dT%H:%M:%SZ"))
    inventory(r)
    service_states(r)
    refusals(r)
    outages(r)
    r.write()


if __name__ == "__main__":
    main()
