"""``novacenter certs``: what it makes works in real handshakes, and what it says of certificates is so."""

import argparse
import asyncio
import io
import shutil
import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from trust.edgelab import SOAP
from trust.weblab import client, get, guarded
from vcenter.tlslab import Authority, Pair, always, server_context, serving

from exporter import certscommand, cli
from exporter.clock import Clock
from exporter.config import Config, Secret, Timeouts, Tls, VCenter
from exporter.errors import ConfigError
from exporter.findings import State
from exporter.trust import chain, making

DAY = 86400.0


def options(directory: Path, **more: object) -> argparse.Namespace:
    """As the command line gives them."""
    given = {"name": None, "host": None, "days": 365, "renew": False, **more}
    return argparse.Namespace(directory=directory, **given)


def made(directory: Path, **more: object) -> str:
    """Makes a lab; what was said."""
    return "\n".join(certscommand.init(options(directory, **more), now=Clock().now()))


def load(directory: Path, name: str) -> Pair:
    """One of the pairs of a lab."""
    cert = directory / f"{name}.pem"
    return Pair(cert, directory / f"{name}.key", x509.load_pem_x509_certificate(cert.read_bytes()))


class Ca:
    """The CA of a lab, as the tests' clients take one."""

    def __init__(self, directory: Path) -> None:
        self.pem = directory / "ca.pem"


async def test_the_lab_works_at_once(tmp_path: Path) -> None:
    """The written web.yml guards a server that lets in the made client alone; keys are for this user alone."""
    said = made(tmp_path / "lab")
    lab = tmp_path / "lab"
    async with guarded(lab / "web.yml") as running:
        url = running.server.url.replace("127.0.0.1", "localhost") + "/metrics"
        found = [await get(url, client(Ca(lab), pair)) for pair in (load(lab, "client"), None, load(lab, "server"))]
    assert found == [200, "refused", "refused"]
    keys = {file.name: stat.S_IMODE(file.stat().st_mode) for file in lab.iterdir() if file.suffix == ".key"}
    assert keys == dict.fromkeys(("ca.key", "server.key", "client.key"), 0o600)
    assert sorted(file.name for file in lab.iterdir()) == [
        "ca.key", "ca.pem", "client.key", "client.pem", "server.key", "server.pem", "web.yml",
    ]  # fmt: skip
    scrape = yaml.safe_load(said[said.index("scrape_configs:") : said.index("Where a server")])
    assert scrape["scrape_configs"][0]["tls_config"]["ca_file"] == str(lab / "ca.pem")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A second init changes no file; --renew replaces the pairs by new ones of the same CA, name and hosts."""
    made(tmp_path, name="agent", host=["a.test", "10.0.0.1"])
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ConfigError, match="is there already and is not overwritten"):
        made(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    made(tmp_path, renew=True, days=7)
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {
        "server.pem", "server.key", "client.pem", "client.key",
    }  # fmt: skip
    assert making.hosts(after["server.pem"]) == ("a.test", "10.0.0.1")
    assert making.hosts(after["client.pem"]) == ("agent",)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"days": 0}, "--days 0: write 1 to 3650"),
        ({"host": ["a b"]}, "is neither a name nor an address"),
        ({"renew": True}, "name the directory that certs init has made"),
    ],
)
def test_mistakes_of_init(tmp_path: Path, more: dict[str, object], said: str) -> None:
    """Each is said before a file is written."""
    with pytest.raises(ConfigError, match=said):
        made(tmp_path / "lab", **more)
    assert not (tmp_path / "lab").exists()


def test_openssl_agrees(tmp_path: Path) -> None:
    """OpenSSL, strictly, accepts each pair for its purpose and for no other."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    made(tmp_path)

    def verified(name: str, purpose: str, *more: str) -> bool:
        command = ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "ca.pem", "-purpose", purpose, *more]
        return subprocess.run([*command, tmp_path / name], capture_output=True, check=False).returncode == 0

    assert [
        verified("server.pem", "sslserver", "-verify_hostname", "localhost"),
        verified("server.pem", "sslserver", "-verify_hostname", "other"),
        verified("server.pem", "sslclient"),
        verified("client.pem", "sslclient"),
        verified("client.pem", "sslserver"),
    ] == [True, False, False, True, False]


def lab_chain(directory: Path) -> Callable[..., dict[str, State]]:
    """Verifies files of a lab; the state of each row."""

    def verify(name: str, key: str | None = None, host: str | None = None, later: float = 0.0) -> dict[str, State]:
        found = chain.verify(
            (directory / f"{name}.pem").read_bytes(),
            key=(directory / f"{key}.key").read_bytes() if key else None,
            ca=(directory / "ca.pem").read_bytes(),
            host=host,
            now=Clock().now() + later,
            warning=30 * DAY,
        )
        return {row.item.partition(" ")[0]: row.state for row in found if row.state is not State.OK}

    return verify


