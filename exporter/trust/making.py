"""Certificates for a lab: a CA, and pairs that it signs. EC P-256, extensions as RFC 5280 and the web's profile want.

Not for production: the CA's key lies unprotected beside what it signs, and nothing can be revoked.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3650
EARLIER = timedelta(minutes=5)
"""How long before now a certificate is valid: the other end's clock may be behind."""


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate and its key, both PEM; the key is not encrypted."""

    certificate: bytes
    key: bytes


def authority(name: str, *, now: float, days: int = CA_DAYS) -> Made:
    """A CA of its own, which signs no other CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(f"{name} lab CA")
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = _builder(subject, key.public_key(), now=now, days=days).issuer_name(subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return _made(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def issue(ca: Made, name: str, hosts: Sequence[str], *, server: bool, now: float, days: int) -> Made:
    """A certificate of ``ca`` for a server at these ``hosts`` (names or addresses), or for a client of these names."""
    signer = load_pem_private_key(ca.key, password=None)
    parent = x509.load_pem_x509_certificate(ca.certificate)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the key of the CA is not EC")
    key = ec.generate_private_key(ec.SECP256R1())
    role = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(_name(name), key.public_key(), now=now, days=days).issuer_name(parent.subject)
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([role]), False),
        (x509.SubjectAlternativeName([_general(host) for host in hosts]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return _made(builder.sign(signer, hashes.SHA256()), key)


def is_address(host: str) -> bool:
    """Whether it is an address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _general(host: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(host)) if is_address(host) else x509.DNSName(host)


def hosts(certificate: bytes) -> tuple[str, ...]:
    """The names and addresses that a certificate is for."""
    found = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return tuple(str(one.value) for one in found.value if isinstance(one, x509.DNSName | x509.IPAddress))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey, *, now: float, days: int) -> x509.CertificateBuilder:
    at = datetime.fromtimestamp(int(now), UTC)
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(at - EARLIER).not_valid_after(at + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _made(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Made:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Made(certificate.public_bytes(Encoding.PEM), private)
