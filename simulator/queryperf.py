"""QueryPerf: the request's bytes to specs, and samples to the reply's text, without going through objects."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from pyVmomi import vmodl

from simulator.perf import DAY, REALTIME, Engine, Metric, Series, Spec, is_loaded, wave


@dataclass(frozen=True, slots=True)
class Distortion:
    """How samples are to differ from the truth.

    ``gaps`` is the share of values that are -1, vCenter's "no sample"; ``normal_only`` ignores a wish for csv;
    ``shuffle`` reorders entities and series.
    """

    gaps: float = 0.0
    normal_only: bool = False
    shuffle: bool = False


def instant(text: str) -> float:
    """Seconds since the epoch of an xsd:dateTime; one without a zone is UTC, as vCenter reads it."""
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def iso(seconds: float) -> str:
    """An instant as vCenter writes it in samples: whole seconds, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(body: bytes) -> tuple[Spec, ...]:
    """The specs of a QueryPerf request. Raises InvalidRequest for what cannot be read."""
    reader = _Reader()
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body, True)
    except (ExpatError, KeyError, ValueError) as error:
        raise vmodl.fault.InvalidRequest(msg=f"cannot read the arguments of QueryPerf: {error}") from error
    return tuple(reader.specs)


class _Reader:
    """Collects the fields of each querySpec; a metric list that was seen before is shared, not repeated."""

    def __init__(self) -> None:
        self.specs: list[Spec] = []
        self._fields: dict[str, str] = {}
        self._kind = ""
        self._metrics: list[Metric] = []
        self._counter = 0
        self._instance = ""
        self._data = ""
        self._shared: dict[tuple[Metric, ...], tuple[Metric, ...]] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._data = ""
        if tag.endswith(" entity"):
            self._kind = attributes["type"].rpartition(":")[2]
        elif tag.endswith(" metricId"):
            self._instance = ""

    def text(self, data: str) -> None:
        self._data += data

    def end(self, tag: str) -> None:
        name = tag.rpartition(" ")[2]
        if name == "counterId":
            self._counter = int(self._data)
        elif name == "instance":
            self._instance = self._data
        elif name == "metricId":
            self._metrics.append((self._counter, self._instance))
        elif name == "querySpec":
            self.specs.append(self._spec())
            self._fields, self._metrics = {}, []
        elif name != "_this":
            self._fields[name] = self._data

    def _spec(self) -> Spec:
        fields = self._fields
        metrics = tuple(self._metrics)
        return Spec(
            moid=fields["entity"],
            kind=self._kind,
            start=instant(fields["startTime"]) if "startTime" in fields else None,
            end=instant(fields["endTime"]) if "endTime" in fields else None,
            max_sample=int(fields["maxSample"]) if "maxSample" in fields else None,
            metrics=self._shared.setdefault(metrics, metrics) if metrics else None,
            interval=int(fields["intervalId"]) if "intervalId" in fields else None,
            csv=fields.get("format") == "csv",
        )


def render(engine: Engine, specs: Sequence[Spec], distortion: Distortion) -> Iterator[str]:
    """The ``returnval`` element of each spec. Check the specs with ``perf.check`` first."""
    now = engine.model.time()
    chance = random.Random(len(specs) + int(now))  # noqa: S311  repeatable, not secret
    ordered = chance.sample(specs, len(specs)) if distortion.shuffle else specs
    infos: dict[tuple[int, range, bool], str] = {}
    for spec in ordered:
        csv = spec.csv and not distortion.normal_only
        series: Sequence[Series] = engine.series(spec)
        interval, window = engine.window(spec, now)
        if not series or not window:
            series, window = (), range(0)
        if distortion.shuffle:
            series = chance.sample(series, len(series))
        key = (interval, window, csv)
        if key not in infos:
            infos[key] = _info(*key)
        head = f'<entity type="{spec.kind}">{spec.moid}</entity>{infos[key]}'
        stride = interval // REALTIME
        ticks = range(window.start * stride, window.stop * stride, stride)
        if distortion.gaps:
            values: list[Any] = [_with_gaps(one, one.values(ticks), ticks, gaps=distortion.gaps) for one in series]
        elif len(ticks) == 1 and not is_loaded(engine.model.get(spec.moid)):
            values = _at(ticks[0], series)
        else:
            values = [one.values(ticks) for one in series]
        yield _csv(head, series, values) if csv else _normal(head, series, values)


def _info(interval: int, window: range, csv: bool) -> str:
    times = [iso(step * interval) for step in window]
    if csv:
        return f"<sampleInfoCSV>{','.join(f'{interval},{time}' for time in times)}</sampleInfoCSV>"
    return "".join(
        f"<sampleInfo><timestamp>{time}</timestamp><interval>{interval}</interval></sampleInfo>" for time in times
    )


def _at(tick: int, series: Sequence[Series]) -> list[int]:
    """What ``Series.values`` gives for one tick, for many series at once."""
    levels, second = wave(), tick * REALTIME
    return [
        s.low + (s.span * levels[(tick + s.phase) % DAY] >> 16) if s.phase >= 0 else max(0, second - s.low)
        for s in series
    ]


def _with_gaps(series: Series, values: list[int], ticks: range, *, gaps: float) -> list[int]:
    limit = int(gaps * 1000)
    pairs = zip(values, ticks, strict=True)
    return [-1 if (series.phase * 7919 + tick * 104_729) % 1000 < limit else value for value, tick in pairs]


def _csv(head: str, series: Sequence[Series], values: list[Any]) -> str:
    rows = "".join(
        [
            f"<value>{one.label}<value>{value if isinstance(value, int) else ','.join(map(str, value))}</value></value>"
            for one, value in zip(series, values, strict=True)
        ]
    )
    return f'<returnval xsi:type="PerfEntityMetricCSV">{head}{rows}</returnval>'


def _normal(head: str, series: Sequence[Series], values: list[Any]) -> str:
    rows = []
    for one, value in zip(series, values, strict=True):
        texts = (value,) if isinstance(value, int) else value
        samples = "".join([f"<value>{text}</value>" for text in texts])
        rows.append(f'<value xsi:type="PerfMetricIntSeries">{one.label}{samples}</value>')
    return f'<returnval xsi:type="PerfEntityMetric">{head}{"".join(rows)}</returnval>'
