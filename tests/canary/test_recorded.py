# ruff: noqa: E501 - a table of lines and messages reads better unbroken
"""Runs, days and events as lines of JSON: the same comes back, and every wrong line is named."""

import json
from collections.abc import Callable

import pytest
from canarylab import DAYS, SPEC, STARTED, UNITS, judged, readings, run_of, seen, times, unit
from hypothesis import given, settings
from hypothesis import strategies as st

from sla.canary.judging import judge
from sla.canary.model import Arm, Kind, Observations, Occurrence, Phase, Reading, days_from
from sla.canary.recorded import (
    RecordedError,
    occurrence_json,
    occurrence_of,
    read,
    run_json,
    write,
)
from sla.canary.recorded import run_of as run_back
from sla.canary.specfile import load, text_of
from sla.canary.verdict import to_json
from sla.sketch import Sketch

HISTORY = days_from("2026-10-19", 14)


def test_what_is_written_is_read() -> None:
    """A run with its days and events comes back as it was, and so does its verdict."""
    plain = run_of()
    run = run_of(history=readings(plain, HISTORY))
    known = seen(
        readings(run, (*HISTORY, *DAYS)),
        Occurrence(judged(1), Kind.VERSION_CHANGED, unit(run, Arm.CANARY), detail="8.0.1 to 8.0.2"),
        Occurrence(judged(2), Kind.MAINTENANCE, until=judged(2) + 60),
    )
    lines = list(write(run, known))
    assert read(lines, "days.jsonl") == (run, known)
    assert to_json(judge(*read(reversed_tail(lines), "days.jsonl"), judged(9))) == to_json(judge(run, known, judged(9)))
    assert run_back(run_json(run)) == run


def reversed_tail(lines: list[str]) -> list[str]:
    """All but the first line from the end."""
    return [lines[0], "", *reversed(lines[1:])]


texts = st.text(max_size=20)


@settings(deadline=None)
@given(st.floats(0, 3e10), st.sampled_from(sorted(set(Kind) - {Kind.MAINTENANCE})), texts, texts, texts)
def test_occurrences(at: float, kind: Kind, who: str, name: str, detail: str) -> None:
    """An occurrence comes back to the last digit, in one line, whatever its texts are."""
    one = Occurrence(at, kind, who, name, detail)
    assert occurrence_of(occurrence_json(one)) == one
    assert len(occurrence_json(one).splitlines()) == 1


def recorded(**changes: object) -> str:
    """A first line, written by hand."""
    units = [{"id": one.id, "cluster": one.cluster} for one in UNITS]
    body = {"started": "2026-11-02T12:00:00Z", "spec": json.loads(text_of(load(SPEC, "s"))), "units": units}
    return json.dumps({"run": {key: value for key, value in (body | changes).items() if value is not None}})


def test_by_hand() -> None:
    """Units to choose from, times as RFC 3339, values one by one, or a value and how often it was seen."""
    run, known = read(
        [
            recorded(release="r2"),
            '{"day": "2026-11-03", "unit": "vc1/host-1", "measure": "unit_cpu_usage_ratio", "values": [0.25, 0.5]}',
            '{"day": "2026-11-03", "measure": "vcenter_api_seconds", "value": 0.1, "times": 3}',
            '{"day": "2026-11-03", "unit": "vc1/host-1", "measure": "unit_task_timeouts", "value": 1}',
            '{"at": "2026-11-03T10:00:00+01:00", "event": "sla_breach", "unit": "vc1/host-1", "name": "api_communication"}',
        ],
        "days.jsonl",
    )
    assert (run.started, run.release, run.cohort.release, len(run.detectable)) == (STARTED, "r2", "r2", 1)
    assert known == Observations(
        (
            Reading("2026-11-03", "vc1/host-1", "unit_cpu_usage_ratio", Sketch.of([0.25, 0.5])),
            Reading("2026-11-03", "", "vcenter_api_seconds", times(0.1, 3)),
            Reading("2026-11-03", "vc1/host-1", "unit_task_timeouts", times(1.0, 1)),
        ),
        (Occurrence(STARTED + 21 * 3600, Kind.SLA_BREACH, "vc1/host-1", "api_communication"),),
    )


def test_spec_from_a_file() -> None:
    """A specification that is handed in goes before that of the run."""
    other = load(SPEC.replace("release: r1", "release: r9"), "other.yml")
    run, _ = read([recorded(spec=None)], "days.jsonl", spec=other)
    assert (run.spec, run.release) == (other, "r9")


def test_detectable_from_the_days_before() -> None:
    """Without what was declared, it follows from the days before the start."""
    run = run_of()
    lines = list(write(run, seen(readings(run, (*HISTORY, *DAYS)))))
    first = json.loads(lines[0])
    del first["run"]["detectable"]
    found, _ = read([json.dumps(first), *lines[1:]], "days.jsonl")
    assert found == run_of(history=readings(run, HISTORY))
    assert found.detectable[0].n == 14


RECORDED: dict[Phase, Callable[[], Observations]] = {
    Phase.PASSED: lambda: seen(readings(run_of())),
    Phase.FAILED: lambda: seen(readings(run_of(), cpu={Arm.CANARY: 0.9})),
    Phase.INCONCLUSIVE: lambda: seen(readings(run_of(), cpu={Arm.CONTROL: None})),
    Phase.RUNNING: lambda: seen(readings(run_of(), hours={Arm.CANARY: 20.0})),
    Phase.ABORTED: lambda: seen(readings(run_of()), Occurrence(judged(2), Kind.ABORTED)),
    Phase.ERROR: lambda: seen((*readings(run_of()), *readings(run_of(), cpu={Arm.CANARY: 0.1}))),
}


