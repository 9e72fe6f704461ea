"""What ``novacenter check`` looks at in a cloud, and in how it fits the vCenters."""

import asyncio
import random
from collections.abc import Iterable, Iterator
from typing import Any

from exporter import survey
from exporter.checktable import Section
from exporter.clock import Clock
from exporter.config import Cloud, Config
from exporter.errors import ConfigError, SourceError
from exporter.findings import SKEW_FAILURE, SKEW_WARNING, Finding, State, failure
from exporter.identity import Identity
from exporter.openstack.cloud import ApiFault, NotOffered
from exporter.openstack.decode import Services
from exporter.openstack.probe import Probe, probe_apis
from exporter.openstack.services import VMWARE, Outcome, Reading, ServicesSnapshot, read_services
from exporter.openstack.session import Session
from exporter.overview import sentence

MOST = 10
"""Sentences shown of a kind of finding; how many more there are is said."""

ADMIN = "give the user the role admin, or change Nova's policy"
"""Nova 34 shows servers of all projects, services and hypervisors to administrators alone."""

_NEEDED = frozenset({"keystone", "nova"})
"""APIs without which nothing is collected."""


async def examined(cloud: Cloud, region: str | None, *, clock: Clock, limit: float) -> Section:
    """One region of a cloud, examined within ``limit`` seconds. Logs in once."""
    found: list[Finding] = []
    try:
        rng = random.Random()  # noqa: S311 - spreads retries over time, keeps no secret
        session = await asyncio.to_thread(Session, cloud, region=region, clock=clock, rng=rng)
        try:
            async with asyncio.timeout(limit):
                await _examine(session, clock, found)
        finally:
            await session.close()
    except ConfigError as error:
        found.append(failure("configuration", error))
    except TimeoutError:
        advice = "see whether the cloud is overloaded; lower timeouts.total to learn what it does not answer"
        found.append(Finding("time", State.FAILED, f"not done within {limit:g} s", advice))
    return Section(f"cloud {cloud.name}" + (f"/{region}" if region else ""), tuple(found))


async def _examine(session: Session, clock: Clock, found: list[Finding]) -> None:
    probes = await probe_apis(session, clock=clock)
    found.extend(map(_api, probes))
    if any(probe.api in _NEEDED and probe.error is not None for probe in probes):
        names = "servers of all projects, clock, services"
        found.append(Finding("not checked", State.UNKNOWN, names, "first mend what failed"))
        return
    found.extend(await _servers(session, clock))
    found.extend(_services(await read_services(session)))


def _api(probe: Probe) -> Finding:
    item = f"API {probe.api}"
    if probe.error is None:
        return Finding(item, State.OK, f"answered in {probe.seconds * 1000:.0f} ms")
    if isinstance(probe.error, NotOffered):
        state = State.FAILED if probe.api in _NEEDED else State.UNKNOWN
        return failure(item, probe.error, state=state)
    return failure(item, probe.error, state=State.FAILED if probe.api in _NEEDED else State.WARNING)


async def _servers(session: Session, clock: Clock) -> Iterable[Finding]:
    item = "servers of all projects"
    try:
        version = await session.microversion("compute")
        reply = await session.get("compute", "/servers/detail?all_tenants=1&limit=1")
    except ApiFault as fault:
        if fault.code != 403:
            return [failure(item, fault)]
        return [Finding(item, State.FAILED, "this user may not list them", ADMIN)]
    except SourceError as error:
        return [failure(item, error)]
    spoken = "{}.{}".format(*version) if version else "none"
    found = [Finding(item, State.OK, f"may be listed; microversion {spoken}")]
    if reply.date is not None:
        found.append(_clock(reply.date + 0.5 - clock.now()))
    return found


def _clock(skew: float) -> Finding:
    distance = abs(skew)
    state = State.FAILED if distance > SKEW_FAILURE else State.WARNING if distance > SKEW_WARNING else State.OK
    way = "ahead of" if skew > 0 else "behind"
    if state is State.OK:
        return Finding("clock", state, "Nova's clock agrees with ours")
    return Finding("clock", state, f"Nova's clock is {distance:.0f} s {way} ours", "synchronise both by NTP")


def _services(read: ServicesSnapshot) -> Iterator[Finding]:
    yield _reading("compute services", read.computes, _count(read.computes, "services"))
    nodes = read.hypervisors.value or {}
    vmware = sum(node.type == VMWARE for node in nodes.values())
    yield _reading("hypervisors", read.hypervisors, f"{len(nodes)}, of them {vmware} VMware clusters")
    yield _reading("placement", read.providers, f"{len(read.providers.value or {})} VMware providers")
    yield _reading("volume services", read.volumes, _count(read.volumes, "services"))
    yield _reading("network agents", read.agents, _count(read.agents, "agents"))


def _count(reading: Reading[Services], noun: str) -> str:
    services = reading.value.services if reading.value is not None else ()
    down = sum(not service.up for service in services)
    return f"{len(services)} {noun}" + (f", {down} down" if down else "")


def _reading(item: str, reading: Reading[Any], text: str) -> Finding:
    if reading.outcome is Outcome.OK:
        return Finding(item, State.OK, text)
    if reading.outcome is Outcome.ABSENT:
        return Finding(item, State.UNKNOWN, "the cloud has no such service")
    if reading.outcome is Outcome.FORBIDDEN:
        return Finding(item, State.WARNING, "this user may not list them", ADMIN)
    return failure(item, reading.error or SourceError("failed"), state=State.WARNING)


async def fitting(config: Config, *, clock: Clock, limit: float) -> Section:
    """How clouds and vCenters fit together: both listed once, within ``limit`` seconds."""
    title = "cloud and vCenter"
    try:
        async with survey.opened(config, lambda *_: None, clock=clock) as sources, asyncio.timeout(limit):
            await sources.survey()
            return Section(title, tuple(_findings(sources.identity)))
    except ConfigError as error:
        return Section(title, (failure("configuration", error),))
    except TimeoutError:
        return Section(title, (Finding("time", State.FAILED, f"not done within {limit:g} s", "see what is slow"),))


def _findings(identity: Identity) -> Iterator[Finding]:
    yield Finding("same VM", State.OK, f"{identity.matched:,} servers are known as VMs of a vCenter")
    for kind, count in identity.counts.items():
        item = kind.value.replace("_", " ")
        if not count:
            yield Finding(item, State.OK, "none")
            continue
        shown = [sentence(one) for one in identity.findings if one.kind is kind][:MOST]
        more = [f"and {count - len(shown):,} more"] if count > len(shown) else []
        yield Finding(item, State.WARNING, f"{count:,}: " + "; ".join([*shown, *more]))
