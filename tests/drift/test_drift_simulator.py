"""Mapping drift against our simulator: the whole output of the command, orders over HTTP, and the running side."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from test_clouds import running, sides

from exporter import driftcommand
from exporter.cli import main
from exporter.config import CloudMapping, Config, MappedBackend, MappedCluster, Secret
from exporter.errors import ConfigError
from simulator import mapping
from simulator.model import Model

MAPPING = CloudMapping(
    physical_networks={"physnet1": ("DSwitch0 DC0",)},
    clusters=(MappedCluster("Cluster0", "ds-00-[0-2]"),),
    cinder_backends=(MappedBackend("vmdk", datastores=("ds-00-1",)),),
)


@dataclass(frozen=True)
class Mapped:
    """A cloud with a mapping that fits, and its vCenter."""

    model: Model
    config: Config

    async def drift(self, form: str = "text") -> tuple[int, str, str]:
        """Exit code, output and errors of the command."""
        out, err = io.StringIO(), io.StringIO()
        code = await driftcommand.run(self.config, form=form, out=out, err=err)
        return code, out.getvalue(), err.getvalue()


@asynccontextmanager
async def mapped(state: Path, mapping: CloudMapping = MAPPING) -> AsyncIterator[Mapped]:
    """Both sides."""
    async with sides(state) as both:
        cloud = replace(both.config.clouds[0], mapping=mapping)
        yield Mapped(both.cloud.model, replace(both.config, clouds=(cloud,)))


async def test_what_fits(tmp_path: Path) -> None:
    """The whole output where nothing is wrong."""
    async with mapped(tmp_path) as found:
        assert await found.drift() == (0, "cloud east: 0 errors, 0 warnings, 0 notes\n", "")


@pytest.mark.parametrize("form", ["text", "json"])
async def test_what_people_do_to_a_vcenter(tmp_path: Path, form: str, golden: Callable[[str, str], None]) -> None:
    """Each order of the simulator is a drift: the whole output, gravest first."""
    async with mapped(tmp_path) as found:
        mapping.happen(found.model, "vlan", name="DC0-vlan101%2fs0", to="42")
        mapping.happen(found.model, "rename_portgroup", name="DC0-vlan102%2fs0", to="spare")
        mapping.happen(found.model, "mtu")
        mapping.happen(found.model, "detach_host")
        mapping.happen(found.model, "pull_cables", to="esx-00-001.example.org")
        mapping.happen(found.model, "remove_datastore", name="ds-00-1")
        mapping.happen(found.model, "rename_cluster", to="Cluster9")
        code, text, errors = await found.drift(form)
    assert (code, errors) == (10, "")
    golden(f"drift.{'txt' if form == 'text' else form}", text)


async def test_a_vcenter_that_refuses_the_login(tmp_path: Path) -> None:
    """Exit 1 and why: the list is not whole. Nothing of that vCenter is a drift."""
    async with mapped(tmp_path) as found:
        vcenter = replace(found.config.vcenters[0], password=Secret("wrong"))
        broken = Mapped(found.model, replace(found.config, vcenters=(vcenter,)))
        code, text, errors = await broken.drift("json")
    (cloud,) = json.loads(text)["clouds"]
    assert (code, cloud["findings"], cloud["drifted"]) == (1, [], False)
    assert errors.startswith("vCenter vc1: ")
    assert {one["reason"] for one in cloud["unchecked"]} >= {"vCenter vc1 is not listed now"}


async def test_without_a_cloud_there_is_nothing_to_compare(tmp_path: Path) -> None:
    """That is a mistake in the configuration."""
    async with mapped(tmp_path) as found:
        with pytest.raises(ConfigError, match="names no cloud"):
            await Mapped(found.model, replace(found.config, clouds=())).drift()


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``novacenter drift`` is there, and says what is wrong with its configuration."""
    assert main(["drift", "--config", str(tmp_path / "none.yml")]) == 2
    assert "none.yml" in capsys.readouterr().err


async def test_the_running_agent_sees_a_change_within_one_cycle(tmp_path: Path) -> None:
    """A switch is renamed and gets its name back: the series and the status page follow without any other word."""
    line = 'integration_mapping_findings{cloud="east",kind="switch_missing",vcenter="vc1"} '
    async with mapped(tmp_path) as found, running(found.config) as agent, asyncio.timeout(90):
        await agent.shows(f"{line}0")
        mapping.happen(found.model, "rename_switch", to="old")
        await agent.shows(f"{line}1")
        assert [
            words for words in agent.app.status().findings if words.startswith("switch missing: physnet1 (vc1, east)")
        ]
        mapping.happen(found.model, "rename_switch", name="old", to="DSwitch0 DC0")
        await agent.shows(f"{line}0")
