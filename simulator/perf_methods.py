"""Methods of the performance, option, alarm and search managers."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pyVmomi import vim, vmodl

from simulator import properties, wire
from simulator.data import Data, Ref, moid_of
from simulator.model import Model
from simulator.perf import REALTIME_KINDS
from simulator.service_properties import counter_info, options
from simulator.sessions import Caller
from simulator.wire import Call, returned

if TYPE_CHECKING:
    from simulator.service import Handler, Service


async def joined(parts: Iterable[str]) -> str:
    """The parts as one text, giving other requests their turn now and then."""
    done = []
    for number, part in enumerate(parts):
        done.append(part)
        if number % 100 == 99:
            await asyncio.sleep(0)
    return "".join(done)


def query_limit(model: Model) -> int | None:
    """How many metrics a query may ask for; None is unlimited."""
    value = int(model.settings.get("config.vpxd.stats.maxQueryMetrics", -1))
    return value if value > 0 else None


def _wrong(name: str) -> Exception:
    message = f"A specified parameter was not correct: {name}"
    fault: Exception = vmodl.fault.InvalidArgument(msg=message, invalidProperty=name)
    return fault


def _counters(service: "Service", _caller: Caller, call: Call) -> str:
    known = service.model.counters
    wanted = call.arguments["counterId"]
    if any(key not in known or known[key].full_name in service.model.missing_counters for key in wanted):
        raise _wrong("counterId")
    return returned(call.method, [counter_info(service.model, key) for key in wanted])


def _available(service: "Service", _caller: Caller, call: Call) -> str:
    node = service.model.get(moid_of(call.arguments["entity"]))
    interval = call.arguments.get("intervalId")
    metrics = dict.fromkeys(service.engine.available(node, realtime=True)) if interval in {20, None} else {}
    if interval != 20:
        metrics.update(dict.fromkeys(service.engine.available(node, realtime=False)))
    return returned(call.method, [Data("PerfMetricId", counterId=key, instance=instance) for key, instance in metrics])


def _provider(service: "Service", _caller: Caller, call: Call) -> str:
    node = service.model.get(moid_of(call.arguments["entity"]))
    realtime = node.kind in REALTIME_KINDS
    summary = Data(
        "PerfProviderSummary",
        entity=node.ref,
        currentSupported=realtime,
        summarySupported=True,
        refreshRate=20 if realtime else -1,
    )
    return returned(call.method, summary)


def _options(service: "Service", caller: Caller, call: Call) -> str:
    if "Global.Settings" in service.model.denied:
        raise wire.no_permission(service.node(caller, moid_of(call.this)), "Global.Settings")
    name = call.arguments.get("name") or ""
    found = options(service.model, name)
    if not found:
        raise vim.fault.InvalidName(msg=f"The name '{name}' is not valid.", name=name)
    return returned(call.method, found)


def _matches(service: "Service", call: Call) -> list[Ref]:
    wanted, machines = call.arguments["uuid"].lower(), call.arguments["vmSearch"]
    instance = call.arguments.get("instanceUuid") or False
    kind = "VirtualMachine" if machines else "HostSystem"
    attribute = "instance_uuid" if machines and instance else "uuid"
    return [node.ref for node in service.model.of_kind(kind) if getattr(node.facts, attribute) == wanted]


def _find_by_uuid(service: "Service", _caller: Caller, call: Call) -> str:
    return returned(call.method, next(iter(_matches(service, call)), None))


def _find_all_by_uuid(service: "Service", _caller: Caller, call: Call) -> str:
    return returned(call.method, _matches(service, call))


def _alarms(service: "Service", _caller: Caller, call: Call) -> str:
    return returned(call.method, [node.ref for node in service.model.of_kind("Alarm")])


def _alarm_states(service: "Service", _caller: Caller, call: Call) -> str:
    node = service.model.get(moid_of(call.arguments["entity"]))
    return returned(call.method, properties.top(service.model, node, "declaredAlarmState"))


HANDLERS: "Mapping[str, Handler]" = {
    "QueryPerfCounter": _counters,
    "QueryAvailablePerfMetric": _available,
    "QueryPerfProviderSummary": _provider,
    "QueryOptions": _options,
    "FindByUuid": _find_by_uuid,
    "FindAllByUuid": _find_all_by_uuid,
    "GetAlarm": _alarms,
    "GetAlarmState": _alarm_states,
}
