"""The product's way of a reply, stage by stage, and the floor below it."""

import asyncio
import socket
import ssl
from collections import deque
from pathlib import Path

from bench.agents.novacenter import Product
from bench.agents.protocol import Answer, measured, serve_async
from exporter.vcenter.decode import Decoder
from exporter.vcenter.plan import Batch
from exporter.vcenter.query import Query
from exporter.vcenter.session import Session


class Recorder:
    """Sends through the session and keeps the last reply to each request."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.replies: dict[bytes, bytes] = {}

    async def post(self, body: bytes, *, operation: str) -> bytes:
        """The reply."""
        reply = self.replies[body] = await self._session.post(body, operation=operation)
        return reply


class Stages(Product):
    """The product with a look inside: what was received, and each stage by itself."""

    async def start(self, **options) -> Answer:
        """Like the product's; what is received from now on is kept."""
        answer = await super().start(**options)
        self.recorder = Recorder(self.poller.session)
        self.decoder = Decoder()
        # The schedules are made in the first cycle, on whatever runs queries then.
        self.poller._query = Query(self.recorder, self.decoder, clock=self.clock)
        return answer

    async def network(self) -> Answer:
        """Sends all requests and receives all replies, and does nothing with them."""
        spent: Answer = {}
        requests = [batch.request for batch in self._batches()]
        with measured(spent):
            for request in requests:
                await self.poller.session.post(request, operation="QueryPerf")
        return spent

    async def decode(self) -> Answer:
        """Decodes the replies of the last cycle, which hold nothing new, and drops what comes of it."""
        replies = self._replies()
        spent: Answer = {}
        with measured(spent):
            for reply in replies:
                deque(self.decoder.blocks(reply), maxlen=0)
        return spent | {"bytes": sum(map(len, replies)), "parsed": self.decoder.parsed}

    async def save(self, *, path: str) -> Answer:
        """Writes the replies of the last cycle one behind the other."""
        data = b"".join(self._replies())
        await asyncio.to_thread(Path(path).write_bytes, data)
        return {"bytes": len(data)}

    async def floor(self, *, port: int, certificate: str) -> Answer:
        """Receives as many bytes over TLS with a blocking socket, and counts the tags in them."""
        context = ssl.create_default_context(cafile=certificate)
        buffer = bytearray(1024 * 1024)
        data = b"".join(self._replies())
        received: Answer = {}
        scanned: Answer = {}
        size = 0
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            with measured(received):
                while size < len(data):
                    size += secured.recv_into(buffer)
            cipher = secured.cipher()
        with measured(scanned):
            tags = data.count(b"<")
        answer = {"bytes": size, "tags": tags, "cipher": cipher[0] if cipher else ""}
        return answer | {"tls": received["cpu"], "scan": scanned["cpu"]}

    def _batches(self) -> list[Batch]:
        assert self.poller._realtime is not None
        return [batch for batches in self.poller._realtime._batches.values() for batch in batches]

    def _replies(self) -> list[bytes]:
        return [self.recorder.replies[batch.request] for batch in self._batches()]


if __name__ == "__main__":
    stages = Stages()
    commands = (stages.start, stages.cycle, stages.network, stages.decode, stages.save, stages.floor)
    asyncio.run(serve_async({command.__name__: command for command in commands}))
