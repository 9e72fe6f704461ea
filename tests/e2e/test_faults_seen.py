"""A fault is seen: as an alert in time, on its dashboard, by the one who is to be told; and it is over when it is over.

Every duration of the committed rules and configurations is divided by ``--faults-factor``; `make faults` runs it as the
files are, which takes half an hour, and prints what alerts/README.md quotes.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from externals import BUILD
from faultlab import PUSHED, SLACK, Lab, Life, lab
from paneltargets import dashboards, every_value, filled, targets
from timelapse import promql

from exporter.clock import Clock

BUSY = 0.95
Value = float | None
Wanted = Callable[[Value], bool]
CONSEQUENCES = frozenset({"VsphereHostPathsDown", "VsphereHostStorageLost", "VcenterRequestsFailing"})
"""What fires, too, while the faults last, and must not afterwards."""
TOLD_ALL_THE_SAME = frozenset({"VcenterDown", "VcenterLoginFailing"})
"""What an outage does not keep back (alertmanager.yml, inhibit_rules)."""


def is_(value: float) -> Wanted:
    """Exactly this."""
    return lambda found: found == value


def absent(found: Value) -> bool:
    """No series."""
    return found is None


def calm(found: Value) -> bool:
    """A host's CPU below the threshold, or not among the busiest."""
    return found is None or found < 0.8


def some(found: Value) -> bool:
    """More than nothing."""
    return found is not None and found > 0


def none(found: Value) -> bool:
    """Nothing, or no series."""
    return not found


def anything(_: Value) -> bool:
    """Whatever: an increase over an hour is there for an hour."""
    return True


