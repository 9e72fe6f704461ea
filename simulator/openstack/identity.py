"""Keystone v3: versions, tokens for a password or an application credential, the catalogue (Identity API v3)."""

import secrets
from typing import Any

from simulator.model import Accounts
from simulator.openstack.cloud import Cloud
from simulator.openstack.replies import Answer, Refused, keystone_away, unauthorised
from simulator.openstack.texts import micro

REGION = "RegionOne"
PROJECT = "admin"

_LIFE = 3600.0  # keystone.conf, [token] expiration
_UPDATED = "2020-04-07T00:00:00Z"
_SERVICES = (
    ("placement", "placement", "/placement"),
    ("network", "neutron", "/network"),
    ("image", "glance", "/image"),
    ("compute", "nova", "/compute/v2.1"),
    ("block-storage", "cinder", "/volume/v3/{project}"),
    ("identity", "keystone", "/identity/v3"),
)
"""Type, name and path of every service in the catalogue."""


class Keystone:
    """The identity service at ``base``; ``accounts`` may log in. Tokens live ``life`` seconds by the cloud's clock."""

    def __init__(self, cloud: Cloud, accounts: Accounts) -> None:
        self.base = ""
        self.life = _LIFE
        self.logins = 0
        self._cloud = cloud
        self._accounts = accounts
        self._ends: dict[str, float] = {}
        self.credential = cloud.hex("application-credential")

    @property
    def project(self) -> str:
        """The id of the project that logins are for."""
        return self._cloud.hex("admin-project")

    def expire(self) -> None:
        """Have no token be good any more."""
        self._ends.clear()

    def check(self, token: str) -> None:
        """Raise Refused where a token is not good."""
        end = self._ends.get(token)
        if end is None or end <= self._cloud.now():
            away = end is None and self._cloud.troubles.apis.peek(lambda one: one.kind == "dead" and one.is_for_login)
            raise Refused(keystone_away() if away else unauthorised(self.base))

    def versions(self) -> Answer:
        """``GET /``."""
        return Answer({"versions": {"values": [self._version()]}}, 300, {"Location": f"{self.base}/identity/v3/"})

    def version(self) -> Answer:
        """``GET /v3``."""
        return Answer({"version": self._version()})

    def _version(self) -> dict[str, Any]:
        return {
            "id": "v3.14",
            "status": "stable",
            "updated": _UPDATED,
            "links": [{"rel": "self", "href": f"{self.base}/identity/v3/"}],
            "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
        }

    def login(self, body: Any) -> Answer:
        """``POST /v3/auth/tokens``. Raises Refused."""
        self.logins += 1
        try:
            identity = body["auth"]["identity"]
            methods = [str(method) for method in identity["methods"]]
            good = self._is_right(identity, methods[0])
        except (KeyError, TypeError, IndexError):
            content = {"error": {"code": 400, "message": "Expecting to find valid JSON.", "title": "Bad Request"}}
            raise Refused(Answer(content, 400)) from None
        if not good:
            message = "The request you have made requires authentication."
            content = {"error": {"code": 401, "message": message, "title": "Unauthorized"}}
            challenge = {"WWW-Authenticate": f'Keystone uri="{self.base}/identity/v3"'}
            raise Refused(Answer(content, 401, challenge))
        token, now = secrets.token_urlsafe(24), self._cloud.now()
        self._ends = {known: end for known, end in self._ends.items() if end > now}
        self._ends[token] = now + self.life
        return Answer({"token": self._token(methods, now)}, 201, {"X-Subject-Token": token})

    def _is_right(self, identity: Any, method: str) -> bool:
        if method == "password":
            user = identity["password"]["user"]
            return (user.get("name"), user["password"]) == (self._accounts.user, self._accounts.password)
        given = identity["application_credential"]
        return (given.get("id"), given["secret"]) == (self.credential, self._accounts.password)

    def _token(self, methods: list[str], now: float) -> dict[str, Any]:
        ident, domain = self._cloud.hex, {"id": "default", "name": "Default"}
        roles = ("member", "admin", "reader", "manager")
        return {
            "methods": methods,
            "user": {
                "domain": domain,
                "id": ident("admin-user"),
                "name": self._accounts.user,
                "password_expires_at": None,
            },
            "audit_ids": [secrets.token_urlsafe(16)],
            "expires_at": f"{micro(now + self.life)}Z",
            "issued_at": f"{micro(now)}Z",
            "project": {"domain": domain, "id": self.project, "name": PROJECT},
            "is_domain": False,
            "roles": [{"id": ident("role", role), "name": role} for role in roles],
            "catalog": self.catalogue(),
        }

    def catalogue(self) -> list[dict[str, Any]]:
        """The services and where they are."""
        ident = self._cloud.hex
        return [
            {
                "endpoints": [
                    {
                        "id": ident("endpoint", kind, interface),
                        "interface": interface,
                        "region_id": REGION,
                        "url": self.base + path.format(project=self.project),
                        "region": REGION,
                    }
                    for interface in ("public", "internal", "admin")
                ],
                "id": ident("service", kind),
                "type": kind,
                "name": name,
            }
            for kind, name, path in _SERVICES
        ]
