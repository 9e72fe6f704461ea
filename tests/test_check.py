"""The table of ``novacenter check``: what each fact is worth, how it looks, and what it says of real servers."""

import asyncio
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyVmomi import vmodl
from rich.cells import cell_len
from simclient import NOON
from vcenter.asking import PASSWORD, model, to
from vcenter.tlslab import Authority, Request, always, http, serving
from vcsimulator import Vcsim, start

from exporter import check, checktable, findings
from exporter.checktable import Section
from exporter.clock import Clock
from exporter.config import Config, Globs, Secret, Timeouts, Tls, VCenter
from exporter.configvalues import DEFAULT_COUNTERS
from exporter.errors import BadReply, Fault, LoginRefused
from exporter.findings import Finding, State
from exporter.model import Counter, Kind
from exporter.vcenter.counters import Selected
from exporter.vcenter.rights import EXCESSIVE
from exporter.vcenter.tls import Certificate
from simulator import vcenter as simulated
from simulator import wire
from simulator.faults import Fault as Misbehaviour
from simulator.faults import Faults
from simulator.model import Accounts
from simulator.service import Service
from simulator.sessions import Caller

OK, WARNING, FAILED, UNKNOWN = State.OK, State.WARNING, State.FAILED, State.UNKNOWN
DAY = 86400.0
STILL = Clock(now=lambda: NOON, monotonic=lambda: 0.0)

# --- what facts are worth ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "state", "validity"),
    [
        (400.0, OK, "400 days left, until 2027-12-27"),
        (30.0, OK, "30 days left, until 2026-12-22"),
        (29.9, WARNING, "29 days left, until 2026-12-22"),
        (7.0, WARNING, "7 days left, until 2026-11-29"),
        (6.9, FAILED, "6 days left, until 2026-11-29"),
        (-0.1, FAILED, "expired on 2026-11-22"),
    ],
)
def test_a_certificate_warns_below_30_days_and_fails_below_7(days: float, state: State, validity: str) -> None:
    """Who does not need it gets no advice."""
    seen = Certificate(subject="CN=vc1", issuer="CN=ca", not_after=NOON + days * DAY, sha256="AB:CD", sha1="EF")
    advice = "" if state is OK else "renew it; where a thumbprint is pinned, change that at the same time"
    expected = Finding("server certificate", state, f"{validity}; CN=vc1; SHA-256 AB:CD", advice)
    assert findings.certificate("server certificate", seen, now=NOON) == expected


@pytest.mark.parametrize(
    ("skew", "state", "said"),
    [
        (0.04, OK, "0.0 s ahead of"),
        (5.0, OK, "5.0 s ahead of"),
        (5.1, WARNING, "5.1 s ahead of"),
        (-40.0, WARNING, "40.0 s behind"),
        (60.0, WARNING, "60.0 s ahead of"),
        (-60.1, FAILED, "60.1 s behind"),
    ],
)
def test_a_clock_warns_above_5_s_and_fails_above_60(skew: float, state: State, said: str) -> None:
    """In either direction; it is said that no sample is lost."""
    found = findings.clock(skew, 0.0034)
    assert (found.state, found.found) == (state, f"vCenter is {said} this machine (CurrentTime in 3 ms)")
    assert ("no sample is lost" in found.advice) == (state is not OK)


@pytest.mark.parametrize(
    ("number", "api_type", "state", "advice"),
    [
        ("8.0.3", "VirtualCenter", OK, ""),
        ("6.7.0", "VirtualCenter", OK, ""),
        ("10.0", "VirtualCenter", OK, ""),
        ("6.5.0", "VirtualCenter", WARNING, "upgrade it: 6.7 is the oldest version that is supported"),
        ("eight", "VirtualCenter", UNKNOWN, "the version cannot be understood"),
        (None, "VirtualCenter", UNKNOWN, "the version cannot be understood"),
        ("8.0.3", "HostAgent", WARNING, "write the url of its vCenter: a single host knows no clusters and keeps no"  # noqa: ISC004
         " historical samples"),
    ],
)  # fmt: skip
def test_a_version_must_be_that_of_a_supported_vcenter(
    number: str | None, api_type: str, state: State, advice: str
) -> None:
    """Old is a warning, and so is an ESX host; what cannot be read is unknown."""
    about = SimpleNamespace(fullName="Server 1", apiType=api_type, version=number, instanceUuid=None)
    assert findings.version(about) == Finding("version", state, f"Server 1; {api_type}; instance UUID none", advice)


