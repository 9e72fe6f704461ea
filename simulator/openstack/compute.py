"""Nova's replies: JSON of servers, actions, services, hypervisors. Shapes of microversion 2.87, of 2.88 where asked."""

from typing import Any

from simulator.openstack.cloud import CONTROLLER, Cloud, host_id
from simulator.openstack.facts import DELETED, ERROR, Action, Compute, Event, Flavor, Server
from simulator.openstack.texts import micro, zulu

LOWEST, HIGHEST = (2, 1), (2, 96)

_STATUSES: dict[str, dict[str, str]] = {
    "active": {
        "": "ACTIVE",
        "rebooting_hard": "HARD_REBOOT",
        "resize_prep": "RESIZE",
        "resize_migrating": "RESIZE",
        "resize_migrated": "RESIZE",
        "resize_finish": "RESIZE",
    },
    "building": {"": "BUILD"},
    "stopped": {
        "": "SHUTOFF",
        "resize_prep": "RESIZE",
        "resize_migrating": "RESIZE",
        "resize_migrated": "RESIZE",
        "resize_finish": "RESIZE",
    },
    "suspended": {"": "SUSPENDED"},
    "resized": {"": "VERIFY_RESIZE"},
    "error": {"": "ERROR"},
    "deleted": {"": "DELETED"},
}
"""vm_state -> task_state -> status; "" is any other (nova/api/openstack/common.py, _STATE_MAP)."""

_PROGRESS = {"ACTIVE": 0, "BUILD": 0, "REBUILD": 0, "RESIZE": 50, "VERIFY_RESIZE": 100, "MIGRATING": 50}
"""Statuses that show their progress (nova/api/openstack/compute/views/servers.py)."""

DETAIL = "Unexpected API Error. Please contact the administrator\n<class '{}'>"


def version(base: str) -> dict[str, Any]:
    """The version document of ``/v2.1``."""
    links = [
        {"rel": "self", "href": f"{base}/compute/v2.1/"},
        {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"},
    ]
    media = [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}]
    return {**_version("v2.1", "CURRENT", links), "media-types": media}


def versions(base: str) -> list[dict[str, Any]]:
    """The versions at ``/``."""
    old = [{"rel": "self", "href": f"{base}/compute/v2/"}]
    new = [{"rel": "self", "href": f"{base}/compute/v2.1/"}]
    return [_version("v2.0", "DEPRECATED", old), _version("v2.1", "CURRENT", new)]


def _version(name: str, status: str, links: list[dict[str, str]]) -> dict[str, Any]:
    is_old = name == "v2.0"
    return {
        "id": name,
        "status": status,
        "version": "" if is_old else "{}.{}".format(*HIGHEST),
        "min_version": "" if is_old else "{}.{}".format(*LOWEST),
        "updated": "2025-07-04T12:00:00Z" if is_old else "2013-07-23T11:33:21Z",
        "links": links,
    }


def status(server: Server) -> str:
    """The status that a server shows."""
    words = _STATUSES[server.vm_state]
    return words.get(server.task_state or "", words[""])


def links(base: str, what: str, identity: str) -> list[dict[str, str]]:
    """Both links of a resource."""
    return [
        {"rel": "self", "href": f"{base}/compute/v2.1/{what}/{identity}"},
        {"rel": "bookmark", "href": f"{base}/compute/{what}/{identity}"},
    ]


def brief(server: Server, base: str) -> dict[str, Any]:
    """A server of ``GET /servers``."""
    return {"id": server.id, "name": server.name, "links": links(base, "servers", server.id)}


def partial(server: Server, base: str) -> dict[str, Any]:
    """A server whose cell is down (Compute API guide, "Handling Down Cells")."""
    known: dict[str, Any] = {
        "id": server.id,
        "status": "UNKNOWN",
        "tenant_id": server.project,
        "created": zulu(server.created),
        "links": links(base, "servers", server.id),
    }
    return {**known, "security_groups": [{"name": "default"}]} if server.ports else known