@dataclass(frozen=True, slots=True)
class Sight:
    """A query of a panel, one series of its answer, and what that has to be before, during and after the fault."""

    target: str
    before: Wanted
    during: Wanted
    after: Wanted
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, the alert that tells it, and its sights. ``shown`` is the seconds until the agent's page says so.

    ``over`` is the same for the end; None where the alert ends by itself, ``lasts`` after it began. ``receiver`` is who
    is told: None where ``behind`` tells it already.
    """

    fault: str
    alert: str
    labels: Mapping[str, str]
    shown: float
    over: float | None
    sights: tuple[Sight, ...]
    receiver: str | None = None
    behind: str = ""
    lasts: float = 0.0


@dataclass(slots=True)
class Seen:
    """When, in seconds since the fault: the alert, the first who was told; since the fault's end: its end."""

    case: Case
    life: Life | None
    fired: float | None = None
    told: float | None = None
    resolved: float | None = None
    relieved: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What is to break: a host of each vCenter, and two datastores of the first."""

    host: str
    other: str
    store: str
    second: str


def cases(run: Lab, place: Place) -> tuple[Case, ...]:
    """All of them."""
    pace = run.pace
    busy = pace.samples + pace(300)  # the mean over 5 minutes crosses the threshold within them
    host, store = {"host": place.host}, {"datastore": place.store}
    lost = (
        Sight("storage: Datastores lost (A)", is_(0), is_(1), is_(0)),
        Sight("overview: Datastores lost (A)", is_(0), is_(1), is_(0)),
        Sight("storage: Which datastores are reachable? (A)", is_(1), is_(0), is_(1), {"vcenter": "a", **store}),
        Sight("storage: Which hosts have lost a datastore? (A)", absent, is_(0), absent, {**host, **store}),
    )
    return (
        Case(
            fault="host's CPU at 95 %",
            alert="VsphereHostCpuHigh",
            labels={"vcenter": "a", **host},
            shown=busy,
            over=busy,
            receiver="tickets",
            sights=(
                Sight(
                    "vcenter: How busy is the CPU of each host? (A)", calm, is_(BUSY), calm, {"vcenter": "a", **host}
                ),
                Sight("overview: Which hosts are the busiest? (A)", calm, is_(BUSY), calm, {"vcenter": "a", **host}),
                Sight("vcenter: CPU above limit (A)", anything, some, anything),
            ),
        ),
        Case(
            fault="datastore with VMs lost",
            alert="VsphereDatastoreDisconnectedWithVms",
            labels={"vcenter": "a", **store},
            shown=PUSHED,
            over=PUSHED,
            receiver="storage-oncall",
            sights=lost,
        ),
        Case(
            fault="datastore with VMs lost",
            alert="VsphereDatastoreInaccessible",
            labels={"vcenter": "a", **store},
            shown=PUSHED,
            over=PUSHED,
            behind="VsphereDatastoreDisconnectedWithVms",
            sights=lost,
        ),
        Case(
            fault="datastore lost by one host",
            alert="VsphereDatastoreLostByHost",
            labels={"vcenter": "a", **host, "datastore": place.second},
            shown=PUSHED,
            over=PUSHED,
            receiver="storage-oncall",
            sights=(
                Sight("storage: Mounts lost (A)", is_(0), some, is_(0)),
                Sight(
                    "storage: Which hosts have lost a datastore? (A)",
                    *(absent, is_(0), absent),
                    {**host, "datastore": place.second},
                ),
            ),
        ),
        Case(
            fault="power-off hung in vCenter's task",
            alert="NovaVmwareTaskTimeout",
            labels={"cloud": "a", "operation": "power_off", "cause": "vcenter_running"},
            shown=pace.limit + pace.cloud,
            over=None,
            lasts=pace(600),
            receiver="tickets",
            sights=(
                Sight("tasks: In flight (A)", none, is_(1), none),
                Sight("tasks: Oldest (A)", is_(0), some, is_(0)),
                Sight("tasks: Timeouts, 1 h (A)", none, some, anything),
                Sight(
                    "overview: How many operations are in flight? (A)",
                    *(none, is_(1), none),
                    {"operation": "power_off"},
                ),
            ),
        ),
    )


def outage(run: Lab) -> Case:
    """The one that is ordered when all others are seen."""
    return Case(
        fault="vCenter down",
        alert="VcenterDown",
        labels={"vcenter": "b"},
        shown=run.pace.cycle,
        over=run.pace.cycle + PUSHED,
        receiver="api-oncall",
        sights=(
            Sight("overview: vCenters down (A)", is_(0), is_(1), is_(0)),
            Sight("vcenter: vCenters down (A)", is_(0), is_(1), is_(0)),
            Sight("overview: Which sides do not answer? (A)", is_(1), is_(0), is_(1), {"vcenter": "b"}),
            Sight("agent: When was each source read? (A)", is_(1), is_(0), is_(1), {"vcenter": "b"}),
        ),
    )


class Panels:
    """What the committed dashboards ask, with all variables at All and durations divided."""

    def __init__(self, run: Lab) -> None:
        self._run = run
        factor, scrape = run.pace.factor, run.stated.scrape
        windows = {"$__rate_interval": f"{round(4000 * scrape)}ms", "$__range": "1h"}
        every = {name: {**every_value(content), **windows} for name, content in dashboards().items()}
        self._queries = {one.name: filled(promql(one.expr, factor), every[one.dashboard]) for one in targets()}

    async def value(self, sight: Sight) -> Value:
        """The one series of the answer that has the sight's labels; None where there is none."""
        found = await self._run.ask(self._queries[sight.target])
        values = [value for labels, value in found if sight.labels.items() <= labels.items()]
        assert len(values) < 2, (sight.target, found)
        return values[0] if values else None

    async def wrong(self, case: Case, when: str) -> list[str]:
        """The sights that are not as they have to be: ``before``, ``during``, ``after``."""
        told = {one.target: (one, await self.value(one)) for one in case.sights}
        alerts = Sight(
            "overview: Which alerts fire? (A)", absent, is_(1), absent, {**case.labels, "alertname": case.alert}
        )
        told[alerts.target] = (alerts, await self.value(alerts) if case.alert != "NovaVmwareTaskTimeout" else None)
        if case.alert == "NovaVmwareTaskTimeout":
            del told[alerts.target]  # the table is not by operation
        return [f"{name} {when}: {value}" for name, (one, value) in told.items() if not getattr(one, when)(value)]


