"""The services beside Nova's servers: computes, hypervisors, what Placement knows of VMware's, volumes, agents.

Each is asked for by itself: one that is absent, forbidden or dead does not stop the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeVar
from urllib.parse import quote

from exporter.errors import SourceError
from exporter.openstack import decode
from exporter.openstack.cloud import Api, ApiFault, NotOffered, understood
from exporter.openstack.decode import Inventory, Services
from exporter.openstack.model import Hypervisor

VMWARE = "VMware vCenter Server"
"""``hypervisor_type`` of the VMware driver: vCenter's about.name (vSphere API reference, AboutInfo)."""

T = TypeVar("T")


class Outcome(StrEnum):
    """How the reading of one endpoint went; ``absent`` is a service that the cloud does not have."""

    OK = "ok"
    ABSENT = "absent"
    FORBIDDEN = "forbidden"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What one endpoint said: ``value`` where ``outcome`` is ok, else ``error``."""

    outcome: Outcome
    value: T | None = None
    error: SourceError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What Placement knows of a hypervisor: its name there, its traits, and its inventory by resource class."""

    name: str
    traits: tuple[str, ...]
    inventory: Mapping[str, Inventory]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesSnapshot:
    """All that was read. ``hypervisors`` and ``providers`` are by id, which both share."""

    computes: Reading[Services]
    hypervisors: Reading[Mapping[str, Hypervisor]]
    providers: Reading[Mapping[str, Provider]]
    volumes: Reading[Services]
    agents: Reading[Services]


async def read_services(api: Api) -> ServicesSnapshot:
    """Ask every endpoint once: 4 requests, and 3 for each VMware hypervisor. Raises nothing but for bugs."""
    async with asyncio.TaskGroup() as group:
        computes = group.create_task(reading(_get(api, "compute", "/os-services", decoder=decode.services)))
        volumes = group.create_task(reading(_get(api, "block-storage", "/os-services", decoder=decode.services)))
        agents = group.create_task(reading(_get(api, "network", "/agents", decoder=decode.agents)))
        hypervisors = await reading(_get(api, "compute", "/os-hypervisors/detail", decoder=decode.hypervisors))
        # Without hypervisors it is unknown which providers are VMware's: their error is this one's, too.
        providers: Reading[Mapping[str, Provider]] = Reading(hypervisors.outcome, None, hypervisors.error)
        if hypervisors.value is not None:
            providers = await reading(_providers(api, hypervisors.value))
    return ServicesSnapshot(
        computes=computes.result(),
        hypervisors=hypervisors,
        providers=providers,
        volumes=volumes.result(),
        agents=agents.result(),
    )


async def reading(asked: Awaitable[T]) -> Reading[T]:
    """How asking for something went. Raises nothing but for bugs."""
    try:
        return Reading(Outcome.OK, await asked)
    except NotOffered as error:
        return Reading(Outcome.ABSENT, None, error)
    except ApiFault as error:
        return Reading(Outcome.FORBIDDEN if error.code == 403 else Outcome.FAILED, None, error)
    except SourceError as error:
        return Reading(Outcome.FAILED, None, error)


async def _get(api: Api, service: str, path: str, *, decoder: Callable[[bytes], T]) -> T:
    return await understood(await api.get(service, path), decoder, what=f"{service}, {path}")


async def _providers(api: Api, hypervisors: Mapping[str, Hypervisor]) -> Mapping[str, Provider]:
    """One hypervisor after another: their number is that of vSphere clusters. One that Placement lacks is left out."""
    found: dict[str, Provider] = {}
    for key, hypervisor in hypervisors.items():
        if hypervisor.type == VMWARE:
            try:
                found[key] = await _provider(api, key, hypervisor.hostname)
            except ApiFault as fault:
                if fault.code != 404:
                    raise
    return found


async def _provider(api: Api, key: str, name: str) -> Provider:
    path = f"/resource_providers/{quote(key, safe='')}"
    traits = await _get(api, "placement", f"{path}/traits", decoder=decode.traits)
    usages = await _get(api, "placement", f"{path}/usages", decoder=decode.usages)
    inventory = await _get(api, "placement", f"{path}/inventories", decoder=decode.inventories)
    used = {resource: replace(item, used=usages.get(resource)) for resource, item in inventory.items()}
    return Provider(name=name, traits=traits, inventory=used)
