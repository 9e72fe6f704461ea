"""The ways on the page and in the listing, of vCenters that really answer: our simulator, and govmomi's."""

import argparse
import io
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from pollerlab import Hands, Lab, lab
from pyVmomi import vim
from vcenter.inventorylab import of_kind, of_vcsim, watching
from vcsimulator import Flavour, start

from exporter import wayscommand
from exporter.clock import Clock
from exporter.config import Config, Timeouts
from exporter.errors import ConfigError
from exporter.identity import Identity
from exporter.joinmodel import Joined
from exporter.model import Kind
from exporter.vcenter import typed
from exporter.wayrule import WayRule
from exporter.ways.classify import governed
from exporter.ways.service import Ways
from simulator.faults import Fault
from simulator.inventory import Size

SIZE = Size(hosts=4, vms=40)
OWN = WayRule(way="packer", name="ways[0]", vm="vm-00027")


class Page:
    """A page of one part; counts how often it was made."""

    def __init__(self) -> None:
        self.text = ""
        self.made = 0

    def __call__(self, source: str, part: str, families: Any, series: Any) -> None:
        """Takes over the part."""
        assert (source, part) == ("vc1", "ways")
        assert sum(series.values()) == sum(body.count(b"\n") for body in families.values())
        self.text = b"".join(families.values()).decode()
        self.made += 1

    def counts(self) -> dict[str, int]:
        """The number of VMs by way, of those that have any."""
        lines = [line for line in self.text.splitlines() if line.startswith("integration_vms{")]
        found = {line.partition('way="')[2].partition('"')[0]: int(float(line.split()[-1])) for line in lines}
        return {way: count for way, count in found.items() if count}


def ways_of(vc: Lab, page: Page, hands: Hands) -> tuple[Ways, Identity]:
    """The service over one poller."""
    clock = Clock(now=hands, monotonic=hands)
    identity = Identity(clock=clock, publish=lambda *_: None, vcenters=lambda: {"vc1": vc.poller})
    return Ways(clock=clock, publish=page, vcenters=lambda: {"vc1": vc.poller}, identity=identity), identity


async def test_the_page_follows() -> None:
    """Counts, sums and one series for each VM; made again only where something changed; a rule of one's own counts."""
    page = Page()
    async with lab(size=SIZE) as vc:
        ways, identity = ways_of(vc, page, vc.hands)
        await ways.cycle(())
        await ways.cycle(())
        assert page.made == 1
        assert page.text.count('rule="nova.marks"') == 24
        identity._joined = Joined(servers={("vc1", "vm-1009"): "known"})
        await ways.cycle(())
        assert page.text.count('rule="nova.identity"') == 1
        assert page.counts() == {"nova": 24, "hand": 10, "terraform": 3, "ansible": 2, "vsphere": 1}
        assert page.text.count("integration_vm_way_info{") == 40
        assert 'integration_vms{vcenter="vc1",way="cinder"} 0.0\n' in page.text
        info = 'integration_vm_way_info{moid="vm-1012",rule="terraform.annotation",vcenter="vc1",vm="vm-00011"'
        assert f'{info},way="terraform"}} 1.0\n' in page.text
        await ways.cycle((OWN,))
        assert page.counts() == {"nova": 24, "hand": 9, "terraform": 3, "ansible": 2, "vsphere": 1, "packer": 1}


async def test_what_is_too_old_is_not_shown() -> None:
    """A vCenter whose inventory is not known has no ways, nor one that has not answered for two minutes."""
    page = Page()
    async with lab(size=SIZE) as vc:
        ways, _ = ways_of(vc, page, vc.hands)
        await ways.cycle(())
        assert page.counts()
        inventory, vc.poller.inventory = vc.poller.inventory, None
        await ways.cycle(())
        assert (page.text, ways.governed) == ("", ())
        vc.poller.inventory = inventory
        await ways.cycle(())
        assert page.counts()["nova"] == 24
        vc.server.faults.arm(Fault(kind="reset"))
        await vc.cycle()
        await ways.cycle(())
        assert page.counts()["nova"] == 24
        vc.hands.seconds += 121
        await ways.cycle(())
        assert (page.text, ways.governed) == ("", ())


def options(**given: str) -> argparse.Namespace:
    """The options of the command, as the parser makes them."""
    parser = argparse.ArgumentParser()
    wayscommand.add(parser, lambda _: Config())
    return parser.parse_args([word for name, value in given.items() for word in (f"--{name}", value)])


async def listing(config: Config, **given: str) -> tuple[int, str, str]:
    """Exit code and what the command says."""
    out, err = io.StringIO(), io.StringIO()
    code = await wayscommand.run(config, options(**given), out=out, err=err)
    return code, out.getvalue(), err.getvalue()