async def find(run: Lab) -> Place:
    """The least busy host of each vCenter that is in use, and two VMFS datastores, one of them with machines."""
    busy = (
        'vsphere_host_cpu_usage_average_ratio{device=""} '
        'and on (vcenter, moid) vsphere_host_connection_state{state="connected"} == 1 '
        "unless on (vcenter, moid) vsphere_host_maintenance_mode == 1"
    )
    hosts = sorted((value, labels["vcenter"], labels["host"]) for labels, value in await run.until(busy))
    calmest = {vcenter: host for _, vcenter, host in reversed(hosts)}
    mounted = f'count by (datastore) (vsphere_datastore_mount_accessible{{vcenter="a", host="{calmest["a"]}"}} == 1)'
    block = f'{mounted} and on (datastore) count by (datastore) (vsphere_vm_disk_info{{vcenter="a"}})'
    store, second, *_ = sorted(labels["datastore"] for labels, _ in await run.until(block))
    return Place(calmest["a"], calmest["b"], store, second)


async def break_all(run: Lab, place: Place) -> None:
    """Everything but the outage."""
    assert await run.order(run.a, kind="host_load", host=place.host, ratio=BUSY)
    assert await run.order(run.b, kind="host_load", host=place.other, ratio=BUSY)
    assert await run.order(run.a, kind="datastore", name=place.store, accessible=False)
    assert await run.order(run.a, kind="datastore", name=place.second, accessible=False, hosts=[place.host])
    assert await run.order(run.a, kind="task_hang", operation="VirtualMachine.powerOff", state="running")
    machines = await run.ask('vsphere_vm_info{vcenter="a"}')
    for labels, _ in machines:
        if await run.order(run.a, kind="operate", action="stop", server=labels["instance_uuid"]):
            return
    raise AssertionError("no server of the cloud can be stopped")


async def begun(run: Lab, panels: Panels, case: Case, since: float) -> Seen:
    """Waits for the alert, looks at its panels, and waits until its receiver was told."""
    limit = run.stated.fires(case.alert, case.shown)

    def fires() -> Life | None:
        return next((one for one in run.alerts(alertname=case.alert, **case.labels) if one.since >= since), None)

    life = await run.reached(fires, within=limit, since=since)
    assert life, f"{case.alert} does not fire within {limit:g} s of: {case.fault}"
    assert await panels.wrong(case, "during") == []
    seen = Seen(case, life, fired=life.since - since)
    if case.receiver is None:
        return seen

    def told() -> float | None:
        found = run.notifications(firing=True, alertname=case.alert, **case.labels)
        return next((one.at for one in found if one.receiver == case.receiver and one.at >= since), None)

    wait = run.stated.told(case.receiver)
    at = await run.reached(told, within=wait, since=life.since)
    assert at, f"{case.receiver} is not told of {case.alert} within {wait:g} s"
    seen.told = at - since
    return seen


async def ended(run: Lab, seen: Seen, since: float) -> None:
    """Waits until the alert is over, and its receiver was told."""
    case, life = seen.case, seen.life
    assert life is not None
    if case.over is None:
        begin, limit = life.since, run.stated.resolves(case.alert, case.lasts)
    else:
        begin, limit = since, run.stated.resolves(case.alert, case.over)
    until = await run.reached(lambda: life.until, within=limit, since=begin)
    assert until, f"{case.alert} fires still, {limit:g} s after the end of: {case.fault}"
    seen.resolved = until - begin
    if case.receiver is None:
        return

    def relieved() -> float | None:
        found = run.notifications(firing=False, alertname=case.alert, **case.labels)
        return next((one.at for one in found if one.receiver == case.receiver and one.at >= until - SLACK), None)

    wait = run.stated.told(case.receiver)
    at = await run.reached(relieved, within=wait, since=until)
    assert at, f"{case.receiver} is not told of the end of {case.alert} within {wait:g} s"
    seen.relieved = at - begin


