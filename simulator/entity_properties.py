"""Properties that every managed entity has (ManagedEntity of the vSphere API reference)."""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.data import Data, Ref, Time
from simulator.facts import Alarm
from simulator.model import Model
from simulator.store import Node
from simulator.task_properties import recent_tasks


def custom_values(node: Node) -> list[Data]:
    """The custom attributes set on an entity."""
    return [Data("CustomFieldStringValue", key=key, value=text) for key, text in node.facts.custom]


def _alarm(node: Node, alarm: Alarm) -> Data:
    return Data(
        "AlarmState",
        key=f"{alarm.alarm}.{node.moid}",
        entity=node.ref,
        alarm=Ref("Alarm", alarm.alarm),
        overallStatus=alarm.status,
        time=Time(alarm.time),
        acknowledged=alarm.acknowledged,
        acknowledgedByUser="operator" if alarm.acknowledged else None,
    )


def _parent(model: Model, node: Node) -> Ref | None:
    return model.get(node.parent).ref if node.parent else None


def custom_fields(model: Model) -> list[Data]:
    """The definitions of custom attributes, as CustomFieldsManager.field lists them."""
    return [
        Data("CustomFieldDef", key=key, name=name, type="string", managedObjectType=kind)
        for key, (name, kind) in model.custom_fields.items()
    ]


ENTITY: Mapping[str, Callable[[Model, Node], Any]] = {
    "name": lambda _, node: node.facts.name,
    "parent": _parent,
    "overallStatus": lambda _, node: node.facts.status,
    "configStatus": lambda _, node: node.facts.status,
    "configIssue": lambda *_: [],
    "customValue": lambda _, node: custom_values(node),
    "value": lambda _, node: custom_values(node),
    "availableField": lambda model, _: custom_fields(model),
    "effectiveRole": lambda *_: [-1],
    "alarmActionsEnabled": lambda *_: True,
    "declaredAlarmState": lambda _, node: [_alarm(node, alarm) for alarm in node.facts.alarms],
    "triggeredAlarmState": lambda _, node: [_alarm(node, alarm) for alarm in node.facts.alarms],
    "recentTask": recent_tasks,
    "tag": lambda *_: [],
    "disabledMethod": lambda *_: [],
}
"""Property -> how it is made from the model and the entity."""


def refs(nodes: list[Node]) -> list[Ref]:
    """References to these objects."""
    return [node.ref for node in nodes]
