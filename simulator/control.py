"""Faults over HTTP, for programs in other processes: ``POST /fault`` with a JSON object, ``DELETE /fault`` to end all.

{"kind": "black_hole", "method": "QueryPerf"}        any field of simulator.faults.Fault
{"kind": "poison", "moids": ["vm-1001"]}             {"kind": "gaps", "share": 0.1}
{"kind": "skew", "seconds": 40}                      {"kind": "missing", "counters": ["cpu.usage.average"]}
{"kind": "deny", "privileges": ["Global.Settings"]}  {"kind": "hide", "properties": ["config.annotation"]}
{"kind": "shuffle"} {"kind": "normal_only"}
{"kind": "refuse_logins"}                            {"kind": "restart", "seconds": 5}
{"kind": "certificate"}                              {"kind": "outage", "seconds": 90}
{"kind": "datastore", "name": "dc1-vmfs1", "accessible": false}  (or "hosts": ["esx1"], "how": "apd", "pdl")
{"kind": "host_load", "host": "esx1", "ratio": 0.95}
{"kind": "mapping", "what": "rename_switch", "name": "DSwitch0 DC0", "to": "old"}   ... the names in simulator.mapping
{"kind": "task_hang", "operation": "VirtualMachine.powerOff", "entity": "vm-*", "state": "queued"}
{"kind": "task_fail", "operation": "*", "fault": "Timedout", "text": "Operation timed out."}
{"kind": "event", "type": "esx.problem.storage.apd.start", "host": "host-1", "arguments": {"1": "naa.6000"}}

An outage without ``seconds`` lasts until ``DELETE /fault``, which then has to come to an address of its own
(``--control-listen``): its own does not answer.

And for the cloud (fields of simulator.openstack.trouble; servers by id or name):

{"kind": "operate", "action": "stop", "server": ID}  {"kind": "operate", "action": "create", "name": "x", "host": HOST}
{"kind": "nova_hang", "action": "stop", "stage": "after"}                {"kind": "build_fail", "fault": "no_host"}
{"kind": "compute", "host": HOST, "state": "disabled"}                   ... hung, deaf, forced_down, well
{"kind": "api", "how": "rate_limit", "service": "compute", "seconds": 5} ... dead, malformed, black_hole, delay
{"kind": "expire_tokens"}                 {"kind": "cell", "down": true} {"kind": "cloud_skew", "seconds": 40}
{"kind": "odd", "what": "orphan_vm"}      ... the names in simulator.openstack.oddities
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator import mapping
from simulator.data import class_of
from simulator.faults import Fault
from simulator.openstack.operations import Conflict
from simulator.openstack.orders import ORDERS
from simulator.outages import Outages
from simulator.tasks import TaskFault, TaskTrouble

if TYPE_CHECKING:
    from simulator.vcenter import Server


def install(server: "Server") -> None:
    """Add the paths to a server that is not started yet."""
    _Control(server, apart=False).add_to(server.app)


@asynccontextmanager
async def serve_control(server: "Server", *, host: str, port: int) -> AsyncIterator[str]:
    """The same paths at an address of their own, over HTTP, while the block lasts; their URL. Port 0 takes a free one.

    Raises OSError where the address cannot be used.
    """
    app = web.Application()
    _Control(server, apart=True).add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield f"http://{host}:{runner.addresses[0][1]}/fault"
    finally:
        await runner.cleanup()


def _task_trouble(kind: str, order: dict[str, Any]) -> TaskTrouble:
    given: dict[str, Any] = {key: order[key] for key in ("operation", "entity", "times", "state") if key in order}
    if "fault" in order:
        class_of(order["fault"])
        given["fault"] = TaskFault(order["fault"], order.get("text", ""))
    return TaskTrouble(kind=kind, **given)


class _Control:
    """``apart``: it can be reached while the vCenter cannot."""

    def __init__(self, server: "Server", *, apart: bool) -> None:
        self._server = server
        self._apart = apart
        self._outages = Outages(server.model)
        self._tasks: set[asyncio.Task[None]] = set()

    def add_to(self, app: web.Application) -> None:
        """Adds the paths."""
        app.router.add_post("/fault", self.post)
        app.router.add_delete("/fault", self.delete)
        app.on_cleanup.append(self.cancel)

    async def post(self, request: web.Request) -> web.Response:
        try:
            self._obey(await request.json())
        except (json.JSONDecodeError, TypeError, ValueError, KeyError, Conflict) as error:
            return web.Response(status=400, text=f"{type(error).__name__}: {error}\n")
        return web.Response(text="ok\n")

    async def delete(self, _request: web.Request) -> web.Response:
        model = self._server.model
        self._server.faults.clear()
        model.skew, model.denied, model.missing_counters = 0.0, frozenset(), frozenset()
        model.hidden = frozenset()
        model.tasks.release()
        self._outages.clear()
        for task in self._tasks:
            task.cancel()
        await self._server.resume()
        if self._server.cloud is not None:
            self._server.cloud.clear()
        return web.Response(text="ok\n")

    def _obey(self, order: dict[str, Any]) -> None:
        kind, cloud = order["kind"], self._server.cloud
        if kind in {"task_hang", "task_fail"}:
            self._server.model.tasks.arm(_task_trouble(kind.removeprefix("task_"), order))
        elif kind == "event":
            named = {f"_{key}": str(value) for key, value in order.get("arguments", {}).items()}
            self._server.model.events.tell(str(order["type"]), str(order["host"]), **named)
        elif kind in {"datastore", "host_load", "mapping", "outage", "hide"}:
            self._break(order)
        elif kind not in ORDERS:
            self._apply(order)
        elif cloud is None:
            raise ValueError(f"{kind} is for a cloud; begin the simulator with --cloud-listen")
        else:
            ORDERS[kind](cloud, order)

    def _break(self, order: dict[str, Any]) -> None:
        if order["kind"] == "host_load":
            self._outages.load(order["host"], float(order["ratio"]))
        elif order["kind"] == "outage":
            self._fail(order.get("seconds"))
        elif order["kind"] == "hide":
            self._server.model.hidden = frozenset(order["properties"])
        elif order["kind"] == "mapping":
            named = {key: str(order[key]) for key in ("name", "to") if key in order}
            mapping.happen(self._server.model, str(order["what"]), **named)
        elif order["accessible"]:
            self._outages.restore(order["name"])
        else:
            self._outages.lose(order["name"], hosts=order.get("hosts", ()), how=order.get("how", "apd"))

    def _apply(self, order: dict[str, Any]) -> None:
        server, faults, model = self._server, self._server.faults, self._server.model
        match order["kind"]:
            case "poison":
                faults.poison = frozenset(order["moids"])
            case "gaps":
                faults.gaps = float(order["share"])
            case "skew":
                model.skew = float(order["seconds"])
            case "missing":
                model.missing_counters = frozenset(order["counters"])
            case "deny":
                model.denied = frozenset(order["privileges"])
            case "shuffle" | "normal_only" | "refuse_logins" as name:
                setattr(faults, name, True)
            case "restart":
                seconds = float(order.get("seconds", 0))
                self._later(lambda: server.restart(seconds))
            case "certificate":
                self._later(self._change)
            case _:
                faults.arm(Fault(**order))

    def _fail(self, seconds: float | None) -> None:
        server = self._server
        if seconds is None and not self._apart:
            raise ValueError("an outage that nobody could end: say seconds, or order it at --control-listen")

        async def fail() -> None:
            server.fail()
            if seconds is not None:
                await asyncio.sleep(float(seconds))
                await server.resume()

        self._later(fail)

    def _later(self, work: Callable[[], Awaitable[None]]) -> None:
        """After the reply to this request, whose connection would be cut."""
        task = asyncio.create_task(self._soon(work), name="order")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _soon(self, work: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(0.05)
        await work()

    async def _change(self) -> None:
        self._server.change_certificate()

    async def cancel(self, _app: web.Application) -> None:
        for task in self._tasks:
            task.cancel()