async def test_the_listing() -> None:
    """As text and as JSON: all machines with rule and note, or those of one way; the sums are always of all."""
    async with lab(size=SIZE) as vc:
        config = Config(vcenters=(replace(vc.vcenter, timeouts=Timeouts()),), ways=(OWN,))
        code, text, said = await listing(config, way="terraform")
        assert (code, said) == (0, "")
        assert [line.split()[:4] for line in text.splitlines()[-4:-1]] == [
            ["terraform", "vm-00011", "vm-1012", "terraform.annotation"],
            ["terraform", "vm-00023", "vm-1024", "terraform.annotation"],
            ["terraform", "vm-00035", "vm-1036", "terraform.annotation"],
        ]
        assert "vCenter vc1: 40 VMs\n" in text
        code, text, _ = await listing(config, format="json")
    whole = json.loads(text)
    (found,) = whole["vcenters"]
    assert (code, whole["failed"], found["name"], len(found["vms"])) == (0, {}, "vc1", 40)
    assert Counter(one["way"] for one in found["vms"]) == {
        way: sums["vms"] for way, sums in found["ways"].items() if sums["vms"]
    }
    assert whole["shares"]["nova"] == 0.6
    mine = next(one for one in found["vms"] if one["way"] == "packer")
    assert mine == {
        "moid": "vm-1028",
        "name": "vm-00027",
        "path": "/DC0/vm/vm-00027",
        "way": "packer",
        "rule": "ways[0]",
        "note": "",
    }


async def test_a_way_that_there_is_not() -> None:
    """A wrong word is said before anybody is asked; so is a configuration without vCenters."""
    with pytest.raises(ConfigError, match="--way: there is no such way; use one of: ansible, "):
        await listing(Config(vcenters=(of_none(),)), way="puppet")
    with pytest.raises(ConfigError, match="names no vCenter"):
        await listing(Config())


def of_none() -> Any:
    """A vCenter that does not answer."""
    from exporter.config import Secret, VCenter  # noqa: PLC0415

    return VCenter("vc1", "http://127.0.0.1:1/sdk", "u", Secret("p"), timeouts=Timeouts(0.5, 0.5, 1.0))


async def test_a_vcenter_that_fails() -> None:
    """It is named with the reason, and the exit code is 1."""
    code, text, said = await listing(Config(vcenters=(of_none(),)))
    assert (code, text) == (1, "")
    assert said.startswith("vCenter vc1: ")


@pytest.mark.external
@pytest.mark.parametrize("flavour", ["classic", "current"])
async def test_a_real_vcenters_marks(flavour: Flavour) -> None:
    """What other clients write - notes, a custom attribute, a manager, a folder - is listed and classed."""
    with start(flavour, "-pool", "1", "-vm", "4") as vcsim:
        async with watching(of_vcsim(vcsim)) as watched:
            before = await watched.until(lambda inventory: inventory.complete)
            noted, attributed, managed, moved = of_kind(before, Kind.VM)[:4]
            client = watched.client
            references = {one.moid: typed.reference(one.type, one.moid) for one in (noted, attributed, managed, moved)}
            spec = vim.vm.ConfigSpec(annotation="Managed by Terraform")
            await client.call(references[noted.moid], "ReconfigVM_Task", spec=spec)
            fields = client.content.customFieldsManager
            field = await client.call(fields, "AddCustomFieldDef", name="managed-by", moType=vim.VirtualMachine)
            await client.call(
                fields, "SetField", entity=references[attributed.moid], key=field.key, value="ansible awx"
            )
            manager = vim.ext.ManagedByInfo(extensionKey="com.vmware.vim.eam", type="cluster-agent")
            await client.call(references[managed.moid], "ReconfigVM_Task", spec=vim.vm.ConfigSpec(managedBy=manager))
            above = typed.reference("Folder", before.parents[moved.moid])
            folder = await client.call(above, "CreateFolder", name="lab")
            await client.call(folder, "MoveIntoFolder_Task", list=[references[moved.moid]])
        rules = (WayRule(way="lab", name="ways[0]", folder="/DC0/vm/lab"),)
        # govmomi's old release does not tell a waiting client of every change, so that all is listed anew.
        async with watching(of_vcsim(vcsim)) as watched:
            after = await watched.until(lambda inventory: inventory.complete)
        found = {one.moid: one.verdict for one in governed("vc1", after, rules=rules, server=lambda _: None).machines}
        assert {moid: found[moid].way for moid in references} == {
            noted.moid: "terraform",
            attributed.moid: "ansible",
            managed.moid: "vsphere",
            moved.moid: "lab",
        }
        assert {verdict.way for moid, verdict in found.items() if moid not in references} == {"hand"}
