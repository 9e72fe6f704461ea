"""Ways and coverage of a simulated cloud and its vCenter, read over their real protocols."""

import io
from dataclasses import replace
from pathlib import Path

from test_clouds import running, sides

from exporter import once, survey
from exporter.clock import Clock
from exporter.coverage.model import Evidence, State
from exporter.coverage.side import coverage_of


async def test_one_survey(tmp_path: Path) -> None:
    """A server that Nova knows is nova by identity; the coverage knows every feature, and what it rests on."""
    async with sides(tmp_path) as both, survey.opened(both.config, lambda *_: None, clock=Clock()) as sources:
        assert await sources.survey() == {}
        (governed,) = sources.ways.governed
        coverage = coverage_of(sources.clouds[0].sides.by_name["coverage"])
    rules = {one.verdict.rule for one in governed.machines if one.verdict.way == "nova"}
    assert rules == {"nova.identity"}
    assert governed.tallies["terraform"].vms > 0
    assert coverage is not None
    items = {item.feature: (item.state, item.evidence) for item in coverage.items}
    assert {feature for feature, (state, _) in items.items() if state is State.UNKNOWN} == set()
    assert items["compute"] == (State.WORKS, Evidence.SEEN)
    assert items["volume_attach"] == (State.WORKS, Evidence.SEEN)
    assert items["resize"] == (State.WORKS, Evidence.API)
    assert items["security_groups"] == (State.WORKS, Evidence.API)
    assert items["zones"] == (State.WORKS, Evidence.API)
    assert items["host_failover"][1] is Evidence.API
    assert items["snapshot"] == (State.WORKS, Evidence.DRIVER)
    assert (coverage.grade, coverage.known) == ("A-", 1.0)


async def test_once_has_them(tmp_path: Path) -> None:
    """One cycle of everything shows both on its page."""
    out, err = io.BytesIO(), io.StringIO()
    async with sides(tmp_path) as both:
        assert await once.run(both.config, out=out, err=err) == 0
    page = out.getvalue().decode()
    assert 'integration_vms{vcenter="vc1",way="nova"}' in page
    assert 'integration_vm_way_info{moid="vm-1008"' in page
    assert 'integration_feature_state{cloud="east",feature="compute",state="works"} 1.0\n' in page
    assert 'integration_coverage_score_ratio{cloud="east"} 0.' in page


async def test_the_running_agent(tmp_path: Path) -> None:
    """Both are on its page, and the ways are gone with the vCenter that is taken out of the configuration."""
    async with sides(tmp_path) as both, running(both.config) as agent:
        await agent.shows('integration_feature_state{cloud="east"')
        await agent.shows('server="')
        await agent.app._rounds._ways.cycle(agent.app.config.ways)
        await agent.shows('integration_vms{vcenter="vc1",way="nova"}')
        await agent.shows('rule="nova.identity"')
        agent.config = replace(both.config, vcenters=())
        await agent.app.reload()
        await agent.app._rounds._ways.cycle(agent.app.config.ways)
        await agent.shows("integration_vms{", shown=False)
