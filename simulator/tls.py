"""Certificates: the server's own, made when it starts, and those that hosts show in their configuration."""

import functools
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, PEM, with the SHA-256 thumbprint in lower-case hex."""

    certificate: bytes
    key: bytes
    thumbprint: str


def self_signed(name: str, *, now: float, days: float = 730) -> Certificate:
    """A new self-signed certificate, its own CA, for a DNS name and for the loopback addresses.

    It ends ``days`` after ``now``, and has been valid since 2020: a model's clock may be behind that of its clients.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(name), x509.DNSName("localhost")]
    addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    usage = dict.fromkeys(_USAGES, False) | {"digital_signature": True, "key_cert_sign": True}
    certificate = (
        _builder(name, expires=now + days * 86400, public_key=key.public_key())
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _builder(name: str, *, expires: float, public_key: object) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key)  # type: ignore[arg-type]  # any of cryptography's public keys
        .serial_number(int.from_bytes(hashlib.sha256(f"{name}{expires}".encode()).digest()[:16]) | 1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime.fromtimestamp(expires, UTC))
    )


@functools.lru_cache(maxsize=20_000)
def host_certificate(name: str, expires: float) -> bytes:
    """A host's certificate, PEM, valid until ``expires``; the same arguments give the same bytes."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    builder = _builder(name, expires=expires, public_key=key.public_key())
    return builder.sign(key, None).public_bytes(serialization.Encoding.PEM)


def server_context(directory: Path, own: Certificate, *, client_ca: bytes | None = None) -> ssl.SSLContext:
    """A server's TLS context. With ``client_ca`` (PEM) a client must show a certificate that it signed.

    The certificate is written to ``directory`` because the ssl module reads keys from files only.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load(context, directory, own)
    if client_ca is not None:
        context.load_verify_locations(cadata=client_ca.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load(context: ssl.SSLContext, directory: Path, own: Certificate) -> None:
    """Use another certificate from the next handshake on."""
    certificate, key = directory / "server.pem", directory / "server.key"
    certificate.write_bytes(own.certificate)
    key.touch(mode=0o600)
    key.write_bytes(own.key)
    context.load_cert_chain(certificate, key)