@pytest.mark.parametrize("phase", list(RECORDED))
def test_recorded_days_of_each_verdict(phase: Phase) -> None:
    """Recorded days are judged as stored ones are, to each of the exit codes."""
    known = RECORDED[phase]()
    found = read(list(write(run_of(), known)), "days.jsonl")
    assert judge(*found, judged(8)) == judge(run_of(), known, judged(8))
    assert judge(*found, judged(8)).phase is phase


DAY = '{"day": "2026-11-03", "unit": "a", "measure": "m", "value": 1}'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], 'd:1: there is no run; write {"run": ...} in the first line'),
        ([DAY], 'd:1: the first line must be the run; write {"run": {"started": ..., "release": ..., ...}}'),
        (["{"], "d:1: is not JSON from character 2 on; correct it"),
        (["[" * 100_000], "d:1: is not JSON that is accepted: a number is too long, or lists too deep; correct it"),
        (["[1]"], "d:1: is not a JSON object; write {...}"),
        ([recorded(started=None)], "d:1: started must be a number; write one"),
        ([recorded(started="2026-11-02")], "d:1: started is no time with a zone; write one such as 2026-11-24T08:00:00Z"),
        ([recorded(started=-1)], "d:1: started is no time; write seconds since the epoch"),
        ([recorded(spec=None)], "d:1: the run has no spec, and no file with one is given; give one of both"),
        ([recorded(spec={"unit": "host"})], "d:1: the specification of the run is not accepted: spec:1: needs targets with at least one that is required; no data must never pass"),
        ([recorded(units=None)], "d:1: the run needs either units, to choose from, or cohort, as it was chosen"),
        ([recorded(units=[{"id": "a"}])], "d:1: 1 host(s) known, a canary and a control need two; wait for the inventory"),
        ([recorded(units=[{"id": "a", "size": 0}])], "d:1: size is not above 0; write a size or leave it out"),
        ([recorded(units=["a"])], 'd:1: a unit is not an object; write {"id": "vc1/host-1", "cluster": "vc1/c1"}'),
        ([recorded(units=None, cohort=[{"id": "a", "arm": "canary"}])], "d:1: the cohort needs a canary and a control at least; add the one that is missing"),
        ([recorded(units=None, cohort=[{"id": "a", "arm": "control"}, {"id": "a", "arm": "canary"}])], "d:1: a unit is in the cohort twice; remove one"),
        ([recorded(units=None, cohort=[{"id": "a", "arm": "kanary"}])], "d:1: arm is not known; did you mean canary?"),
        ([recorded(detectable=[{"check": "x"}])], "d:1: detectable needs exactly at_80, at_90, baseline, check, deviation, margin, n, reason, shows_margin; leave it out to compute it"),
        ([recorded(until=1)], "d:1: until: unknown key; did you mean units?"),
        ([recorded(), recorded()], "d:2: is neither a day nor an event; write one of both, and the run only once"),
        ([recorded(), "", '{"day": "2026-11-3", "measure": "m", "value": 1}'], "d:3: day is no date; write one such as 2026-11-24"),
        ([recorded(), DAY.replace("unit", "host")], "d:2: host: unknown key; use one of: day, measure, sketch, times, unit, value, values"),
        ([recorded(), DAY.replace('"value": 1', '"values": 1')], "d:2: values must be a list; write [...]"),
        ([recorded(), DAY.replace('"value": 1', '"values": [-1]')], "d:2: -1.0 x 1 cannot be counted: a number is from 0 to 1e200, at least once; correct the values"),
        ([recorded(), DAY.replace('"value": 1', '"values": [true]')], "d:2: a value must be a number; write one"),
        ([recorded(), DAY.replace('"value": 1', '"values": [NaN]')], "d:2: NaN is no number; leave out what is not known"),
        ([recorded(), DAY.replace('"value": 1', '"value": 1, "values": []')], "d:2: a day needs values, or value (and times), or sketch; write one of them"),
        ([recorded(), DAY.replace('"value": 1', '"value": 1, "times": 1.5')], "d:2: times must be a whole number; write how often the value was seen"),
        ([recorded(), DAY.replace('"value": 1', '"value": 1, "value": 2')], "d:2: a key is there twice; remove one"),
        ([recorded(), DAY.replace('"value": 1', '"sketch": [1]')], "d:2: sketch is no distribution; write values instead, or take it from a record"),
        ([recorded(), '{"at": 1, "event": "breach"}'], "d:2: event is not known; did you mean sla_breach?"),
        ([recorded(), '{"event": "aborted"}'], "d:2: at must be a number; write one"),
        ([recorded(), '{"at": 1, "event": "maintenance"}'], "d:2: until belongs to the event maintenance; write both, or neither"),
        ([recorded(), '{"at": 1, "until": 1, "event": "maintenance"}'], "d:2: until is not after at; correct one of them"),
        ([recorded(), '{"at": 1, "event": "aborted", "unit": 7}'], "d:2: unit must be a text that is not empty; write one"),
    ],
)  # fmt: skip
def test_refused(lines: list[str], message: str) -> None:
    """What is wrong is named with the line, and with what to do."""
    with pytest.raises(RecordedError) as caught:
        read(lines, "d")
    assert str(caught.value) == message


def test_too_long_a_line() -> None:
    """A line has a bound."""
    with pytest.raises(RecordedError, match="d:1: the line is longer than 4000000 characters"):
        read([" " * 4_000_000 + "{}"], "d")


def test_stored_runs_and_occurrences() -> None:
    """A stored line that was damaged is refused with an error of its own kind, too."""
    with pytest.raises(RecordedError, match="is not JSON"):
        run_back("{")
    with pytest.raises(RecordedError, match="the run has no detectable"):
        run_back(recorded())
    with pytest.raises(RecordedError, match="is not a JSON object"):
        occurrence_of("1")
