"""The configuration file: YAML -> frozen ``Config``, strictly.

Every error is one sentence, ``FILE:LINE: key: what is wrong; what to do``, and quotes no value of the file, because a
secret may stand in the wrong place. Each ``*_KEYS`` table is the whole of what its section may hold.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from exporter import configvalues as values
from exporter.config import Config, Globs, Secret, Timeouts, Tls, VCenter
from exporter.configvalues import COPYABLE_LABELS, DEFAULT_COUNTERS, DEFAULT_INSTANCES, BadValueError
from exporter.configyaml import Field, Origin, Reader, each, parse, scalar, tree
from exporter.errors import ConfigError
from exporter.model import Kind

__all__ = ["COPYABLE_LABELS", "DEFAULT_COUNTERS", "DEFAULT_INSTANCES", "load"]

_MAX_FILE_BYTES = 1024**2
_MAX_SECRET_BYTES = 64 * 1024


def load(path: Path, *, environ: Mapping[str, str]) -> Config:
    """The configuration in ``path``; secrets come from the files it names and from ``environ``.

    Relative paths in the file are relative to its directory. Reads files, so call it off the event loop.
    Raises ConfigError on the first thing that is wrong; its message holds no secret.
    """
    try:
        content = _read(path, _MAX_FILE_BYTES)
    except BadValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        written = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from None
    return _config(parse(written, Origin(path, environ)))


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise BadValueError(f"the file cannot be read ({reason}); check that it exists and who may read it") from None
    if len(content) > limit:
        raise BadValueError(f"the file is larger than {limit // 1024} KiB; check that it is the right one")
    return content


def _members(keys: Mapping[str, Reader], found: Mapping[str, Field]) -> dict[str, Any]:
    """What ``found`` holds, each read by its reader in ``keys``."""
    return {key: keys[key](field) for key, field in found.items()}


def _cloud(field: Field) -> object:
    field.members()
    return tree(field)


_text = scalar(values.text)


def _path(field: Field) -> Path:
    return field.origin.path.parent / _text(field)


def _readable(field: Field) -> Path:
    """The path of a file that can be read now: better an error at the start than at the first login."""
    path = _path(field)
    field.check(partial(_read, limit=_MAX_FILE_BYTES), path)
    return path


def _password_file(field: Field) -> Secret:
    content = field.check(partial(_read, limit=_MAX_SECRET_BYTES), _path(field))
    return field.check(values.secret, content)


_variable = scalar(values.variable)


def _password_env(field: Field) -> Secret:
    text = field.origin.environ.get(_variable(field))
    if text is None:
        raise field.error("the environment variable is not set; set it where novacenter is started")
    return field.check(values.secret, text.encode("utf-8", "surrogatepass"))


_database_url = scalar(values.database_url)


def _state(field: Field) -> str:
    url = _database_url(field)
    return str(_path(field)) if url is None else url


TLS_KEYS: Mapping[str, Reader] = {
    "ca_file": _readable,
    "client_cert": _readable,
    "client_key": _readable,
    "thumbprint": scalar(values.thumbprint),
    "insecure": scalar(values.boolean),
}


def _tls(field: Field) -> Tls:
    found = field.section(TLS_KEYS)
    for key, other in (("client_cert", "client_key"), ("client_key", "client_cert")):
        if key in found and other not in found:
            raise found[key].error(f"needs {other} beside it; add {other}")
    tls = Tls(**_members(TLS_KEYS, found))
    for key in ("ca_file", "thumbprint"):
        if tls.insecure and key in found:
            raise found["insecure"].error(f"cannot be combined with {key}; remove insecure to verify the certificate")
    return tls


TIMEOUT_KEYS: Mapping[str, Reader] = {
    "connect": scalar(values.duration(0.1, 300)),
    "read": scalar(values.duration(0.1, 3600)),
    "total": scalar(values.duration(0.1, 3600)),
}


def _timeouts(field: Field) -> Timeouts:
    return Timeouts(**_members(TIMEOUT_KEYS, field.section(TIMEOUT_KEYS)))


GLOB_KEYS: Mapping[str, Reader] = {"include": each(_text), "exclude": each(_text)}


def _globs(default: Globs, field: Field) -> Globs:
    return replace(default, **_members(GLOB_KEYS, field.section(GLOB_KEYS)))


def _by_kind(keys: Mapping[str, Reader]) -> Reader:
    return lambda field: {Kind(key): value for key, value in _members(keys, field.section(keys)).items()}


VCENTER_KEYS: Mapping[str, Reader] = {
    "name": scalar(values.name),
    "url": scalar(values.vcenter_url),
    "username": _text,
    "password_file": _password_file,
    "password_env": _password_env,
    "extension_key": _text,
    "tls": _tls,
    "timeouts": _timeouts,
    "proxy": scalar(values.proxy_url),
    "max_reply": scalar(values.size(64 * 1024, 4 * 1024**3)),
    "connections": scalar(values.whole(1, 32)),
    "objects": _by_kind({kind.value: partial(_globs, Globs()) for kind in Kind}),
    "counters": _by_kind({kind.value: partial(_globs, default) for kind, default in DEFAULT_COUNTERS.items()}),
    "instances": _by_kind({kind.value: scalar(values.boolean) for kind in DEFAULT_INSTANCES}),
    # vCenter keeps an hour of realtime samples (vSphere API reference, PerformanceManager).
    "realtime_interval": scalar(values.duration(1, 1800)),
    "historical_interval": scalar(values.duration(1, 86400)),
}


def _vcenter(field: Field) -> VCenter:
    found = field.section(VCENTER_KEYS)
    _check_login(field, found)
    given = _members(VCENTER_KEYS, found)
    if "extension_key" in found and given.get("tls", Tls()).client_cert is None:
        raise found["extension_key"].error("needs a client certificate; add tls.client_cert and tls.client_key")
    for key, default in (("counters", DEFAULT_COUNTERS), ("instances", DEFAULT_INSTANCES)):
        given[key] = {**default, **given.get(key, {})}
    for key, name in (("password_file", "password"), ("password_env", "password"), ("max_reply", "max_reply_bytes")):
        if key in given:
            given[name] = given.pop(key)
    return VCenter(**given)


def _check_login(field: Field, found: Mapping[str, Field]) -> None:
    """Exactly one way to log in: user and one source of the password, or an extension's certificate."""
    required = [("name", "add it"), ("url", "add it")]
    if "extension_key" in found:
        for key in ("username", "password_file", "password_env"):
            if key in found:
                raise found[key].error("cannot be combined with extension_key; remove one of the two")
    else:
        required.append(("username", "add it, or extension_key to log in by certificate"))
        if "password_env" not in found:
            required.append(("password_file", "add it or password_env"))
    for key, hint in required:
        if key not in found:
            raise field.error(f"is missing; {hint}", member=key)
    if "password_file" in found and "password_env" in found:
        raise found["password_env"].error("cannot be combined with password_file; remove one of the two")


def _vcenters(field: Field) -> tuple[VCenter, ...]:
    read: dict[str, VCenter] = {}
    for item in field.items():
        vcenter = _vcenter(item)
        if vcenter.name in read:
            first = list(read).index(vcenter.name)
            problem = f"is also the name of vcenters[{first}]; give each vCenter a name of its own"
            raise item.members()["name"].error(problem)
        read[vcenter.name] = vcenter
    return tuple(read.values())


_label = scalar(values.label)


def _labels(field: Field) -> tuple[str, ...]:
    read: list[str] = []
    for item in field.items():
        label = _label(item)
        if label in read:
            raise item.error(f"is there twice, first as labels[{read.index(label)}]; remove one")
        read.append(label)
    return tuple(read)


CONFIG_KEYS: Mapping[str, Reader] = {
    "listen": scalar(values.listen),
    "state": _state,
    "labels": _labels,
    "series_budget": scalar(values.whole(1, 100_000_000)),
    "vcenters": _vcenters,
    "clouds": each(_cloud),
}


def _config(root: Field) -> Config:
    config = Config(**_members(CONFIG_KEYS, root.section(CONFIG_KEYS)))
    if not config.vcenters and not config.clouds:
        raise root.error("names no source; write at least one entry under vcenters")
    return config
