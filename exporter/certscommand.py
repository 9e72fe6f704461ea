"""``novacenter certs``: makes a CA and pairs for a lab, and tells of every edge how it is trusted and until when."""

import argparse
import os
import random
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from prometheus_client import CollectorRegistry

from exporter import checktable
from exporter.checktable import Section
from exporter.clock import Clock
from exporter.clouds import regions
from exporter.config import Config
from exporter.errors import ConfigError, SourceError
from exporter.findings import Finding, State
from exporter.openstack.session import Session
from exporter.trust import chain, making
from exporter.trust.edges import CloudPlaces
from exporter.trust.gate import Gate, Metrics
from exporter.trust.making import Made
from exporter.trust.model import EdgeTrust, Trust
from exporter.trust.service import own, survey

TEXT = "certificates: a CA and pairs for a lab, or how every edge is trusted and until when"
WIDTH = 120
SERVICES = ("compute", "placement", "block-storage", "image", "network")
"""Services of a cloud whose endpoints are looked up beside Keystone's."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?")
_DAYS = (1, 3650)
_FOUND = {
    Trust.PLAIN: "not encrypted",
    Trust.UNVERIFIED: "encrypted, but whoever answers is believed",
    Trust.TLS: "we verify the server; it lets in clients without a certificate that it knows",
    Trust.MUTUAL: "mutual: we verify the server, and it turns away clients without a certificate that it knows",
}
_SERVED = {
    Trust.PLAIN: "our server is not encrypted",
    Trust.TLS: "clients can verify our server; no certificate is asked of them",
    Trust.MUTUAL: "mutual: only clients with a certificate of client_ca_file are let in",
}

Load = Callable[[argparse.Namespace], Config]


def add(parser: argparse.ArgumentParser, load: Load, *, config: Path) -> None:
    """The options; ``load`` reads the configuration that they name, by default ``config``."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "a CA, a server's and a client's pair for a lab, and the web configuration that uses them"
    made = commands.add_parser("init", help=text, description=text)
    made.add_argument("--directory", type=Path, required=True, metavar="DIR")
    made.add_argument("--name", metavar="NAME", help="of the client, as database user for example; default: novacenter")
    made.add_argument("--host", action="append", metavar="HOST", help="name or address of the server; may be repeated")
    made.add_argument("--days", type=int, default=365, help="that the pairs are good for; default: %(default)s")
    made.add_argument("--renew", action="store_true", help="replace the pairs in DIR by new ones of its CA")
    made.set_defaults(command=_init)
    text = "chain, names, key, usage and end of a certificate, or of every edge of a configuration"
    made = commands.add_parser("check", help=text, description=text)
    made.add_argument("--config", type=Path, default=config, metavar="FILE", help="default: %(default)s")
    made.add_argument("--chain", type=Path, metavar="FILE", help="a certificate and its chain, in place of --config")
    made.add_argument("--key", type=Path, metavar="FILE", help="its private key")
    made.add_argument("--ca", type=Path, metavar="FILE", help="the CA that it must lead to")
    made.add_argument("--host", metavar="NAME", help="name or address that clients ask for")

    async def check(options: argparse.Namespace) -> int:
        if options.chain is not None:
            return _write(_files(options, now=Clock().now()), sys.stdout)
        if options.key or options.ca or options.host:
            raise ConfigError("--key, --ca and --host belong to --chain; add it, or leave them out")
        return await run(load(options), out=sys.stdout, clock=Clock())

    made.set_defaults(command=check)


# --- init -----------------------------------------------------------------------------------------------------------


async def _init(options: argparse.Namespace) -> int:
    for line in init(options, now=Clock().now()):
        sys.stdout.write(f"{line}\n")
    return 0


def init(options: argparse.Namespace, *, now: float) -> Sequence[str]:
    """Writes the files; what is to be done with them. Raises ConfigError where one is there already."""
    directory: Path = options.directory
    if not _DAYS[0] <= options.days <= _DAYS[1]:
        raise ConfigError(f"--days {options.days}: write {_DAYS[0]} to {_DAYS[1]}")
    if options.renew:
        ca, name, hosts = _present(directory)
    else:
        ca, name, hosts = making.authority(options.name or "novacenter", now=now), "novacenter", _default_hosts()
    name, hosts = options.name or name, tuple(options.host or hosts)
    for one in (name, *hosts):
        _check_name(one)
    server = making.issue(ca, hosts[0], hosts, server=True, now=now, days=options.days)
    client = making.issue(ca, name, (name,), server=False, now=now, days=options.days)
    files = {"server.pem": server.certificate, "server.key": server.key}
    files |= {"client.pem": client.certificate, "client.key": client.key}
    if not options.renew:
        files |= {"ca.pem": ca.certificate, "ca.key": ca.key, "web.yml": _WEB.encode()}
    _put(directory, files, replace=options.renew)
    if options.renew:
        return (f"{directory}: server and client renewed for {options.days} days; a running agent takes them over.",)
    return (_TOLD.format(directory=directory.resolve(), days=options.days, host=hosts[0], hosts=", ".join(hosts)),)


