"""Mapping drift against govmomi's vCenter and a cloud behind real HTTP: what is changed in vSphere is seen at once."""

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from cloudreplies import recorded
from pyVim.task import WaitForTask
from pyVmomi import vim
from test_vcsim import client, find
from vcsimulator import Vcsim, start

from exporter import driftcommand
from exporter.config import (
    Cloud,
    CloudMapping,
    Config,
    MappedBackend,
    MappedCluster,
    Secret,
    Timeouts,
    Tls,
    VCenter,
)

LIMITS = Timeouts(connect=2.0, read=10.0, total=20.0)
NETWORK = "00000000-0000-4000-8000-0000000000aa"
MAPPING = CloudMapping(
    physical_networks={"physnet1": ("DVS0",)},
    clusters=(MappedCluster("DC0_C0", "LocalDS_.*"),),
    cinder_backends=(MappedBackend("vmdk", datastores=("LocalDS_1",), clusters=("DC0_C0",)),),
)


@dataclass
class Neutron:
    """A cloud whose one VMware compute is the first cluster: recorded replies, and the networks of a test."""

    hypervisor: str
    vlan: int = 100
    mtu: int = 1500
    trouble: Callable[[str], web.Response | None] = lambda _: None
    url: str = ""
    requests: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.requests.append(request.path_qs)
        troubled = self.trouble(request.path)
        if troubled is not None:
            return troubled
        if request.path.endswith("/auth/tokens"):
            content = recorded("identity/token-admin").content
            return web.json_response(self._here(content), status=201, headers={"X-Subject-Token": "token"})
        return web.json_response(self._here(self._content(request.path)))

    def _content(self, path: str) -> Any:
        last = path.rstrip("/").rpartition("/")[2]
        if last == "networks":
            return {"networks": [self._network()]}
        if last == "ports":
            return {"ports": [self._port()]}
        if path.endswith("/os-hypervisors/detail"):
            content = json.loads(json.dumps(recorded("compute/hypervisors").content))
            vmware = [one for one in content["hypervisors"] if one["hypervisor_type"].startswith("VMware")][:1]
            vmware[0]["hypervisor_hostname"] = self.hypervisor
            vmware[0]["service"]["host"] = "vmware1"
            return {"hypervisors": vmware}
        names = {
            "servers": {"servers": []},
            "detail": {"servers": []},
            "extensions": {"extensions": [{"alias": "provider"}]},
            "os-services": recorded("compute/services").content,
            "agents": recorded("network/agents").content,
            "v3": recorded("identity/version").content,
            "v2.1": recorded("compute/version").content,
        }
        return names.get(last) or _versions(path)

    def _network(self) -> dict[str, Any]:
        like = recorded("network/networks").content["networks"][0]
        return {
            **like,
            "id": NETWORK,
            "name": "web",
            "mtu": self.mtu,
            "provider:network_type": "vlan",
            "provider:physical_network": "physnet1",
            "provider:segmentation_id": self.vlan,
        }

    def _port(self) -> dict[str, Any]:
        like = recorded("network/ports").content["ports"][0]
        details = {"dvs_port_group_name": "DC0_DVPG0", "port_filter": True}
        return {**like, "network_id": NETWORK, "binding:host_id": "vmware1", "binding:vif_details": details}

    def _here(self, content: Any) -> Any:
        return json.loads(json.dumps(content).replace("http://192.0.2.1:", f"{self.url}/"))


def _versions(path: str) -> Any:
    services = {"5000": "identity", "8774": "compute", "8778": "placement", "9292": "image", "9696": "network"}
    service = next((name for port, name in services.items() if f"/{port}" in path), None)
    return recorded(f"{service}/versions").content if service else {}


