"""What a login may do and see on one vCenter. Talks; for ``novacenter check``."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from exporter.errors import BadReply
from exporter.model import VIM_TYPES, Kind
from exporter.vcenter.limits import Caller, manager, read

NEEDED = ("System.Anonymous", "System.View", "System.Read")
"""The privileges of vSphere's role Read-only: all that is needed (vSphere Security guide, "vCenter System Roles")."""

EXCESSIVE = (
    "Authorization.ModifyPermissions",
    "Datastore.FileManagement",
    "Host.Config.Maintenance",
    "Sessions.TerminateSession",
    "VirtualMachine.Config.Settings",
    "VirtualMachine.Interact.PowerOff",
    "VirtualMachine.Inventory.Delete",
)
"""Privileges that can do harm; one of each sort (vSphere Security guide, "Defined Privileges")."""

_COUNTED = (
    vim.HostSystem,
    vim.VirtualMachine,
    vim.ComputeResource,
    vim.Datastore,
    vim.ResourcePool,
    vim.Datacenter,
)


@dataclass(frozen=True, slots=True)
class Visible:
    """How many objects of each kind the login sees, and the id of one of the hosts, if any."""

    counts: Mapping[Kind, int]
    host: str | None


async def granted(session: Caller, privileges: Iterable[str]) -> Mapping[str, bool]:
    """Privilege -> whether this session has it on the root folder (AuthorizationManager.HasPrivilegeOnEntities).

    Raises SourceError: Fault where the server does not say, BadReply where it leaves a privilege out.
    """
    asked = list(privileges)
    current = await _current(session)
    answers = await session.call(
        manager(session, "authorizationManager"),
        "HasPrivilegeOnEntities",
        entity=[session.content.rootFolder],
        sessionId=current.key,
        privId=asked,
    )
    said = {one.privId: bool(one.isGranted) for answer in answers or () for one in answer.privAvailability}
    if unsaid := [privilege for privilege in asked if privilege not in said]:
        raise BadReply(f"HasPrivilegeOnEntities does not say whether {', '.join(unsaid)} is granted")
    return {privilege: said[privilege] for privilege in asked}


async def sessions(session: Caller) -> tuple[int, int]:
    """How many sessions there are, and how many of them are of this session's user (SessionManager.sessionList).

    Raises SourceError: Fault where the login lacks Sessions.TerminateSession, as it should.
    """
    current = await _current(session)
    users = [one.userName for one in await read(session, manager(session, "sessionManager"), "sessionList") or ()]
    return len(users), users.count(current.userName)


async def _current(session: Caller) -> Any:
    """vim.UserSession of this session."""
    current = await read(session, manager(session, "sessionManager"), "currentSession")
    if current is None:
        raise BadReply("SessionManager.currentSession is unset within a session")
    return current


async def visible(session: Caller) -> Visible:
    """Counts hosts, VMs, clusters, datastores, resource pools and datacenters, without reading anything of them."""
    views, root = manager(session, "viewManager"), session.content.rootFolder
    view = await session.call(views, "CreateContainerView", container=root, type=list(_COUNTED), recursive=True)
    objects = await read(session, view, "view") or ()
    await session.call(view, "DestroyView")
    counts = Counter(VIM_TYPES[mo._wsdlName] for mo in objects if mo._wsdlName in VIM_TYPES)  # noqa: SLF001
    hosts = (mo._moId for mo in objects if isinstance(mo, vim.HostSystem))  # noqa: SLF001 - pyVmomi's only name for it
    return Visible(counts=dict(counts), host=next(hosts, None))