def counter(name: str, level: int = 1) -> Counter:
    """A counter that matters by its name and level alone."""
    return Counter(id=1, name=name, unit="number", stats="rate", level=level, summary="")


def test_counters_that_are_missing_or_not_kept_are_named_but_not_all() -> None:
    """Five names and how many more; levels matter to historical samples alone."""
    many = tuple(f"a.{number}.none" for number in range(8))
    assert findings.counters(Kind.VM, Selected((counter("x", 4),), many), level=1) == Finding(
        "counters: vm",
        WARNING,
        "1 found; missing: a.0.none, a.1.none, a.2.none, a.3.none, a.4.none and 3 more",
        "nothing, or remove what is missing from counters.vm.include",
    )
    selected = Selected((counter("x", 1), counter("y", 2)), ())
    assert findings.counters(Kind.DATASTORE, selected, level=1) == Finding(
        "counters: datastore",
        WARNING,
        "2 found; not kept at statistics level 1: y",
        "raise the level of the first interval in vCenter's statistics settings, or exclude them",
    )
    for level in (None, 2):
        finding = findings.counters(Kind.DATASTORE, selected, level=level)
        assert finding == Finding("counters: datastore", OK, "2 found")


def test_rights_lacking_fail_and_rights_to_do_harm_warn() -> None:
    """The names are in the finding, all of them."""
    lacking = findings.privileges({"System.View": True, "System.Read": False})
    assert lacking == Finding("privileges", FAILED, "lacks System.Read on the root folder", findings.READ_ONLY)
    assert findings.privileges({"System.Read": True}) == Finding("privileges", OK, "System.Read on the root folder")
    held = findings.least_rights(dict.fromkeys(EXCESSIVE, True))
    assert (held.state, held.found) == (WARNING, f"has more than it needs: {', '.join(EXCESSIVE)}")
    assert findings.least_rights({"A.B": False}) == Finding(
        "least rights", OK, "has none of 1 privileges that can do harm"
    )


def test_trust_in_a_server_is_told_and_lack_of_it_warned_of() -> None:
    """By the CAs of the system, by a file, by a pin; not at all; and without TLS."""
    vcenter = VCenter(name="vc", url="https://vc/sdk")

    def told(**tls: object) -> Finding:
        return findings.connection(replace(vcenter, tls=Tls(**tls)), 0.25)

    trusted = "https://vc/sdk answered in 250 ms; its certificate is"
    assert told() == Finding("connection", OK, f"{trusted} verified with the CAs of this system")
    assert told(ca_file=Path("ca.pem")) == Finding("connection", OK, f"{trusted} verified with ca.pem")
    assert told(thumbprint="ab") == Finding("connection", OK, f"{trusted} the pinned one (tls.thumbprint)")
    insecure = told(insecure=True)
    assert (insecure.state, insecure.found) == (WARNING, f"{trusted} not verified (tls.insecure)")
    plain = findings.connection(replace(vcenter, url="http://vc/sdk"), 0.25)
    assert (plain.state, plain.found) == (WARNING, "http://vc/sdk answered in 250 ms, without TLS")


def test_periods_and_counts_that_are_not_there_are_not_ok() -> None:
    """No host to ask is unknown, no realtime samples or no interval is a warning, nothing visible is a failure."""
    assert findings.realtime(None, None).state is UNKNOWN
    assert findings.realtime("host-1", None).state is WARNING
    assert findings.realtime("host-1", 20) == Finding("realtime samples", OK, "every 20 s (host-1)")
    assert findings.historical({1800: 1, 900: 2}, 300).found == "none every 300 s; kept: 900 s, 1800 s"
    assert findings.historical({}, 300).found == "none every 300 s; kept: none"
    assert findings.historical({300: 2}, 300) == Finding("historical samples", OK, "every 300 s, statistics level 2")
    assert findings.inventory({}) == Finding("inventory", FAILED, "nothing is visible", findings.READ_ONLY)
    assert findings.inventory({Kind.HOST: 2, Kind.VM: 5}) == Finding("inventory", OK, "5 vm, 2 host")
    assert findings.query_limit(None).found == "config.vpxd.stats.maxQueryMetrics: no limit"
    assert findings.no_counters().state is FAILED


