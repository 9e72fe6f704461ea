"""Methods of the property collector and of views, and the reading of one property ("Fetch")."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator import properties, wire
from simulator.collector import Collector, Listing, options_of
from simulator.data import Ref, moid_of
from simulator.selection import Selection, View, type_name
from simulator.service_properties import MANAGERS
from simulator.sessions import Caller, Session
from simulator.store import Node, not_found
from simulator.wire import Call, returned

if TYPE_CHECKING:
    from simulator.service import Handler, Service


def _session(caller: Caller) -> Session:
    if caller.session is None:
        raise wire.not_authenticated()
    return caller.session


def _collector(caller: Caller, call: Call) -> Collector:
    collector = _session(caller).collectors.get(moid_of(call.this))
    if collector is None:
        raise not_found(call.this)
    return collector


def _selection(service: "Service", caller: Caller, spec: Any) -> Selection:
    return Selection(service.model, lambda moid: service.node(caller, moid), spec)


def _retrieve(service: "Service", caller: Caller, call: Call) -> str:
    selections = [_selection(service, caller, spec) for spec in call.arguments["specSet"]]
    listing = Listing(service.model, selections)
    return listing.page(len(listing), tag="returnval", version=call.version)


def _retrieve_ex(service: "Service", caller: Caller, call: Call) -> str:
    selections = [_selection(service, caller, spec) for spec in call.arguments["specSet"]]
    limit = options_of(call.arguments.get("options"), "maxObjects")
    return _collector(caller, call).retrieve(selections, limit=limit, version=call.version)


def _continue(_service: "Service", caller: Caller, call: Call) -> str:
    return _collector(caller, call).more(call.arguments["token"], version=call.version)


def _cancel_retrieve(_service: "Service", caller: Caller, call: Call) -> str:
    _collector(caller, call).cancel_listing(call.arguments["token"])
    return ""


def _create_collector(service: "Service", caller: Caller, call: Call) -> str:
    moid = service.model.new_moid(f"session[{_session(caller).key}]-")
    _session(caller).collectors[moid] = Collector(moid, service.model)
    return returned(call.method, Ref("PropertyCollector", moid))


def _destroy_collector(_service: "Service", caller: Caller, call: Call) -> str:
    collector = _collector(caller, call)
    collector.cancel_wait()
    if collector.moid != MANAGERS["propertyCollector"].moid:
        del _session(caller).collectors[collector.moid]
    return ""


def _create_filter(service: "Service", caller: Caller, call: Call) -> str:
    selection = _selection(service, caller, call.arguments["spec"])
    selection.nodes()
    return returned(call.method, Ref("PropertyFilter", _collector(caller, call).add_filter(selection)))


def _destroy_filter(_service: "Service", caller: Caller, call: Call) -> str:
    moid = moid_of(call.this)
    for collector in _session(caller).collectors.values():
        if moid in collector.filters:
            collector.remove_filter(moid)
            return ""
    raise not_found(call.this)


async def _wait_ex(_service: "Service", caller: Caller, call: Call) -> str:
    options = call.arguments.get("options")
    return await _collector(caller, call).wait(
        call.arguments.get("version") or "",
        limit=options_of(options, "maxObjectUpdates"),
        seconds=options_of(options, "maxWaitSeconds"),
    )


async def _wait(_service: "Service", caller: Caller, call: Call) -> str:
    seconds = 0 if call.method == "CheckForUpdates" else None
    return await _collector(caller, call).wait(call.arguments.get("version") or "", limit=None, seconds=seconds)


def _cancel_wait(_service: "Service", caller: Caller, call: Call) -> str:
    _collector(caller, call).cancel_wait()
    return ""


def _create_view(service: "Service", caller: Caller, call: Call) -> str:
    container = service.model.get(moid_of(call.arguments["container"]))
    types = tuple(type_name(cls) for cls in call.arguments.get("type", []))
    session = _session(caller)
    moid = service.model.new_moid(f"session[{session.key}]view-")
    session.nodes[moid] = Node("ContainerView", moid, View(container.ref, types, call.arguments["recursive"]))
    return returned(call.method, session.nodes[moid].ref)


def _destroy_view(_service: "Service", caller: Caller, call: Call) -> str:
    if _session(caller).nodes.pop(moid_of(call.this), None) is None:
        raise not_found(call.this)
    return ""


def _fetch(service: "Service", caller: Caller, call: Call) -> str:
    """One property of one object: what pyVmomi asks for at each access of an attribute."""
    name = call.arguments["prop"]
    session = _session(caller)
    moid = moid_of(call.this)
    if moid in session.collectors:
        return ""
    node = service.node(caller, moid)
    return properties.text(service.model, node, name, tag="returnval") or ""


HANDLERS: "Mapping[str, Handler]" = {
    "RetrieveProperties": _retrieve,
    "RetrievePropertiesEx": _retrieve_ex,
    "ContinueRetrievePropertiesEx": _continue,
    "CancelRetrievePropertiesEx": _cancel_retrieve,
    "CreatePropertyCollector": _create_collector,
    "DestroyPropertyCollector": _destroy_collector,
    "CreateFilter": _create_filter,
    "DestroyPropertyFilter": _destroy_filter,
    "WaitForUpdatesEx": _wait_ex,
    "WaitForUpdates": _wait,
    "CheckForUpdates": _wait,
    "CancelWaitForUpdates": _cancel_wait,
    "CreateContainerView": _create_view,
    "DestroyView": _destroy_view,
    "Fetch": _fetch,
}
