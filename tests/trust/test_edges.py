"""What is seen of each edge, by real handshakes, and what becomes of it: metrics, and the status page."""

import shutil
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from trust.edgelab import LIMITS
from trust.weblab import mutual
from vcenter.tlslab import Authority, Pair, blocking_tls, greeting, never, proxying, server_context, serving

from exporter.config import (
    Alertmanager,
    Cloud,
    Config,
    Notifications,
    Secret,
    Sla,
    Timeouts,
    Tls,
    VCenter,
)
from exporter.configvalues import DatabaseUrl
from exporter.trust import service
from exporter.trust.edges import CloudPlaces, Edge, database_of, edges_of, endpoints, is_local
from exporter.trust.model import EdgeTrust, Expiry, Role, Trust
from exporter.trust.probe import look


def edge(port: int, trust: Tls, scheme: str = "https", **more: object) -> Edge:
    """An edge to this machine."""
    return Edge("vcenter", "vc1", scheme, "127.0.0.1", port, tls=trust, timeouts=LIMITS, **more)  # type: ignore[arg-type]


def subjects(seen: EdgeTrust) -> dict[str, str]:
    """Whose certificates were seen, by role."""
    return {one.role: one.subject for one in seen.expiries}


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_states(authority: Authority, server_pair: Pair, version: str) -> None:
    """Mutual is where a client without certificate is turned away, measured; ours alone does not make it so."""
    ours = authority.issue("agent")
    demanding, open_ = server_context(server_pair, client_ca=authority.pem), server_context(server_pair)
    for context in (demanding, open_):
        context.maximum_version = ssl.TLSVersion[version]
    verified, both = Tls(authority.pem), Tls(authority.pem, ours.cert, ours.key)
    found = {}
    async with serving(never, context=demanding) as server, serving(never, context=open_) as other:
        for name, port, trust in (
            ("mutual", server.port, both),
            ("not asked", other.port, both),
            ("tls", other.port, verified),
            ("insecure", other.port, Tls(insecure=True)),
        ):
            found[name] = await look(edge(port, trust))
        assert not server.requests
        assert not other.requests
    plain = await look(edge(1, Tls(), scheme="http"))
    assert {name: one.trust for name, one in found.items()} == {
        "mutual": Trust.MUTUAL, "not asked": Trust.TLS, "tls": Trust.TLS, "insecure": Trust.UNVERIFIED,
    }  # fmt: skip
    assert (plain.trust, plain.expiries, plain.error) == (Trust.PLAIN, (), "")
    assert subjects(found["mutual"]) == {"server": "CN=server", "client": "CN=agent", "ca": "CN=ca"}
    assert found["mutual"].soonest == min(one.not_after for one in found["mutual"].expiries)
    assert [one.error for one in found.values()] == [""] * 4


async def test_what_cannot_be_trusted(authority: Authority, stranger: Authority, server_pair: Pair) -> None:
    """The state is unknown, the error says why; the server's certificate is seen all the same."""
    old = authority.issue("old", "127.0.0.1", days=-1)
    found = {}
    async with serving(never, context=server_context(server_pair)) as server:
        found["other CA"] = await look(edge(server.port, Tls(stranger.pem)))
    async with serving(never, context=server_context(old)) as server:
        found["expired"] = await look(edge(server.port, Tls(authority.pem)))
    async with serving(never, context=server_context(server_pair, client_ca=authority.pem)) as server:
        found["absent"] = await look(edge(server.port, Tls(authority.pem)))
    async with blocking_tls(server_context(server_pair, client_ca=authority.pem)) as port:
        found["alert"] = await look(edge(port, Tls(authority.pem)))
    found["nobody"] = await look(edge(1, Tls(authority.pem)))
    found["no file"] = await look(edge(1, Tls(Path("/nowhere/ca.pem"))))
    assert [one.trust for one in found.values()] == [None] * 6
    assert {name: sorted(subjects(one)) for name, one in found.items()} == {
        **{name: ["ca", "server"] for name in ("other CA", "expired", "absent", "alert")},
        "nobody": ["ca"],
        "no file": [],
    }
    assert {name: one.error.partition("; ")[2] for name, one in found.items()} == {
        "other CA": "its CA is unknown: set tls.ca_file to the CA of the server, or tls.thumbprint",
        "expired": "it has expired: renew the certificate of the server",
        "absent": "where it asks for a client certificate, set tls.client_cert and tls.client_key to one that it "
        "trusts",
        "alert": "where it asks for a client certificate, set tls.client_cert and tls.client_key to one that it trusts",
        "nobody": "is it up, and is this its port?",
        "no file": "it must hold PEM certificates",
    }


async def test_by_thumbprint_and_through_a_proxy(authority: Authority, server_pair: Pair) -> None:
    """A pinned certificate is a verified one, with no CA; a proxy is passed as the requests pass it."""
    trust = Tls(thumbprint=server_pair.certificate.fingerprint(ssl_hash()).hex())
    async with serving(never, context=server_context(server_pair)) as server, proxying() as proxy:
        seen = await look(edge(server.port, trust, proxy=proxy.url))
        assert proxy.requests[0].line.startswith("CONNECT 127.0.0.1:")
    assert (seen.trust, subjects(seen)) == (Trust.TLS, {"server": "CN=server"})


def ssl_hash() -> object:
    """SHA-256."""
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    return SHA256()