def test_an_error_is_split_into_what_and_what_to_do() -> None:
    """A fault's text is the server's, so it is never taken for advice."""
    refused = LoginRefused("vCenter vc refused user u (InvalidLogin: no); check the password")
    assert findings.failure("login", refused) == Finding(
        "login", FAILED, "vCenter vc refused user u (InvalidLogin: no)", "check the password"
    )
    assert findings.failure("x", BadReply("no hint"), state=UNKNOWN) == Finding("x", UNKNOWN, "no hint")
    assert findings.failure("x", Fault("SystemError", "a; b")) == Finding("x", FAILED, "SystemError: a; b")
    assert findings.failure("x", Fault("NoPermission", "no")).advice == findings.READ_ONLY


# --- how it looks -----------------------------------------------------------------------------------------------------

SECTIONS = (
    Section("configuration", (findings.configuration(Config(vcenters=(VCenter("a", "u", password=Secret("x")),))),)),
    Section(
        "vCenter vc1",
        (
            findings.connection(VCenter("vc1", "https://vc1.example/sdk", tls=Tls(insecure=True)), 0.041),
            findings.certificate(
                "server certificate",
                Certificate("CN=vc1.example", "CN=ca", NOON + 20 * DAY, sha256=":".join(["AB"] * 32), sha1=""),
                now=NOON,
            ),
            findings.login(VCenter("vc1", "", username="monitor@vsphere.local")),
            findings.clock(-75.0, 0.004),
            findings.privileges({"System.Anonymous": True, "System.View": True, "System.Read": False}),
            findings.unstated_query_limit(Fault("InvalidName", "no message")),
            findings.counters(Kind.CLUSTER, Selected((counter("x"),), ("clusterServices.*",)), level=1),
        ),
    ),
    Section("vCenter vc2", (Finding("inventory", OK, "5 vm, 2 host"),)),
)


def test_the_table_is_as_committed(golden: Callable[[str, str], None]) -> None:
    """The worst findings first, then as they were made; wrapped at words; plain characters alone."""
    golden("check.txt", checktable.render(SECTIONS, width=120, colour=False))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(State), st.text(st.characters(codec="utf-8"), max_size=40)), max_size=8),
    st.integers(60, 200),
)
def test_no_text_of_a_server_can_steer_a_terminal_or_reorder_the_table(
    given_findings: list[tuple[State, str]], width: int
) -> None:
    """Whatever a server calls itself: printable lines within the width, and states from the worst to the best."""
    made = tuple(Finding("item", state, text, text[::-1]) for state, text in given_findings)
    text = checktable.render([Section("vCenter x", made)], width=width, colour=False)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert all(cell_len(line) <= width for line in text.splitlines())
    states = [State(found) for found in re.findall(r"^ item +(\w+)", text, re.MULTILINE) if found != "state"]
    assert states == sorted((state for state, _ in given_findings), key=list(State).index)


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """With colour the states are coloured, and the text is the same otherwise."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = checktable.render(SECTIONS, width=100, colour=False)
    coloured = checktable.render(SECTIONS, width=100, colour=True)
    assert "\x1b[1;31mfailed\x1b[0m" in coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == plain.splitlines()


# --- what it says of servers ------------------------------------------------------------------------------------------


class Checked:
    """The outcome of a check: exit code, text, and {vCenter: {item: state}}."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        self.states: dict[str, dict[str, State]] = {}
        for line in text.splitlines():
            if title := re.fullmatch(r"(?:vCenter )?([\w.-]+): \w+", line):
                self.states[title[1]] = {}
            elif row := re.match(r" (\S.*?) {2,}(failed|warning|unknown|ok) ", line):
                list(self.states.values())[-1][row[1]] = State(row[2])

    @property
    def flat(self) -> str:
        """The text with all its lines as one, cells still apart, to find words in."""
        return " ".join(self.text.split())


async def checked(*vcenters: VCenter, clock: Clock | None = None, limit: float = 60) -> Checked:
    """Run the command."""
    out = io.StringIO()
    code = await check.run(Config(vcenters=vcenters), out=out, clock=clock, limit=limit)
    return Checked(code, out.getvalue())


def wanting(server: simulated.Server | Vcsim, name: str = "vc", **more: object) -> VCenter:
    """A vCenter configured as usual."""
    return replace(to(server, name), counters=DEFAULT_COUNTERS, **more)


ALL_WELL: Mapping[str, State] = dict.fromkeys(
    (
        "connection", "version", "server certificate", "login", "clock", "privileges", "least rights", "inventory",
        "query limit", "realtime samples", "historical samples", "counters: vm", "counters: host", "counters: cluster",
        "counters: datastore", "counters: resource_pool", "counters: datacenter", "sessions",
    ),
    OK,
)  # fmt: skip


