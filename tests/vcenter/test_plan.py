"""Entities and counters become requests: each entity once, within the limits, and the same text as long as possible."""

from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pyVmomi import vim

from exporter.model import Counter, Kind
from exporter.vcenter import plan, typed
from exporter.vcenter.plan import MAX_XML_ELEMENTS, Batch, Limits, Question, Target

VIM = "{urn:vim25}"


def question(count: int = 3, **more: object) -> Question:
    """A realtime question for so many counters."""
    counters = tuple(Counter(n, f"cpu.c{n}.average", "number", "rate", 1, "") for n in range(1, count + 1))
    return replace(Question("PerfMgr", Kind.VM, counters, instances=True, interval=20, newest=1), **more)


def targets(count: int, **more: object) -> list[Target]:
    """So many VMs."""
    return [Target("VirtualMachine", f"vm-{n}", **more) for n in range(count)]


def wanted(*numbers: int) -> dict[str, str]:
    """VMs by number."""
    return {f"vm-{n}": "VirtualMachine" for n in numbers}


def specs(batch: Batch) -> list[ET.Element]:
    """The querySpec elements of a request."""
    return ET.fromstring(batch.request).findall(f".//{VIM}querySpec")


def described(spec: ET.Element) -> list[tuple[str, str]]:
    """Path and text of each leaf of a querySpec, in order."""
    return [
        ("/".join(part.tag.removeprefix(VIM) for part in path), path[-1].text or "")
        for path in _paths(spec)
        if not len(path[-1])
    ]


def _paths(element: ET.Element) -> list[list[ET.Element]]:
    return [[child, *rest] for child in element for rest in ([], *_paths(child))]


def test_a_request_for_the_newest_sample() -> None:
    """The querySpec's parts in the order of the API's schema, the entity with its type, csv."""
    [spec, other] = specs(plan.batch(question(2), targets(2)))
    assert described(spec) == [
        ("entity", "vm-0"),
        ("maxSample", "1"),
        ("metricId/counterId", "1"),
        ("metricId/instance", "*"),
        ("metricId/counterId", "2"),
        ("metricId/instance", "*"),
        ("intervalId", "20"),
        ("format", "csv"),
    ]
    assert other.find(f"{VIM}entity").attrib == {"type": "VirtualMachine"}


def test_a_request_for_a_window() -> None:
    """Both ends in UTC in place of maxSample; aggregates alone where instances are not wanted."""
    asked = question(1, instances=False, interval=300, newest=None)
    [spec] = specs(plan.batch(asked, targets(1, start=1_700_000_000, end=1_700_003_600)))
    assert described(spec) == [
        ("entity", "vm-0"),
        ("startTime", "2023-11-14T22:13:20Z"),
        ("endTime", "2023-11-14T23:13:20Z"),
        ("metricId/counterId", "1"),
        ("metricId/instance", ""),
        ("intervalId", "300"),
        ("format", "csv"),
    ]


@pytest.mark.parametrize("end", [1_700_000_000, 1_699_999_999])
def test_a_window_that_holds_no_time_cannot_be_asked(end: int) -> None:
    """vCenter refuses startTime >= endTime for the whole batch, so such a target does not come into being."""
    with pytest.raises(ValueError, match="vm-7"):
        Target("VirtualMachine", "vm-7", 1_700_000_000, end)


@pytest.mark.parametrize("window", [False, True])
def test_pyvmomi_would_ask_the_same(window: bool) -> None:
    """pyVmomi, given the same query, writes the same elements with the same texts in the same order."""
    asked = question(2, newest=None if window else 1)
    span = {"start": 1_700_000_000, "end": 1_700_000_060} if window else {}
    theirs = vim.PerformanceManager.QuerySpec(
        entity=typed.reference("VirtualMachine", "vm-0"),
        maxSample=None if window else 1,
        startTime=datetime.fromtimestamp(1_700_000_000, UTC) if window else None,
        endTime=datetime.fromtimestamp(1_700_000_060, UTC) if window else None,
        metricId=[vim.PerformanceManager.MetricId(counterId=n, instance="*") for n in (1, 2)],
        intervalId=20,
        format="csv",
    )
    request = typed.request(typed.reference("PerformanceManager", "PerfMgr"), "QueryPerf", querySpec=[theirs])
    [expected] = ET.fromstring(request).findall(f".//{VIM}querySpec")
    [spec] = specs(plan.batch(asked, targets(1, **span)))
    assert [(path, text.replace("+00:00", "Z")) for path, text in described(expected)] == described(spec)


