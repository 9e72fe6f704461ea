"""Fills the lab's cloud; part of up.sh and idempotent: ``prepare.py catalog | content | computes HOST...``.

Runs in the lab's own environment and reads OS_* and LAB_STATE from the process environment.
"""

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import openstack

SERVICES = {
    "nova": ("compute", "http://127.0.0.1:8774/v2.1"),
    "placement": ("placement", "http://127.0.0.1:8778"),
    "glance": ("image", "http://127.0.0.1:9292"),
    "neutron": ("network", "http://127.0.0.1:9696"),
}
FLAVORS = {  # RAM in MiB, CPUs, disk in GiB
    "lab.tiny": (64, 1, 1),
    "lab.small": (512, 1, 2),
    "lab.huge": (1 << 20, 128, 1 << 16),  # fits no host
}
NETWORKS = ("lab-net", "lab-fail-net", "lab-slow-net")  # what their names do: ml2/lab_ml2.py
DOMAIN = "default"
SECONDS_UNTIL_UP = 240


def service_users(identity: Any, roles: dict[str, Any]) -> None:
    """A user, a service and its endpoints for each of SERVICES."""
    project = identity.find_project("service", domain_id=DOMAIN)
    project = project or identity.create_project(name="service", domain_id=DOMAIN)
    for name, (kind, url) in SERVICES.items():
        user = identity.find_user(name, domain_id=DOMAIN) or identity.create_user(
            name=name, password=os.environ["OS_PASSWORD"], domain_id=DOMAIN, default_project_id=project.id
        )
        for role in ("admin", "service"):
            identity.assign_project_role_to_user(project, user, roles[role])
        service = next(iter(identity.services(name=name)), None) or identity.create_service(name=name, type=kind)
        existing = {endpoint.interface for endpoint in identity.endpoints(service_id=service.id)}
        for interface in {"public", "internal", "admin"} - existing:
            identity.create_endpoint(service_id=service.id, interface=interface, url=url, region_id="RegionOne")


def catalog(cloud: Any) -> None:
    """Roles, services, and the user ``monitor``: reader of the project admin and of the system."""
    identity = cloud.identity
    roles = {role.name: role for role in identity.roles()}
    for name in {"service", "admin", "member", "reader"} - roles.keys():
        roles[name] = identity.create_role(name=name)
    service_users(identity, roles)
    monitor = identity.find_user("monitor", domain_id=DOMAIN) or identity.create_user(
        name="monitor", password=os.environ["OS_PASSWORD"], domain_id=DOMAIN
    )
    identity.assign_project_role_to_user(identity.find_project("admin", domain_id=DOMAIN), monitor, roles["reader"])
    identity.assign_system_role_to_user(monitor, roles["reader"], "all")


def content(cloud: Any) -> None:
    """Flavors, one image and the networks."""
    existing = {flavor.name for flavor in cloud.compute.flavors(details=False)}
    for name, (ram, vcpus, disk) in FLAVORS.items():
        if name not in existing:
            cloud.compute.create_flavor(name=name, ram=ram, vcpus=vcpus, disk=disk)
    if not any(image.status == "active" for image in cloud.image.images(name="lab-image")):
        cloud.image.create_image(
            name="lab-image",
            disk_format="vmdk",
            container_format="bare",
            visibility="public",
            data=io.BytesIO(os.urandom(1 << 20)),
            properties={
                "vmware_disktype": "preallocated",
                "vmware_adaptertype": "lsiLogic",
                "vmware_ostype": "otherGuest",
            },
        )
    for number, name in enumerate(NETWORKS):
        network = cloud.network.find_network(name) or cloud.network.create_network(
            name=name, shared=True, provider_network_type="flat", provider_physical_network=name
        )
        if not list(cloud.network.subnets(network_id=network.id)):
            cloud.network.create_subnet(
                network_id=network.id, name=name, ip_version=4, enable_dhcp=False, cidr=f"10.{97 + number}.0.0/20"
            )


def discover_hosts() -> None:
    """Map new compute hosts to the cell."""
    conf = Path(os.environ["LAB_STATE"], "conf")
    subprocess.run(
        [
            Path(sys.executable).with_name("nova-manage"),
            f"--config-file={conf / 'nova.conf'}",
            f"--config-file={conf / 'nova-db.conf'}",
            "cell_v2",
            "discover_hosts",
        ],
        check=True,
        capture_output=True,
    )


def ready(cloud: Any, hosts: set[str]) -> bool:
    """Every host is up and shows its hypervisor."""
    up = {service.host for service in cloud.compute.services(binary="nova-compute") if service.state == "up"}
    if not hosts <= up:
        return False
    shown = {hypervisor.service_details["host"] for hypervisor in cloud.compute.hypervisors(details=True)}
    if not hosts <= shown:
        discover_hosts()
    return hosts <= shown


def computes(cloud: Any, hosts: list[str]) -> None:
    """Wait for the hosts and put each into the zone of its driver: moves must stay among equals."""
    deadline = time.monotonic() + SECONDS_UNTIL_UP
    while not ready(cloud, set(hosts)):
        for host in hosts:
            pid = Path(os.environ["LAB_STATE"], "run", f"nova-compute-{host}.pid").read_text(encoding="ascii").strip()
            if not Path("/proc", pid).is_dir():
                sys.exit(f"nova-compute-{host} has ended")
        if time.monotonic() > deadline:
            sys.exit(f"not up after {SECONDS_UNTIL_UP} s: {hosts}")
        time.sleep(1)
    aggregates = {aggregate.name: aggregate for aggregate in cloud.compute.aggregates()}
    for host in hosts:
        zone = host.rstrip("0123456789")
        if zone not in aggregates:
            aggregates[zone] = cloud.compute.create_aggregate(name=zone, availability_zone=zone)
        if host not in (aggregates[zone].hosts or []):
            aggregates[zone] = cloud.compute.add_host_to_aggregate(aggregates[zone], host)


def main(step: str, *arguments: str) -> None:
    """Do one step."""
    # later microversions ask each compute for its uptime, which a hung one never answers
    cloud = openstack.connect(compute_default_microversion="2.87")
    if step == "computes":
        computes(cloud, list(arguments))
    else:
        {"catalog": catalog, "content": content}[step](cloud)


if __name__ == "__main__":
    main(*sys.argv[1:])