async def test_a_good_vcenter_is_told_as_committed(golden: Callable[[str, str], None]) -> None:
    """The whole output for a vCenter with a user of least rights; one session, which is ended."""
    simulation, faults = model(), Faults()
    simulation.denied = frozenset(EXCESSIVE)
    simulation.stats_level = 2
    async with simulated.serve(simulation, faults, tls=simulated.Tls()) as server:
        seen = await checked(wanting(server), clock=STILL)
        text = seen.text.replace(f":{server.port}/", ":*****/")
    text = re.sub(r"\d+ days left, until [\d-]+", "*** days left, until ****-**-**", text)
    digest = re.compile(r"(?:[0-9A-F]{1,2}:){3,}[0-9A-F]{0,2}")
    golden("check-simulator.txt", digest.sub(lambda digits: re.sub("[0-9A-F]", "*", digits[0]), text))
    assert (seen.code, seen.states["vc"]) == (0, ALL_WELL)
    assert (faults.calls["Login"], faults.calls["Logout"]) == (1, 1)


@pytest.mark.external
async def test_govmomis_simulators_are_told_as_they_are(vcsim_classic: Vcsim, vcsim_current: Vcsim) -> None:
    """Version 6.5, an all-powerful user, a certificate of 30 days; the newer lacks the query limit: unknown, not ok."""
    vcenters = [wanting(vcsim_classic, "classic"), wanting(vcsim_current, "current")]
    seen = await checked(*vcenters)
    warned = ("version", "server certificate", "least rights")
    classic = {**ALL_WELL, **dict.fromkeys(warned, WARNING)}
    assert seen.code == 0
    assert seen.states["classic"] == classic
    assert seen.states["current"] == {**classic, "query limit": UNKNOWN}


@pytest.mark.external
async def test_an_esx_host_is_told_from_a_vcenter() -> None:
    """It can be read, but whoever wrote its url meant its vCenter."""
    with start("classic", "-esx") as vcsim:
        seen = await checked(wanting(vcsim))
    assert seen.states["vc"]["version"] is WARNING
    assert seen.states["vc"]["historical samples"] is WARNING
    assert "HostAgent" in seen.text
    assert seen.code == 0


@pytest.mark.external
async def test_one_failing_vcenter_does_not_stop_the_others(vcsim_classic: Vcsim) -> None:
    """Wrong password, wrong thumbprint, no server, and beside them one that is all there; no secret is told."""
    good = wanting(vcsim_classic, "good")
    wrong = "Pa55-wrong"
    seen = await checked(
        replace(good, name="password", password=Secret(wrong)),
        replace(good, name="thumbprint", tls=Tls(thumbprint="ab" * 32)),
        replace(good, name="nowhere", url="https://127.0.0.1:1/sdk"),
        replace(good, name="untrusted", tls=Tls()),
        good,
    )
    assert seen.code == 1
    reached = {"connection": OK, "version": WARNING, "server certificate": WARNING}
    assert seen.states["password"] == {**reached, "login": FAILED, "not checked": UNKNOWN}
    shown = {"connection": FAILED, "server certificate": WARNING, "not checked": UNKNOWN}
    assert seen.states["thumbprint"] == shown
    assert seen.states["nowhere"] == {"connection": FAILED, "not checked": UNKNOWN}
    assert seen.states["untrusted"] == shown
    assert seen.states["good"]["inventory"] is OK
    assert wrong not in seen.text
    assert not re.search(rf"\b{vcsim_classic.password}\b", seen.text)


async def test_a_wrong_password_is_tried_once() -> None:
    """One attempt, so that a check locks nobody out; what was not asked is named."""
    faults = Faults(refuse_logins=True)
    async with simulated.serve(model(), faults, tls=simulated.Tls()) as server:
        seen = await checked(wanting(server), clock=STILL)
    assert faults.calls["Login"] == 1
    assert seen.code == 1
    assert PASSWORD not in seen.text
    assert re.search("not checked +unknown +clock, privileges, least rights, inventory", seen.text)


async def test_a_user_who_may_not_read_fails() -> None:
    """Without System.Read on the root folder nothing can be collected, and the advice is the role to give."""
    simulation = model()
    simulation.denied = frozenset({"System.Read", *EXCESSIVE})
    async with simulated.serve(simulation, tls=simulated.Tls()) as server:
        seen = await checked(wanting(server), clock=STILL)
    assert (seen.code, seen.states["vc"]["privileges"]) == (1, FAILED)
    assert seen.states["vc"]["least rights"] is not OK


