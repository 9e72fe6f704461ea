"""The file that ``web_config`` names: how the server is guarded, in the format of Prometheus' exporter-toolkit.

The format: github.com/prometheus/exporter-toolkit, docs/web-configuration.md and web/tls_config.go. Unknown keys are
refused, as there. What Python's ``ssl`` or our server cannot do is refused with the reason, never ignored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from exporter import configvalues as values
from exporter.config import Secret
from exporter.configparts import MAX_FILE_BYTES, members, path, read, text
from exporter.configvalues import BadValueError
from exporter.configyaml import Field, Origin, Reader, each, parse, scalar
from exporter.errors import ConfigError

MOST_USERS = 100
COSTS = (4, 15)
"""Of bcrypt: its least, and the most we accept, at which one look at a password takes some 2 s of a core."""

VERSIONS = ("TLS12", "TLS13")
NONE, IF_GIVEN, REQUIRED = "NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"
CURVES: Mapping[str, str] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
"""Go's names (crypto/tls, CurveID) -> OpenSSL's."""

CIPHERS: Mapping[str, str] = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""Go's names (crypto/tls, CipherSuites) -> OpenSSL's; those of TLS 1.3 cannot be chosen, in Go neither."""

HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that may be set, and their values where these are fixed (exporter-toolkit, web/handler.go)."""

_UNVERIFIED = (
    "asks for a certificate without verifying it, which Python's ssl cannot do; "
    f"use {REQUIRED}, or {IF_GIVEN} where a client may come without one"
)
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The server's side of TLS. ``ciphers`` are OpenSSL's names for TLS 1.2, empty for its own; ``curve`` too."""

    cert_file: Path
    key_file: Path
    client_auth_type: str = NONE
    client_ca_file: Path | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    ciphers: tuple[str, ...] = ()
    curve: str = ""
    prefer_server_cipher_suites: bool = True


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How the server is guarded. ``users`` are bcrypt's hashes by user; without any, nobody is asked for a password."""

    tls: ServerTls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, Secret] = field(default_factory=dict)


def load(file: Path) -> WebConfig:
    """The web configuration in ``file``; paths in it are relative to its directory. Raises ConfigError.

    The files that it names are not read: they change with each renewal.
    """
    try:
        written = read(file, MAX_FILE_BYTES).decode("utf-8-sig")
    except BadValueError as error:
        raise ConfigError(f"{file}: {error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8; save the file as UTF-8") from None
    if not any(line.strip() and not line.lstrip().startswith(("#", "---")) for line in written.splitlines()):
        return WebConfig()
    root = parse(written, Origin(file, {}))
    found = members(WEB_KEYS, root.section(WEB_KEYS))
    return WebConfig(
        found.get("tls_server_config"), found.get("http_server_config", {}), found.get("basic_auth_users", {})
    )


def _refused(problem: str) -> Reader:
    def reader(field: Field) -> NoReturn:
        raise field.error(problem)

    return reader


def _choice(known: Mapping[str, str] | tuple[str, ...]) -> Callable[[object], str]:
    def parse_one(value: object) -> str:
        if values.text(value) not in known:
            raise BadValueError(f"is not known; {values.nearest(values.text(value), known)}")
        return values.text(value)

    return parse_one


def _version(value: object) -> str:
    if value in {"TLS10", "TLS11"}:
        raise BadValueError("is refused by OpenSSL and by RFC 8996; write TLS12 or TLS13")
    return _choice(VERSIONS)(value)


def _client_auth(value: object) -> str:
    if value in {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}:
        raise BadValueError(_UNVERIFIED)
    return _choice((NONE, IF_GIVEN, REQUIRED))(value)


def _inline(key: str) -> Reader:
    return _refused(f"cannot be given inline, since Python's ssl reads it from a file only; write {key}_file")


TLS_SERVER_KEYS: Mapping[str, Reader] = {
    "cert_file": path,
    "key_file": path,
    "client_auth_type": scalar(_client_auth),
    "client_ca_file": path,
    "client_allowed_sans": each(text),
    "min_version": scalar(_version),
    "max_version": scalar(_version),
    "cipher_suites": each(scalar(_choice(CIPHERS))),
    "curve_preferences": each(scalar(_choice(CURVES))),
    "prefer_server_cipher_suites": scalar(values.boolean),
    **{key: _inline(key) for key in ("cert", "key", "client_ca")},
}


