"""The decoder reads what pyVmomi and a real XML parser read, whatever it has learnt before."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from vcenter.replies import PLAIN, STYLES, Answer, Metric, Reading, Style, answers, oracle, reading, render, revalued

from exporter.errors import BadReply, Fault, NotAuthenticated, SourceError
from exporter.vcenter import perfxml
from exporter.vcenter.decode import Decoder

FAULT = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>
<faultcode>ServerFaultCode</faultcode><faultstring>%s</faultstring><detail>%s</detail>
</soapenv:Fault></soapenv:Body></soapenv:Envelope>"""


def vms(count: int = 3, **more: object) -> list[Answer]:
    """Entities with the same three series of one sample."""
    metrics = (Metric(2, "", (71,)), Metric(2, "0", (69,)), Metric(6, 'a&b"c', (4,)))
    return [replace(Answer(f"vm-{number}", (1_700_000_000,), metrics), **more) for number in range(count)]


def read(decoder: Decoder, document: bytes) -> list[Reading]:
    """All blocks of a document, in the oracle's terms."""
    return [reading(block) for block in decoder.blocks(document)]


def verdict(blocks: Iterator[perfxml.Block]) -> list[Reading] | None:
    """What was read, or None for an error."""
    try:
        return [reading(block) for block in blocks]
    except SourceError:
        return None


def by_lxml(document: bytes) -> list[tuple[object, ...]] | None:
    """What libxml2 reads in a csv reply; None where it calls it malformed or no reply."""
    parser = etree.XMLParser(resolve_entities=False, remove_comments=True, remove_pis=True, strip_cdata=True)
    vim = "{urn:vim25}"
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError:
        return None

    def text(element: etree._Element, path: str) -> str:
        found = element.findall("/".join(vim + name for name in path.split("/")))
        return (found[-1].text or "") if found else ""

    return [
        (
            text(entity, "entity").strip(),
            text(entity, "sampleInfoCSV").strip(),
            [
                (int(text(value, "id/counterId")), text(value, "id/instance"), text(value, "value").strip())
                for value in entity.findall(vim + "value")
            ],
        )
        for response in root.iter(vim + "QueryPerfResponse")
        for entity in response.findall(vim + "returnval")
    ]


@settings(max_examples=120, deadline=None)
@given(answers=answers(), style=STYLES)
def test_every_dress_of_a_reply_reads_as_pyvmomi_reads_it(answers: list[Answer], style: Style) -> None:
    """Cold, after the same reply in vCenter's own dress, and after the same dress with other values."""
    document = render(answers, style)
    expected = oracle(render(answers, replace(style, unknown=False)))
    warmed = Decoder()
    read(warmed, render(revalued(answers, 5), replace(PLAIN, csv=style.csv)))
    steady = Decoder()
    read(steady, render(revalued(answers, 9), style))
    assert [read(decoder, document) for decoder in (Decoder(), warmed, steady)] == [expected] * 3


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_decoder_with_a_past_equals_a_fresh_parser(data: st.DataObject) -> None:
    """Any sequence of documents whose entities come, go, change series and dress reads as if each were new."""
    pool = [answer for _ in range(2) for answer in data.draw(answers())]
    styles = [PLAIN, PLAIN, *data.draw(st.lists(STYLES, max_size=2))]
    decoder = Decoder(dialects=2, shapes=4)
    for shift in range(data.draw(st.integers(2, 6))):
        chosen = data.draw(st.lists(st.sampled_from(pool), max_size=4)) if pool else []
        document = render(revalued(chosen, shift), data.draw(st.sampled_from(styles)))
        assert read(decoder, document) == [reading(block) for block in perfxml.parse(document)]


def damaged(document: bytes, rng: random.Random) -> bytes:
    """One or two bytes dropped, changed or put in, or the end cut off."""
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(document))
        some = rng.choice(
            [b"<", b">", b"/", b"&", b'"', b"'", b"-", b",", b"\n", b" ", b"7", b"!", b"?", b"\x00", b"\xff", b"x"]
        )
        kind = rng.choice(("drop", "change", "put", "cut"))
        document = (
            document[:at]
            + {"drop": b"", "change": some, "put": some + document[at : at + 1], "cut": b""}[kind]
            + (b"" if kind == "cut" else document[at + 1 :])
        )
    return document


