"""Faults over HTTP, for programs in other processes: ``POST /fault`` with a JSON object, ``DELETE /fault`` to end all.

{"kind": "black_hole", "method": "QueryPerf"}        any field of simulator.faults.Fault
{"kind": "poison", "moids": ["vm-1001"]}             {"kind": "gaps", "share": 0.1}
{"kind": "skew", "seconds": 40}                      {"kind": "missing", "counters": ["cpu.usage.average"]}
{"kind": "deny", "privileges": ["Global.Settings"]}  {"kind": "shuffle"} {"kind": "normal_only"}
{"kind": "refuse_logins"}                            {"kind": "restart", "seconds": 5}
{"kind": "certificate"}
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.faults import Fault

if TYPE_CHECKING:
    from simulator.vcenter import Server


def install(server: "Server") -> None:
    """Add the paths to a server that is not started yet."""
    control = _Control(server)
    server.app.router.add_post("/fault", control.post)
    server.app.router.add_delete("/fault", control.delete)
    server.app.on_cleanup.append(control.cancel)


class _Control:
    def __init__(self, server: "Server") -> None:
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(self, request: web.Request) -> web.Response:
        try:
            self._apply(await request.json())
        except (json.JSONDecodeError, TypeError, ValueError, KeyError) as error:
            return web.Response(status=400, text=f"{type(error).__name__}: {error}\n")
        return web.Response(text="ok\n")

    async def delete(self, _request: web.Request) -> web.Response:
        model = self._server.model
        self._server.faults.clear()
        model.skew, model.denied, model.missing_counters = 0.0, frozenset(), frozenset()
        return web.Response(text="ok\n")

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