def test_names_from_outside_cannot_break_the_request() -> None:
    """Ids and the manager's id are escaped."""
    batch = plan.batch(question(manager="Perf<&>Mgr"), [Target("VirtualMachine", "</entity>&{0}")])
    assert described(specs(batch)[0])[0] == ("entity", "</entity>&{0}")
    assert ET.fromstring(batch.request).find(f".//{VIM}_this").text == "Perf<&>Mgr"


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 40), entities=st.integers(1, 20), windows=st.booleans())
def test_elements_are_counted_as_they_are(count: int, entities: int, windows: bool) -> None:
    """``Question.elements`` is what one entity adds to the XML, with a window and with maxSample."""
    asked = question(count, newest=None if windows else 1)
    span = {"start": 0, "end": 20} if windows else {}
    batch = plan.batch(asked, targets(entities, **span))
    inside = sum(len(list(spec.iter())) for spec in specs(batch))
    assert inside == entities * asked.elements


@pytest.mark.parametrize("count", [1, 20, 200, 560])
def test_the_largest_batch_is_below_the_500000_elements_of_vcenter(count: int) -> None:
    """Whatever the limits allow, the whole document stays below vCenter's limit."""
    asked = question(count)
    room = Limits(entities=10**9).room(asked)
    document = 5 + room * asked.elements
    assert MAX_XML_ELEMENTS - asked.elements < document < 500_000


@settings(deadline=None)
@given(
    entities=st.integers(1, 200),
    pairs=st.one_of(st.none(), st.integers(0, 2000)),
    count=st.integers(1, 20),
    number=st.integers(0, 300),
)
def test_a_plan_holds_each_entity_once_within_the_limits(
    entities: int, pairs: int | None, count: int, number: int
) -> None:
    """No batch has more entities or pairs than allowed, unless it holds a single entity; none is needless."""
    limits = Limits(entities, pairs)
    batches = plan.replan((), question=question(count), wanted=wanted(*range(number)), limits=limits)
    assert [target.moid for batch in batches for target in batch.targets] == list(wanted(*range(number)))
    assert all(len(batch.targets) <= entities for batch in batches)
    assert all(batch.pairs <= (pairs or 0) or len(batch.targets) == 1 for batch in batches if pairs is not None)
    assert all(len(batch.targets) == limits.room(question(count)) for batch in batches[:-1])
    assert all(specs(batch) for batch in batches[:1])


