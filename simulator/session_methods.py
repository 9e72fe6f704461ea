"""Methods of the service instance, the session manager and the authorisation manager."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyVmomi import vim

from simulator.data import Data, Ref, Time, moid_of
from simulator.service_properties import PRIVILEGES, service_content
from simulator.sessions import Caller, user_session
from simulator.wire import Call, returned

if TYPE_CHECKING:
    from simulator.service import Handler, Service


def _content(service: "Service", _caller: Caller, call: Call) -> str:
    return returned(call.method, service_content(service.model))


def _current_time(service: "Service", _caller: Caller, call: Call) -> str:
    return returned(call.method, Time(service.model.time()))


def _refused() -> Any:
    return vim.fault.InvalidLogin(msg="Cannot complete login due to an incorrect user name or password.")


def _login(service: "Service", caller: Caller, call: Call) -> str:
    given = (call.arguments.get("userName"), call.arguments.get("password"))
    accounts = service.model.accounts
    if service.faults.refuse_logins or given != (accounts.user, accounts.password):
        raise _refused()
    return returned(call.method, user_session(service.sessions.open(caller, accounts.user)))


def _login_extension(service: "Service", caller: Caller, call: Call) -> str:
    if not caller.certificate:
        raise vim.fault.NoClientCertificate(msg="No client certificate was presented.")
    key = service.model.accounts.extension_key
    if service.faults.refuse_logins or call.arguments.get("extensionKey") != key:
        raise _refused()
    return returned(call.method, user_session(service.sessions.open(caller, key, extension=True)))


def _logout(service: "Service", caller: Caller, _call: Call) -> str:
    if caller.session is not None:
        service.sessions.end(caller.session.key)
    return ""


def _is_active(service: "Service", _caller: Caller, call: Call) -> str:
    session = service.sessions.find(call.arguments["sessionID"])
    return returned(call.method, session is not None and session.user == call.arguments["userName"])


def _terminate(service: "Service", _caller: Caller, call: Call) -> str:
    for key in call.arguments["sessionId"]:
        if service.sessions.find(key) is None:
            raise vim.fault.NotFound(msg="The session is not found.")
        service.sessions.end(key)
    return ""


def _granted(service: "Service", names: list[str]) -> list[tuple[str, bool]]:
    return [(name, name not in service.model.denied) for name in names]


def _has_privileges(service: "Service", _caller: Caller, call: Call) -> str:
    granted = _granted(service, call.arguments.get("privId", []))
    availability = [Data("PrivilegeAvailability", privId=name, isGranted=given) for name, given in granted]
    entities = call.arguments.get("entity") or call.arguments.get("entities") or []
    result = []
    for entity in entities:
        node = service.model.get(moid_of(entity))
        result.append(Data("EntityPrivilege", entity=node.ref, privAvailability=availability))
    return returned(call.method, result)


def _has_privilege(service: "Service", _caller: Caller, call: Call) -> str:
    service.model.get(moid_of(call.arguments["entity"]))
    return returned(call.method, [given for _, given in _granted(service, call.arguments.get("privId", []))])


def _fetch_privileges(service: "Service", _caller: Caller, call: Call) -> str:
    held = [name for name, given in _granted(service, list(PRIVILEGES)) if given]
    refs: list[Ref] = [service.model.get(moid_of(entity)).ref for entity in call.arguments["entities"]]
    return returned(call.method, [Data("UserPrivilegeResult", entity=ref, privileges=held) for ref in refs])


HANDLERS: "Mapping[str, Handler]" = {
    "RetrieveServiceContent": _content,
    "CurrentTime": _current_time,
    "Login": _login,
    "LoginExtensionByCertificate": _login_extension,
    "Logout": _logout,
    "SessionIsActive": _is_active,
    "TerminateSession": _terminate,
    "HasPrivilegeOnEntities": _has_privileges,
    "HasUserPrivilegeOnEntities": _has_privileges,
    "HasPrivilegeOnEntity": _has_privilege,
    "FetchUserPrivilegeOnEntities": _fetch_privileges,
}
