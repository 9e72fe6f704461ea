"""The services of the recorded cloud (tests/fixtures/openstack), as one reading of them."""

from dataclasses import replace

from cloudreplies import recorded

from exporter.openstack import decode
from exporter.openstack.cloud import NotOffered
from exporter.openstack.services import VMWARE, Outcome, Provider, Reading, ServicesSnapshot

VCENTER = "dbed6e0c-bd88-4ef6-b594-21283e1c677f"
"""The instance UUID of the recorded cloud's vCenter."""


def snapshot(computes: str = "compute/services", hypervisors: str = "compute/hypervisors") -> ServicesSnapshot:
    """All services, compute services and hypervisors as in these recordings; the cloud has no Cinder."""
    nodes = decode.hypervisors(recorded(hypervisors).body)
    providers = {}
    for key, node in nodes.items():
        if node.type == VMWARE:
            host = node.service_host
            used = decode.usages(recorded(f"placement/usages-{host}").body)
            inventory = decode.inventories(recorded(f"placement/inventories-{host}").body)
            providers[key] = Provider(
                name=node.hostname,
                traits=decode.traits(recorded(f"placement/traits-{host}").body),
                inventory={name: replace(each, used=used.get(name)) for name, each in inventory.items()},
            )
    return ServicesSnapshot(
        computes=Reading(Outcome.OK, decode.services(recorded(computes).body)),
        hypervisors=Reading(Outcome.OK, nodes),
        providers=Reading(Outcome.OK, providers),
        volumes=Reading(Outcome.ABSENT, None, NotOffered("the catalogue has no block-storage")),
        agents=Reading(Outcome.OK, decode.agents(recorded("network/agents").body)),
    )
