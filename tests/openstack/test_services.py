"""The services beside Nova's servers: what the recorded cloud has, and that no endpoint's failure stops another."""

from dataclasses import dataclass, field

import pytest
from cloudreplies import recorded

from exporter.errors import BadReply, SourceError, TimedOut, Unreachable
from exporter.openstack import decode
from exporter.openstack.cloud import ApiFault, NotOffered, Reply
from exporter.openstack.decode import Inventory, Services
from exporter.openstack.services import VMWARE, Outcome, Provider, Reading, read_services

PLACEMENT = {
    each["name"]: each["uuid"] for each in recorded("placement/resource-providers").content["resource_providers"]
}
HYPERVISORS = decode.hypervisors(recorded("compute/hypervisors").body)
RESOURCES = {
    hypervisor.hostname: hypervisor.service_host for hypervisor in HYPERVISORS.values() if hypervisor.type == VMWARE
}


@dataclass
class RecordedCloud:
    """The recorded cloud behind the Api protocol; ``failing`` answers a service's paths with an error."""

    failing: dict[tuple[str, str], SourceError] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def microversion(self, service: str) -> tuple[int, int] | None:
        """Nobody asks."""
        raise AssertionError(service)

    async def get(self, service: str, path: str) -> Reply:
        """The recorded reply."""
        self.asked.append((service, path))
        for (of, part), error in self.failing.items():
            if of == service and part in path:
                raise error
        if service == "block-storage":
            raise NotOffered("the catalogue has no block-storage")
        names = {
            ("compute", "/os-services"): "compute/services",
            ("compute", "/os-hypervisors/detail"): "compute/hypervisors",
            ("network", "/agents"): "network/agents",
        }
        for hostname, host in RESOURCES.items():
            for kind in ("traits", "inventories", "usages"):
                names["placement", f"/resource_providers/{PLACEMENT[hostname]}/{kind}"] = f"placement/{kind}-{host}"
        return Reply(recorded(names[service, path]).body, None, 0.0)


async def test_what_the_recorded_cloud_has() -> None:
    """Services, hypervisors and agents; of Placement what belongs to VMware; no volume service, which is no failure."""
    cloud = RecordedCloud()

    found = await read_services(cloud)

    assert found.computes == Reading(Outcome.OK, decode.services(recorded("compute/services").body))
    assert found.agents == Reading(Outcome.OK, decode.agents(recorded("network/agents").body))
    assert found.hypervisors == Reading(Outcome.OK, HYPERVISORS)
    assert found.volumes.outcome is Outcome.ABSENT
    providers = found.providers.value
    assert providers is not None
    assert {provider.name for provider in providers.values()} == set(RESOURCES)
    assert len(RESOURCES) == 2
    key = next(key for key, hypervisor in HYPERVISORS.items() if hypervisor.service_host == "vmware1")
    raw = recorded("placement/inventories-vmware1").content["inventories"]
    used = recorded("placement/usages-vmware1").content["usages"]
    assert providers[key] == Provider(
        name=HYPERVISORS[key].hostname,
        traits=tuple(sorted(recorded("placement/traits-vmware1").content["traits"])),
        inventory={
            name: Inventory(
                total=each["total"],
                reserved=each["reserved"],
                allocation_ratio=each["allocation_ratio"],
                used=used.get(name),
            )
            for name, each in raw.items()
        },
    )
    assert len(cloud.asked) == 4 + 3 * 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ApiFault("forbidden", "no", code=403), Outcome.FORBIDDEN),
        (ApiFault("computeFault", "no", code=500), Outcome.FAILED),
        (NotOffered("no"), Outcome.ABSENT),
        (Unreachable("no"), Outcome.FAILED),
        (TimedOut("no"), Outcome.FAILED),
    ],
)
@pytest.mark.parametrize(
    ("service", "path", "missing"),
    [
        ("compute", "/os-services", {"computes"}),
        ("compute", "/os-hypervisors", {"hypervisors", "providers"}),
        ("placement", "/", {"providers"}),
        ("network", "/", {"agents"}),
        ("block-storage", "/", {"volumes"}),
    ],
)
async def test_failure_stays_where_it_is(
    error: SourceError, outcome: Outcome, *, service: str, path: str, missing: set[str]
) -> None:
    """An endpoint that is absent, forbidden or dead says so; the others are read."""
    well = await read_services(RecordedCloud())
    ill = await read_services(RecordedCloud(failing={(service, path): error}))

    for name in ("computes", "hypervisors", "providers", "agents", "volumes"):
        if name in missing:
            assert getattr(ill, name) == Reading(outcome, None, error)
        elif name != "volumes":
            assert getattr(ill, name) == getattr(well, name)


async def test_nonsense_is_a_failure() -> None:
    """A reply that is not what the API promises is a failure of that endpoint, and says which."""

    class Html(RecordedCloud):
        async def get(self, service: str, path: str) -> Reply:
            if service == "network":
                return Reply(b"<html>", None, 0.0)
            return await super().get(service, path)

    found = await read_services(Html())

    assert found.agents.outcome is Outcome.FAILED
    assert isinstance(found.agents.error, BadReply)
    assert str(found.agents.error) == "network, /agents: the reply is not JSON: Expecting value at character 0 of 6"
    assert isinstance(found.computes.value, Services)


async def test_hypervisor_without_provider() -> None:
    """A hypervisor that Placement does not know yet is left out; the others are there."""
    gone = ApiFault("Not Found", "no", code=404)
    key = next(key for key, hypervisor in HYPERVISORS.items() if hypervisor.service_host == "vmware1")

    found = await read_services(RecordedCloud(failing={("placement", key): gone}))

    assert found.providers.outcome is Outcome.OK
    assert [provider.name for provider in (found.providers.value or {}).values()] == [
        hostname for hostname, host in RESOURCES.items() if host == "vmware2"
    ]