def _tls(section: Field) -> ServerTls:
    found = section.section(TLS_SERVER_KEYS)
    given = members(TLS_SERVER_KEYS, found)
    for key in ("cert_file", "key_file"):
        if key not in given:
            raise section.error("is missing; add it", member=key)
    _check_clients(section, found, given.get("client_auth_type", NONE))
    suites, curves = given.pop("cipher_suites", ()), given.pop("curve_preferences", ())
    ciphers = tuple(CIPHERS[suite] for suite in suites if CIPHERS[suite])
    lowest, highest = given.get("min_version", "TLS12"), given.get("max_version", "TLS13")
    if lowest > highest:
        raise found["min_version"].error("is above max_version; exchange the two")
    if suites and not ciphers and lowest == "TLS12":
        raise found["cipher_suites"].error(
            "names suites of TLS 1.3 alone, which cannot be chosen; write min_version: TLS13 in its place"
        )
    if len(curves) > 1:
        raise found["curve_preferences"].error("names several, but Python's ssl takes one; keep the one you need")
    return ServerTls(ciphers=ciphers, curve=CURVES[curves[0]] if curves else "", **given)


def _check_clients(section: Field, found: Mapping[str, Field], policy: str) -> None:
    """A CA goes with a policy that verifies, and a policy with a CA. Names can be asked only of who must be known."""
    if policy == NONE and "client_ca_file" in found:
        raise found["client_ca_file"].error(f"needs a policy; add client_auth_type: {REQUIRED}")
    if policy != NONE and "client_ca_file" not in found:
        raise section.error("is missing; add the CA of the clients", member="client_ca_file")
    if "client_allowed_sans" in found and policy != REQUIRED:
        raise found["client_allowed_sans"].error(f"needs client_auth_type: {REQUIRED}; a client may come without one")
    if "client_allowed_sans" in found and not found["client_allowed_sans"].items():
        raise found["client_allowed_sans"].error("names nobody, so nobody could connect; name a client, or remove it")


def _http2(field: Field) -> bool:
    if scalar(values.boolean)(field):
        raise field.error(
            "cannot be had: the server speaks HTTP/1.1, which every scraper speaks; write false, or remove it"
        )
    return False


def _header(name: str) -> Reader:
    def value(written: object) -> str:
        said = values.text(written)
        if HEADERS[name] and said not in HEADERS[name]:
            raise BadValueError(f"is not a value of this header; write {' or '.join(HEADERS[name])}")
        if not said.isascii() or not said.isprintable():
            raise BadValueError("holds letters that a header cannot carry; use printable ASCII")
        return said

    return scalar(value)


HEADER_KEYS: Mapping[str, Reader] = {name: _header(name) for name in HEADERS}
HTTP_KEYS: Mapping[str, Reader] = {
    "http2": _http2,
    "headers": lambda field: members(HEADER_KEYS, field.section(HEADER_KEYS)),
}


def _http(section: Field) -> Mapping[str, str]:
    found: Mapping[str, str] = members(HTTP_KEYS, section.section(HTTP_KEYS)).get("headers", {})
    return found


def password_hash(value: object) -> Secret:
    """bcrypt's hash of a password, of a cost that one look can afford."""
    match = _HASH.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadValueError("is not a hash of bcrypt ($2y$10$...); make one with htpasswd -nBC 10 USER")
    if not COSTS[0] <= int(match[1]) <= COSTS[1]:
        raise BadValueError(f"has a cost outside {COSTS[0]} to {COSTS[1]}; make one of cost 10")
    return Secret(str(value))


def _users(section: Field) -> Mapping[str, Secret]:
    found = section.members()
    if len(found) > MOST_USERS:
        raise section.error(f"names more than {MOST_USERS} users; use client certificates for so many")
    return {name: scalar(password_hash)(one) for name, one in found.items()}


WEB_KEYS: Mapping[str, Reader] = {
    "tls_server_config": _tls,
    "http_server_config": _http,
    "basic_auth_users": _users,
    "rate_limit": _refused(
        "is not offered: answers are rendered beforehand and at most 16 are written at once; remove it"
    ),
}
