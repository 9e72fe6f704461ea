"""Content negotiation: what real clients send, what RFC 9110 says, and what nobody should send."""

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.exposition import Format
from exporter.negotiate import negotiate

TEXT, OPENMETRICS = Format.TEXT, Format.OPENMETRICS

# From the tests of Prometheus (scrape/scrape_test.go) and from the headers its 2.x releases send.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (PROMETHEUS_PROTOBUF, OPENMETRICS),
        (BROWSER, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"; note="a,b;q=0"', OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("application/openmetrics-text;version=2.0.0,*/*;q=0.1", TEXT),
        ("application/*", OPENMETRICS),
        ("text/plain;q=0.5, application/openmetrics-text;q=0.4", TEXT),
        ("text/plain;q=0.4, application/openmetrics-text;q=0.5", OPENMETRICS),
        ("application/openmetrics-text, */*", OPENMETRICS),
        ("application/openmetrics-text, text/plain", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=0, */*", TEXT),
        ("application/*, application/openmetrics-text;q=0.1, text/*;q=0.2", TEXT),
        ("text/*;q=0.1, application/openmetrics-text;version=1.0.0;q=0.2, application/*;q=0", OPENMETRICS),
        ("image/png", TEXT),
        ("application/openmetrics-text;q=nonsense", TEXT),
        ("application/openmetrics-text;q=7", TEXT),
    ],
)
def test_format(accept: str, form: Format) -> None:
    """OpenMetrics 1.0 for who prefers it by weight, or names it more exactly; text 0.0.4 for everybody else."""
    assert negotiate(accept, "") == (form, False)


@pytest.mark.parametrize(
    ("accept_encoding", "gzip"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("*", True),
        ("deflate;q=0.5, gzip;q=0.001", True),
        ("gzip;q=1.0, identity;q=0.5, *;q=0", True),
        ("gzip, identity", True),
        ("", False),
        ("identity", False),
        ("deflate, br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("gzip;q=many", False),
    ],
)
def test_compression(accept_encoding: str, gzip: bool) -> None:
    """Gzip only for who lists it with a weight above 0, and not below identity's."""
    assert negotiate("", accept_encoding) == (TEXT, gzip)


HEADERISH = st.text(alphabet='ag/*;,=q".01\\ \n\x00é', max_size=200)


@given(HEADERISH | st.text(), HEADERISH | st.text())
@example('"\\' * 4000, "," * 8000)
def test_garbage_never_raises(accept: str, accept_encoding: str) -> None:
    """Whatever the headers are, the answer is one of the four variants."""
    form, gzip = negotiate(accept, accept_encoding)
    assert form in Format
    assert gzip in {True, False}


@given(st.lists(st.sampled_from(PROMETHEUS_3.split(",")), min_size=1, unique=True), st.randoms())
def test_order_does_not_matter(ranges: list[str], rng: Random) -> None:
    """RFC 9110 gives the order of ranges no meaning."""
    shuffled = sorted(ranges, key=lambda _: rng.random())
    assert negotiate(",".join(ranges), "gzip") == negotiate(" , ".join(shuffled), "gzip")
