"""The server's side of TLS: ``configweb.ServerTls`` -> ``ssl.SSLContext``."""

import ssl
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from exporter.configweb import IF_GIVEN, NONE, REQUIRED, ServerTls
from exporter.errors import ConfigError

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_POLICIES = {NONE: ssl.CERT_NONE, IF_GIVEN: ssl.CERT_OPTIONAL, REQUIRED: ssl.CERT_REQUIRED}

Refused = Callable[[str], None]
"""Told why a handshake was turned away: ``certificate`` or ``handshake``."""


def context(tls: ServerTls, *, refused: Refused = lambda _: None) -> ssl.SSLContext:
    """What a server of asyncio takes. Raises ConfigError naming the file or key that cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    if tls.prefer_server_cipher_suites:
        made.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    _choose(made, tls)
    _load(made, tls)
    if tls.client_ca_file is not None:
        try:
            made.load_verify_locations(tls.client_ca_file)
        except OSError as error:
            raise ConfigError(
                f"client_ca_file {tls.client_ca_file}: {reason(error)}; it must hold PEM certificates"
            ) from error
    made.verify_mode = _POLICIES[tls.client_auth_type]
    if made.verify_mode is not ssl.CERT_NONE:
        # A resumed session does not verify the client's certificate again, for two hours by default.
        made.options |= ssl.OP_NO_TICKET
        made.num_tickets = 0
    made.sslobject_class = _counting(tls.client_allowed_sans, refused)
    return made


def _choose(made: ssl.SSLContext, tls: ServerTls) -> None:
    try:
        if tls.ciphers:
            made.set_ciphers(":".join(tls.ciphers))
        if tls.curve:
            made.set_ecdh_curve(tls.curve)
    except (ValueError, ssl.SSLError) as error:
        raise ConfigError(
            f"cipher_suites, curve_preferences: {error}; this build of OpenSSL has them not, so remove them"
        ) from error


def _load(made: ssl.SSLContext, tls: ServerTls) -> None:
    def encrypted() -> str:  # without it OpenSSL would ask at the terminal
        raise ConfigError(
            f"key_file {tls.key_file}: the key is encrypted, and the format of this file has no place for a password; "
            "store it decrypted, readable by this user only"
        )

    try:
        made.load_cert_chain(tls.cert_file, tls.key_file, password=encrypted)
    except OSError as error:
        raise ConfigError(
            f"cert_file {tls.cert_file}, key_file {tls.key_file}: {reason(error)}; "
            "they must hold a PEM certificate and its private key"
        ) from error


def reason(error: OSError) -> str:
    """OpenSSL's or the system's words, without its own file names."""
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or str(error)


def names(certificate: Any) -> frozenset[str]:
    """Every subject alternative name of a certificate as ``getpeercert`` gives it: DNS, e-mail, address and URI.

    Addresses are in the usual short form, as Go writes them; OpenSSL writes those of IPv6 out in full.
    """
    found = certificate.get("subjectAltName", ())
    return frozenset(str(ip_address(value.strip())) if kind == "IP Address" else value for kind, value in found)


def _counting(allowed: Iterable[str], refused: Refused) -> type[ssl.SSLObject]:
    """An SSLObject that tells of handshakes it turns away, among them clients with none of the ``allowed`` names."""
    wanted = frozenset(allowed)

    class Counting(ssl.SSLObject):
        failed: ssl.SSLError | None = None

        def do_handshake(self) -> None:
            if self.failed is not None:
                raise self.failed
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                refused("certificate" if "CERTIFICATE" in (error.reason or "") else "handshake")
                self.failed = error
                # asyncio would drop OpenSSL's alert, which tells the client why; where more is wanted it sends it.
                raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the alert is to be sent") from error
            if wanted and not wanted & names(self.getpeercert() or {}):
                refused("certificate")
                raise ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, "none of client_allowed_sans in the certificate")

    return Counting
