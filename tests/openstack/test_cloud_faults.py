"""What fails in a cloud is counted by its own metric, said once, and neither counts a timeout twice nor loses one.

Each test has servers whose operations hang past their limit, over real HTTP. What is of the session or of Nova's
listing alone is in test_session and test_nova.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cloudlab import HOST, CloudLab, cloud_lab, failing, on, said
from cloudreplies import recorded
from novamodel import BEGIN, FakeNova, stamp

from exporter.config import Secret, VCenter
from exporter.poller import Poller
from exporter.surroundings import Surroundings

pytestmark = pytest.mark.filterwarnings("error")

LATE = 7
"""Cycles after which an operation is past its limit of 100 s."""


def hung(count: int, **changes: Any) -> FakeNova:
    """A cloud in which an operation has just begun on each server, a while after they were made."""
    nova = FakeNova(**changes)
    for number in range(count):
        nova.boot(f"s{number}", host=HOST)
        nova.now += 1
    nova.now += 1000
    return nova


def begin(lab: CloudLab, *numbers: int) -> None:
    """An operation begins on each of these servers."""
    for number in numbers:
        lab.nova.begin(f"s{number}")
    lab.nova.now += 5


def cycles(lab: CloudLab) -> dict[str, float]:
    """How many cycles ended how; only what happened."""
    found = {}
    for outcome in ("ok", "incomplete", "unreachable", "bad_reply", "rate_limited", "server_error"):
        count = lab.value("novacenter_cloud_cycles_total", outcome=outcome)
        if count:
            found[outcome] = count
    return found


async def test_keystone_down_at_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a token nothing is read: cycles and logins fail by their class, it is said once, and what hung meanwhile
    is counted once when Keystone is back; what was counted before is kept and not counted again."""
    async with cloud_lab(tmp_path, hung(2)) as lab:
        await lab.cycles()
        begin(lab, 0)
        await lab.cycles(LATE)
        assert lab.timeouts() == 1
        begin(lab, 1)
        await lab.restart()
        said(caplog)
        lab.trouble = on("/auth/tokens", lambda: failing(503, "Keystone is away"))

        await lab.cycles(LATE)
        down = said(caplog)

        assert cycles(lab) == {"server_error": LATE}
        assert lab.value("novacenter_cloud_up") == 0
        assert lab.value("novacenter_cloud_logins_total", outcome="failed") == LATE
        assert len([line for line in down if "operations" in line]) == 1
        assert all("Keystone is away" in line for line in down)

        lab.trouble = lambda _: None
        await lab.cycles(3)

        assert (lab.timeouts(), lab.value("novacenter_cloud_up")) == (2, 1)
        assert [line for line in said(caplog) if "timed out" not in line] == []


async def test_keystone_down_with_a_good_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A token that is still good needs no Keystone: nothing fails, nothing is said."""
    async with cloud_lab(tmp_path, hung(1)) as lab:
        await lab.cycles()
        lab.trouble = on("5000", lambda: failing(503))
        begin(lab, 0)
        await lab.cycles(LATE)

        assert (cycles(lab), lab.timeouts()) == ({"ok": LATE + 1}, 1)
        assert [line.partition(" timed out")[0] for line in said(caplog)] == [
            "cloud c1: power_off of server s0 on vmware1"
        ]


async def test_token_that_ends_between_pages(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The listing goes on with a new token where it was: no server twice, none left out, no failed cycle."""
    async with cloud_lab(tmp_path, hung(5, page=2)) as lab:
        await lab.cycles(4)
        begin(lab, 0, 1, 2, 3, 4)
        lab.nova.page_hook = lambda: lab.revoked.add("token-1")
        await lab.cycles()

        listed = [request for request in lab.requests if "changes-since" in request and "detail" in request]
        assert len([request for request in listed[-4:] if "marker" in request]) == 3
        assert lab.value("novacenter_cloud_logins_total", outcome="ok") == 2
        assert lab.value("openstack_servers", status="ACTIVE") == 5
        assert lab.value("nova_vmware_tasks_in_flight", host=HOST, operation="power_off") == 5

        await lab.cycles(LATE)
        assert (cycles(lab), lab.timeouts()) == ({"ok": LATE + 5}, 5)
        assert len(said(caplog)) == 5


