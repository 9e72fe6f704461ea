"""The edges that a configuration has, and where services of a cloud turned out to be. No I/O."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from exporter.alertmanager.client import member
from exporter.config import Cloud, Config, Timeouts, Tls
from exporter.configvalues import DatabaseUrl

_PORTS = {"http": 80, "https": 443, "amqp": 5672, "amqps": 5671}
SECURE = frozenset({"https", "amqps"})


@dataclass(frozen=True, slots=True)
class Edge:
    """One way on which we are the client. ``scheme`` tells TLS from none; no user or password is in it."""

    edge: str
    peer: str
    scheme: str
    host: str
    port: int
    tls: Tls = field(default_factory=Tls)
    timeouts: Timeouts = field(default_factory=Timeouts)
    proxy: str | None = None

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of certificates that we bring along."""
        return tuple(file for file in (self.tls.client_cert, self.tls.ca_file) if file is not None)


@dataclass(frozen=True, slots=True)
class CloudPlaces:
    """Where the services of a region of a cloud are, and by what they are trusted."""

    urls: Mapping[str, str]
    tls: Tls


class _Session(Protocol):
    @property
    def places(self) -> Mapping[str, str]: ...

    @property
    def trust(self) -> Tls: ...


class _Poller(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def session(self) -> _Session: ...


def endpoints(pollers: Iterable[_Poller]) -> Mapping[str, CloudPlaces]:
    """What the pollers of clouds know, by their names."""
    return {poller.name: CloudPlaces(poller.session.places, poller.session.trust) for poller in pollers}


def is_local(host: str) -> bool:
    """Whether it is a socket on this machine, or its loopback."""
    try:
        return host in {"", "localhost"} or host.startswith("/") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def edges_of(config: Config, places: Mapping[str, CloudPlaces]) -> tuple[Edge, ...]:
    """Every edge but the database and our own server. An edge whose URL cannot be understood is left out."""
    return tuple(filter(None, (*_vcenters(config), *_clouds(config, places), *_alertmanagers(config))))


def database_of(config: Config) -> str | None:
    """The URL of the state, where that is a database."""
    url = config.state.reveal() if isinstance(config.state, DatabaseUrl) else config.state
    return url if url.startswith("postgresql:") else None


def _edge(edge: str, peer: str, url: str, *, tls: Tls, timeouts: Timeouts, proxy: str | None = None) -> Edge | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return Edge(edge, peer, parts.scheme, parts.hostname or "", port, tls=tls, timeouts=timeouts, proxy=proxy)


def _vcenters(config: Config) -> Iterator[Edge | None]:
    for one in config.vcenters:
        yield _edge("vcenter", one.name, one.url, tls=one.tls, timeouts=one.timeouts, proxy=one.proxy)


def _clouds(config: Config, places: Mapping[str, CloudPlaces]) -> Iterator[Edge | None]:
    for cloud in config.clouds:
        for name in _names(cloud):
            known = places.get(name) or CloudPlaces({"identity": cloud.auth_url}, cloud.tls)
            for service, url in known.urls.items():
                yield _edge("openstack", f"{name}/{service}", url, tls=known.tls, timeouts=cloud.timeouts)
        if cloud.notifications is not None:
            heard = cloud.notifications
            yield _edge("broker", cloud.name, heard.url.reveal(), tls=heard.tls, timeouts=cloud.timeouts)


def _names(cloud: Cloud) -> Iterator[str]:
    """As ``clouds.regions`` names the pollers."""
    if len(cloud.regions) <= 1:
        yield cloud.name
    else:
        yield from (f"{cloud.name}/{region}" for region in cloud.regions)


def _alertmanagers(config: Config) -> Iterator[Edge | None]:
    if (told := config.sla.alertmanager) is not None:
        for url in told.urls:
            yield _edge("alertmanager", member(url), url, tls=told.tls, timeouts=told.timeouts)