_WEB = """\
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
"""
_TOLD = """\
{directory}: a CA, and for {days} days certificates of a server ({hosts}) and a client.
For a lab: whoever has ca.key is anybody.

In novacenter.yml:

web_config: {directory}/web.yml

In prometheus.yml:

scrape_configs:
  - job_name: novacenter
    scheme: https
    tls_config:
      ca_file: {directory}/ca.pem
      cert_file: {directory}/client.pem
      key_file: {directory}/client.key
    static_configs:
      - targets: ['{host}:9272']

Where a server asks us for a certificate, beside its url:

tls: {{ca_file: {directory}/ca.pem, client_cert: {directory}/client.pem, client_key: {directory}/client.key}}"""


def _default_hosts() -> tuple[str, ...]:
    return ("localhost", "127.0.0.1", "::1")


def _check_name(name: str) -> None:
    if not making.is_address(name) and not _NAME.fullmatch(name):
        raise ConfigError(
            f"--name, --host {name!r}: is neither a name nor an address; use letters, digits, '.' and '-'"
        )


def _present(directory: Path) -> tuple[Made, str, tuple[str, ...]]:
    """The CA, the client's name and the server's hosts of what was made before. Raises ConfigError."""
    try:
        ca = Made((directory / "ca.pem").read_bytes(), (directory / "ca.key").read_bytes())
        (name, *_) = making.hosts((directory / "client.pem").read_bytes())
        return ca, name, making.hosts((directory / "server.pem").read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"--renew: {error}; name the directory that certs init has made") from error


def _put(directory: Path, files: dict[str, bytes], *, replace: bool) -> None:
    """Writes all files, keys for this user alone. Raises ConfigError, before anything is written where it can."""
    there = [name for name in files if (directory / name).exists()]
    if there and not replace:
        raise ConfigError(
            f"{directory / there[0]}: is there already and is not overwritten; name another directory, or renew the "
            "pairs by --renew"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            target = directory / f".{name}.new"
            target.unlink(missing_ok=True)
            mode = 0o600 if name.endswith(".key") else 0o644
            made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(made, "wb") as out:
                out.write(content)
            target.replace(directory / name)
    except OSError as error:
        raise ConfigError(f"{directory}: cannot be written ({error.strerror}); check who owns it") from error


# --- check ----------------------------------------------------------------------------------------------------------


async def run(config: Config, *, out: TextIO, clock: Clock) -> int:
    """Looks at every edge, and writes a table. Returns 0, 1 where one fails, 10 where one needs care."""
    sections = [_section(await _own(config), config, clock)]
    places: dict[str, CloudPlaces] = {}
    for cloud in config.clouds:
        for name, region in regions(cloud).items():
            try:
                rng = random.Random()  # noqa: S311 - spreads retries over time, keeps no secret
                session = Session(cloud, region=region, clock=clock, rng=rng)
            except ConfigError as error:
                sections.append(Section(f"openstack {name}", (_failed(str(error)),)))
                continue
            for service in SERVICES:
                with suppress(SourceError):
                    await session.microversion(service)
            places[name] = CloudPlaces(session.places, session.trust)
            await session.close()
    sections.extend(_section(edge, config, clock) for edge in await survey(config, places))
    return _write(sections, out)


async def _own(config: Config) -> EdgeTrust:
    try:
        return await own(config, Gate(config.web_config, Metrics(CollectorRegistry()), key=b""))
    except ConfigError as error:
        return EdgeTrust("web", config.listen, config.listen, None, error=str(error))


def _failed(error: str) -> Finding:
    found, _, advice = error.partition("; ")
    return Finding("trust", State.FAILED, found, advice)


def _section(edge: EdgeTrust, config: Config, clock: Clock) -> Section:
    rows = [_trust(edge, edge.trust)] if edge.trust is not None else []
    if edge.error:
        rows.append(_failed(edge.error))
    limits = {"now": clock.now(), "warning": config.rules.certificate_seconds}
    rows.extend(chain.ending(f"{one.role} {one.subject}"[:60], one.not_after, **limits) for one in edge.expiries)
    return Section(f"{edge.edge} {edge.peer}", tuple(rows))


def _trust(edge: EdgeTrust, trust: Trust) -> Finding:
    found = (_SERVED if edge.edge == "web" else _FOUND)[trust]
    if trust in {Trust.TLS, Trust.MUTUAL}:
        return Finding("trust", State.OK, found)
    if edge.local:
        return Finding("trust", State.OK, f"{found}; it does not leave this machine")
    advice = (
        "set web_config: to a file with tls_server_config" if edge.edge == "web" else "use TLS, and set tls.ca_file"
    )
    return Finding("trust", State.WARNING, found, advice)


def _files(options: argparse.Namespace, *, now: float) -> list[Section]:
    def content(file: Path | None) -> bytes | None:
        try:
            return file.read_bytes() if file is not None else None
        except OSError as error:
            raise ConfigError(
                f"{file}: cannot be read ({error.strerror}); check the name and who may read it"
            ) from error

    found = chain.verify(
        content(options.chain) or b"",
        key=content(options.key),
        ca=content(options.ca),
        host=options.host,
        now=now,
        warning=Config().rules.certificate_seconds,
    )
    return [Section(str(options.chain), found)]


def _write(sections: Sequence[Section], out: TextIO) -> int:
    terminal = out.isatty()
    width = shutil.get_terminal_size((WIDTH, 0)).columns if terminal else WIDTH
    encoding = out.encoding or "utf-8"
    text = checktable.render(sections, width=width, colour=terminal)
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    states = {finding.state for section in sections for finding in section.findings}
    return 1 if State.FAILED in states else 10 if states - {State.OK} else 0
