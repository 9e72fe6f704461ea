"""QueryPerf replies in every dress that XML allows, and what pyVmomi reads in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Literal

from hypothesis import strategies as st
from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapResponseDeserializer

from exporter.vcenter.perfxml import Block

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True, slots=True)
class Metric:
    """One series of an entity and its values."""

    counter: int
    instance: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one entity."""

    moid: str
    times: tuple[int, ...]
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is written. The default is vCenter's way.

    ``vim`` is the prefix of urn:vim25, empty where it is the default namespace. ``local`` declares xsi on each entity,
    as govmomi does. ``noise`` goes between elements by turns. ``unknown`` adds elements that the API does not have.
    """

    csv: bool = True
    vim: str = ""
    xsi: str = "xsi"
    local: bool = False
    quote: Literal['"', "'"] = '"'
    noise: tuple[str, ...] = ("",)
    closed: bool = False
    text: Literal["escaped", "cdata", "numbered", "commented"] = "escaped"
    unknown: bool = False
    declared: bool = True


PLAIN = Style()

Reading = tuple[str, tuple[object, ...], tuple[tuple[int, str], ...], tuple[str, ...]]
"""moid, interval and time of each sample by turns, series, values."""


def render(answers: Sequence[Answer], style: Style = PLAIN) -> bytes:
    """The reply as a document."""
    return "".join(_document(answers, style)).encode()


def revalued(answers: Sequence[Answer], shift: int) -> list[Answer]:
    """The same entities, series and number of samples, later and with other values."""
    return [
        Answer(
            answer.moid,
            tuple(time + 20 * shift for time in answer.times),
            tuple(replace(m, values=tuple(max(-1, value + shift - 3) for value in m.values)) for m in answer.metrics),
        )
        for answer in answers
    ]


class _Writer:
    def __init__(self, style: Style) -> None:
        self.style = style
        self._noise = cycle(style.noise)

    def tag(self, name: str) -> str:
        return f"{self.style.vim}:{name}" if self.style.vim else name

    def element(self, name: str, *content: str, more: str = "", **attributes: str) -> str:
        quote = self.style.quote
        texts = "".join(f" {key}={quote}{value}{quote}" for key, value in attributes.items())
        inside = "".join(content)
        if self.style.closed and not inside:
            return f"{next(self._noise)}<{self.tag(name)}{more}{texts}/>"
        return f"{next(self._noise)}<{self.tag(name)}{more}{texts}>{inside}</{self.tag(name)}>"

    def leaf(self, name: str, text: object, **attributes: str) -> str:
        return self.element(name, _TEXTS[self.style.text](str(text)), **attributes)

    def novelty(self) -> str:
        if not self.style.unknown:
            return ""
        inside = self.element("value", self.element("id", self.leaf("counterId", 9)), self.leaf("value", 1))
        return self.element("novelty", inside, self.leaf("entity", "vm-0", type="VirtualMachine"), "7")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;").replace("\r", "&#13;")


def _cdata(text: str) -> str:
    if not text or "\r" in text:
        return _escaped(text)
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _commented(text: str) -> str:
    middle = len(text) // 2
    return _escaped(text[:middle]) + "<!-- </value> -->" + _escaped(text[middle:])


_TEXTS = {
    "escaped": _escaped,
    "cdata": _cdata,
    "numbered": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "commented": _commented,
}


def stamp(time: int) -> str:
    """A time as vCenter writes it."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(answers: Sequence[Answer], style: Style) -> Iterator[str]:
    out = _Writer(style)
    if style.declared:
        yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    xsi = "" if style.local else f' xmlns:{style.xsi}="{XSI}"'
    yield f'<soapenv:Envelope xmlns:soapenv="{SOAP}"{xsi}>\n<soapenv:Body>\n'
    yield f'<{out.tag("QueryPerfResponse")} xmlns{":" if style.vim else ""}{style.vim}="urn:vim25">'
    for answer in answers:
        yield _entity(out, answer)
    yield f"{out.novelty()}{style.noise[0]}</{out.tag('QueryPerfResponse')}>\n</soapenv:Body>\n</soapenv:Envelope>"


