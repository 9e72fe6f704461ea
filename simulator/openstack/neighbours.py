"""Replies of the services beside Nova: Placement, Cinder, Glance. Neutron is in ``networking``.

Cinder's shapes are those of the Block Storage API reference (v3), for none were recorded; the others' are recorded.
"""

from typing import Any

from simulator.openstack.cloud import CONTROLLER, Cloud
from simulator.openstack.compute import provider_id
from simulator.openstack.facts import Compute, Server
from simulator.openstack.replies import Answer, Refused
from simulator.openstack.texts import micro, zulu

_TRAITS = {
    True: (
        "COMPUTE_SAME_HOST_COLD_MIGRATE",
        "COMPUTE_IMAGE_TYPE_VMDK",
        "COMPUTE_IMAGE_TYPE_ISO",
        "COMPUTE_NODE",
        "COMPUTE_NET_ATTACH_INTERFACE",
        "HW_ARCH_X86_64",
        "OWNER_NOVA",
    ),
    False: ("COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_VOLUME_EXTEND", "HW_CPU_X86_AVX2", "OWNER_NOVA"),
}
"""Traits of a node by whether it is VMware's; the first are those recorded of the real driver."""

_CACHE = {"Cache-Control": "no-cache"}


# --- Placement --------------------------------------------------------------------------------------------------------


def placement_versions() -> Answer:
    """``GET /`` of Placement."""
    links = [{"rel": "self", "href": ""}]
    one = {"id": "v1.0", "max_version": "1.39", "min_version": "1.0", "status": "CURRENT", "links": links}
    return Answer({"versions": [one]})


def providers(cloud: Cloud) -> Answer:
    """``GET /resource_providers``."""
    shown = [_provider(cloud, compute) for compute in cloud.computes.values()]
    return Answer({"resource_providers": shown}, headers=_CACHE)


def _provider(cloud: Cloud, compute: Compute) -> dict[str, Any]:
    identity = provider_id(cloud, compute)
    path = f"/resource_providers/{identity}"
    below = ("inventories", "usages", "aggregates", "traits", "allocations")
    return {
        "uuid": identity,
        "name": compute.node,
        "generation": _generation(cloud, compute),
        "links": [{"rel": "self", "href": path}, *({"rel": rel, "href": f"{path}/{rel}"} for rel in below)],
        "parent_provider_uuid": None,
        "root_provider_uuid": identity,
    }


def provider(cloud: Cloud, identity: str, what: str) -> Answer:
    """``GET /resource_providers/{uuid}/traits``, ``usages`` or ``inventories``. Raises Refused."""
    compute = next((one for one in cloud.computes.values() if provider_id(cloud, one) == identity), None)
    if compute is None:
        detail = f"The resource could not be found.\n\n No resource provider with uuid {identity} found  "
        error = {"status": 404, "title": "Not Found", "detail": detail, "code": "placement.undefined_code"}
        raise Refused(Answer({"errors": [{**error, "request_id": f"req-{cloud.model.uuid('placement')}"}]}, 404))
    content: Any = list(_TRAITS[compute.is_vmware])
    if what == "usages":
        content = _usages(cloud, compute)
    elif what == "inventories":
        content = _inventories(compute)
    return Answer({what: content, "resource_provider_generation": _generation(cloud, compute)}, headers=_CACHE)


def _generation(cloud: Cloud, compute: Compute) -> int:
    return 3 + len(_servers(cloud, compute))


def _servers(cloud: Cloud, compute: Compute) -> list[Server]:
    return [server for server in cloud.alive() if server.host == compute.host]


def _usages(cloud: Cloud, compute: Compute) -> dict[str, int]:
    flavors = [server.flavor for server in _servers(cloud, compute)]
    return {
        "VCPU": sum(flavor.vcpus for flavor in flavors),
        "MEMORY_MB": sum(flavor.memory_mb for flavor in flavors),
        "DISK_GB": sum(flavor.disk_gb for flavor in flavors),
    }


def _inventories(compute: Compute) -> dict[str, Any]:
    amounts = (
        ("VCPU", compute.vcpus, 0, 4.0),
        ("MEMORY_MB", compute.memory_mb, 512, 1.0),
        ("DISK_GB", compute.disk_gb, 0, 1.0),
    )
    return {
        name: {
            "total": total,
            "reserved": reserved,
            "min_unit": 1,
            "max_unit": total,
            "step_size": 1,
            "allocation_ratio": ratio,
        }
        for name, total, reserved, ratio in amounts
    }


