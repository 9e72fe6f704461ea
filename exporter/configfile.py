"""The configuration file: YAML -> frozen ``Config``, strictly.

Every error is one sentence, ``FILE:LINE: key: what is wrong; what to do``, and quotes no value of the file, because a
secret may stand in the wrong place. Each ``*_KEYS`` table is the whole of what its section may hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from exporter import configalertmanager, configrules, configsla
from exporter import configbroker as broker
from exporter import configvalues as values
from exporter.config import Cloud, Config, Globs, LimitRule, Notifications, Secret, Timeouts, Tls, VCenter
from exporter.configvalues import COPYABLE_LABELS, DEFAULT_COUNTERS, DEFAULT_INSTANCES, BadValueError
from exporter.configyaml import Field, Origin, Reader, each, parse, scalar
from exporter.errors import ConfigError
from exporter.model import Kind

__all__ = ["COPYABLE_LABELS", "DEFAULT_COUNTERS", "DEFAULT_INSTANCES", "load"]

Named = TypeVar("Named", VCenter, Cloud)

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


def _text_file(field: Field) -> str:
    try:
        return field.check(partial(_read, limit=_MAX_FILE_BYTES), _path(field)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise field.error("is not UTF-8; save the file as UTF-8") from None


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


def _tls(keys: Mapping[str, Reader], field: Field) -> Tls:
    found = field.section(keys)
    for key, other in (("client_cert", "client_key"), ("client_key", "client_cert")):
        if key in found and other not in found:
            raise found[key].error(f"needs {other} beside it; add {other}")
    tls = Tls(**_members(keys, found))
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


def _distinct(reader: Callable[[Field], str], field: Field) -> tuple[str, ...]:
    read: list[str] = []
    for item in field.items():
        value = reader(item)
        if value in read:
            raise item.error(f"is there twice, first as {field.key.split('.')[-1]}[{read.index(value)}]; remove one")
        read.append(value)
    return tuple(read)


VCENTER_KEYS: Mapping[str, Reader] = {
    "name": scalar(values.name),
    "url": scalar(values.vcenter_url),
    "username": _text,
    "password_file": _password_file,
    "password_env": _password_env,
    "extension_key": _text,
    "tls": partial(_tls, TLS_KEYS),
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
    "nova_users": partial(_distinct, _text),
    "cinder_users": partial(_distinct, _text),
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


# Requests to a cloud go through keystoneauth, hence urllib3, which has no place to compare a thumbprint.
CLOUD_TLS_KEYS: Mapping[str, Reader] = {key: reader for key, reader in TLS_KEYS.items() if key != "thumbprint"}

_limit = scalar(values.duration(1, 168 * 3600))

RULE_KEYS: Mapping[str, Reader] = {
    "project": _text,
    "flavor": _text,
    "operation": scalar(values.operation),
    "limit": _limit,
}


LIMIT_KEYS: Mapping[str, Reader] = dict.fromkeys(values.OPERATIONS, _limit)


def _limits(field: Field) -> Mapping[str, float]:
    return _members(LIMIT_KEYS, field.section(LIMIT_KEYS))


def _rule(field: Field) -> LimitRule:
    given = _members(RULE_KEYS, field.section(RULE_KEYS))
    if "limit" not in given:
        raise field.error("is missing; add the time that the operation may take", member="limit")
    seconds = given.pop("limit")
    if not given:
        raise field.error("is for everything; add project, flavor or operation")
    return LimitRule(seconds, **given)


def _region(field: Field) -> tuple[str, ...]:
    return (_text(field),)


NOTIFICATION_KEYS: Mapping[str, Reader] = {
    "url_file": lambda field: field.check(broker.url, _password_file(field)),
    "url_env": lambda field: field.check(broker.url, _password_env(field)),
    "exchange": scalar(broker.name),
    "topic": scalar(broker.name),
    "queue": scalar(broker.name),
    "tls": partial(_tls, CLOUD_TLS_KEYS),
}


def _notifications(field: Field) -> Notifications:
    found = field.section(NOTIFICATION_KEYS)
    broker.check_installed(field)
    broker.check_one_url(field, found)
    return Notifications(**broker.with_url(found, _members(NOTIFICATION_KEYS, found)))


CLOUD_KEYS: Mapping[str, Reader] = {
    "name": scalar(values.name),
    "cloud": _text,
    "clouds_file": _readable,
    "auth_url": scalar(values.auth_url),
    "username": _text,
    "password_file": _password_file,
    "password_env": _password_env,
    "project_name": _text,
    "user_domain_name": _text,
    "project_domain_name": _text,
    "application_credential_id": _text,
    "secret_file": _password_file,
    "secret_env": _password_env,
    "region": _region,
    "regions": partial(_distinct, _text),
    "interface": scalar(values.interface),
    "tls": partial(_tls, CLOUD_TLS_KEYS),
    "timeouts": _timeouts,
    "max_reply": scalar(values.size(1024**2, 4 * 1024**3)),
    "connections": scalar(values.whole(1, 32)),
    "interval": scalar(values.duration(1, 3600)),
    "vcenters": partial(_distinct, _text),
    "request_budget": scalar(values.whole(5, 100_000)),
    "limits": _limits,
    "limit_rules": each(_rule),
    "notifications": _notifications,
}

_WAYS: Mapping[
    str, tuple[tuple[str, ...], tuple[str, ...]]
] = {  # to log in: what is needed, and what else belongs to it
    "cloud": ((), ("clouds_file",)),
    "application_credential_id": (("auth_url", "secret_file"), ("secret_env",)),
    "username": (
        ("auth_url", "password_file", "project_name"),
        ("password_env", "user_domain_name", "project_domain_name"),
    ),
}
_RENAMED = (
    ("password_file", "password"),
    ("password_env", "password"),
    ("secret_file", "secret"),
    ("secret_env", "secret"),
    ("region", "regions"),
    ("max_reply", "max_reply_bytes"),
)


def _cloud(field: Field) -> Cloud:
    found = field.section(CLOUD_KEYS)
    if "name" not in found:
        raise field.error("is missing; add it", member="name")
    _check_way(field, found)
    for one, other in (("password_env", "password_file"), ("secret_env", "secret_file"), ("region", "regions")):
        if one in found and other in found:
            raise found[one].error(f"cannot be combined with {other}; remove one of the two")
    given = _members(CLOUD_KEYS, found)
    tls = given.get("tls", Tls())
    if values.is_unencrypted(given.get("auth_url", "")) and not tls.insecure:
        raise found["auth_url"].error("would send the password unencrypted; use https://, or accept it by tls.insecure")
    for key, name in _RENAMED:
        if key in given:
            given[name] = given.pop(key)
    return Cloud(**given)


def _check_way(field: Field, found: Mapping[str, Field]) -> None:
    """Exactly one way to log in, whole, and with nothing of another."""
    way = next((way for way in _WAYS if way in found), None)
    if way is None:
        raise field.error("says not how to log in; add cloud, or auth_url with username or application_credential_id")
    needed, optional = _WAYS[way]
    foreign = {key for other, keys in _WAYS.items() for key in (other, *keys[0], *keys[1])} - {way, *needed, *optional}
    for key in found:
        if key in foreign:
            raise found[key].error(f"cannot be combined with {way}; remove one of the two")
    for key in needed:
        instead = key.replace("_file", "_env")
        if key not in found and instead not in found:
            raise field.error("is missing; add it" + (f" or {instead}" if instead != key else ""), member=key)


def _each_named(kind: str, reader: Callable[[Field], Named], field: Field) -> tuple[Named, ...]:
    """The entries of a list, each with a name of its own."""
    read: list[Named] = []
    for item in field.items():
        source = reader(item)
        first = next((index for index, other in enumerate(read) if other.name == source.name), None)
        if first is not None:
            problem = f"is also the name of {field.key}[{first}]; give each {kind} a name of its own"
            raise item.members()["name"].error(problem)
        read.append(source)
    return tuple(read)


ALERTMANAGER = configalertmanager.Readers(
    _password_file, _password_env, tls=partial(_tls, TLS_KEYS), timeouts=_timeouts
)

CONFIG_KEYS: Mapping[str, Reader] = {
    "rules": configrules.rules,
    "listen": scalar(values.listen),
    "state": _state,
    "labels": partial(_distinct, scalar(values.label)),
    "series_budget": scalar(values.whole(1, 100_000_000)),
    "vcenters": partial(_each_named, "vCenter", _vcenter),
    "clouds": partial(_each_named, "cloud", _cloud),
    "sla": partial(configsla.sla, _text_file, partial(configalertmanager.alertmanager, ALERTMANAGER)),
}


def _config(root: Field) -> Config:
    found = root.section(CONFIG_KEYS)
    config = Config(**_members(CONFIG_KEYS, found))
    if not config.vcenters and not config.clouds:
        raise root.error("names no source; write at least one entry under vcenters")
    if config.clouds:
        _check_vcenters(found["clouds"], [vcenter.name for vcenter in config.vcenters])
    if config.sla.sites:
        names = [vcenter.name for vcenter in config.vcenters]
        configsla.check_sites(found["sla"], [*names, *(cloud.name for cloud in config.clouds)])
    return config


def _check_vcenters(clouds: Field, known: Sequence[str]) -> None:
    """Each vCenter of a cloud is one of this file."""
    for cloud in clouds.items():
        named = cloud.members().get("vcenters")
        for item in named.items() if named else []:
            if _text(item) not in known:
                raise item.error(f"is no vCenter of this file; {values.nearest(_text(item), known)}")
