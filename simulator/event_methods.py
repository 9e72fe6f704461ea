"""Methods of the event manager."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator.data import Data, Time
from simulator.events import HostEvent
from simulator.model import Model
from simulator.sessions import Caller
from simulator.wire import Call, returned

if TYPE_CHECKING:
    from simulator.service import Handler, Service


def _event(model: Model, event: HostEvent) -> Data:
    host = model.nodes.get(event.host)
    named = Data("HostEventArgument", name=host.facts.name, host=host.ref) if host else None
    return Data(
        "EventEx",
        key=event.key,
        chainId=event.key,
        createdTime=Time(event.at),
        userName="",
        host=named,
        fullFormattedMessage="",
        eventTypeId=event.type,
        severity="error" if ".problem." in event.type else "info",
        arguments=[Data("KeyAnyValue", key=key, value=value) for key, value in event.arguments.items()],
    )


def _query(service: "Service", _caller: Caller, call: Call) -> str:
    found = service.model.events.fitting(call.arguments["filter"])
    return returned(call.method, [_event(service.model, event) for event in found])


HANDLERS: "Mapping[str, Handler]" = {"QueryEvents": _query}