@asynccontextmanager
async def serving(neutron: Neutron) -> AsyncIterator[Neutron]:
    """The cloud on a free port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", neutron.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    neutron.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield neutron
    finally:
        await runner.cleanup()


def configuration(vcsim: Vcsim, neutron: Neutron, mapping: CloudMapping = MAPPING) -> Config:
    """Both sides."""
    vcenter = VCenter(
        name="vc1",
        url=vcsim.url,
        username=vcsim.user,
        password=Secret(vcsim.password),
        tls=Tls(thumbprint=vcsim.thumbprint),
        timeouts=LIMITS,
    )
    cloud = Cloud(
        "east",
        auth_url=f"{neutron.url}/5000/v3",
        username="monitor",
        password=Secret("correct-horse"),
        project_name="admin",
        timeouts=LIMITS,
        vcenters=("vc1",),
        mapping=mapping,
    )
    return Config(vcenters=(vcenter,), clouds=(cloud,))


async def drift(config: Config) -> tuple[int, list[tuple[str, str, str]]]:
    """The exit code, and kind, subject and sentence of each drift that is no note."""
    out, err = io.StringIO(), io.StringIO()
    code = await driftcommand.run(config, form="json", out=out, err=err)
    (cloud,) = json.loads(out.getvalue())["clouds"]
    found = [(one["kind"], one["subject"], one["found"]) for one in cloud["findings"] if one["level"] != "note"]
    assert err.getvalue() == "" or code == 1
    return code, found


def set_vlan(service: vim.ServiceInstance, name: str, vlan: int) -> None:
    """Reconfigures a port group, as an administrator would."""
    group = next(one for one in find(service, vim.dvs.DistributedVirtualPortgroup) if one.name == name)
    switch = vim.dvs.VmwareDistributedVirtualSwitch
    setting = switch.VmwarePortConfigPolicy(vlan=switch.VlanIdSpec(vlanId=vlan, inherited=False))
    wanted = vim.dvs.DistributedVirtualPortgroup.ConfigSpec(
        configVersion=group.config.configVersion, defaultPortConfig=setting
    )
    WaitForTask(group.ReconfigureDVPortgroup_Task(wanted))


@pytest.mark.external
async def test_each_change_in_vsphere_is_a_drift_within_one_cycle() -> None:
    """What fits has none; a VLAN changed, a datastore removed, a switch and a cluster renamed: each is one, by name."""
    flags = ("-vm", "1", "-ds", "2", "-control", "127.0.0.1:0")
    with start("current", *flags) as vcsim, client(vcsim) as service:
        clusters = find(service, vim.ClusterComputeResource)
        cluster = next(one for one in clusters if one.name == "DC0_C0")
        neutron = Neutron(f"{cluster._moId}.{service.content.about.instanceUuid}")
        set_vlan(service, "DC0_DVPG0", 100)
        async with serving(neutron):
            config = configuration(vcsim, neutron)
            assert await drift(config) == (0, [])

            set_vlan(service, "DC0_DVPG0", 123)
            vlan = ("vlan_mismatch", "web", "has VLAN 100 in Neutron, and VLAN 123 on its port group DC0_DVPG0")
            assert await drift(config) == (10, [vlan])

            store = next(one for one in find(service, vim.Datastore) if one.name == "LocalDS_1")
            WaitForTask(store.Destroy_Task())
            gone = (
                "backend_datastore_missing",
                "vmdk",
                "the backend's datastores are in no vCenter of the cloud: LocalDS_1",
            )
            assert await drift(config) == (10, [vlan, gone])

            (switch,) = find(service, vim.DistributedVirtualSwitch)
            vcsim.rename("DistributedVirtualSwitch", switch._moId, "DVS0-old")
            renamed = (
                "switch_missing",
                "physnet1",
                "the physical network is mapped to DVS0, and vc1 has no such distributed switch",
            )
            assert await drift(config) == (10, [renamed, vlan, gone])

            WaitForTask(cluster.Rename_Task("prod"))
            code, found = await drift(config)
            assert (code, found[2][:2]) == (10, ("cluster_missing", "DC0_C0"))


@pytest.mark.external
async def test_what_neutron_does_not_tell_is_no_drift() -> None:
    """Neutron fails: code 1, no finding about networks, and the clusters and datastores are still compared."""
    flags = ("-vm", "1", "-ds", "1")
    with start("current", *flags) as vcsim, client(vcsim) as service:
        cluster = next(one for one in find(service, vim.ClusterComputeResource) if one.name == "DC0_C0")
        neutron = Neutron(f"{cluster._moId}.{service.content.about.instanceUuid}")
        neutron.trouble = lambda path: web.Response(status=500) if path.endswith("/networks") else None
        async with serving(neutron):
            code, found = await drift(configuration(vcsim, neutron))
    assert code == 1
    assert [kind for kind, _, _ in found] == ["backend_datastore_missing"]