@pytest.mark.parametrize("times", [1, 4], ids=["one sample", "four samples"])
def test_damage_is_an_error_or_what_a_real_parser_reads(times: int) -> None:
    """3,000 damaged documents: never another value than expat and libxml2 see, never accepted where expat refuses."""
    rng = random.Random(times)
    ticks = tuple(1_700_000_000 + 20 * tick for tick in range(times))
    entities = [
        replace(
            answer, times=ticks, metrics=tuple(replace(m, values=(15, 0, -1, 1234)[:times]) for m in answer.metrics)
        )
        for answer in vms()
    ]
    document = render(entities)
    accepted = 0
    for _ in range(1500):
        decoder = Decoder()
        read(decoder, render(revalued(entities, 3)))
        broken = damaged(document, rng)
        found = verdict(decoder.blocks(broken))
        assert found == verdict(perfxml.iterate(broken)), broken
        if found is not None:
            accepted += 1
            blocks = [(b.moid, b.times.decode(), b.series, b.values) for b in Decoder().blocks(broken)]
            seen = [
                (m, t, [(*s, v.decode()) for s, v in zip(series, values, strict=True)])
                for m, t, series, values in blocks
            ]
            assert seen == (by_lxml(broken) or seen), broken
    assert accepted > 100


def test_a_steady_reply_is_not_parsed() -> None:
    """Entities whose reply differs in times and values alone cost no parser; neither do new ones of a known shape."""
    decoder = Decoder()
    read(decoder, render(vms()))
    first = decoder.parsed
    documents = [render(revalued(vms(), 4)), render(revalued(vms(), -80)), render(vms(9)), render(vms(2))]
    assert [read(decoder, document) for document in documents] == [oracle(document) for document in documents]
    assert (first, decoder.parsed) == (1, 1)


def test_govmomis_dress_is_recognised_too() -> None:
    """xsi declared on each entity under another prefix is as fast."""
    style = Style(local=True, xsi="XMLSchema-instance")
    decoder = Decoder()
    read(decoder, render(vms(), style))
    assert read(decoder, render(revalued(vms(), 4), style)) == oracle(render(revalued(vms(), 4), style))
    assert decoder.parsed == 1


def test_an_entity_that_changed_is_parsed_alone() -> None:
    """A new disk, an empty reply, or one in the other format costs one parse; the entities beside it none."""
    decoder = Decoder()
    read(decoder, render(vms(9)))
    changed = vms(9)
    changed[3] = replace(changed[3], metrics=(*changed[3].metrics, Metric(7, "scsi0:1", (5,))))
    changed[5] = replace(changed[5], times=(), metrics=())
    document = render(changed).replace(b"<sampleInfoCSV></sampleInfoCSV>", b"<sampleInfoCSV/>")
    assert read(decoder, document) == oracle(document)
    assert decoder.parsed == 1 + 2


def test_plain_is_said_only_of_single_samples_that_are_there() -> None:
    """``plain`` holds where each value is one integer that is not negative; -1, none and two samples are not plain."""
    decoder = Decoder()
    read(decoder, render(vms(5)))
    entities = vms(5)
    for index, values in enumerate([(5,), (-1,), (), (5, 6), (0,)]):
        metric = entities[index].metrics[1]
        entities[index] = replace(
            entities[index],
            metrics=(entities[index].metrics[0], replace(metric, values=values), entities[index].metrics[2]),
        )
    blocks = list(decoder.blocks(render(entities)))
    assert [block.plain for block in blocks] == [True, False, False, False, True]
    assert [block.values[1] for block in blocks] == [b"5", b"-1", b"", b"5,6", b"0"]


def test_entities_with_the_same_series_share_them() -> None:
    """Series tuples are one object, by which the store knows a layout."""
    blocks = list(Decoder().blocks(render(vms(4))))
    assert len({id(block.series) for block in blocks}) == 1


def test_prefixes_bound_to_other_namespaces_are_other_elements() -> None:
    """Text that was learnt under one envelope means nothing under another that binds its prefixes otherwise."""
    decoder = Decoder()
    document = render(vms())
    read(decoder, document)
    for namespace in (b"urn:vim25", b"http://www.w3.org/2001/XMLSchema-instance"):
        other = document.replace(namespace, b"urn:elsewhere")
        with pytest.raises(BadReply):
            list(decoder.blocks(other))
    prefixed = document.replace(b"xmlns:xsi", b"xmlns:q")
    with pytest.raises(BadReply):
        list(decoder.blocks(prefixed))
    assert read(decoder, document) == oracle(document)