def detail(cloud: Cloud, server: Server, base: str) -> dict[str, Any]:
    """A server as an administrator sees it."""
    shown = status(server)
    groups = {"security_groups": [{"name": "default"}]} if server.host and server.vm_state != DELETED else {}
    return {
        "accessIPv4": "",
        "accessIPv6": "",
        "addresses": _addresses(server),
        "created": zulu(server.created),
        "flavor": _embedded(server.flavor),
        "hostId": host_id(server.project, server.host),
        "id": server.id,
        "image": _image(server, base),
        "links": links(base, "servers", server.id),
        "metadata": {},
        "name": server.name,
        "status": shown,
        "tenant_id": server.project,
        "user_id": server.user,
        "updated": zulu(server.updated),
        "OS-DCF:diskConfig": "MANUAL",
        **_fault(server),
        **({"progress": _PROGRESS[shown]} if shown in _PROGRESS else {}),
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": micro(server.launched),
        "OS-SRV-USG:terminated_at": micro(server.terminated),
        **groups,
        **_for_administrators(cloud, server),
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": [{"id": v, "delete_on_termination": False} for v in server.volumes],
        "locked": False,
        "description": None,
        "tags": [],
        "trusted_image_certificates": None,
        "locked_reason": None,
    }


def _for_administrators(cloud: Cloud, server: Server) -> dict[str, Any]:
    compute = cloud.computes.get(server.host or "")
    return {
        "OS-EXT-AZ:availability_zone": compute.zone if compute else "",
        "OS-EXT-SRV-ATTR:host": server.host,
        "OS-EXT-SRV-ATTR:instance_name": f"instance-{server.number:08x}",
        "OS-EXT-SRV-ATTR:hypervisor_hostname": compute.node if compute else None,
        "OS-EXT-SRV-ATTR:hostname": server.name,
        "OS-EXT-SRV-ATTR:kernel_id": "",
        "OS-EXT-SRV-ATTR:launch_index": 0,
        "OS-EXT-SRV-ATTR:ramdisk_id": "",
        "OS-EXT-SRV-ATTR:reservation_id": f"r-{server.id[:8]}",
        "OS-EXT-SRV-ATTR:root_device_name": None if _is_unplaced(server) else "/dev/sda",
        "OS-EXT-SRV-ATTR:user_data": None,
        "host_status": _host_status(cloud, compute),
    }


def _is_unplaced(server: Server) -> bool:
    """Whether no compute has seen the server yet."""
    return server.task_state == "scheduling" or is_in_cell0(server)


def is_in_cell0(server: Server) -> bool:
    """Whether no host was found for a server: its record is in another database than those of its cell."""
    return server.vm_state == ERROR and server.fault is not None and server.fault.message.startswith("No valid host")


def _host_status(cloud: Cloud, compute: Compute | None) -> str:
    """nova/compute/api.py, get_instance_host_status."""
    if compute is None:
        return ""
    if compute.forced_down:
        return "DOWN"
    if not compute.enabled:
        return "MAINTENANCE"
    return "UP" if cloud.is_up(compute.host) else "UNKNOWN"


def _addresses(server: Server) -> dict[str, Any]:
    found = [
        {"version": 4, "addr": port.address, "OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": port.mac}
        for port in server.ports
    ]
    return {"provider-net": found} if found and server.launched is not None else {}


def _embedded(flavor: Flavor) -> dict[str, Any]:
    return {
        "vcpus": flavor.vcpus,
        "ram": flavor.memory_mb,
        "disk": flavor.disk_gb,
        "ephemeral": 0,
        "swap": 0,
        "original_name": flavor.name,
        "extra_specs": {},
    }


def _image(server: Server, base: str) -> Any:
    if server.image is None:
        return ""
    href = f"{base}/compute/images/{server.image}"
    return {"id": server.image, "links": [{"rel": "bookmark", "href": href}]}


def _fault(server: Server) -> dict[str, Any]:
    if server.fault is None or server.vm_state != ERROR:
        return {}
    fault = server.fault
    content = {"code": fault.code, "created": zulu(fault.created), "message": fault.message, "details": fault.details}
    return {"fault": content}


def action(found: Action) -> dict[str, Any]:
    """An action as its listing shows it."""
    return {
        "action": found.action,
        "instance_uuid": found.server,
        "request_id": found.request,
        "user_id": found.user,
        "project_id": found.project,
        "start_time": micro(found.start),
        "message": found.message,
        "updated_at": micro(found.updated),
    }


def event(found: Event, project: str) -> dict[str, Any]:
    """A step of an action."""
    return {
        "event": found.name,
        "start_time": micro(found.start),
        "finish_time": micro(found.finish),
        "result": found.result,
        "traceback": found.traceback,
        "host": found.host,
        "hostId": host_id(project, found.host),
        "details": found.details,
    }


