"""Several scrapers at once, each with a connection that it keeps, as Prometheus does."""

import socket
import threading
import time
from urllib.parse import urlsplit

from bench.agents.protocol import Answer, serve

PAUSE = 0.25
"""Seconds between two scrapes of one scraper."""


def scrape(*, url: str, gzip: bool, seconds: float, scrapers: int = 4) -> Answer:
    """Scrapes /metrics for some time. ``first_byte`` and ``whole`` are seconds from the request on, of all scrapes."""
    found: list[tuple[float, float, int]] = []
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=_scrape, args=(url, gzip, until, found)) for _ in range(scrapers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, whole, sizes = (list(column) for column in zip(*found, strict=True))
    return {"first_byte": first, "whole": whole, "bytes": sizes}


def _scrape(url: str, gzip: bool, until: float, found: list[tuple[float, float, int]]) -> None:
    address = urlsplit(url)
    encoding = "gzip" if gzip else "identity"
    request = f"GET /metrics HTTP/1.1\r\nHost: {address.netloc}\r\nAccept-Encoding: {encoding}\r\n\r\n".encode()
    buffer = bytearray(1024 * 1024)
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=120) as connection:
        while time.monotonic() < until:
            began = time.monotonic()
            connection.sendall(request)
            got = connection.recv(65536)
            first = time.monotonic() - began
            left = _body_length(got) - len(got)
            while left > 0:
                left -= connection.recv_into(buffer)
            found.append((first, time.monotonic() - began, _body_length(got)))
            time.sleep(PAUSE)


def _body_length(start: bytes) -> int:
    """The bytes of the whole answer, headers included, told from its start."""
    head, end, _ = start.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if not end or not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"no page: {start[:200]!r}")
    return len(head) + len(end) + int(fields[b"content-length"])


if __name__ == "__main__":
    serve({"scrape": scrape})
