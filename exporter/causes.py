"""A hung Nova operation -> the vCenter's side of it: which VM, which tasks, on one clock. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.model import Kind
from exporter.openstack import tasks
from exporter.openstack.tasks import Health
from exporter.openstack.timeouts import Cause, Operation
from exporter.taskwatch import shifted
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.tasks import Seen, of

_FOLDER = "/OpenStack/Project ("
"""nova/virt/vmwareapi/vmops.py, _get_project_folder: VMs are made in OpenStack/Project (<id>)/Instances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What is known of one vCenter. ``ahead`` is its clock less Nova's, ``folders`` the VM folder of each project.

    ``seen`` is None where its tasks cannot be read, ``health`` before its first cycle.
    """

    health: Health | None
    seen: Seen | None
    ahead: float = 0.0
    folders: Mapping[str, str] = field(default_factory=dict)


def cause(
    operation: Operation, vms: Iterable[tuple[str, str]], *, home: str, sides: Mapping[str, Side], now: float
) -> Cause:
    """Why an operation takes so long. ``vms`` are (vCenter, VM) of its server, ``home`` the vCenter of its host.

    An empty ``home`` is a host of none of ``sides``; ``now`` is by our own clock, as is ``Health``. A create that has
    no VM yet is looked for among the tasks on its project's folder, which other creates of the project share.
    """
    found = [(vcenter, moid) for vcenter, moid in vms if vcenter in sides]
    side = sides.get(found[0][0] if found else home)
    if side is None:
        return tasks.cause(operation, None, health=None, now=now)
    entities = {moid for vcenter, moid in found if vcenter == found[0][0]}
    if operation.name == "create" and operation.project in side.folders:
        entities.add(side.folders[operation.project])
    known = None
    if side.seen is not None and entities:
        known = [shifted(task, -side.ahead) for task in of(side.seen, frozenset(entities))]
    return tasks.cause(operation, known, health=side.health, now=now)


def project_folders(inventory: Inventory) -> Mapping[str, str]:
    """The folder that the VMs of each project are made in, by project id."""
    found: dict[str, str] = {}
    for moid, entity in inventory.entities.items():
        if entity.kind is Kind.FOLDER and entity.name == "Instances":
            _, marked, rest = entity.path.partition(_FOLDER)
            if marked and rest.endswith(")/Instances"):
                found[rest.removesuffix(")/Instances")] = moid
    return found