RARE = {
    "another encoding": lambda text: text.replace(b"UTF-8", b"ISO-8859-1").replace(b"vm-1", b"vm-\xe9"),
    "space around an id": lambda text: text.replace(b">vm-1<", b"> vm-1 <"),
    "space before the times": lambda text: text.replace(b">20,", b"> 20,"),
    "> in an attribute": lambda text: text.replace(b'urn:vim25"', b'urn:vim25" more="a>b"'),
    "an instruction before it all": lambda text: b"<?x <QueryPerfResponse>?>" + text[text.index(b"\n") + 1 :],
    "an element of almost that name": lambda text: text.replace(b"<returnval", b"<returnvalue/><returnval"),
    "an entity in an unknown element": lambda text: text.replace(
        b"<sampleInfoCSV", b"<x><returnval></returnval></x><sampleInfoCSV"
    ),
    "a second response": lambda text: text.replace(
        b"</returnval>",
        b"</returnval ></QueryPerfResponse><QueryPerfResponse xmlns='urn:x'><returnval></returnval>",
        1,
    ),
}


@pytest.mark.parametrize("document", [change(render(vms())) for change in RARE.values()], ids=list(RARE))
def test_rare_documents_read_as_a_parser_reads_them(document: bytes) -> None:
    """What no vCenter is known to send, but XML allows."""
    decoder = Decoder()
    read(decoder, render(vms()))
    expected = verdict(perfxml.iterate(document))
    assert expected
    assert [verdict(decoder.blocks(document)), verdict(decoder.blocks(document))] == [expected] * 2


@pytest.mark.parametrize("text", [b"7\n8", b"7\n", b"\n", b"--7", b"7,,8", b"7-8", b",", b"+7", b"0x7", b"1e3", b"7.5"])
def test_what_is_no_integer_is_refused(text: bytes) -> None:
    """A value is digits and commas, warm or cold; white space around it is none of it."""
    decoder = Decoder()
    read(decoder, render(vms()))
    document = render(vms()).replace(b">69<", b">" + text + b"<")
    expected = verdict(perfxml.iterate(document))
    assert verdict(decoder.blocks(document)) == verdict(Decoder().blocks(document)) == expected
    assert (expected is None) == bool(text.strip(b"7\n"))


@pytest.mark.parametrize(
    ("detail", "error"),
    [
        (b'<RestrictedByAdministratorFault xsi:type="RestrictedByAdministrator"/>', Fault),
        (b'<NotAuthenticatedFault xsi:type="NotAuthenticated"/>', NotAuthenticated),
    ],
)
def test_a_fault_inside_a_200_is_raised(detail: bytes, error: type[Fault]) -> None:
    """A SOAP fault is a Fault, whatever HTTP said, on a decoder that has only seen results."""
    decoder = Decoder()
    read(decoder, render(vms()))
    with pytest.raises(error, match="not today") as raised:
        list(decoder.blocks(FAULT % (b"not today", detail)))
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><html><body>Sign in</body></html>",
        b"<html><body><p>Bad gateway</body></html>",
        b"<html><body>504</body></html>",
        b"",
        b"{}",
        render(vms()).replace(b"QueryPerfResponse", b"LoginResponse"),
        render(vms()).replace(b"PerfEntityMetricCSV", b"PerfProviderSummary"),
        re.sub(rb" xsi:type=\S+Metric\w*\"", b"", render(vms())),
    ],
)
def test_what_is_no_reply_is_refused(body: bytes) -> None:
    """HTML, nothing, JSON, and replies to something else raise BadReply, each with words of its own."""
    decoder = Decoder()
    read(decoder, render(vms()))
    with pytest.raises(BadReply, match=r"\w+ \w+ \w+"):
        list(decoder.blocks(body))


def test_a_document_type_is_refused_before_it_grows() -> None:
    """Entities that multiply are never expanded: the declaration itself is refused (SOAP 1.1, section 3)."""
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    document = render(vms()).replace(b"\n", bomb, 1).replace(b"69", b"&b;", 1)
    with pytest.raises(BadReply, match="document type"):
        list(Decoder().blocks(document))


def test_blocks_before_the_damage_are_right() -> None:
    """A reply that is cut off yields what came whole, and then the error: nothing of the damaged entity."""
    document = render(vms(4))
    seen: list[Reading] = []
    with pytest.raises(BadReply, match="cut off"):
        seen.extend(reading(block) for block in Decoder().blocks(document[: document.rfind(b"vm-3")]))
    assert seen == oracle(document)[: len(seen)]


def test_entities_that_are_gone_are_forgotten() -> None:
    """``forget`` drops what an entity's text was; it is read anew, by the shape it shares with others."""
    decoder = Decoder()
    read(decoder, render(vms()))
    decoder.forget(["vm-0", "vm-1", "vm-2", "vm-99"])
    assert read(decoder, render(vms())) == oracle(render(vms()))
    assert decoder.parsed == 1
