"""The web configuration: what is accepted, and the one sentence for what is not."""

from pathlib import Path

import pytest

from exporter import configweb
from exporter.config import Secret
from exporter.configweb import ServerTls, WebConfig
from exporter.errors import ConfigError

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

WHOLE = f"""\
tls_server_config:
  cert_file: server.pem
  key_file: /run/keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]
  curve_preferences: [CurveP384]
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
basic_auth_users:
  prometheus: {HASH}
"""

SERVER = "tls_server_config:\n  cert_file: a\n  key_file: b\n"

BAD = {
    "basic_auth: {}": "web.yml:1: basic_auth: unknown key; did you mean basic_auth_users?",
    "tls_server_config: {cert: x}": (
        "web.yml:1: tls_server_config.cert: cannot be given inline, since Python's ssl reads it from a file only; "
        "write cert_file"
    ),
    "tls_server_config: {cert_file: x}": "web.yml:1: tls_server_config.key_file: is missing; add it",
    SERVER + "  client_auth_type: RequestClientCert": (
        "web.yml:4: tls_server_config.client_auth_type: asks for a certificate without verifying it, which Python's "
        "ssl cannot do; use RequireAndVerifyClientCert, or VerifyClientCertIfGiven where a client may come without one"
    ),
    SERVER + "  client_auth_type: RequireAnyClientCert": (
        "web.yml:4: tls_server_config.client_auth_type: asks for a certificate without verifying it, which Python's "
        "ssl cannot do; use RequireAndVerifyClientCert, or VerifyClientCertIfGiven where a client may come without one"
    ),
    SERVER + "  client_auth_type: RequireAndVerifyClientCert": (
        "web.yml:1: tls_server_config.client_ca_file: is missing; add the CA of the clients"
    ),
    SERVER + "  client_ca_file: ca.pem": (
        "web.yml:4: tls_server_config.client_ca_file: needs a policy; add client_auth_type: RequireAndVerifyClientCert"
    ),
    SERVER + "  client_allowed_sans: [a]": (
        "web.yml:4: tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert; a client"
        " may come without one"
    ),
    SERVER + "  min_version: TLS10": (
        "web.yml:4: tls_server_config.min_version: is refused by OpenSSL and by RFC 8996; write TLS12 or TLS13"
    ),
    SERVER + "  min_version: TLS13\n  max_version: TLS12": (
        "web.yml:4: tls_server_config.min_version: is above max_version; exchange the two"
    ),
    SERVER + "  curve_preferences: [X25519, CurveP256]": (
        "web.yml:4: tls_server_config.curve_preferences: names several, but Python's ssl takes one; keep the one you "
        "need"
    ),
    SERVER + "  cipher_suites: [TLS_AES_128_GCM_SHA256]": (
        "web.yml:4: tls_server_config.cipher_suites: names suites of TLS 1.3 alone, which cannot be chosen; write "
        "min_version: TLS13 in its place"
    ),
    "http_server_config: {http2: true}": (
        "web.yml:1: http_server_config.http2: cannot be had: the server speaks HTTP/1.1, which every scraper speaks; "
        "write false, or remove it"
    ),
    "http_server_config: {headers: {X-Frame-Options: allow}}": (
        "web.yml:1: http_server_config.headers.X-Frame-Options: is not a value of this header; write deny or sameorigin"
    ),
    "basic_auth_users: {a: hunter2}": (
        "web.yml:1: basic_auth_users.a: is not a hash of bcrypt ($2y$10$...); make one with htpasswd -nBC 10 USER"
    ),
    f"basic_auth_users: {{a: {HASH.replace('10', '20', 1)}}}": (
        "web.yml:1: basic_auth_users.a: has a cost outside 4 to 15; make one of cost 10"
    ),
    "rate_limit: {burst: 1}": (
        "web.yml:1: rate_limit: is not offered: answers are rendered beforehand and at most 16 are written at once; "
        "remove it"
    ),
}


def test_every_key(tmp_path: Path) -> None:
    """Paths are relative to the file; suites and curves have OpenSSL's names; a hash is not printed."""
    file = tmp_path / "web.yml"
    file.write_text(WHOLE)
    assert configweb.load(file) == WebConfig(
        ServerTls(
            cert_file=tmp_path / "server.pem",
            key_file=Path("/run/keys/server.key"),
            client_auth_type="RequireAndVerifyClientCert",
            client_ca_file=tmp_path / "ca.pem",
            client_allowed_sans=("prometheus.example", "10.0.0.1"),
            min_version="TLS12",
            max_version="TLS13",
            ciphers=("ECDHE-ECDSA-AES256-GCM-SHA384",),
            curve="secp384r1",
            prefer_server_cipher_suites=False,
        ),
        {"Strict-Transport-Security": "max-age=31536000", "X-Frame-Options": "deny"},
        {"prometheus": Secret(HASH)},
    )
    assert HASH not in repr(configweb.load(file))


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_guards_nothing(tmp_path: Path, text: str) -> None:
    """As with exporter-toolkit: no TLS, no users."""
    file = tmp_path / "web.yml"
    file.write_text(text)
    assert configweb.load(file) == WebConfig()


@pytest.mark.parametrize("text", BAD)
def test_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Every mistake ends in exactly the sentence beside it, which quotes no hash and no password."""
    monkeypatch.chdir(tmp_path)
    Path("web.yml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        configweb.load(Path("web.yml"))
    assert str(raised.value) == BAD[text]


def test_every_key_is_documented() -> None:
    """docs/tls.md names each key that is read, and says of each that is refused why."""
    page = (Path(__file__).parents[2] / "docs" / "tls.md").read_text()
    keys = {*configweb.WEB_KEYS, *configweb.TLS_SERVER_KEYS, *configweb.HTTP_KEYS, *configweb.HEADER_KEYS}
    assert sorted(key for key in keys if not any(f"{before}{key}" in page for before in "`.")) == []
    assert sorted(curve for curve in configweb.CURVES if f"`{curve}`" not in page) == []
