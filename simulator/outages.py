"""Datastores that are lost and hosts that are busy, by order, and the end of it.

What a loss looks like follows the vSphere API reference: ``summary.accessible`` of the datastore, ``accessible`` and
``inaccessibleReason`` of each host's mount (HostMountInfo), the paths of the hosts to the device, and the events that
ESXi sends (VMware KB 2004684 for all paths down and permanent device loss).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simulator.facts import Datastore, Host
from simulator.model import Model
from simulator.store import Node


class _Way(NamedTuple):
    """How a device is lost: HostMountInfoInaccessibleReason, the event of the loss, and that of its end."""

    reason: str
    begins: str
    ends: str


WAYS = {
    "apd": _Way("AllPathsDown_Start", "esx.problem.storage.apd.start", "esx.clear.storage.apd.exit"),
    "pdl": _Way(
        "PermanentDeviceLoss",
        "esx.problem.scsi.device.state.permanentloss",
        "esx.clear.scsi.device.state.permanentloss.deviceonline",
    ),
}
"""All paths down, and permanent device loss."""

_NFS = _Way("AllPathsDown_Start", "esx.problem.vmfs.nfs.server.disconnect", "esx.clear.vmfs.nfs.server.restored")


@dataclass(frozen=True, slots=True)
class _Loss:
    """What one host has lost: the datastore, the device behind it (None: NFS), and its paths as they were."""

    host: str
    device: str | None
    paths: tuple[str, ...]
    way: _Way


class Outages:
    """The losses and loads of one vCenter. Entities are named by id or by name."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lost: dict[str, list[_Loss]] = {}
        self._busy: set[str] = set()

    def lose(self, name: str, *, hosts: Sequence[str] = (), how: str = "apd") -> None:
        """Take a datastore from all hosts, or from these alone. ``how`` is of WAYS; NFS knows one way only.

        Raises KeyError where there is no such datastore or host, ValueError for another way.
        """
        if how not in WAYS:
            raise ValueError(f"no such way: {how!r}; there are {', '.join(WAYS)}")
        store = self._entity("Datastore", name)
        self.restore(store.moid)
        chosen = [self._entity("HostSystem", host).moid for host in hosts]
        everyone = [host.moid for host in self._model.related("host.datastore", store.moid)]
        losses = [self._loss(moid, store, how) for moid in chosen or everyone]
        self._lost[store.moid] = losses
        self._model.update(store.moid, lost=losses[0].way.reason if losses else WAYS[how].reason)
        self._model.set_datastore(store.moid, accessible=False, hosts=chosen)
        for loss in losses:
            self._suffer(loss, store.facts, lost=True)

    def restore(self, name: str) -> None:
        """Give a datastore back to all hosts; nothing happens where it was not lost by ``lose``."""
        store = self._entity("Datastore", name)
        losses = self._lost.pop(store.moid, None)
        if losses is None:
            return
        self._model.set_datastore(store.moid, accessible=True)
        for loss in losses:
            self._suffer(loss, store.facts, lost=False)

    def load(self, name: str, ratio: float) -> None:
        """Have a host's CPU be used to this ratio, 0 to 1. Raises KeyError, ValueError."""
        host = self._entity("HostSystem", name)
        self._model.set_load(host.moid, ratio)
        self._busy.add(host.moid)

    def clear(self) -> None:
        """End all of it."""
        for moid in tuple(self._lost):
            if moid in self._model.nodes:
                self.restore(moid)
        for moid in self._busy:
            if moid in self._model.nodes:
                self._model.set_load(moid, None)
        self._lost.clear()
        self._busy.clear()

    def _entity(self, kind: str, name: str) -> Node:
        node = self._model.nodes.get(name)
        return node if node is not None and node.kind == kind else self._model.named(kind, name)

    def _loss(self, host: str, store: Node, how: str) -> _Loss:
        facts: Host = self._model.get(host).facts
        if store.facts.kind == "NFS":
            return _Loss(host, None, (), _NFS)
        luns = dict(zip(facts.datastores, facts.luns, strict=False))
        return _Loss(host, luns[store.moid].name, luns[store.moid].paths, WAYS[how])

    def _suffer(self, loss: _Loss, store: Datastore, *, lost: bool) -> None:
        """The host's paths, and what it tells: nothing where vCenter does not hear it."""
        node = self._model.nodes.get(loss.host)
        if node is None:
            return
        event = loss.way.begins if lost else loss.way.ends
        told = {"_1": loss.device} if loss.device else {"_1": "nas.example.org", "_2": "/export", "_3": store.name}
        if loss.device:
            self._model.set_paths(loss.host, loss.device, *(("dead",) * len(loss.paths) if lost else loss.paths))
        if node.facts.connection == "connected":
            self._model.events.tell(event, loss.host, **told)
