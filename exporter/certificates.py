"""When the certificates on the way to a vCenter expire."""

import asyncio
import contextlib

from exporter.config import VCenter
from exporter.errors import SourceError
from exporter.vcenter import tls


async def expiries(vcenter: VCenter) -> dict[str, float]:
    """Seconds since the epoch by edge: ``client`` for our own certificate, ``server`` for vCenter's.

    An edge without certificate, or that cannot be read now, is left out.
    """
    found: dict[str, float] = {}
    if vcenter.tls.client_cert:
        content = await asyncio.to_thread(vcenter.tls.client_cert.read_bytes)
        found["client"] = tls.parse_certificate(content).not_after
    if vcenter.url.startswith("https:"):
        with contextlib.suppress(SourceError):
            seen = await tls.peer_certificate(vcenter.url, vcenter.tls, vcenter.timeouts, proxy=vcenter.proxy)
            found["server"] = seen.not_after
    return found