async def test_rate_limited_listing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nova is not asked before it wants to be; each cycle counts as rate-limited; what hung meanwhile is counted."""
    async with cloud_lab(tmp_path, hung(1)) as lab:
        await lab.cycles()
        begin(lab, 0)
        lab.trouble = on("/servers/detail", lambda: failing(429, "slow down", retry_after=50))
        asked = len(lab.requests)
        await lab.cycles(6)

        assert sum("detail" in request for request in lab.requests[asked:]) == 2
        assert cycles(lab) == {"ok": 1, "rate_limited": 6}
        assert ["slow down" in line for line in said(caplog)] == [True]

        lab.trouble = lambda _: None
        lab.nova.now += 50
        await lab.cycles(2)
        assert (lab.timeouts(), lab.value("novacenter_cloud_up")) == (1, 1)


async def test_rate_limited_actions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the actions are refused, cycles are incomplete and say how much waits, and Nova is left alone as it asked;
    each timeout is still seen by the task state, and not counted again once its action is known."""
    async with cloud_lab(tmp_path, hung(3)) as lab:
        await lab.cycles()
        lab.trouble = on("os-instance-actions", lambda: failing(429, "slow down", retry_after=30))
        begin(lab, 0, 1, 2)
        await lab.cycles(LATE)

        assert cycles(lab) == {"ok": 1, "incomplete": 4, "rate_limited": 3}
        assert lab.value("novacenter_cloud_servers_carried_over") == 3
        assert lab.value("novacenter_cloud_complete") == 0
        assert lab.timeouts() == 3
        lines = said(caplog)
        assert len([line for line in lines if "slow down" in line]) == 1
        assert len([line for line in lines if "timed out" in line]) == 3

        lab.trouble = lambda _: None
        lab.nova.now += 30
        await lab.cycles(2)
        assert (lab.timeouts(), lab.value("novacenter_cloud_complete")) == (3, 1)
        assert said(caplog) == []


async def test_one_service_out_of_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neutron's 503 is Neutron's alone: its reading and probe say so, once in the log; everything else goes on."""
    async with cloud_lab(tmp_path, hung(1)) as lab:
        lab.trouble = on("/9696", lambda: failing(503, "Neutron is away"))
        begin(lab, 0)
        for _ in range(LATE):
            await lab.cycles()
            await lab.poller.services_cycle()
            await lab.poller.probes_cycle()

        assert cycles(lab) == {"ok": LATE}
        assert lab.timeouts() == 1
        up = {api: lab.value("openstack_api_up", api=api) for api in ("nova", "neutron", "keystone", "glance")}
        assert up == {"nova": 1, "neutron": 0, "keystone": 1, "glance": 1}
        assert lab.value("novacenter_cloud_reading", endpoint="network_agents", outcome="failed") == 1
        assert lab.value("novacenter_cloud_reading", endpoint="hypervisors", outcome="ok") == 1
        assert len([line for line in said(caplog) if "Neutron is away" in line]) == 1


async def test_cell_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While a cell is down its servers are UNKNOWN and nothing is judged of them; what hangs in other cells is; once it
    is back, what hung through it is counted, and what ended meanwhile is not."""
    async with cloud_lab(tmp_path, hung(3)) as lab:
        await lab.cycles()
        begin(lab, 0, 1)
        await lab.cycles()
        await lab.poller.services_cycle()
        lab.nova.servers["s0"].is_down = lab.nova.servers["s1"].is_down = True
        lab.trouble = lambda request: replies(request, {"os-services": "services", "os-hypervisors": "hypervisors"})
        lab.nova.end("s1", lab.nova.servers["s1"].actions[0])
        begin(lab, 2)
        await lab.poller.services_cycle()
        await lab.cycles(LATE)

        assert lab.timeouts() == 1
        assert lab.value("openstack_servers", status="UNKNOWN") == 2
        assert lab.value("openstack_services_unknown", service="nova") == 3
        said_of = [line.split(": ")[1] for line in said(caplog) if "timed out" not in line]
        assert sorted(said_of) == ["operations", "services"]

        lab.trouble = lambda _: None
        lab.nova.servers["s0"].is_down = lab.nova.servers["s1"].is_down = False
        await lab.poller.services_cycle()
        await lab.cycles(2)

        assert lab.value("openstack_servers", status="UNKNOWN") in {None, 0}
        assert lab.value("nova_vmware_tasks_in_flight", host=HOST, operation="power_off") == 2
        assert lab.timeouts() == 2
        assert lab.value("nova_vmware_tasks_total", host=HOST, operation="power_off", result="success") == 1


