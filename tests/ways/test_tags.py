"""Ways by vSphere tags: read from a real Automation API, kept when it fails, never guessed where they were not read."""

import argparse
import base64
import io
import json
import ssl
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pollerlab import Lab, lab
from vcenter.inventorylab import of_kind, of_vcsim, watching
from vcsimulator import Flavour, Vcsim, start

from exporter import wayscommand
from exporter.clock import Clock
from exporter.config import Config
from exporter.errors import SourceError, TimedOut
from exporter.identity import Identity
from exporter.model import Kind
from exporter.poller import Poller
from exporter.vcenter.tagtalk import TagsRead, TagTalk
from exporter.wayrule import WayRule
from exporter.ways.service import Ways
from exporter.ways.tagbook import PERIOD
from simulator.inventory import Size

RULE = WayRule(way="packer", name="ways[0]", tag="Made by/packer")
CATEGORY = {"name": "made by", "description": "", "cardinality": "MULTIPLE", "associable_types": []}


class Told(TagTalk):
    """Tags that a test says; None of them is a failure. Counts the readings."""

    def __init__(self, poller: Poller) -> None:
        super().__init__(poller._transport, poller.vcenter)
        self.said: TagsRead | None = None
        self.readings = 0
        poller.tag_talk = self

    async def read(self, moids: Sequence[str]) -> TagsRead:
        """What the test says, of the machines that it speaks of."""
        self.readings += 1
        assert all(moid.startswith("vm-") for moid in moids)
        if self.said is None:
            raise TimedOut("no answer")
        return self.said


def ways_of(vc: Lab, pages: list[str]) -> Ways:
    """The service over one poller."""
    clock = Clock(now=vc.hands, monotonic=vc.hands)
    identity = Identity(clock=clock, publish=lambda *_: None, vcenters=lambda: {"vc1": vc.poller})

    def publish(_: str, __: str, families: Any, ___: Any) -> None:
        pages.append(b"".join(families.values()).decode())

    return Ways(clock=clock, publish=publish, vcenters=lambda: {"vc1": vc.poller}, identity=identity)


def found(ways: Ways) -> dict[str, int]:
    """The number of machines by way, of those that have any."""
    (governed,) = ways.governed
    return {way: tally.vms for way, tally in governed.tallies.items() if tally.vms}


async def test_tags_come_stay_and_change(caplog: pytest.LogCaptureFixture) -> None:
    """Never read, all are unknown; read, the tag decides; a failure keeps them and is said once; they are read anew
    after the period; a machine that is newer than the reading is unknown."""
    pages: list[str] = []
    async with lab(size=Size(hosts=2, vms=4), tags=True) as vc:
        ways, told = ways_of(vc, pages), Told(vc.poller)

        async def look(*rules: WayRule, seconds: float = PERIOD) -> dict[str, int]:
            vc.hands.seconds += seconds
            vc.poller.since = vc.hands.seconds
            await ways.book.cycle(rules)
            await ways.cycle(rules)
            return found(ways)

        without = await look()
        assert (told.readings, "unknown" in without) == (0, False)
        assert await look(RULE) == {"unknown": 4}
        assert await look(RULE) == {"unknown": 4}
        assert str(ways.book.errors["vc1"]) == "no answer"
        assert [one.message for one in caplog.records if one.name == "novacenter.ways"] == [
            "vCenter vc1: tags: no answer"
        ]
        moids = [one.moid for one in ways.governed[0].machines]
        told.said = {**dict.fromkeys(moids, ()), moids[0]: ("made by/packer", "x/y")}
        assert await look(RULE, seconds=PERIOD / 2) == {"unknown": 4}
        assert (await look(RULE, seconds=PERIOD / 2))["packer"] == 1
        assert ways.book.errors == {}
        assert f'moid="{moids[0]}",rule="ways[0]"' in pages[-1]
        told.said = None
        assert (await look(RULE))["packer"] == 1
        assert list(ways.book.errors) == ["vc1"]
        told.said = dict.fromkeys(moids[1:], ())
        assert (await look(RULE))["unknown"] == 1
        told.said = dict.fromkeys(moids, ())
        assert await look(RULE) == without