def flavor(found: Flavor, base: str) -> dict[str, Any]:
    """A flavor of ``GET /flavors/detail``."""
    return {
        "id": found.id,
        "name": found.name,
        "ram": found.memory_mb,
        "disk": found.disk_gb,
        "swap": 0,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "vcpus": found.vcpus,
        "os-flavor-access:is_public": True,
        "rxtx_factor": 1.0,
        "links": links(base, "flavors", found.id),
        "description": None,
        "extra_specs": {},
    }


def services(cloud: Cloud) -> list[dict[str, Any]]:
    """``GET /os-services``; of a cell that is down, what the API's own database knows."""
    computes = [{"binary": "nova-compute", "host": host} for host in cloud.computes]
    if cloud.troubles.cell_down:
        return [{**known, "status": "UNKNOWN"} for known in computes]
    central = [{"binary": binary, "host": CONTROLLER} for binary in ("nova-conductor", "nova-scheduler")]
    return [_service(cloud, **known) for known in (*central, *computes)]


def _service(cloud: Cloud, binary: str, host: str) -> dict[str, Any]:
    compute = cloud.computes.get(host)
    return {
        "binary": binary,
        "host": host,
        "id": cloud.model.uuid("service", binary, host),
        "zone": compute.zone if compute else "internal",
        "status": "disabled" if compute and not compute.enabled else "enabled",
        "state": "up" if cloud.is_up(host) else "down",
        "updated_at": micro(cloud.heartbeat(host)),
        "disabled_reason": compute.reason if compute else None,
        "forced_down": compute.forced_down if compute else False,
    }


def aggregates(cloud: Cloud) -> list[dict[str, Any]]:
    """``GET /os-aggregates``: one for each availability zone of computes."""
    zones = sorted({one.zone for one in cloud.computes.values()})
    return [
        {
            "id": number,
            "uuid": cloud.model.uuid("aggregate", zone),
            "name": zone,
            "hosts": [one.host for one in cloud.computes.values() if one.zone == zone],
            "metadata": {"availability_zone": zone},
            "created_at": micro(cloud.model.started),
            "updated_at": None,
            "deleted_at": None,
            "deleted": False,
            "availability_zone": zone,
        }
        for number, zone in enumerate(zones, start=1)
    ]


def hypervisors(cloud: Cloud, *, microversion: tuple[int, int]) -> list[dict[str, Any]]:
    """``GET /os-hypervisors/detail``. From 2.88 on without the resources."""
    return [_hypervisor(cloud, compute, microversion) for compute in cloud.computes.values()]


def _hypervisor(cloud: Cloud, compute: Compute, microversion: tuple[int, int]) -> dict[str, Any]:
    head = {
        "id": provider_id(cloud, compute),
        "hypervisor_hostname": compute.node,
        "state": "up" if cloud.is_up(compute.host) else "down",
        "status": "enabled" if compute.enabled else "disabled",
        "hypervisor_type": "VMware vCenter Server" if compute.is_vmware else "QEMU",
        "hypervisor_version": 8000003 if compute.is_vmware else 8002002,
        "host_ip": "192.0.2.10",
        "service": {
            "id": cloud.model.uuid("service", "nova-compute", compute.host),
            "host": compute.host,
            "disabled_reason": compute.reason,
        },
    }
    if microversion >= (2, 88):
        return {**head, "uptime": None}
    return {**head, **_resources(cloud, compute)}


def _resources(cloud: Cloud, compute: Compute) -> dict[str, Any]:
    servers = [server for server in cloud.alive() if server.host == compute.host]
    memory, disk = 512 + sum(s.flavor.memory_mb for s in servers), sum(s.flavor.disk_gb for s in servers)
    topology = {"cores": 16, "threads": 2, "sockets": 2}
    kvm_cpu = {"arch": "x86_64", "model": "Cascadelake-Server", "vendor": "Intel", "features": [], "topology": topology}
    return {
        "vcpus": compute.vcpus,
        "memory_mb": compute.memory_mb,
        "local_gb": compute.disk_gb,
        "vcpus_used": sum(s.flavor.vcpus for s in servers),
        "memory_mb_used": memory,
        "local_gb_used": disk,
        "free_ram_mb": compute.memory_mb - memory,
        "free_disk_gb": compute.disk_gb - disk,
        "current_workload": sum(s.task_state is not None for s in servers),
        "running_vms": len(servers),
        "disk_available_least": None if compute.is_vmware else compute.disk_gb - disk,
        "cpu_info": {} if compute.is_vmware else kvm_cpu,
    }


def provider_id(cloud: Cloud, compute: Compute) -> str:
    """The id of a node: with Nova of its hypervisor, with Placement of its resource provider."""
    return cloud.model.uuid("node", compute.node)