def replies(request: web.Request, names: dict[str, str]) -> web.Response | None:
    """What the recorded cloud answered while a cell was down, where ``names`` has the end of the path."""
    name = next((name for end, name in names.items() if end in request.path), None)
    if name is None:
        return None
    found = recorded(f"compute/cell-down-{name}")
    return web.json_response(found.content, status=found.status)


async def test_malformed_listing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is no JSON is a bad reply: the cycle fails, it is said once with where, and the next good one has all."""
    async with cloud_lab(tmp_path, hung(1)) as lab:
        await lab.cycles()
        broken = web.Response
        lab.trouble = on("/servers/detail", lambda: broken(body=b'{"servers": [', content_type="application/json"))
        begin(lab, 0)
        await lab.cycles(LATE)

        assert cycles(lab) == {"ok": 1, "bad_reply": LATE}
        [line] = said(caplog)
        assert "the reply is not JSON: Expecting value at character 13 of 13" in line
        assert line.startswith("cloud c1: operations: ")

        lab.trouble = lambda _: None
        await lab.cycles(2)
        assert lab.timeouts() == 1


async def test_malformed_actions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Actions of one server that cannot be read leave the cycle incomplete; the others are read and judged."""
    async with cloud_lab(tmp_path, hung(3)) as lab:
        await lab.cycles()
        lab.trouble = on("/s1/os-instance", lambda: web.json_response({"instanceActions": [{"action": 7}]}))
        begin(lab, 0, 1, 2)
        await lab.cycles(LATE)

        assert cycles(lab) == {"ok": 1, "incomplete": LATE}
        assert lab.timeouts() == 3
        assert len([line for line in said(caplog) if "instanceActions[0].request_id is missing" in line]) == 1

        lab.trouble = lambda _: None
        await lab.cycles(2)
        assert (lab.timeouts(), lab.value("novacenter_cloud_complete")) == (3, 1)


async def test_listing_that_changes_while_it_is_paged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Servers made, deleted and changed between the pages, the last of a page among them: each is there once, and each
    operation that hangs is counted once."""
    async with cloud_lab(tmp_path, hung(9, page=2)) as lab:
        born = iter(range(100, 200))

        def change() -> None:
            number = next(born)
            lab.nova.boot(f"s{number}", host=HOST)
            lab.nova.begin(f"s{number}")
            if f"s{107 - number}" in lab.nova.servers:
                lab.nova.delete(f"s{107 - number}")

        begin(lab, 0, 1)
        lab.nova.page_hook = change
        await lab.cycles(2)
        lab.nova.page_hook = None
        await lab.cycles(LATE + 2)

        alive = [server for server in lab.nova.servers.values() if server.status != "DELETED"]
        assert lab.value("openstack_servers", status="ACTIVE") == len(alive)
        stuck = sum(server.task_state is not None for server in alive)
        assert stuck > 5
        assert lab.timeouts() == stuck
        assert lab.value("nova_vmware_tasks_in_flight", host=HOST, operation="power_off") == stuck


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
async def test_clock_skew(tmp_path: Path, caplog: pytest.LogCaptureFixture, skew: float) -> None:
    """An hour between the clocks is a metric of its own; an operation times out at its limit by Nova's clock, once."""
    async with cloud_lab(tmp_path, hung(1, skew=skew)) as lab:
        await lab.cycles()
        begin(lab, 0)
        await lab.cycles(5)
        early = lab.timeouts()
        await lab.cycles(3)

        assert (early, lab.timeouts()) == (0, 1)
        found = lab.value("novacenter_cloud_clock_skew_seconds")
        assert found is not None
        assert abs(found - skew) <= 1
        [line] = said(caplog)
        assert "timed out after 1" in line
        await lab.restart()
        await lab.cycles(2)
        assert lab.timeouts() == 1


