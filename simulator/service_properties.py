"""Properties of the service objects: the service instance, and the managers below it."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.data import Data, Ref, Time
from simulator.entity_properties import custom_fields
from simulator.model import Model
from simulator.perf import RETENTION
from simulator.store import Node
from simulator.task_properties import MAX_COLLECTORS, all_recent_tasks, info

MANAGERS = {
    "propertyCollector": Ref("PropertyCollector", "propertyCollector"),
    "viewManager": Ref("ViewManager", "ViewManager"),
    "setting": Ref("OptionManager", "VpxSettings"),
    "sessionManager": Ref("SessionManager", "SessionManager"),
    "authorizationManager": Ref("AuthorizationManager", "AuthorizationManager"),
    "perfManager": Ref("PerformanceManager", "PerfMgr"),
    "alarmManager": Ref("AlarmManager", "AlarmManager"),
    "taskManager": Ref("TaskManager", "TaskManager"),
    "eventManager": Ref("EventManager", "EventManager"),
    "customFieldsManager": Ref("CustomFieldsManager", "CustomFieldsManager"),
    "searchIndex": Ref("SearchIndex", "SearchIndex"),
}
"""Field of ServiceContent -> the manager, under the id that a vCenter gives it."""

PRIVILEGES = (
    "System.Anonymous",
    "System.View",
    "System.Read",
    "Global.Settings",
    "Performance.ModifyIntervals",
    "Sessions.ValidateSession",
    "Sessions.TerminateSession",
    "StorageViews.View",
)
"""Privileges that exist; the simulator's user has all that are not in ``Model.denied``."""

_INTERVALS = {300: ("Past day", 86400), 1800: ("Past week", 604800), 7200: ("Past month", 2592000)}


def about(model: Model) -> Data:
    """What the vCenter says of itself."""
    own = model.about
    return Data(
        "AboutInfo",
        name=own.name,
        fullName=f"{own.name} {own.version} build-{own.build}",
        vendor="VMware, Inc.",
        version=own.version,
        build=own.build,
        localeVersion="INTL",
        localeBuild="000",
        osType="linux-x64",
        productLineId="vpx",
        apiType="VirtualCenter",
        apiVersion=own.api_version,
        instanceUuid=own.instance_uuid,
        licenseProductName="VMware VirtualCenter Server",
        licenseProductVersion="8.0",
    )


def service_content(model: Model) -> Data:
    """The entry to everything (ServiceInstance.content)."""
    names = (
        "sessionManager", "authorizationManager", "perfManager", "alarmManager", "eventManager", "taskManager",
        "customFieldsManager",
    )  # fmt: skip
    return Data(
        "ServiceContent",
        rootFolder=Ref("Folder", "group-d1"),
        propertyCollector=MANAGERS["propertyCollector"],
        viewManager=MANAGERS["viewManager"],
        about=about(model),
        setting=MANAGERS["setting"],
        **{name: MANAGERS[name] for name in names},
        searchIndex=MANAGERS["searchIndex"],
    )


def counter_info(model: Model, key: int) -> Data:
    """A performance counter as PerformanceManager.perfCounter lists it."""
    counter = model.counters[key]
    label, unit = _UNITS[counter.unit]
    return Data(
        "PerfCounterInfo",
        key=counter.key,
        nameInfo=Data("ElementDescription", label=counter.label, summary=counter.summary, key=counter.name),
        groupInfo=Data("ElementDescription", label=counter.group_label, summary=counter.group_label, key=counter.group),
        unitInfo=Data("ElementDescription", label=label, summary=unit, key=counter.unit),
        rollupType=counter.rollup,
        statsType=counter.stats,
        level=counter.level,
        perDeviceLevel=counter.device_level,
    )


def counters(model: Model) -> list[Data]:
    """The counters that this vCenter has."""
    missing = model.missing_counters
    return [counter_info(model, key) for key, one in model.counters.items() if one.full_name not in missing]


_UNITS = {
    "percent": ("%", "Percentage"),
    "kiloBytes": ("KB", "Kilobyte"),
    "megaBytes": ("MB", "Megabyte"),
    "teraBytes": ("TB", "Terabyte"),
    "megaHertz": ("MHz", "Megahertz"),
    "number": ("num", "Number"),
    "microsecond": ("\u00b5s", "Microsecond"),
    "millisecond": ("ms", "Millisecond"),
    "second": ("s", "Second"),
    "kiloBytesPerSecond": ("KBps", "Kilobytes per second"),
    "watt": ("W", "Watt"),
    "joule": ("J", "Joule"),
    "celsius": ("\u2103", "Temperature in degrees Celsius"),
}


def _intervals(model: Model, _node: Node) -> list[Data]:
    periods = [seconds for seconds in RETENTION if seconds > 20]
    return [
        Data(
            "PerfInterval",
            key=number,
            samplingPeriod=period,
            name=_INTERVALS.get(period, ("Past year", 31536000))[0],
            length=_INTERVALS.get(period, ("Past year", 31536000))[1],
            level=model.stats_level,
            enabled=True,
        )
        for number, period in enumerate(periods, 1)
    ]


def options(model: Model, prefix: str = "") -> list[Data]:
    """The settings whose key is ``prefix``, or begins with it where it ends with a dot."""
    items = sorted(model.settings.items())
    if prefix.endswith(".") or not prefix:
        return [Data("OptionValue", key=key, value=value) for key, value in items if key.startswith(prefix)]
    return [Data("OptionValue", key=key, value=value) for key, value in items if key == prefix]


def _privileges(_model: Model, _node: Node) -> list[Data]:
    return [
        Data(
            "AuthorizationPrivilege",
            privId=name,
            onParent=False,
            name=name.split(".")[1],
            privGroupName=name.split(".", maxsplit=1)[0],
        )
        for name in PRIVILEGES
    ]


SERVICES: Mapping[str, Mapping[str, Callable[[Model, Node], Any]]] = {
    "ServiceInstance": {
        "content": lambda model, _: service_content(model),
        "serverClock": lambda model, _: Time(model.time()),
    },
    "PerformanceManager": {
        "perfCounter": lambda model, _: counters(model),
        "historicalInterval": _intervals,
    },
    "OptionManager": {"setting": lambda model, _: options(model)},
    "CustomFieldsManager": {"field": lambda model, _: custom_fields(model)},
    "AuthorizationManager": {"privilegeList": _privileges},
    "TaskManager": {"recentTask": all_recent_tasks, "maxCollector": lambda *_: MAX_COLLECTORS},
    "Task": {"info": info},
    "TaskHistoryCollector": {},
    "AlarmManager": {},
    "EventManager": {},
    "SearchIndex": {},
    "ViewManager": {},
    "PropertyCollector": {},
    "SessionManager": {
        "currentSession": lambda _, node: node.facts[0],
        "sessionList": lambda _, node: node.facts[1],
    },
    "ContainerView": {
        "view": lambda model, node: node.facts.contents(model),
        "container": lambda _, node: node.facts.container,
        "type": lambda _, node: list(node.facts.types),
        "recursive": lambda _, node: node.facts.recursive,
    },
}
"""Service type -> its properties, which are made anew at each look."""