def _entity(out: _Writer, answer: Answer) -> str:
    style = out.style
    kind = "CSV" if style.csv else ""
    prefix = style.vim + ":" if style.vim else ""
    quote = style.quote
    local = f" xmlns:{style.xsi}={quote}{XSI}{quote}" if style.local else ""
    if style.csv:
        info = out.leaf("sampleInfoCSV", ",".join(f"20,{stamp(time)}" for time in answer.times))
    else:
        samples = (out.leaf("timestamp", stamp(time)) + out.leaf("interval", 20) for time in answer.times)
        info = "".join(out.element("sampleInfo", sample) for sample in samples)
    return out.element(
        "returnval",
        out.leaf("entity", answer.moid, type="VirtualMachine"),
        out.novelty(),
        info,
        *(_series(out, metric, prefix=prefix) for metric in answer.metrics),
        style.noise[-1],
        more=f"{local} {style.xsi}:type={quote}{prefix}PerfEntityMetric{kind}{quote}",
    )


def _series(out: _Writer, metric: Metric, *, prefix: str) -> str:
    style = out.style
    kind = "PerfMetricSeriesCSV" if style.csv else "PerfMetricIntSeries"
    key = out.element("id", out.leaf("counterId", metric.counter), out.leaf("instance", metric.instance))
    texts = [",".join(map(str, metric.values))] if style.csv else map(str, metric.values)
    more = f" {style.xsi}:type={style.quote}{prefix}{kind}{style.quote}"
    return out.element("value", key, out.novelty(), *(out.leaf("value", text) for text in texts), more=more)


def oracle(document: bytes) -> list[Reading]:
    """What pyVmomi reads in a reply."""
    results = SoapResponseDeserializer(None).Deserialize(document, vim.PerformanceManager.EntityMetricBase.Array)
    return [_by_pyvmomi(result) for result in results]


def _by_pyvmomi(result: vim.PerformanceManager.EntityMetricBase) -> Reading:
    keys = tuple((series.id.counterId, series.id.instance) for series in result.value)
    if isinstance(result, vim.PerformanceManager.EntityMetricCSV):
        return result.entity._moId, _times(result.sampleInfoCSV), keys, tuple(series.value for series in result.value)
    times = tuple(part for info in result.sampleInfo for part in (str(info.interval), info.timestamp))
    return result.entity._moId, times, keys, tuple(",".join(map(str, series.value)) for series in result.value)


def reading(block: Block) -> Reading:
    """A block in the oracle's terms."""
    values = tuple(value.decode() for value in block.values)
    return block.moid, _times(block.times.decode()), tuple(map(tuple, block.series)), values


def _times(text: str) -> tuple[object, ...]:
    """Intervals and times by turns; text that is no time stands for itself."""
    return tuple(_time(part) for part in text.split(",")) if text else ()


def _time(text: str) -> object:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return text


_CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
INSTANCES = st.one_of(
    st.sampled_from(["", "", "0", "1", "scsi0:0", "a&b<c>\"d'\\", "]]>", "\r\n\t x ", "naa.6000&lt;", "</instance>"]),
    st.text(_CHARACTERS, max_size=8),
)
KEYS = st.tuples(st.integers(1, 40), INSTANCES)
VALUES = st.one_of(st.integers(-1, 2**63 - 1), st.integers(-1, 12))
STYLES = st.builds(
    Style,
    csv=st.booleans(),
    vim=st.sampled_from(["", "", "v"]),
    xsi=st.sampled_from(["xsi", "XMLSchema-instance"]),
    local=st.booleans(),
    quote=st.sampled_from(['"', "'"]),
    noise=st.sampled_from(
        [("",), ("",), ("\n  ",), ("", "<!-- </returnval> -->"), ("<?x </returnval>?>", ""), (" ", "")]
    ),
    closed=st.booleans(),
    text=st.sampled_from(["escaped", "escaped", "cdata", "numbered", "commented"]),
    unknown=st.booleans(),
    declared=st.booleans(),
)


@st.composite
def answers(draw: st.DrawFn) -> list[Answer]:
    """Up to four entities with up to five series of up to three samples."""
    moids = draw(st.lists(st.sampled_from(["vm-1", "vm-22", "vm-333", "host-9", "vm-1@f/5"]), max_size=4, unique=True))
    return [_answer(draw, moid) for moid in moids]


def _answer(draw: st.DrawFn, moid: str) -> Answer:
    count = draw(st.integers(0, 3))
    times = tuple(1_700_000_000 + 20 * tick for tick in range(count))
    metrics = [
        Metric(*key, tuple(draw(st.lists(VALUES, max_size=count))))
        for key in draw(st.lists(KEYS, max_size=5, unique=True))
    ]
    return Answer(moid, times, tuple(metrics))
