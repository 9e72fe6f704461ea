"""Is a certificate good, as far as files tell: chain, names, key, usage and end. Pure: bytes in, findings out."""

import ipaddress
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from exporter.findings import Finding, State

DAY = 86400.0
_ROLES = {ExtendedKeyUsageOID.SERVER_AUTH: "server", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}


def verify(
    chain: bytes, *, key: bytes | None, ca: bytes | None, host: str | None, now: float, warning: float
) -> tuple[Finding, ...]:
    """What is good and bad of a PEM chain, its own certificate first.

    ``key`` and ``ca`` are PEM, ``host`` a name or address that a client asks for; None leaves that out. ``now`` is
    seconds since the epoch, ``warning`` the seconds that must be left.
    """
    try:
        found = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        return (Finding("certificate", State.FAILED, f"not a PEM certificate ({error})", "name a file with PEM"),)
    ends = tuple(ending(f"certificate {_said(one)}", _end(one), now=now, warning=warning) for one in found)
    rows = [*ends, _usage(found[0], host)]
    if key is not None:
        rows.append(_key(found[0], key))
    if ca is not None:
        rows.extend(_chain(found, ca, host, now=now))
    return tuple(rows)


def ending(item: str, not_after: float, *, now: float, warning: float) -> Finding:
    """How long a certificate is good for yet; below ``warning`` seconds it is time to act."""
    days = (not_after - now) / DAY
    end = f"{datetime.fromtimestamp(not_after, UTC):%Y-%m-%d}"
    if days < 0:
        return Finding(item, State.FAILED, f"expired on {end}", "renew it")
    found = f"{int(days)} days left, until {end}"
    if not_after - now < warning:
        return Finding(item, State.WARNING, found, "renew it; the files are read again by themselves")
    return Finding(item, State.OK, found)


def _end(certificate: x509.Certificate) -> float:
    return certificate.not_valid_after_utc.timestamp()


def _said(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "without subject"


def _key(certificate: x509.Certificate, key: bytes) -> Finding:
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError:
        return Finding("key", State.UNKNOWN, "it is encrypted", "see whether the agent can use it: novacenter check")
    except (ValueError, UnsupportedAlgorithm) as error:
        return Finding("key", State.FAILED, f"not a PEM private key ({error})", "name the file of the private key")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form):
        return Finding("key", State.OK, "it belongs to the certificate")
    advice = "name the key that the certificate was made for, or have a certificate made for this key"
    return Finding("key", State.FAILED, "it belongs to another certificate", advice)


def roles(certificate: x509.Certificate) -> frozenset[str]:
    """What a certificate may be used for, of server and client; without the extension for both (RFC 5280, 4.2.1.12)."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset(_ROLES.values())
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages:
        return frozenset(_ROLES.values())
    return frozenset(_ROLES[usage] for usage in usages if usage in _ROLES)


def _usage(certificate: x509.Certificate, host: str | None) -> Finding:
    may = roles(certificate)
    found = f"for {' and '.join(sorted(may, reverse=True))}" if may else "neither for a server nor for a client"
    if not may or (host is not None and "server" not in may):
        advice = "have one made with the extended key usage serverAuth (a server's) or clientAuth (a client's)"
        return Finding("usage", State.FAILED, found, advice)
    return Finding("usage", State.OK, found)


def names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names and addresses that it is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in found if isinstance(one, x509.DNSName | x509.IPAddress))


def _chain(found: Sequence[x509.Certificate], ca: bytes, host: str | None, *, now: float) -> Iterator[Finding]:
    known = names(found[0])
    if host is not None and not _is_for(known, host):
        advice = "ask by a name in the certificate, or have one made that has this name"
        yield Finding("names", State.FAILED, f"not {host}, but {', '.join(known) or 'none'}", advice)
        host = None
    else:
        yield Finding("names", State.OK, ", ".join(known) or "none")
    try:
        store = Store(x509.load_pem_x509_certificates(ca))
    except ValueError as error:
        yield Finding("chain", State.FAILED, f"the CA is not a PEM certificate ({error})", "name a file with PEM")
        return
    subject = host if host is not None else next(iter(known), None) if "server" in roles(found[0]) else None
    strict = _refusal(found, PolicyBuilder().store(store).time(_at(now)), subject)
    if not strict:
        yield Finding("chain", State.OK, "it leads to the CA")
        return
    loose = PolicyBuilder().extension_policies(
        ca_policy=_lenient().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None),
        ee_policy=_lenient().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None),
    )
    refusal = _refusal(found, loose.store(store).time(_at(now)), subject)
    if refusal:
        advice = "put every certificate between it and the CA into the file, its own first; or name its CA"
        yield Finding("chain", State.FAILED, f"it does not lead to the CA ({refusal})", advice)
    else:
        advice = "have it made with the extensions of RFC 5280; OpenSSL takes it, newer clients may not"
        yield Finding("chain", State.WARNING, f"it leads to the CA, but is not by the book ({strict})", advice)


def _lenient() -> ExtensionPolicy:
    return ExtensionPolicy.permit_all()


def _at(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def _is_for(known: Sequence[str], host: str) -> bool:
    """Whether a client that asks for ``host`` accepts one of the names; a wildcard stands for one label (RFC 6125)."""
    asked = host.lower().rstrip(".")
    return any(
        name.lower() == asked or (name.startswith("*.") and name[1:].lower() == asked[asked.find(".") :])
        for name in known
    )


def _refusal(found: Sequence[x509.Certificate], policy: PolicyBuilder, subject: str | None) -> str:
    """Why the chain is not accepted; empty where it is."""
    try:
        if subject is None:
            policy.build_client_verifier().verify(found[0], list(found[1:]))
        else:
            policy.build_server_verifier(_subject(subject)).verify(found[0], list(found[1:]))
    except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def _subject(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host.removeprefix("*."))
