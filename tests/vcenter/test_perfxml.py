"""The parser that always works: QueryPerf replies, read as they come."""

from itertools import islice

import pytest
from vcenter.replies import Answer, Metric, Style, render

from exporter.errors import BadReply
from exporter.vcenter import perfxml
from exporter.vcenter.perfxml import Block, Series


def vms(count: int) -> list[Answer]:
    """Entities with two series of two samples each."""
    return [
        Answer(f"vm-{n}", (1_700_000_000, 1_700_000_020), (Metric(2, "", (n, -1)), Metric(6, 'a&b"', (7, 8))))
        for n in range(count)
    ]


TIMES = b"20,2023-11-14T22:13:20Z,20,2023-11-14T22:13:40Z"


@pytest.mark.parametrize("csv", [True, False], ids=["csv", "normal"])
def test_both_formats_give_the_same_blocks(csv: bool) -> None:
    """A block holds id, series, times as csv and values as text, whichever format vCenter chose."""
    assert perfxml.parse(render(vms(2), Style(csv=csv))) == [
        Block("vm-0", (Series(2, ""), Series(6, 'a&b"')), TIMES, [b"0,-1", b"7,8"], plain=False),
        Block("vm-1", (Series(2, ""), Series(6, 'a&b"')), TIMES, [b"1,-1", b"7,8"], plain=False),
    ]


def test_blocks_come_before_the_end_is_read() -> None:
    """A long reply is yielded piece by piece: the first entities are there although the end is broken."""
    document = render(vms(2000))[:-200]
    blocks = perfxml.iterate(document)
    assert [block.moid for block in islice(blocks, 100)] == [f"vm-{n}" for n in range(100)]
    with pytest.raises(BadReply, match="not well-formed"):
        list(blocks)


def test_a_sample_lacking_its_time_borrows_none() -> None:
    """In the normal format, a sampleInfo without interval or timestamp does not take those of the one before."""
    document = render(vms(1), Style(csv=False))
    document = document.replace(b"<timestamp>2023-11-14T22:13:40Z</timestamp>", b"")
    document = document.replace(b"<interval>20</interval>", b"", 1)
    assert perfxml.parse(document)[0].times == b",2023-11-14T22:13:20Z,20,"


@pytest.mark.parametrize("counter", ["", "x", "-1", "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT TWO}", "9" * 11])
def test_a_counter_id_is_digits(counter: str) -> None:
    """A series whose counter id is missing or no number is refused, and the message names the entity."""
    document = render(vms(1)).replace(b"<counterId>2<", f"<counterId>{counter}<".encode())
    with pytest.raises(BadReply, match="vm-0"):
        perfxml.parse(document)


@pytest.mark.parametrize("encoding", [b"UTF-x", b"gbk", b"utf-16"])
def test_an_encoding_that_cannot_be_read_is_a_bad_reply(encoding: bytes) -> None:
    """Unknown, multi-byte and untrue encodings are damage like any other."""
    with pytest.raises(BadReply, match="not well-formed"):
        perfxml.parse(render(vms(1)).replace(b"UTF-8", encoding))


def test_an_empty_reply_is_no_blocks() -> None:
    """A QueryPerfResponse without entities is an answer: nobody had samples."""
    assert perfxml.parse(render([])) == perfxml.parse(render([], Style(vim="v"))) == []
