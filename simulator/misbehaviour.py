"""Turns a good answer into a bad one on the wire."""

import asyncio
import contextlib
import socket
import struct

from aiohttp import web
from pyVmomi import VmomiSupport

from simulator import wire
from simulator.faults import Fault

PROXY_PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1><p>proxy</p></body></html>\n"


async def misbehave(
    request: web.Request, response: web.Response, fault: Fault, *, cleared: asyncio.Event
) -> web.StreamResponse:
    """The answer as the fault has it; for kinds that are not about the answer, the answer as it is.

    What hangs or drips does so until ``cleared``.
    """
    body = response.body if isinstance(response.body, bytes) else b""
    if fault.kind == "truncate":
        response.body = body[: len(body) // 2]
    elif fault.kind == "soap_fault":
        response.body = wire.fault(wire.named_fault(fault.fault, fault.text), VmomiSupport.versionMap["vim25/6.5"])
        response.set_status(500)
    elif fault.kind == "html":
        page = PROXY_PAGE.format(f"{fault.status} Gateway")
        return web.Response(text=page, status=fault.status, content_type="text/html")
    elif fault.kind == "black_hole":
        await cleared.wait()
        _cut(request)
    elif fault.kind in {"drip", "reset", "huge"}:
        return await _stream(request, response, fault, cleared=cleared)
    return response


async def _stream(
    request: web.Request, response: web.Response, fault: Fault, *, cleared: asyncio.Event
) -> web.StreamResponse:
    body = response.body if isinstance(response.body, bytes) else b""
    stream = web.StreamResponse(status=response.status, headers={"Content-Type": "text/xml; charset=utf-8"})
    if fault.kind != "huge":
        stream.content_length = len(body)
    with contextlib.suppress(ConnectionError):
        await stream.prepare(request)
        if fault.kind == "huge":
            await _pour(request, stream, fault.size)
        elif fault.kind == "reset":
            await stream.write(body[: len(body) // 2])
            _cut(request)
        else:
            await _drip(stream, body, fault, cleared=cleared)
    return stream


async def _pour(request: web.Request, stream: web.StreamResponse, size: int) -> None:
    """Well-formed so far at every point, and without an end before ``size`` bytes, or before the client goes away."""
    await stream.write((wire.HEADER + '<QueryPerfResponse xmlns="urn:vim25">').encode())
    unit = '<returnval xsi:type="PerfEntityMetricCSV"><entity type="VirtualMachine">vm-1</entity></returnval>'
    block = unit.encode() * 700
    sent = 0
    while sent < size:
        if request.transport is None or request.transport.is_closing():
            return
        await stream.write(block)
        # Writing does not wait while the client reads, and the loop would never learn that it went away.
        await asyncio.sleep(0)
        sent += len(block)
    await stream.write(("</QueryPerfResponse>" + wire.FOOTER).encode())


async def _drip(stream: web.StreamResponse, body: bytes, fault: Fault, *, cleared: asyncio.Event) -> None:
    over = asyncio.ensure_future(cleared.wait())
    for index in range(len(body)):
        await stream.write(body[index : index + 1])
        done, _ = await asyncio.wait({over}, timeout=fault.seconds)
        if done:
            break
    over.cancel()


def _cut(request: web.Request) -> None:
    """Reset the connection instead of closing it."""
    if request.transport is None:
        return
    plug = request.transport.get_extra_info("socket")
    if plug is not None:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
