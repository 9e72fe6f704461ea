"""What a vCenter says of its counters, limits and periods, asked of three simulators; and what stands for silence."""

import pytest
from vcenter.asking import CONTENT, Canned, logged_in, model, prop, property_reply, returned, to
from vcenter.tlslab import fault

from exporter.errors import BadReply, Fault, NotAuthenticated
from exporter.model import Counter
from exporter.vcenter import limits
from simulator.model import Model
from simulator.vcenter import serve

LIMIT = limits.MAX_QUERY_METRICS


async def asked_limit(simulated: Model) -> tuple[int | None, int | str | None]:
    """The limit that is used, and what is stated: a number, None, or the name of the error."""
    async with serve(simulated) as server, logged_in(to(server)) as session:
        try:
            stated: int | str | None = await limits.stated_max_query_metrics(session)
        except Fault as error:
            stated = error.name
        except BadReply:
            stated = "BadReply"
        return await limits.max_query_metrics(session), stated


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("64", (64, 64)),
        (1000, (1000, 1000)),
        ("-1", (None, None)),
        ("0", (None, None)),
        ("many", (256, "BadReply")),
    ],
)
async def test_the_limit_of_a_query_is_what_vcenter_states(
    setting: str | int, expected: tuple[int | None, int | str | None]
) -> None:
    """Text or number; -1 is no limit; what is no number is stated by nobody, and vCenter's default is used."""
    simulated = model()
    simulated.settings[LIMIT] = setting
    assert await asked_limit(simulated) == expected


async def test_a_limit_that_is_not_set_or_not_told_is_the_default() -> None:
    """InvalidName without the option, NoPermission without the right to read it: 256 is used, both are told apart."""
    unset, denied = model(), model()
    del unset.settings[LIMIT]
    denied.denied = frozenset({"Global.Settings"})
    assert await asked_limit(unset) == (256, "InvalidName")
    assert await asked_limit(denied) == (256, "NoPermission")


async def test_a_session_that_ended_is_no_default() -> None:
    """NotAuthenticated is the caller's: the default would stay for the whole next session."""
    session = Canned({"QueryOptions": fault("NotAuthenticated", "The session is not authenticated.")})
    with pytest.raises(NotAuthenticated):
        await limits.max_query_metrics(session)


async def test_the_abilities_of_a_vcenter() -> None:
    """The performance manager's id, all counters, and the limit."""
    simulated = model()
    async with serve(simulated) as server, logged_in(to(server)) as session:
        found = await limits.abilities(session)
    assert (found.manager, found.max_query_metrics) == ("PerfMgr", 256)
    assert [counter.id for counter in found.counters] == list(simulated.counters)
    assert found.counters[1] == Counter(
        id=2,
        name="cpu.usage.average",
        unit="percent",
        stats="rate",
        level=1,
        summary="CPU usage as a percentage during the interval",
    )


@pytest.mark.external
@pytest.mark.parametrize("flavour", ["classic", "current"])
async def test_the_simulators_of_govmomi_are_understood(flavour: str, request: pytest.FixtureRequest) -> None:
    """The same counter under the same name, 20 s realtime and 300 s historical samples, whoever wrote the vCenter."""
    async with logged_in(to(request.getfixturevalue(f"vcsim_{flavour}"))) as session:
        counters = {counter.name: counter for counter in await limits.counters(session)}
        usage = counters["cpu.usage.average"]
        assert (usage.unit, usage.stats, usage.level) == ("percent", "rate", 1)
        assert len(counters) > 500
        assert (await limits.statistics_levels(session))[300] == 1
        assert await limits.max_query_metrics(session) == 256


async def test_realtime_samples_have_the_period_that_their_provider_states() -> None:
    """20 s for a host; a cluster has no realtime samples, and where a period is needed it is the usual one."""
    async with serve(model()) as server, logged_in(to(server)) as session:
        assert await limits.stated_refresh_rate(session, "HostSystem", "host-1") == 20
        assert await limits.refresh_rate(session, "HostSystem", "host-1") == 20
        [cluster] = [node.moid for node in server.model.of_kind("ClusterComputeResource")]
        assert await limits.stated_refresh_rate(session, "ClusterComputeResource", cluster) is None
        assert await limits.refresh_rate(session, "ClusterComputeResource", cluster) == 20


@pytest.mark.parametrize(("supported", "rate", "expected"), [("true", 60, 60), ("true", 0, None), ("false", 20, None)])
async def test_a_provider_without_realtime_samples_has_no_period(
    supported: str, rate: int, expected: int | None
) -> None:
    """The rate counts only where samples of the present are supported, and only above zero."""
    summary = (
        f'<returnval><entity type="HostSystem">host-1</entity><currentSupported>{supported}</currentSupported>'
        f"<summarySupported>true</summarySupported><refreshRate>{rate}</refreshRate></returnval>"
    )
    session = Canned({"QueryPerfProviderSummary": returned("QueryPerfProviderSummary", summary)})
    assert await limits.stated_refresh_rate(session, "HostSystem", "host-1") == expected


async def test_statistics_levels_are_those_of_enabled_intervals() -> None:
    """A disabled interval keeps nothing; an interval without a level keeps level 1."""

    def interval(seconds: int, *, enabled: str, level: str) -> str:
        return (
            f"<PerfInterval><key>1</key><samplingPeriod>{seconds}</samplingPeriod><name>n</name><length>86400</length>"
            f"{level}<enabled>{enabled}</enabled></PerfInterval>"
        )

    intervals = (
        interval(300, enabled="true", level="<level>2</level>")
        + interval(1800, enabled="true", level="")
        + interval(7200, enabled="false", level="<level>4</level>")
    )
    session = Canned({"historicalInterval": prop("historicalInterval", "ArrayOfPerfInterval", intervals)})
    assert await limits.statistics_levels(session) == {300: 2, 1800: 1}


async def test_a_property_that_is_withheld_is_a_fault_and_one_that_is_unset_is_none() -> None:
    """The fault is the one that vCenter put in the property's place."""
    async with serve(model()) as server, logged_in(to(server)) as session:
        server.model.denied = frozenset({"System.Read"})
        with pytest.raises(Fault, match="Permission to perform this operation was denied") as raised:
            await limits.statistics_levels(session)
        assert raised.value.name == "NoPermission"
    silent = Canned({"perfCounter": property_reply(""), "historicalInterval": property_reply("")})
    assert await limits.counters(silent) == ()
    assert await limits.statistics_levels(silent) == {}


async def test_a_server_without_a_manager_is_told_by_its_name() -> None:
    """ServiceContent may lack managers: a Fault, not an accident."""
    bare = CONTENT.replace(b'<setting type="OptionManager">om</setting>', b"")
    with pytest.raises(Fault, match="NotSupported: the server has no setting"):
        await limits.stated_max_query_metrics(Canned({}, content=bare))