class Poorer(Service):
    """A vCenter without some methods."""

    def __init__(self, server: simulated.Server, *lacking: str) -> None:
        super().__init__(server.model, server.faults)
        self.lacking = lacking

    async def call(self, caller: Caller, body: bytes, *, version: str) -> bytes:
        """As the API reference has it (RuntimeFault MethodNotFound)."""
        method = wire.method_of(body)
        if method in self.lacking:
            raise vmodl.fault.MethodNotFound(
                msg="no such method", receiver=wire.parse(body, version).this, method=method
            )
        return await super().call(caller, body, version=version)


async def test_a_server_that_lacks_a_method_is_unknown_and_no_failure() -> None:
    """MethodNotFound of every question that a vCenter can live without: unknown, never ok, exit code 0."""
    lacking = {"privileges", "least rights", "query limit", "realtime samples"}
    async with simulated.serve(model(), tls=simulated.Tls()) as server:
        server.service = Poorer(server, "HasPrivilegeOnEntities", "QueryOptions", "QueryPerfProviderSummary")
        seen = await checked(wanting(server), clock=STILL)
    assert seen.code == 0
    assert {item for item, state in seen.states["vc"].items() if state is UNKNOWN} == lacking
    assert "MethodNotFound: no such method" in seen.text


async def test_a_server_without_a_login_fails() -> None:
    """What nothing goes without is a failure, whatever the reason."""
    async with simulated.serve(model(), tls=simulated.Tls()) as server:
        server.service = Poorer(server, "Login")
        seen = await checked(wanting(server), clock=STILL)
    assert (seen.code, seen.states["vc"]["login"]) == (1, FAILED)


async def test_a_fault_of_something_necessary_fails_and_the_rest_is_still_asked() -> None:
    """A vCenter that cannot list its inventory is failing, but its counters can be told."""
    faults = Faults()
    faults.arm(Misbehaviour(kind="soap_fault", method="CreateContainerView", fault="SystemError", text="broken"))
    async with simulated.serve(model(), faults, tls=simulated.Tls()) as server:
        seen = await checked(wanting(server), clock=STILL)
    states = seen.states["vc"]
    assert seen.code == 1
    assert (states["inventory"], states["realtime samples"], states["counters: vm"]) == (FAILED, UNKNOWN, OK)


@pytest.mark.parametrize(
    ("skew", "said", "state", "code"),
    [(40.0, "40.0 s ahead of", WARNING, 0), (-90.0, "90.0 s behind", FAILED, 1)],
)
async def test_a_skewed_clock_is_measured(skew: float, said: str, state: State, code: int) -> None:
    """The simulator's clock is set; seen to a tenth of a second."""
    simulation = model()
    simulation.skew = skew
    async with simulated.serve(simulation, tls=simulated.Tls()) as server:
        seen = await checked(wanting(server), clock=STILL)
    assert (seen.code, seen.states["vc"]["clock"]) == (code, state)
    assert f"vCenter is {said} this machine" in seen.text


async def test_missing_counters_are_told_per_kind() -> None:
    """A counter that this vCenter lacks is missing where it was asked for, and nowhere else."""
    simulation = model()
    simulation.missing_counters = frozenset({"cpu.ready.summation"})
    async with simulated.serve(simulation, tls=simulated.Tls()) as server:
        vcenter = replace(to(server), counters={**DEFAULT_COUNTERS, Kind.HOST: Globs(("mem.*",))})
        seen = await checked(vcenter, clock=STILL)
    assert seen.states["vc"]["counters: vm"] is WARNING
    assert seen.states["vc"]["counters: host"] is OK
    assert "23 found; missing: cpu.ready.summation" in seen.text


async def test_a_vcenter_that_hangs_is_given_up() -> None:
    """A request over its time limit fails its item and ends the questions; nothing after it is called ok."""
    faults = Faults()
    faults.arm(Misbehaviour(kind="black_hole", method="CurrentTime"))
    async with simulated.serve(model(), faults, tls=simulated.Tls()) as server:
        seen = await checked(wanting(server, timeouts=Timeouts(total=0.5)))
        faults.clear()
    assert seen.code == 1
    assert seen.states["vc"] == {
        "clock": FAILED,
        "not checked": UNKNOWN,
        **dict.fromkeys(("connection", "version", "server certificate", "login"), OK),
    }