def test_what_is_wrong_with_a_chain(tmp_path: Path) -> None:
    """Name, key, usage, end and CA are each told apart; what is well is not in the list."""
    made(tmp_path)
    verify = lab_chain(tmp_path)
    failed, warning = State.FAILED, State.WARNING
    assert {
        "server": verify("server", "server", "localhost"),
        "address": verify("server", "server", "127.0.0.1"),
        "client": verify("client", "client"),
        "other name": verify("server", host="other"),
        "other key": verify("server", "client"),
        "client as server": verify("client", host="novacenter"),
        "soon": verify("server", later=340 * DAY),
        "late": verify("server", later=366 * DAY),
        "early": verify("server", later=-1 * DAY),
    } == {
        "server": {},
        "address": {},
        "client": {},
        "other name": {"names": failed},
        "other key": {"key": failed},
        "client as server": {"usage": failed, "chain": warning},
        "soon": {"certificate": warning},
        "late": {"certificate": failed, "chain": failed},
        "early": {"chain": failed},
    }


def test_a_foreign_ca(authority: Authority, stranger: Authority, tmp_path: Path) -> None:
    """A chain to another CA fails; one that OpenSSL takes but the web's profile does not is a warning."""
    pair = authority.issue("plain", "a.test")
    found = {
        name: chain.verify(pair.cert.read_bytes(), key=None, ca=ca, host="a.test", now=Clock().now(), warning=0.0)[-1]
        for name, ca in {"its": authority.pem.read_bytes(), "other": stranger.pem.read_bytes(), "no": b"x"}.items()
    }
    assert {name: row.state for name, row in found.items()} == {
        "its": State.WARNING, "other": State.FAILED, "no": State.FAILED,
    }  # fmt: skip
    assert "not by the book" in found["its"].found
    assert "does not lead to the CA" in found["other"].found


def checked(config: Config) -> tuple[int, list[str]]:
    """The exit code, and the lines of what was found without its columns' spaces."""
    out = io.StringIO()
    code = asyncio.run(certscommand.run(config, out=out, clock=Clock()))
    return code, [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_every_edge_of_a_configuration(authority: Authority, server_pair: Pair, tmp_path: Path) -> None:
    """0 where all is well, 10 where an edge or an end needs care, 1 where one cannot be trusted or reached."""
    made(tmp_path)
    ours = authority.issue("agent")
    limits = Timeouts(connect=3.0, read=3.0, total=5.0)
    mutual = server_context(server_pair, client_ca=authority.pem)
    trusts = {
        "mutual": Tls(authority.pem, ours.cert, ours.key),
        "nobody": Tls(authority.pem),
        "blind": Tls(insecure=True),
    }
    found = {}

    async def run(name: str, context: ssl.SSLContext) -> None:
        async with serving(always(SOAP), context=context) as server:
            vcenter = VCenter(
                "vc1", f"https://127.0.0.1:{server.port}/sdk", "u", Secret("p"), tls=trusts[name], timeouts=limits
            )
            out = io.StringIO()
            config = Config(vcenters=(vcenter,), web_config=tmp_path / "web.yml")
            code = await certscommand.run(config, out=out, clock=Clock())
            found[name] = (code, "".join(out.getvalue()))

    asyncio.run(run("mutual", mutual))
    asyncio.run(run("nobody", mutual))
    asyncio.run(run("blind", server_context(server_pair)))
    assert {name: code for name, (code, _) in found.items()} == {"mutual": 10, "nobody": 1, "blind": 10}
    told = " ".join(found["mutual"][1].split())
    assert "it turns away clients without a certificate that it knows" in told
    assert "1 days left" in found["mutual"][1]  # of server and client, made for two days
    assert "mutual: only clients with a certificate of client_ca_file are let in" in " ".join(
        found["mutual"][1].split()
    )
    assert "set tls.client_cert" in " ".join(found["nobody"][1].split())


def test_plain_edges() -> None:
    """Without TLS on this machine all is well; beyond it, it needs care."""
    here = VCenter("vc1", "http://127.0.0.1:1/sdk", "u", Secret("p"))
    assert checked(Config(vcenters=(here,)))[0] == 0
    code, lines = checked(Config(listen="0.0.0.0:9272", vcenters=(here,)))
    assert code == 10
    assert "web 0.0.0.0:9272: warning" in lines


def test_exit_codes_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 well, 10 with care, 1 failed, 2 a file or option that cannot be used."""
    lab = tmp_path / "lab"
    codes = [
        cli.main(["certs", "init", "--directory", str(lab)]),
        cli.main(["certs", "init", "--directory", str(lab)]),
        cli.main(["certs", "check", "--chain", f"{lab}/server.pem", "--ca", f"{lab}/ca.pem", "--host", "::1"]),
        cli.main(["certs", "check", "--chain", f"{lab}/server.pem", "--ca", f"{lab}/ca.pem", "--host", "b"]),
        cli.main(["certs", "init", "--directory", str(lab), "--renew", "--days", "9"]),
        cli.main(["certs", "check", "--chain", f"{lab}/server.pem", "--key", f"{lab}/server.key"]),
        cli.main(["certs", "check", "--chain", f"{lab}/none.pem"]),
        cli.main(["certs", "check", "--host", "b"]),
    ]
    assert codes == [0, 2, 0, 1, 0, 10, 2, 2]
    assert "BEGIN PRIVATE KEY" not in capsys.readouterr().out