class _Plans(RuleBasedStateMachine):
    """Entities come and go, limits and counters change: a plan is always whole, and as much of the old as possible."""

    @initialize()
    def start(self) -> None:
        self.batches: tuple[Batch, ...] = ()
        self.wanted: dict[str, str] = {}
        self.question = question(2)
        self.limits = Limits(entities=4)

    @rule(numbers=st.sets(st.integers(0, 40), max_size=12))
    def come(self, numbers: set[int]) -> None:
        self.wanted |= wanted(*numbers)

    @rule(numbers=st.sets(st.integers(0, 40), max_size=12))
    def go(self, numbers: set[int]) -> None:
        self.wanted = {moid: kind for moid, kind in self.wanted.items() if moid not in wanted(*numbers)}

    @rule(number=st.integers(0, 40))
    def become_another_type(self, number: int) -> None:
        if f"vm-{number}" in self.wanted:
            self.wanted[f"vm-{number}"] = "HostSystem"

    @rule(entities=st.sampled_from([2, 4, 8]))
    def pace(self, entities: int) -> None:
        self.limits = Limits(entities=entities)

    @rule(count=st.integers(1, 3))
    def ask(self, count: int) -> None:
        self.question = question(count)

    @invariant()
    def planned(self) -> None:
        old, room = self.batches, self.limits.entities
        new = plan.replan(old, question=self.question, wanted=dict(self.wanted), limits=self.limits)
        found = [(target.moid, target.type) for batch in new for target in batch.targets]
        assert sorted(found) == sorted(self.wanted.items())
        assert all(0 < len(batch.targets) <= room and batch.question == self.question for batch in new)
        assert all(batch.request == plan.request(self.question, batch.targets) for batch in new)
        needed = -(-len(self.wanted) // room)
        assert len(new) < max(2 * needed, 2)
        again = plan.replan(new, question=self.question, wanted=dict(self.wanted), limits=self.limits)
        assert len(again) == len(new)
        assert all(one is other for one, other in zip(again, new, strict=True))
        self.batches = new


_Plans.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestPlans = _Plans.TestCase


def test_a_change_touches_only_the_batches_it_must() -> None:
    """An entity gone and one new: the gap is filled, the other batches stay the very objects."""
    asked, limits = question(), Limits(entities=3)
    old = plan.replan((), question=asked, wanted=wanted(*range(9)), limits=limits)
    new = plan.replan(old, question=asked, wanted=wanted(0, 1, 2, 3, 5, 6, 7, 8, 9), limits=limits)
    assert [[target.moid for target in batch.targets] for batch in new] == [
        ["vm-0", "vm-1", "vm-2"],
        ["vm-3", "vm-5", "vm-9"],
        ["vm-6", "vm-7", "vm-8"],
    ]
    assert (new[0] is old[0], new[1] is old[1], new[2] is old[2]) == (True, False, True)


def test_batches_that_have_become_sparse_are_laid_out_anew() -> None:
    """When half of the batches would do, they are merged."""
    asked, limits = question(), Limits(entities=4)
    old = plan.replan((), question=asked, wanted=wanted(*range(16)), limits=limits)
    new = plan.replan(old, question=asked, wanted=wanted(0, 1, 4, 5, 8, 9, 12, 13), limits=limits)
    assert [len(batch.targets) for batch in new] == [4, 4]


def test_a_larger_pace_merges_batches() -> None:
    """Twice the room is used, not only allowed."""
    asked, everything = question(), wanted(*range(16))
    old = plan.replan((), question=asked, wanted=everything, limits=Limits(entities=4))
    new = plan.replan(old, question=asked, wanted=everything, limits=Limits(entities=8))
    assert [len(batch.targets) for batch in new] == [8, 8]


@settings(deadline=None)
@given(st.integers(1, 300))
def test_halves_are_the_whole(count: int) -> None:
    """The two halves hold all entities in order, as equal as can be; a single entity has no halves."""
    whole = plan.batch(question(), targets(count))
    parts = plan.halves(whole)
    assert [len(part.targets) for part in parts] == ([count // 2, count - count // 2] if count > 1 else [])
    assert tuple(target for part in parts for target in part.targets) == (whole.targets if count > 1 else ())


def test_narrowed_asks_for_each_counter_once() -> None:
    """Half of the counters each, of the same entities; a single counter stays whole."""
    whole = plan.batch(question(5), targets(1))
    parts = plan.narrowed(whole)
    assert [[counter.id for counter in part.question.counters] for part in parts] == [[1, 2], [3, 4, 5]]
    assert {part.targets for part in parts} == {whole.targets}
    assert [part.question for part in plan.narrowed(plan.batch(question(1), targets(1)))] == [question(1)]


@settings(deadline=None)
@given(count=st.integers(1, 60), pairs=st.one_of(st.none(), st.integers(0, 70)))
def test_fitting_cuts_the_counters_to_the_limit(count: int, pairs: int | None) -> None:
    """Every counter once, no part with more than the limit, one part where there is none."""
    parts = plan.fitting(question(count), Limits(pairs=pairs))
    assert tuple(counter for part in parts for counter in part.counters) == question(count).counters
    assert max(len(part.counters) for part in parts) <= max(1, pairs or count)


def test_without_takes_one_entity_out() -> None:
    """The rest in a batch of its own; nothing where nothing is left, or where the entity was not in it."""
    whole = plan.batch(question(), targets(3))
    rest = plan.without(whole, "vm-1")
    assert rest == plan.batch(question(), [whole.targets[0], whole.targets[2]])
    assert plan.without(plan.batch(question(), targets(1)), "vm-0") is None
    assert plan.without(whole, "vm-77") is None
