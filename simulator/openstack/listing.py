"""Nova's requests with a query: pages of servers, what changed since, and the actions of one server."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from simulator.openstack import compute
from simulator.openstack.cloud import Cloud
from simulator.openstack.facts import DELETED, Action, Server
from simulator.openstack.replies import nova_error
from simulator.openstack.texts import instant

MAX_LIMIT = 1000
"""nova.conf, [api] max_limit."""

T = TypeVar("T", Server, Action)


def servers(cloud: Cloud, query: Mapping[str, str], base: str, *, detailed: bool) -> dict[str, Any]:
    """``GET /servers`` or ``/servers/detail``, with limit, marker and changes-since. Raises Refused.

    All projects are shown, whether asked for or not. While the cell is down, only a listing without ``limit`` and
    ``changes-since`` has its servers, as partial records (recorded of a real Nova).
    """
    since, limit = _since(query), _limit(query)
    is_down = cloud.troubles.cell_down
    is_plain = "limit" not in query and since is None
    found: list[Server] = []
    for server in _after(cloud.listed(), query.get("marker"), "marker [{}] not found"):
        wanted = server.vm_state != DELETED if since is None else int(server.updated) >= since
        if wanted and (not is_down or is_plain or compute.is_in_cell0(server)):
            found.append(server)
            if len(found) == limit:
                break

    def shown(server: Server) -> dict[str, Any]:
        if is_down and not compute.is_in_cell0(server):
            return compute.partial(server, base)
        return compute.detail(cloud, server, base) if detailed else compute.brief(server, base)

    content: dict[str, Any] = {"servers": [shown(server) for server in found]}
    # Nova links to a next page from every full one (nova/api/openstack/common.py, _get_collection_links).
    if len(found) == limit:
        path = "servers/detail" if detailed else "servers"
        following = urlencode({**query, "marker": found[-1].id})
        content["servers_links"] = [{"rel": "next", "href": f"{base}/compute/v2.1/{path}?{following}"}]
    return content


def server(cloud: Cloud, identity: str, *, base: str) -> dict[str, Any]:
    """``GET /servers/{id}``. Raises Refused."""
    found = cloud.servers.get(identity)
    if found is None or found.vm_state == DELETED:
        raise _not_found(identity)
    if cloud.troubles.cell_down and not compute.is_in_cell0(found):
        return {"server": compute.partial(found, base)}
    # Only here, not in listings, since 2.71.
    return {"server": {**compute.detail(cloud, found, base), "server_groups": []}}


def actions(cloud: Cloud, identity: str, *, query: Mapping[str, str], base: str) -> dict[str, Any]:
    """``GET /servers/{id}/os-instance-actions``, of deleted servers, too. Raises Refused."""
    known = _actions(cloud, identity)
    since, limit = _since(query), _limit(query)
    fresh = [action for action in known if since is None or int(action.updated) >= since]
    fresh = list(_after(fresh, query.get("marker"), "marker [{}] not found"))[:limit]
    content: dict[str, Any] = {"instanceActions": [compute.action(action) for action in fresh]}
    if len(fresh) == limit:
        path = f"servers/{identity}/os-instance-actions"
        following = urlencode({**query, "marker": fresh[-1].request})
        content["links"] = [{"rel": "next", "href": f"{base}/compute/v2.1/{path}?{following}"}]
    return content


def action(cloud: Cloud, identity: str, request: str) -> dict[str, Any]:
    """``GET /servers/{id}/os-instance-actions/{request}``. Raises Refused."""
    for found in _actions(cloud, identity):
        if found.request == request:
            events = [compute.event(event, found.project) for event in found.events]
            return {"instanceAction": {**compute.action(found), "events": events}}
    raise nova_error(404, "itemNotFound", f"Action for request_id {request} on instance {identity} not found")


def _actions(cloud: Cloud, identity: str) -> list[Action]:
    found = cloud.actions(identity)
    if found is None:
        raise _not_found(identity)
    if cloud.troubles.cell_down:
        raise nova_error(500, "computeFault", compute.DETAIL.format("oslo_db.exception.DBConnectionError"))
    return found


def _not_found(identity: str) -> Exception:
    return nova_error(404, "itemNotFound", f"Instance {identity} could not be found.")


def _after(found: Iterable[T], marker: str | None, words: str) -> Iterable[T]:
    """What comes after the marker."""
    if marker is None:
        return found
    rest = list(found)
    for at, one in enumerate(rest):
        if marker == (one.id if isinstance(one, Server) else one.request):
            return rest[at + 1 :]
    raise nova_error(400, "badRequest", words.format(marker))


def _since(query: Mapping[str, str]) -> float | None:
    if "changes-since" not in query:
        return None
    try:
        return instant(query["changes-since"])
    except ValueError:
        raise nova_error(400, "badRequest", "Invalid input for query parameters changes-since.") from None


def _limit(query: Mapping[str, str]) -> int:
    written = query.get("limit", str(MAX_LIMIT))
    if not (written.isascii() and written.isdigit()):
        raise nova_error(400, "badRequest", f"Invalid input for query parameters limit. Value: {written[:20]}.")
    return min(int(written), MAX_LIMIT) or MAX_LIMIT
