"""The configuration file: YAML -> frozen ``Config``, strictly.

Every error is one sentence, ``FILE:LINE: key: what is wrong; what to do``, and quotes no value of the file, because a
secret may stand in the wrong place. Each ``*_KEYS`` table is the whole of what its section may hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from exporter import configalertmanager, configobjectives, configrules, configsla, configways
from exporter import configvalues as values
from exporter.config import Cloud, Config, Globs, Tls, VCenter
from exporter.configcloud import cloud
from exporter.configparts import (
    MAX_FILE_BYTES,
    TLS_KEYS,
    distinct,
    members,
    password_env,
    password_file,
    path,
    read,
    readable,
    text,
    text_file,
    timeouts,
    tls,
)
from exporter.configvalues import COPYABLE_LABELS, DEFAULT_COUNTERS, DEFAULT_INSTANCES, BadValueError
from exporter.configyaml import Field, Origin, Reader, each, parse, scalar
from exporter.errors import ConfigError
from exporter.model import Kind

__all__ = ["COPYABLE_LABELS", "DEFAULT_COUNTERS", "DEFAULT_INSTANCES", "load"]

Named = TypeVar("Named", VCenter, Cloud)


def load(path: Path, *, environ: Mapping[str, str]) -> Config:
    """The configuration in ``path``; secrets come from the files it names and from ``environ``.

    Relative paths in the file are relative to its directory. Reads files, so call it off the event loop.
    Raises ConfigError on the first thing that is wrong; its message holds no secret.
    """
    try:
        content = read(path, MAX_FILE_BYTES)
    except BadValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        written = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from None
    return _config(parse(written, Origin(path, environ)))


GLOB_KEYS: Mapping[str, Reader] = {"include": each(text), "exclude": each(text)}


def _globs(default: Globs, field: Field) -> Globs:
    return replace(default, **members(GLOB_KEYS, field.section(GLOB_KEYS)))


def _by_kind(keys: Mapping[str, Reader]) -> Reader:
    return lambda field: {Kind(key): value for key, value in members(keys, field.section(keys)).items()}


VCENTER_KEYS: Mapping[str, Reader] = {
    "name": scalar(values.name),
    "url": scalar(values.vcenter_url),
    "username": text,
    "password_file": password_file,
    "password_env": password_env,
    "extension_key": text,
    "tls": partial(tls, TLS_KEYS),
    "timeouts": timeouts,
    "proxy": scalar(values.proxy_url),
    "max_reply": scalar(values.size(64 * 1024, 4 * 1024**3)),
    "connections": scalar(values.whole(1, 32)),
    "objects": _by_kind({kind.value: partial(_globs, Globs()) for kind in Kind}),
    "counters": _by_kind({kind.value: partial(_globs, default) for kind, default in DEFAULT_COUNTERS.items()}),
    "instances": _by_kind({kind.value: scalar(values.boolean) for kind in DEFAULT_INSTANCES}),
    # vCenter keeps an hour of realtime samples (vSphere API reference, PerformanceManager).
    "realtime_interval": scalar(values.duration(1, 1800)),
    "historical_interval": scalar(values.duration(1, 86400)),
    "nova_users": partial(distinct, text),
    "cinder_users": partial(distinct, text),
    "tags": scalar(values.boolean),
}


def _vcenter(field: Field) -> VCenter:
    found = field.section(VCENTER_KEYS)
    _check_login(field, found)
    given = members(VCENTER_KEYS, found)
    if "extension_key" in found and given.get("tls", Tls()).client_cert is None:
        raise found["extension_key"].error("needs a client certificate; add tls.client_cert and tls.client_key")
    if "extension_key" in found and given.get("tags"):
        raise found["tags"].error("needs username and a password; remove it, or extension_key")
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


ALERTMANAGER = configalertmanager.Readers(password_file, password_env, tls=partial(tls, TLS_KEYS), timeouts=timeouts)

_database_url = scalar(values.database_url)


def _state(field: Field) -> str:
    url = _database_url(field)
    return str(path(field)) if url is None else url


CONFIG_KEYS: Mapping[str, Reader] = {
    "rules": configrules.rules,
    "ways": configways.ways,
    "objectives": configobjectives.objectives,
    "listen": scalar(values.listen),
    "web_config": readable,
    "state": _state,
    "labels": partial(distinct, scalar(values.label)),
    "series_budget": scalar(values.whole(1, 100_000_000)),
    "vcenters": partial(_each_named, "vCenter", _vcenter),
    "clouds": partial(_each_named, "cloud", cloud),
    "sla": partial(configsla.sla, text_file, partial(configalertmanager.alertmanager, ALERTMANAGER)),
}


def _config(root: Field) -> Config:
    found = root.section(CONFIG_KEYS)
    config = Config(**members(CONFIG_KEYS, found))
    if not config.vcenters and not config.clouds:
        raise root.error("names no source; write at least one entry under vcenters")
    if config.clouds:
        _check_vcenters(found["clouds"], [vcenter.name for vcenter in config.vcenters])
    if not any(vcenter.tags for vcenter in config.vcenters):
        configways.check_untagged(found.get("ways"))
    if config.sla.sites:
        names = [vcenter.name for vcenter in config.vcenters]
        configsla.check_sites(found["sla"], [*names, *(cloud.name for cloud in config.clouds)])
    return config


def _check_vcenters(clouds: Field, known: Sequence[str]) -> None:
    """Each vCenter of a cloud is one of this file."""
    for entry in clouds.items():
        named = entry.members().get("vcenters")
        for item in named.items() if named else []:
            if text(item) not in known:
                raise item.error(f"is no vCenter of this file; {values.nearest(text(item), known)}")