# --- Cinder -----------------------------------------------------------------------------------------------------------


def volume_versions(base: str) -> Answer:
    """``GET /`` and ``/v3`` of Cinder."""
    version = {
        "id": "v3.0",
        "status": "CURRENT",
        "version": "3.71",
        "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z",
        "links": [{"rel": "self", "href": f"{base}/volume/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}],
    }
    return Answer({"versions": [version]})


def volume_services(cloud: Cloud) -> Answer:
    """``GET /v3/{project}/os-services``."""
    hosts = (("cinder-scheduler", CONTROLLER), ("cinder-volume", f"{CONTROLLER}@vmdk"), ("cinder-backup", CONTROLLER))
    return Answer(
        {
            "services": [
                {
                    "binary": binary,
                    "host": host,
                    "zone": "nova",
                    "status": "enabled",
                    "state": "up",
                    "updated_at": micro(cloud.heartbeat(CONTROLLER)),
                    "disabled_reason": None,
                    **(_replication() if binary == "cinder-volume" else {}),
                }
                for binary, host in hosts
            ]
        }
    )


def pools(cloud: Cloud) -> Answer:
    """``GET /v3/{project}/scheduler-stats/get_pools?detail=true``: that of the VMDK driver."""
    capabilities = {
        "volume_backend_name": "vmdk",
        "storage_protocol": "vmdk",
        "driver_version": "3.4.4",
        "vendor_name": "VMware",
        "total_capacity_gb": "unknown",
        "free_capacity_gb": "unknown",
        "reserved_percentage": 0,
        "multiattach": False,
        "timestamp": micro(cloud.heartbeat(CONTROLLER)),
    }
    return Answer({"pools": [{"name": f"{CONTROLLER}@vmdk#vmdk", "capabilities": capabilities}]})


def _replication() -> dict[str, Any]:
    return {"replication_status": "disabled", "active_backend_id": None, "frozen": False}


def volumes(cloud: Cloud, limit: int, base: str) -> Answer:
    """``GET /v3/{project}/volumes``."""
    found = [volume for server in cloud.alive() for volume in server.volumes][:limit]

    def links(identity: str) -> list[dict[str, str]]:
        path = f"{cloud.hex('admin-project')}/volumes/{identity}"
        ways = (("self", f"{base}/volume/v3/{path}"), ("bookmark", f"{base}/volume/{path}"))
        return [{"rel": rel, "href": href} for rel, href in ways]

    return Answer({"volumes": [{"id": one, "name": f"data-{one[:8]}", "links": links(one)} for one in found]})


# --- Glance -----------------------------------------------------------------------------------------------------------


def image_versions(base: str) -> Answer:
    """``GET /`` of Glance."""
    links = [{"rel": "self", "href": f"{base}/image/v2/"}]
    numbers = ("2.17", "2.16", "2.15", "2.9", "2.7")
    shown = [
        {"id": f"v{number}", "status": "CURRENT" if number == "2.17" else "SUPPORTED", "links": links}
        for number in numbers
    ]
    return Answer({"versions": shown}, 300)


def images(cloud: Cloud, limit: int) -> Answer:
    """``GET /v2/images``."""
    shown = [_image(cloud, identity, n) for n, identity in enumerate(cloud.images)][:limit]
    return Answer({"images": shown, "first": "/v2/images", "schema": "/v2/schemas/images"})


def _image(cloud: Cloud, identity: str, number: int) -> dict[str, Any]:
    at = zulu(cloud.model.started)
    return {
        "name": f"image-{number}",
        "disk_format": "vmdk",
        "container_format": "bare",
        "visibility": "public",
        "size": 1 << 30,
        "virtual_size": None,
        "status": "active",
        "checksum": cloud.hex("checksum", number),
        "protected": False,
        "min_ram": 0,
        "min_disk": 0,
        "owner": cloud.hex("admin-project"),
        "os_hidden": False,
        "os_hash_algo": "sha512",
        "os_hash_value": cloud.hex("hash", number) * 4,
        "id": identity,
        "created_at": at,
        "updated_at": at,
        "tags": [],
        "self": f"/v2/images/{identity}",
        "file": f"/v2/images/{identity}/file",
        "schema": "/v2/schemas/image",
        "stores": "file",
    }