def check_inhibition(run: Lab, seen: list[Seen], place: Place, *, down: Seen, end: float) -> None:
    """What is behind another alert is kept back, by that one, and nobody was told of it; the rest is not."""
    lives = {one.case.alert: one.life for one in seen if one.life}
    for one in (each for each in seen if each.case.behind and each.life):
        assert one.life is not None
        front = lives[one.case.behind]
        assert front is not None
        assert one.life.inhibitors == {front.labels["fingerprint"]}
        assert not run.notifications(firing=True, alertname=one.case.alert, **one.case.labels)
    assert down.life is not None
    assert down.told is not None
    hot = run.alerts(alertname="VsphereHostCpuHigh", vcenter="b", host=place.other)[0]
    assert hot.active, "before the outage it was an alert as any other"
    assert down.life.labels["fingerprint"] in hot.inhibitors
    assert all(one.life.active for one in seen if one.case.receiver and one.life)
    began = down.life.since + SLACK / 2  # an alert and those that it keeps back come in one and the same batch
    late = [one for one in run.notifications(firing=True, vcenter="b") if began < one.at < end]
    assert {one.labels["alertname"] for one in late} <= TOLD_ALL_THE_SAME


def table(run: Lab, seen: list[Seen]) -> str:
    """What was promised and what was, in Markdown; seconds."""
    rows = [
        "| fault | alert | fires within | fired after | told after | over within | over after |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in seen:
        case = one.case
        fires = run.stated.fires(case.alert, case.shown)
        over = run.stated.resolves(case.alert, case.lasts if case.over is None else case.over)
        told = f"{one.told:.0f} s ({case.receiver})" if one.told else f"kept back by {case.behind}"
        began, ended = f"{fires:.0f} s | {one.fired:.0f} s | {told}", f"{over:.0f} s | {one.resolved:.0f} s"
        rows.append(f"| {case.fault} | {case.alert} | {began} | {ended} |")
    return "\n".join(rows) + "\n"


@pytest.mark.external
@pytest.mark.timeout(3600)
async def test_faults_are_seen(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each fault fires its alert in time, shows on its dashboard, tells its receiver; and its end does, too."""
    factor = request.config.getoption("--faults-factor")
    async with lab(tmp_path, factor) as run:
        panels, place = Panels(run), await find(run)
        wanted, down = cases(run, place), outage(run)
        await asyncio.sleep(3 * run.stated.scrape)
        for case in (*wanted, down):
            assert await panels.wrong(case, "before") == []
        since = Clock().now()
        await break_all(run, place)
        seen = list(await asyncio.gather(*(begun(run, panels, case, since) for case in wanted)))
        busy = run.stated.fires("VsphereHostCpuHigh", wanted[0].shown)
        assert await run.reached(
            lambda: run.alerts(alertname="VsphereHostCpuHigh", vcenter="b"), within=busy, since=since
        )
        failed = Clock().now()
        assert await run.order(run.b, kind="outage")
        seen.append(await begun(run, panels, down, failed))
        await asyncio.sleep(SLACK)
        end = Clock().now()
        await run.end(run.a)
        await run.end(run.b)
        check_inhibition(run, seen, place, down=seen[-1], end=end)
        await asyncio.gather(*(ended(run, one, end) for one in seen))
        wrong = [await panels.wrong(one.case, "after") for one in seen]
        assert [each for each in wrong if each] == []
        left = {one.labels["alertname"] for one in run.lives if one.until is None and one.since >= since}
        assert not left & (CONSEQUENCES | {case.alert for case in wanted} | {down.alert})
        (BUILD / f"faults-{factor:g}.md").write_text(table(run, seen), encoding="utf-8")
