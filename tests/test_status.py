"""The status page: what it says first, and that no name can break it."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.status import EdgeStatus, SourceStatus, State, Status, content_security_policy, problems, to_html, to_json

NOW = 1_772_332_200.0  # 2026-03-01 02:30:00 UTC

GOOD = SourceStatus(
    name="vc1",
    url="https://vcenter1.example/sdk",
    state=State.UP,
    since=NOW - 9 * 86400,
    last_success=NOW - 7,
    version="8.0.3",
    entities={"vm": 10_000, "host": 500, "resource_pool": 40},
    samples_age=31.4,
    counters_missing=("power.*.average",),
    pace="250 entities in 2 requests at once",
    cycle_seconds=0.62,
    certificate_days=410.2,
)
DOWN = SourceStatus(
    name='vc2 <b>"bold"</b> & co',
    url="https://vcenter2.example/sdk",
    state=State.DOWN,
    since=NOW - 18 * 60,
    last_error="vCenter vc2: connection refused <by> 192.0.2.7:443; check the address and the firewall",
    last_success=NOW - 19 * 60,
    entities={},
    quarantined=tuple(f"vm-{number} (web-{number})" for number in range(25)),
    certificate_days=-3.0,
)
CLOUD = SourceStatus(
    name="cloud east",
    url="https://keystone.example/v3",
    state=State.UP,
    since=NOW - 3600,
    last_success=NOW - 4,
    entities={"server": 9_812, "in flight": 3, "hypervisor": 2},
    cycle_seconds=0.4,
    overdue=("power_off of server 7f0c on vmware1 for 12 min, limit 10",),
    troubles=("nova-compute on vmware1 is up but useless: vCenter vc2 does not answer",),
)
NEW = SourceStatus(name="vc3", url="https://vcenter3.example/sdk", state=State.UNKNOWN, entities={})

EDGES = (
    EdgeStatus("web 0.0.0.0:9272", "mutual", 3.2),
    EdgeStatus("vcenter vc2", "", -3.0, "vc2: its certificate is not accepted: it has expired", of_source=True),
    EdgeStatus("alertmanager am1:9093", "plain"),
)

WELL = Status(
    version="0.1.0", started=NOW - 86400 * 10, now=NOW, sources=(GOOD,), series=494_500, series_budget=1_000_000
)
ILL = Status(
    version="0.1.0",
    started=NOW - 3 * 3600,
    now=NOW,
    sources=(GOOD, NEW, DOWN, CLOUD),
    incidents=("api_communication of vc2 for 18 min: resolution 12 min left of 30 min (0a1b)",),
    findings=tuple(f"vm without server: web-{n} (vm-{n}) (vc1): <none>; remove it" for n in range(25)),
    found=27,
    reload_error="novacenter.yml: vcenters[1].url: is not a URL",
    edges=EDGES,
    series=1_200_000,
    series_budget=1_000_000,
    dropped=("vsphere_vm_sys_uptime_latest_seconds", "vsphere_vm_rescpu_actav1_latest_ratio"),
)


class Reader(HTMLParser):
    """The tags and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects a tag."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Collects a text."""
        self.texts.append(data)


@pytest.mark.parametrize(("name", "status"), [("well", WELL), ("ill", ILL)])
def test_whole_page(golden: Callable[[str, str], None], name: str, status: Status) -> None:
    """The HTML and the JSON of a healthy and of a troubled agent are as committed."""
    golden(f"status-{name}.html", to_html(status))
    golden(f"status-{name}.json", to_json(status) + "\n")


def test_problems_name_place_and_time_the_gravest_first() -> None:
    """What is down comes before what is unknown, then what will be trouble, then the agent itself."""
    assert problems(WELL) == ()
    assert problems(ILL) == (
        f"{DOWN.name} is down since 2026-03-01 02:12:00 UTC (18 min ago): {DOWN.last_error}",
        "vc3 is not yet known: its first cycle is not over",
        "1 SLA incident is open: api_communication of vc2 for 18 min: resolution 12 min left of 30 min (0a1b)",
        f"{DOWN.name}: a certificate expired 3 days ago",
        f"{DOWN.name}: 25 entities are left out, asking fails",
        "cloud east: nova-compute on vmware1 is up but useless: vCenter vc2 does not answer",
        (
            "cloud east: 1 operation is in flight for longer than the limit: "
            "power_off of server 7f0c on vmware1 for 12 min, limit 10"
        ),
        "web 0.0.0.0:9272: a certificate expires in 3 days",
        "27 objects do not fit together between cloud and vCenter",
        f"the configuration could not be reloaded, the one before is in force: {ILL.reload_error}",
        "1,200,000 series exceed the budget of 1,000,000: 2 families are left out",
    )
    assert problems(replace(WELL, sources=())) == ("no source is configured",)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (None, ()),
        (14.0, ()),
        (13.9, ("vc1: a certificate expires in 14 days",)),
        (0.0, ("vc1: a certificate expires in 0 days",)),
    ],
)
def test_certificate_warns_two_weeks_ahead(days: float | None, said: tuple[str, ...]) -> None:
    """A certificate is a problem from 14 days before its end; an unknown end is none."""
    assert problems(replace(WELL, sources=(replace(GOOD, certificate_days=days),))) == said


def test_first_line_says_whether_anything_is_wrong() -> None:
    """The headline and the title tell good from bad, and where."""
    assert '<h1 class="good">All is well: 1 of 1 source up</h1>' in to_html(WELL)
    assert "<title>OK - novacenter</title>" in to_html(WELL)
    ill = to_html(
        replace(ILL, sources=(GOOD, NEW), edges=(), dropped=(), reload_error="", findings=(), found=0, incidents=())
    )
    assert '<h1 class="bad">1 problem: vc3 is not yet known: its first cycle is not over</h1>' in ill
    assert "<title>1 wrong - novacenter</title>" in ill


def test_policy_allows_the_page_and_nothing_else() -> None:
    """The style of the page is the one whose digest the policy names; there is no other source of anything."""
    style = to_html(WELL).split("<style>")[1].split("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert content_security_policy() == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def test_long_lists_and_errors_are_cut() -> None:
    """Twenty names and six hundred letters are shown, and how many names there are besides."""
    page = to_html(replace(WELL, sources=(replace(DOWN, last_error="x" * 700),)))
    assert "vm-19 (web-19) and 5 more</td>" in page
    assert "vm-20" not in page
    assert f"<td>{'x' * 600} ...</td>" in page


@given(st.text(), st.text(), st.text())
def test_no_text_becomes_markup(name: str, error: str, entity: str) -> None:
    """Whatever objects are called and servers answer, the page has the same tags, and shows the text as it is."""
    plain = Reader(to_html(ILL))
    source = replace(DOWN, name=name, last_error=error, quarantined=(entity,), version=name, url=error)
    page = Reader(to_html(replace(ILL, sources=(GOOD, NEW, source), dropped=(entity,))))
    assert (page.tags, page.attributes) == (plain.tags, plain.attributes)
    assert "script" not in page.tags
    shown = "".join(page.texts)
    assert [text for text in (name, error, entity) if text not in shown] == []


@given(st.text(), st.text())
def test_json_gives_texts_back_whole(name: str, error: str) -> None:
    """The JSON parses, and every text in it is the one that went in."""
    read = json.loads(to_json(replace(ILL, sources=(replace(DOWN, name=name, last_error=error),))))
    assert (read["sources"][0]["name"], read["sources"][0]["last_error"]) == (name, error)
    assert read["sources"][0]["quarantined"] == list(DOWN.quarantined)