@pytest.mark.parametrize("method", ["RetrieveServiceContent", "Login", "CreateContainerView"])
async def test_the_time_of_a_whole_check_is_bounded(method: str) -> None:
    """Whatever the limits of single requests are."""
    faults = Faults()
    faults.arm(Misbehaviour(kind="black_hole", method=method))
    async with simulated.serve(model(), faults) as server:
        async with asyncio.timeout(20):
            seen = await checked(wanting(server, timeouts=Timeouts(total=3600, read=3600)), limit=1)
        faults.clear()
    assert seen.code == 1
    assert (seen.states["vc"]["time"], seen.states["vc"]["not checked"]) == (FAILED, UNKNOWN)
    assert "not done within 1 s" in seen.text


async def test_something_else_than_vcenter_is_told_as_such() -> None:
    """HTML where SOAP should be, over TLS: the certificate is still looked at."""
    page = http(b"<html><title>It works!</title></html>", kind="text/html")
    async with serving(always(page)) as server:
        vcenter = VCenter(name="vc", url=server.url, username="u", password=Secret(PASSWORD))
        seen = await checked(vcenter)
    assert seen.states["vc"] == {"connection": FAILED, "not checked": UNKNOWN}
    assert "It works!" in seen.text
    assert seen.code == 1


async def test_all_vcenters_are_asked_at_the_same_time() -> None:
    """Two that answer only when both were asked are both answered."""
    both = asyncio.Barrier(2)

    async def late(request: Request, writer: asyncio.StreamWriter) -> None:
        await both.wait()
        writer.write(http(b"<title>both</title>", kind="text/html"))

    async with serving(late) as one, serving(late) as other:
        urls = {"one": one.url, "other": other.url}
        seen = await checked(*(VCenter(name, url, "u", password=Secret("p")) for name, url in urls.items()), limit=20)
    assert seen.text.count("HTTP 200 with text/html titled 'both'") == 2


async def test_an_extension_logs_in_by_its_certificate(tmp_path: Path) -> None:
    """The client certificate has a line of its own, and the login names the extension."""
    authority = Authority(tmp_path, "ca")
    client = authority.issue("agent", days=20)
    tls = simulated.Tls(client_ca=authority.pem.read_bytes())
    async with simulated.serve(model(), tls=tls) as server:
        files = Tls(client_cert=client.cert, client_key=client.key, thumbprint=server.thumbprint)
        key = Accounts().extension_key
        seen = await checked(VCenter(name="vc", url=server.url, extension_key=key, tls=files))
    assert (seen.states["vc"]["client certificate"], seen.states["vc"]["login"]) == (WARNING, OK)
    assert f"extension {key}, by its certificate" in seen.flat


async def test_a_file_that_cannot_be_used_fails_its_vcenter_alone(tmp_path: Path) -> None:
    """Found out only when TLS is set up, so it is a finding instead of the end of the command."""
    (tmp_path / "ca.pem").write_text("not PEM")
    async with simulated.serve(model()) as server:
        good = wanting(server, "good")
        bad = replace(good, name="bad", url="https://127.0.0.1:1/sdk", tls=Tls(ca_file=tmp_path / "ca.pem"))
        seen = await checked(bad, good, clock=STILL)
    assert seen.states["bad"] == {"configuration": FAILED}
    assert seen.states["good"]["connection"] is WARNING
    assert seen.code == 1


async def test_a_configuration_without_a_vcenter_is_no_failure() -> None:
    """There may be clouds in it; but it is said."""
    seen = await checked()
    assert (seen.code, seen.states) == (0, {"configuration": {"configuration": WARNING}})


async def test_an_output_that_knows_ascii_only_gets_the_table_too() -> None:
    """Characters that the output cannot write are escaped."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    vcenter = VCenter(name="Zürich", url="https://127.0.0.1:1/sdk", username="u", password=Secret(PASSWORD))
    assert await check.run(Config(vcenters=(vcenter,)), out=out) == 1
    out.flush()
    assert b"vCenter Z\\xfcrich: failed" in raw.getvalue()


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


async def test_a_terminal_gets_colours_and_its_own_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS is how a terminal's width is told to programs."""
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    await check.run(Config(), out=out)
    assert "\x1b[33mwarning\x1b[0m" in out.getvalue()
    assert {len(line) for line in out.getvalue().splitlines() if set(line) <= {"-", " "} and line} == {69}
