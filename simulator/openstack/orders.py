"""Orders of ``simulator.control`` that are for the cloud."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from simulator.openstack import oddities, operations
from simulator.openstack.server import CloudServer
from simulator.openstack.trouble import ApiTrouble, BuildFailure, Hang

Order = dict[str, Any]


def _operate(running: CloudServer, order: Order) -> None:
    cloud = running.cloud
    if order["action"] == "create":
        operations.create(cloud, order.get("name", "ordered"), host=order["host"])
        return
    operations.begin(cloud, order["action"], order["server"])


def _compute(running: CloudServer, order: Order) -> None:
    cloud, host = running.cloud, order["host"]
    match order["state"]:
        case "hung" | "deaf" as state:
            cloud.freeze(host, heartbeat=state == "deaf")
        case "disabled":
            cloud.set_compute(host, enabled=False, reason=order.get("reason", "set by vmwareapi host_state"))
        case "forced_down":
            cloud.set_compute(host, forced_down=True)
        case "well":
            cloud.thaw(host)
            cloud.set_compute(host, enabled=True, reason=None, forced_down=False)
        case state:
            raise ValueError(f"no such state: {state!r}; there are hung, deaf, disabled, forced_down, well")


def _api(running: CloudServer, order: Order) -> None:
    given = {key: value for key, value in order.items() if key not in {"kind", "how"}}
    running.cloud.troubles.apis.arm(ApiTrouble(kind=order["how"], **given))


def _rest(order: Order) -> Order:
    return {key: value for key, value in order.items() if key != "kind"}


def _set_cell(running: CloudServer, order: Order) -> None:
    running.cloud.troubles.cell_down = bool(order.get("down", True))


def _set_skew(running: CloudServer, order: Order) -> None:
    running.cloud.skew = float(order["seconds"])


def _odd(running: CloudServer, order: Order) -> None:
    oddities.happen(running.cloud, order["what"], order.get("server", ""))


ORDERS: Mapping[str, Callable[[CloudServer, Order], None]] = MappingProxyType(
    {
        "operate": _operate,
        "nova_hang": lambda running, order: running.cloud.troubles.hangs.arm(Hang(**_rest(order))),
        "build_fail": lambda running, order: running.cloud.troubles.builds.arm(BuildFailure(**_rest(order))),
        "compute": _compute,
        "api": _api,
        "expire_tokens": lambda running, _: running.keystone.expire(),
        "cell": _set_cell,
        "cloud_skew": _set_skew,
        "odd": _odd,
    }
)
"""Kind of an order -> what does it. Raises KeyError, TypeError or ValueError for an order that makes no sense."""
