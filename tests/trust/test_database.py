"""The edge to PostgreSQL, with a real server that admits by client certificate."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import postgresserver
import pytest
from postgresserver import Postgres
from vcenter.tlslab import Authority, Pair

from exporter.configvalues import DatabaseUrl
from exporter.slastores import opened
from exporter.trust import database
from exporter.trust.model import Role, Trust
from sla.store.errors import StoreError

pytestmark = pytest.mark.external

HBA = """\
hostssl all agent 127.0.0.1/32 cert clientcert=verify-full
hostssl all plain 127.0.0.1/32 trust
hostnossl all plain 127.0.0.1/32 trust
host all postgres 127.0.0.1/32 scram-sha-256
"""


def given(source: Path, target: Path) -> Path:
    """A copy that only its owner reads, who is the server's user."""
    shutil.copy(source, target)
    target.chmod(0o600)
    if os.getuid() == 0:
        shutil.chown(target, target.parent.owner())
    return target


@pytest.fixture(scope="module")
def postgres(authority: Authority, server_pair: Pair) -> Iterator[Postgres]:
    """A server with TLS: user agent must show a certificate of its own name, user plain need not."""
    with postgresserver.start() as server:
        data = Path(server.run("SHOW data_directory")[0][0])
        given(server_pair.cert, data / "server.crt")
        given(server_pair.key, data / "server.key")
        given(authority.pem, data / "ca.crt")
        (data / "pg_hba.conf").write_text(HBA)
        for statement in (
            "ALTER SYSTEM SET ssl = on",
            "ALTER SYSTEM SET ssl_ca_file = 'ca.crt'",
            "CREATE USER agent",
            "CREATE USER plain",
            "GRANT CREATE ON DATABASE postgres TO agent, plain",
            "SELECT pg_reload_conf()",
        ):
            server.run(statement)
        while not server.run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0][0]:
            pass
        yield server


def url(server: Postgres, user: str, authority: Authority | None, pair: Pair | None = None, **more: str) -> DatabaseUrl:
    """As it is written under state."""
    options = {"sslrootcert": str(authority.pem)} if authority else {}
    if pair:
        pair.key.chmod(0o600)
        options |= {"sslcert": str(pair.cert), "sslkey": str(pair.key)}
    query = "&".join(f"{key}={value}" for key, value in (options | more).items())
    return DatabaseUrl(f"postgresql://{user}@127.0.0.1:{server.port}/postgres?{query}")


def used(state: DatabaseUrl) -> str:
    """``ok`` where the SLA engine's store can be used, else what is said."""
    try:
        with contextlib.closing(opened(state, monotonic=lambda: 0.0)) as store:
            store.windows()
    except StoreError as error:
        return str(error)
    return "ok"


async def test_admitted_by_certificate(
    postgres: Postgres, authority: Authority, stranger: Authority, server_pair: Pair
) -> None:
    """With our certificate the store works and the edge is mutual; with no other one."""
    agent, other = authority.issue("agent"), authority.issue("somebody")
    state = url(postgres, "agent", authority, agent, sslmode="verify-full")
    seen = await database.look(state.reveal())
    assert used(state) == "ok"
    assert (seen.edge, seen.peer, seen.trust, seen.local, seen.error) == (
        "postgresql", f"127.0.0.1:{postgres.port}", Trust.MUTUAL, True, "",
    )  # fmt: skip
    assert [(one.role, one.subject) for one in seen.expiries] == [
        (Role.SERVER, "CN=server"),
        (Role.CLIENT, "CN=agent"),
        (Role.CA, "CN=ca"),
    ]
    assert seen.expiries[0].not_after == server_pair.certificate.not_valid_after_utc.timestamp()

    bad = {"none": None, "other": other, "unknown": stranger.issue("agent"), "old": authority.issue("agent", days=-1)}
    refused = {}
    for name, pair in bad.items():
        state = url(postgres, "agent", authority, pair, sslmode="verify-full")
        refused[name] = (used(state), (await database.look(state.reveal())))
    assert all(look.trust is None and look.expiries for _, look in refused.values())
    words = {
        "none": "connection requires a valid client certificate",
        "other": 'certificate authentication failed for user "agent"',
        "unknown": "unknown ca",
        "old": "certificate expired",
    }
    for name, (said, look) in refused.items():
        assert words[name] in said, name
        assert words[name] in look.error, name


async def test_how_far_it_is_trusted(postgres: Postgres, authority: Authority, stranger: Authority) -> None:
    """By what libpq was told to verify, and by what the session then is."""
    cases = {
        "verify-full": url(postgres, "plain", authority, sslmode="verify-full"),
        "verify-ca": url(postgres, "plain", authority, sslmode="verify-ca"),
        "require with a CA": url(postgres, "plain", authority, sslmode="require"),
        "require": url(postgres, "plain", None, sslmode="require"),
        "disable": url(postgres, "plain", None, sslmode="disable"),
        "another CA": url(postgres, "plain", stranger, sslmode="verify-full"),
    }
    assert {name: (await database.look(state.reveal())).trust for name, state in cases.items()} == {
        "verify-full": Trust.TLS,
        "verify-ca": Trust.TLS,
        "require with a CA": Trust.TLS,
        "require": Trust.UNVERIFIED,
        "disable": Trust.PLAIN,
        "another CA": None,
    }


async def test_a_renewed_certificate(
    postgres: Postgres, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """libpq reads the files at each connection: nothing needs to be reloaded."""
    cert, key = tmp_path / "agent.crt", tmp_path / "agent.key"
    options = {"sslcert": str(cert), "sslkey": str(key), "sslmode": "verify-full"}
    state = url(postgres, "agent", authority, None, **options)
    found = []
    for pair in (stranger.issue("agent"), authority.issue("agent")):
        shutil.copy(pair.cert, cert)
        given(pair.key, key)
        found.append(used(state) == "ok")
    assert found == [False, True]


async def test_what_cannot_be_asked() -> None:
    """A URL that cannot be used, or a server that is not there, is an error and no trust."""
    looks = [await database.look("postgresql://a@127.0.0.1:1/b"), await database.look("postgresql://a@h/b?nonsense=1")]
    assert [(look.trust, look.expiries) for look in looks] == [(None, ()), (None, ())]
    assert "the database cannot be asked" in looks[0].error
    assert "cannot be read" in looks[1].error
