"""The entries of the section ``clouds``."""

from collections.abc import Mapping
from functools import partial

from exporter import configbroker as broker
from exporter import configvalues as values
from exporter.config import Cloud, LimitRule, Notifications, Tls
from exporter.configmapping import mapping
from exporter.configparts import TLS_KEYS, distinct, members, password_env, password_file, readable, text, timeouts, tls
from exporter.configyaml import Field, Reader, each, scalar

# Requests to a cloud go through keystoneauth, hence urllib3, which has no place to compare a thumbprint.
CLOUD_TLS_KEYS: Mapping[str, Reader] = {key: reader for key, reader in TLS_KEYS.items() if key != "thumbprint"}

_limit = scalar(values.duration(1, 168 * 3600))

RULE_KEYS: Mapping[str, Reader] = {
    "project": text,
    "flavor": text,
    "operation": scalar(values.operation),
    "limit": _limit,
}


LIMIT_KEYS: Mapping[str, Reader] = dict.fromkeys(values.OPERATIONS, _limit)


def _limits(field: Field) -> Mapping[str, float]:
    return members(LIMIT_KEYS, field.section(LIMIT_KEYS))


def _rule(field: Field) -> LimitRule:
    given = members(RULE_KEYS, field.section(RULE_KEYS))
    if "limit" not in given:
        raise field.error("is missing; add the time that the operation may take", member="limit")
    seconds = given.pop("limit")
    if not given:
        raise field.error("is for everything; add project, flavor or operation")
    return LimitRule(seconds, **given)


def _region(field: Field) -> tuple[str, ...]:
    return (text(field),)


NOTIFICATION_KEYS: Mapping[str, Reader] = {
    "url_file": lambda field: field.check(broker.url, password_file(field)),
    "url_env": lambda field: field.check(broker.url, password_env(field)),
    "exchange": scalar(broker.name),
    "topic": scalar(broker.name),
    "queue": scalar(broker.name),
    "tls": partial(tls, CLOUD_TLS_KEYS),
}


def _notifications(field: Field) -> Notifications:
    found = field.section(NOTIFICATION_KEYS)
    broker.check_installed(field)
    broker.check_one_url(field, found)
    return Notifications(**broker.with_url(found, members(NOTIFICATION_KEYS, found)))


CLOUD_KEYS: Mapping[str, Reader] = {
    "name": scalar(values.name),
    "cloud": text,
    "clouds_file": readable,
    "auth_url": scalar(values.auth_url),
    "username": text,
    "password_file": password_file,
    "password_env": password_env,
    "project_name": text,
    "user_domain_name": text,
    "project_domain_name": text,
    "application_credential_id": text,
    "secret_file": password_file,
    "secret_env": password_env,
    "region": _region,
    "regions": partial(distinct, text),
    "interface": scalar(values.interface),
    "tls": partial(tls, CLOUD_TLS_KEYS),
    "timeouts": timeouts,
    "max_reply": scalar(values.size(1024**2, 4 * 1024**3)),
    "connections": scalar(values.whole(1, 32)),
    "interval": scalar(values.duration(1, 3600)),
    "vcenters": partial(distinct, text),
    "request_budget": scalar(values.whole(5, 100_000)),
    "limits": _limits,
    "limit_rules": each(_rule),
    "notifications": _notifications,
    "mapping": mapping,
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


def cloud(field: Field) -> Cloud:
    """One cloud; it says exactly one way to log in."""
    found = field.section(CLOUD_KEYS)
    if "name" not in found:
        raise field.error("is missing; add it", member="name")
    _check_way(field, found)
    for one, other in (("password_env", "password_file"), ("secret_env", "secret_file"), ("region", "regions")):
        if one in found and other in found:
            raise found[one].error(f"cannot be combined with {other}; remove one of the two")
    given = members(CLOUD_KEYS, found)
    if values.is_unencrypted(given.get("auth_url", "")) and not given.get("tls", Tls()).insecure:
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