async def test_a_server_that_hangs(authority: Authority) -> None:
    """Ends within timeouts.connect."""

    async with greeting(b"") as port:
        seen = await look(replace(edge(port, Tls(authority.pem)), timeouts=Timeouts(0.2, 1.0, 1.0)))
    assert seen.error == f"127.0.0.1:{port}: no handshake within 0.2 s; check firewall"


def whole() -> Config:
    """A configuration with every kind of edge."""
    heard = Notifications(Secret("amqps://u:hush@rabbit/"), tls=Tls(insecure=True))
    return Config(
        state=DatabaseUrl("postgresql://u:hush@db/x"),
        vcenters=(VCenter("vc1", "https://vc/sdk", proxy="http://proxy:3128"),),
        clouds=(
            Cloud("one", auth_url="https://keystone:5000/v3", notifications=heard),
            Cloud("two", auth_url="https://[::1]:5000/v3", regions=("r1", "r2")),
        ),
        sla=Sla(alertmanager=Alertmanager(("http://am1:9093", "https://am2/path"))),
    )


def test_every_edge_is_found() -> None:
    """One per vCenter, service of a region, broker and member; no password is in any of them."""
    places = {"one": CloudPlaces({"identity": "https://k:5000/v3", "compute": "http://n:8774/v2.1"}, Tls())}
    found = edges_of(whole(), places)
    assert [(one.edge, one.peer, one.scheme, one.address) for one in found] == [
        ("vcenter", "vc1", "https", "vc:443"),
        ("openstack", "one/identity", "https", "k:5000"),
        ("openstack", "one/compute", "http", "n:8774"),
        ("broker", "one", "amqps", "rabbit:5671"),
        ("openstack", "two/r1/identity", "https", "[::1]:5000"),
        ("openstack", "two/r2/identity", "https", "[::1]:5000"),
        ("alertmanager", "am1:9093", "http", "am1:9093"),
        ("alertmanager", "am2/path", "https", "am2:443"),
    ]
    assert "hush" not in repr(found)
    assert database_of(whole()) == "postgresql://u:hush@db/x"
    assert database_of(Config()) is None
    assert [is_local(host) for host in ("", "/run", "localhost", "::1", "127.0.0.9", "10.0.0.1", "h")] == [
        True, True, True, True, True, False, False,
    ]  # fmt: skip
    assert endpoints(()) == {}


def values(registry: CollectorRegistry) -> dict[str, float]:
    """The series of the edges that are not 0."""
    return {
        f"{sample.labels['edge']} {sample.labels['peer']} {sample.labels.get('role') or sample.labels['state']}": (
            sample.value
        )
        for metric in registry.collect()
        if metric.name.startswith(("novacenter_certificate", "novacenter_edge"))
        for sample in metric.samples
        if sample.value
    }


async def test_the_service(authority: Authority, server_pair: Pair, tmp_path: Path) -> None:
    """Metrics follow the last look; a renewed file is noticed by ``attend``; where a server is away its end stays."""
    ours = authority.issue("agent")
    cert, key = tmp_path / "agent.pem", tmp_path / "agent.key"
    shutil.copy(ours.cert, cert)
    shutil.copy(ours.key, key)
    (tmp_path / "web.yml").write_text(mutual(server_pair, authority))
    registry = CollectorRegistry()
    ends = {pair: pair.certificate.not_valid_after_utc.timestamp() for pair in (ours, server_pair)}
    ca = 1.0
    context = server_context(server_pair, client_ca=authority.pem)
    async with serving(never, context=context) as server:
        vcenter = VCenter(
            "vc1",
            server.url,
            "u",
            Secret("p"),
            tls=Tls(authority.pem, cert, key),
            timeouts=Timeouts(connect=2.0),
        )
        config = Config(listen="127.0.0.1:1", web_config=tmp_path / "web.yml", vcenters=(vcenter,))
        subject = service.opened(lambda: config, registry, places=dict, own=())
        await subject.attend()
        first = values(registry)
        connections = server.connections
        await subject.attend()
        assert server.connections == connections
        renewed = authority.issue("renewed", days=9)
        shutil.copy(renewed.cert, cert)
        shutil.copy(renewed.key, key)
        await subject.attend()
        second = values(registry)
    await subject.look()
    third = values(registry)
    config = Config(listen="127.0.0.1:1", web_config=tmp_path / "web.yml")
    await subject.look()
    fourth = values(registry)

    ca = first.pop("vcenter vc1 ca")
    web = {"web 127.0.0.1:1 server": ends[server_pair], "web 127.0.0.1:1 ca": ca, "web 127.0.0.1:1 mutual": 1.0}
    vc = {"vcenter vc1 server": ends[server_pair], "vcenter vc1 client": ends[ours], "vcenter vc1 mutual": 1.0}
    assert first == {**web, **vc}
    later = {"vcenter vc1 client": renewed.certificate.not_valid_after_utc.timestamp(), "vcenter vc1 ca": ca}
    assert second == {**web, **vc, **later}
    assert third == {key: value for key, value in second.items() if key != "vcenter vc1 mutual"}
    assert fourth == web


def test_the_earliest_end() -> None:
    """Of an edge and of the roles on it, none where nothing is known."""
    ends = (Expiry(Role.SERVER, 20.0, "s"), Expiry(Role.CA, 10.0, "c"))
    assert EdgeTrust("web", "a", "a", Trust.TLS, expiries=ends).soonest == 10.0
    assert EdgeTrust("web", "a", "a", Trust.PLAIN).soonest is None
