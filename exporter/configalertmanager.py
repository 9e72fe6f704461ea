"""The section ``sla.alertmanager``: the members of a cluster, who may send webhooks, whether incidents are pushed.

Errors quote no value, as everywhere in the configuration.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from exporter import configvalues as values
from exporter.config import Alertmanager, Credentials, Push, Secret, Tls, Webhook
from exporter.configvalues import BadValueError
from exporter.configyaml import Field, Reader, scalar

_EXAMPLE = "write for example http://127.0.0.1:9093"
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_RESERVED = frozenset({"alertname", "class", "resource", "severity", "site", "target"})
_SECRETS = ("password_file", "password_env", "token_file", "token_env")
_CHOICE = "password_file or password_env beside username, or token_file or token_env"

_text = scalar(values.text)


def url(value: object) -> str:
    """The URL of a member, as in a browser, without ``/api/v2``."""
    written = values.text(value)
    try:
        parts = urlsplit(written)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadValueError(f"is not a URL; {_EXAMPLE}") from None
    if "@" in parts.netloc:
        raise BadValueError("contains a user or password; remove everything up to the @, and use username")
    if parts.scheme not in {"http", "https"} or not host or " " in written or parts.query or parts.fragment:
        raise BadValueError(f"is not the URL of an Alertmanager; {_EXAMPLE}")
    if parts.path.rstrip("/").endswith("/api/v2"):
        raise BadValueError("names the API; write the URL without /api/v2")
    return written


def label(value: object) -> str:
    """The name of a label (Prometheus data model)."""
    if not _LABEL.fullmatch(values.text(value)):
        raise BadValueError("is not the name of a label; use letters, digits and '_', and begin with no digit")
    return values.text(value)


@dataclass(frozen=True, slots=True)
class Readers:
    """What other sections read too."""

    password_file: Callable[[Field], Secret]
    password_env: Callable[[Field], Secret]
    tls: Callable[[Field], Tls]
    timeouts: Reader

    @property
    def credentials(self) -> Mapping[str, Reader]:
        """The keys that say who somebody is."""
        files = dict.fromkeys(("password_file", "token_file"), self.password_file)
        return {"username": _text, **files, **dict.fromkeys(("password_env", "token_env"), self.password_env)}

    @property
    def webhook(self) -> Mapping[str, Reader]:
        """The keys of ``webhook``."""
        return {**self.credentials, "max_body": scalar(values.size(64 * 1024, 64 * 1024**2))}

    @property
    def keys(self) -> Mapping[str, Reader]:
        """The keys of the section."""
        return {
            "urls": _urls,
            **self.credentials,
            "tls": self.tls,
            "timeouts": self.timeouts,
            "max_reply": scalar(values.size(1024**2, 1024**3)),
            "interval": scalar(values.duration(1, 600)),
            "class_label": scalar(label),
            "resource_label": scalar(label),
            "longest_silence": scalar(values.duration(60, 31 * 86400)),
            "webhook": lambda field: _webhook(self, field),
            "push": _push,
        }


def _urls(field: Field) -> tuple[str, ...]:
    read = tuple(scalar(url)(item) for item in field.items())
    for index, item in enumerate(field.items()):
        if read.index(read[index]) != index:
            raise item.error(f"is there twice, first as urls[{read.index(read[index])}]; remove one")
    if not read:
        raise field.error(f"names no member; {_EXAMPLE}, and all members of a cluster")
    return read


def _labels(field: Field) -> tuple[tuple[str, str], ...]:
    for name, value in field.members().items():
        value.check(label, name)
        if name in _RESERVED:
            raise value.error("is a label that alerts have already; use another name")
    return tuple(sorted((name, _text(value)) for name, value in field.members().items()))


PUSH_KEYS: Mapping[str, Reader] = {"interval": scalar(values.duration(1, 600)), "labels": _labels}


def _push(field: Field) -> Push:
    given: dict[str, Any] = {key: PUSH_KEYS[key](value) for key, value in field.section(PUSH_KEYS).items()}
    return Push(**given)


def _credentials(found: Mapping[str, Field], given: dict[str, Any]) -> Credentials | None:
    """Takes the credentials out of ``given``: a user with a password, or a token, once; None where there is nothing."""
    secrets = [key for key in _SECRETS if key in found]
    if len(secrets) > 1:
        raise found[secrets[1]].error(f"cannot be combined with {secrets[0]}; remove one of the two")
    username = given.pop("username", "")
    if not secrets:
        if username:
            raise found["username"].error("needs a password; add password_file or password_env")
        return None
    needs_user = secrets[0].startswith("password")
    if needs_user and not username:
        raise found[secrets[0]].error("needs username beside it; add it")
    if username and not needs_user:
        raise found["username"].error(f"cannot be combined with {secrets[0]}; remove one of the two")
    if ":" in username:  # RFC 7617, section 2
        raise found["username"].error("contains a colon, which HTTP Basic does not allow; use another user")
    return Credentials(given.pop(secrets[0]), username)


def _webhook(readers: Readers, field: Field) -> Webhook:
    found = field.section(readers.webhook)
    given: dict[str, Any] = {key: readers.webhook[key](value) for key, value in found.items()}
    credentials = _credentials(found, given)
    if credentials is None:
        raise field.error(f"says not whom to let in; add {_CHOICE}")
    if "max_body" in given:
        given["max_bytes"] = given.pop("max_body")
    return Webhook(credentials, **given)


def alertmanager(readers: Readers, field: Field) -> Alertmanager:
    """The whole section."""
    found = field.section(readers.keys)
    if "urls" not in found:
        raise field.error("is missing; list the URLs of all members", member="urls")
    given: dict[str, Any] = {key: readers.keys[key](value) for key, value in found.items()}
    credentials = _credentials(found, given)
    tls = given.get("tls", Tls())
    if credentials and not tls.insecure and any(values.is_unencrypted(one) for one in given["urls"]):
        problem = "would send the credentials unencrypted; use https://, or accept it by tls.insecure"
        raise found["urls"].error(problem)
    if "max_reply" in given:
        given["max_reply_bytes"] = given.pop("max_reply")
    return Alertmanager(credentials=credentials, **given)
