"""Real servers for tests of the wire: certificates made on the spot, HTTP with any misbehaviour, a CONNECT proxy."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    "<soapenv:Body>\n%s\n</soapenv:Body>\n</soapenv:Envelope>"
)


def envelope(entry: str) -> bytes:
    """A SOAP 1.1 message as vpxd writes it."""
    return (ENVELOPE % entry).encode()


def fault(name: str, text: str, inside: str = "") -> bytes:
    """A fault as vpxd writes it; ``inside`` is the XML within the detail's entry."""
    return envelope(
        f"<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{text}</faultstring><detail>"
        f'<{name}Fault xmlns="urn:vim25" xsi:type="{name}">{inside}</{name}Fault></detail></soapenv:Fault>'
    )


# --- certificates -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM files and as the object."""

    cert: Path
    key: Path
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        """The certificate as the server sends it."""
        return self.certificate.public_bytes(Encoding.DER)


class Authority:
    """A certificate authority of its own in ``directory``; ``ca.pem`` is what a client trusts."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._builder(self._name, self._key, days=30).issuer_name(self._name)
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.pem = directory / f"{name}.pem"
        self.pem.write_bytes(
            certificate.add_extension(usage, critical=True).sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        )

    def issue(self, name: str, *hosts: str, days: float = 2, password: bytes | None = None) -> Pair:
        """A certificate for ``hosts`` (names or addresses), valid for ``days`` from now: negative is expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, days=days).issuer_name(self._name)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        cert, keyfile = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        secrecy: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
        cert.write_bytes(certificate.public_bytes(Encoding.PEM))
        keyfile.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secrecy))
        return Pair(cert, keyfile, certificate)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: float) -> x509.CertificateBuilder:
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
        return (
            builder.serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=60))
            .not_valid_after(end)
        )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def server_context(pair: Pair, *, client_ca: Path | None = None) -> ssl.SSLContext:
    """The server's side of TLS; with ``client_ca`` it requires a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


# --- servers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server under test: what it got. ``ended`` receives one item when a connection has ended."""

    url: str = ""
    port: int = 0
    connections: int = 0
    received: bytearray = field(default_factory=bytearray)
    requests: list[Request] = field(default_factory=list)
    ended: asyncio.Queue[None] = field(default_factory=asyncio.Queue)


@asynccontextmanager
async def serving(handler: Handler, *, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """An HTTP/1.1 server on 127.0.0.1 that hands every request to ``handler``, which writes raw bytes."""
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        server.connections += 1
        try:
            # Cancelled at the end of the test, which asyncio's own callback would otherwise report as an error.
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
                while not writer.is_closing():
                    request = await _request(reader, server)
                    server.requests.append(request)
                    await handler(request, writer)
                    await writer.drain()
        finally:
            tasks.discard(task)
            writer.transport.abort()
            server.ended.put_nowait(None)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    server.url = f"{'https' if context else 'http'}://127.0.0.1:{server.port}/sdk"
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader, server: Server) -> Request:
    head = await _seen(reader.readuntil(b"\r\n\r\n"), server)
    line, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
    body = await _seen(reader.readexactly(int(headers.get("content-length", "0"))), server)
    return Request(line, headers, body)


async def _seen(reading: Awaitable[bytes], server: Server) -> bytes:
    try:
        data = await reading
    except asyncio.IncompleteReadError as error:
        server.received += error.partial
        raise
    server.received += data
    return data


def http(body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/xml; charset=utf-8") -> bytes:
    """A whole HTTP reply."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def always(reply: bytes) -> Handler:
    """Answers every request with these bytes."""

    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)

    return handler


async def never(_request: Request, _writer: asyncio.StreamWriter) -> None:
    """A server that hangs."""
    await asyncio.Event().wait()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN (SO_LINGER of 0 seconds)."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()


@asynccontextmanager
async def blocking_tls(context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server that handshakes as OpenSSL does, alerts included, which asyncio's servers do not send."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, connection.dup() as raw:
                    secure = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                    with secure, suppress(ssl.SSLError):
                        secure.do_handshake()
                    while raw.recv(65536):  # no RST before the client has read the alert
                        pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()


@asynccontextmanager
async def greeting(words: bytes) -> AsyncIterator[int]:
    """The port of a server that says ``words`` at once, and nothing ever after."""
    writers: list[asyncio.StreamWriter] = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(words)

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]
        for writer in writers:
            writer.transport.abort()


@asynccontextmanager
async def proxying(*, status: str = "200 Connection established") -> AsyncIterator[Server]:
    """An HTTP proxy that tunnels CONNECT, to the address asked for."""

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        if not status.startswith("200"):
            return
        host, _, port = request.line.split()[1].rpartition(":")
        there_reader, there = await asyncio.open_connection(host, int(port))
        reader = _reader_of(writer)
        try:
            await asyncio.gather(_pump(reader, there), _pump(there_reader, writer))
        finally:
            there.transport.abort()

    async with serving(handler) as server:
        server.url = f"http://127.0.0.1:{server.port}"
        yield server


def _reader_of(writer: asyncio.StreamWriter) -> asyncio.StreamReader:
    reader = writer._reader  # type: ignore[attr-defined]  # the pair that start_server made
    assert isinstance(reader, asyncio.StreamReader)
    return reader


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()