async def test_a_vcenter_without_tags() -> None:
    """Where they are not to be read nothing is asked, and no rule that asks for one is met."""
    async with lab(size=Size(hosts=2, vms=4)) as vc:
        ways, told = ways_of(vc, []), Told(vc.poller)
        await ways.book.cycle((RULE,))
        await ways.cycle((RULE,))
        assert (told.readings, "unknown" in found(ways), "packer" in found(ways)) == (0, False, False)


async def test_a_server_without_the_api() -> None:
    """The failure is told in one sentence, counted, and leaves the vCenter up."""
    async with lab(size=Size(hosts=2, vms=4), tags=True) as vc:
        ways = ways_of(vc, [])
        await ways.book.cycle((RULE,))
        error: SourceError = ways.book.errors["vc1"]
        assert str(error).startswith("vCenter vc1: no Automation API, neither /api/session nor /rest/")
        assert vc.value("novacenter_requests_total", operation="CreateSession", outcome="bad_reply") == 2
        await vc.cycle()
        assert vc.poller.health is not None
        assert vc.poller.health.up


class Rest:
    """Another client of a real simulator's Automation API, in its old form."""

    def __init__(self, vcsim: Vcsim) -> None:
        self._base = vcsim.url.removesuffix("/sdk") + "/rest/com/vmware/cis/"
        self._context = ssl.create_default_context(cadata=vcsim.certificate)
        login = base64.b64encode(f"{vcsim.user}:{vcsim.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        self._headers = {"vmware-api-session-id": self.post("session"), "Content-Type": "application/json"}

    def post(self, path: str, **body: object) -> Any:
        """The value of what is answered."""
        request = urllib.request.Request(  # noqa: S310 - our own child
            self._base + path, json.dumps(body).encode() if body else None, self._headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10, context=self._context) as reply:  # noqa: S310
            return (json.loads(reply.read() or b"{}") or {}).get("value")


async def listing(config: Config) -> tuple[int, dict[str, Any], str]:
    """Exit code, what `novacenter ways --format json` says, and what it says of failures."""
    parser = argparse.ArgumentParser()
    wayscommand.add(parser, lambda _: Config())
    out, err = io.StringIO(), io.StringIO()
    code = await wayscommand.run(config, parser.parse_args(["--format", "json"]), out=out, err=err)
    return code, json.loads(out.getvalue()), err.getvalue()


@pytest.mark.external
@pytest.mark.parametrize("flavour", ["classic", "current"])
async def test_a_real_vcenters_tags(flavour: Flavour) -> None:
    """A category and a tag that another client makes and attaches: the listing has the VM in the way of the tag."""
    with start(flavour, "-pool", "1", "-vm", "2") as vcsim:
        async with watching(of_vcsim(vcsim)) as watched:
            before = await watched.until(lambda inventory: inventory.complete)
            tagged, *others = of_kind(before, Kind.VM)
        rest = Rest(vcsim)
        category = rest.post("tagging/category", create_spec=CATEGORY)
        spec = {"name": "Packer", "description": "", "category_id": category}
        tag = rest.post("tagging/tag", create_spec=spec)
        thing = {"id": tagged.moid, "type": "VirtualMachine"}
        rest.post(f"tagging/tag-association/id:{tag}?~action=attach", object_id=thing)
        config = Config(vcenters=(replace(of_vcsim(vcsim), tags=True),), ways=(RULE,))
        code, whole, said = await listing(config)
        assert (code, whole["failed"], said) == (0, {}, "")
        assert {one["moid"]: (one["way"], one["rule"]) for one in whole["vcenters"][0]["vms"]} == {
            tagged.moid: ("packer", "ways[0]"),
            **{one.moid: ("hand", "none") for one in others},
        }


async def test_the_listing_says_that_tags_failed() -> None:
    """The machines are listed as unknown with the reason, the failure is said, and the exit code is 1."""
    async with lab(size=Size(hosts=2, vms=2), tags=True) as vc:
        code, whole, said = await listing(Config(vcenters=(vc.vcenter,), ways=(RULE,)))
    assert code == 1
    assert said.startswith("tags of vCenter vc1: vCenter vc1: no Automation API, ")
    assert list(whole["failed"]) == ["tags of vCenter vc1"]
    assert {(one["way"], one["note"]) for one in whole["vcenters"][0]["vms"]} == {
        ("unknown", "its tags were not read, which decide ways[0]")
    }