class Crowd(FakeNova):
    """A model with so many servers at rest that their pages are made once; those of ``servers`` are listed last."""

    def fill(self, count: int) -> None:
        """So many servers at rest."""
        made = stamp(BEGIN - 86_400, zone="Z")
        rest = {"status": "ACTIVE", "tenant_id": "p", "created": made, "updated": made, "OS-EXT-SRV-ATTR:host": HOST}
        names = [f"r{number:06}" for number in range(count)]
        self.pages = {
            names[start - 1] if start else "": json.dumps(
                {
                    "servers": [{"id": name, "name": name, **rest} for name in names[start : start + 1000]],
                    "servers_links": [{"rel": "next", "href": "x"}],
                }
            ).encode()
            for start in range(0, count, 1000)
        }
        self.last = names[-1]

    def listing(self, query: dict[str, str]) -> bytes | dict[str, Any]:
        """A page of those at rest, else of the others."""
        marker = query.get("marker", "")
        if "changes-since" not in query and marker in self.pages:
            return self.pages[marker]
        return self._listing({key: value for key, value in query.items() if value != self.last})


async def test_hundred_thousand_servers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A hundred thousand servers are listed once; after that a cycle costs what changes and hangs, as everywhere."""
    nova = Crowd()
    nova.fill(100_000)
    for number in range(50):
        nova.boot(f"s{number}", host=HOST)
    nova.now += 1000

    def page(request: web.Request) -> web.Response | None:
        if not request.path.endswith("/servers/detail"):
            return None
        found = nova.listing(dict(request.query))
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        return web.Response(body=body, content_type="application/json")

    async with cloud_lab(tmp_path, nova) as lab:
        lab.trouble = page
        await lab.cycles()
        first = lab.value("novacenter_cloud_cycle_requests", kind="listing")
        begin(lab, *range(50))
        most = 0.0
        for _ in range(LATE + 3):
            await lab.cycles()
            kinds = ("listing", "actions", "events")
            most = max(most, sum(lab.value("novacenter_cloud_cycle_requests", kind=kind) or 0 for kind in kinds))

        assert first == 101
        assert most <= 60
        assert lab.value("openstack_servers", status="ACTIVE") == 100_050
        assert lab.timeouts() == 50
        assert len(said(caplog)) == 50


async def test_judging_waits_for_the_vcenter(tmp_path: Path) -> None:
    """What is late at the start is counted when vCenter may have told why, or has not answered for a minute."""
    async with cloud_lab(tmp_path, hung(1)) as lab:
        await lab.cycles()
        begin(lab, 0)
        await lab.poller.operations_cycle()
        lab.nova.now += 1000
        surroundings = Surroundings(
            clock=lab.nova.clock, rng=random.Random(1), telemetry=lab.telemetry, publish=lambda *_: None
        )
        vcenter = VCenter("vc1", url="https://127.0.0.1:1/sdk", username="u", password=Secret("p"))
        lab.vcenters = {"vc1": Poller(vcenter, surroundings, marks={})}
        await lab.restart()

        seen = []
        for _ in range(6):
            await lab.cycles()
            seen.append(lab.timeouts())

        await lab.vcenters["vc1"].close()
        assert seen == [0, 0, 0, 1, 1, 1]
