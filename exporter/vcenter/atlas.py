"""Where each object stands: names, inventory paths and the labels that say what it belongs to. Pure."""

import re
from collections.abc import Callable, Iterator

from exporter.model import VIM_TYPES, Kind
from exporter.vcenter.propertyspec import ALARM
from exporter.vcenter.records import Records

_ESCAPES = {"%25": "%", "%2f": "/", "%5c": "\\"}
_ESCAPE = re.compile("|".join(_ESCAPES), re.IGNORECASE)


def display_name(name: str) -> str:
    """A name as people write it: vCenter escapes percent, slash and backslash in names (ManagedEntity.name)."""
    return _ESCAPE.sub(lambda found: _ESCAPES[found[0].lower()], name) if "%" in name else name


def upwards(moid: str, parent: Callable[[str], str | None]) -> Iterator[str]:
    """The parent, its parent, and so on; a circle, which vCenter never has, is gone round once."""
    seen = {moid}
    above = parent(moid)
    while above is not None and above not in seen:
        yield above
        seen.add(above)
        above = parent(above)


class Atlas:
    """Looks names, paths and labels up in one set of records. ``root`` is the id of the root folder."""

    def __init__(self, records: Records, root: str) -> None:
        self._records = records
        self._root = root
        self._names: dict[str, str | None] = {}
        self._paths: dict[str, str] = {root: ""}
        self._places: dict[str, tuple[str | None, str | None]] = {}

    def name(self, moid: str | None) -> str | None:
        """The name as people write it; None where there is no such object or its name may not be read."""
        if moid is None:
            return None
        if moid not in self._names:
            record = self._records.get(moid)
            raw = record.values.get("info.name" if record.type == ALARM else "name") if record else None
            self._names[moid] = display_name(raw) if raw else None
        return self._names[moid]

    def parent(self, moid: str) -> str | None:
        """The parent's id. A VM in a vApp has none; what it belongs to is the vApp (VirtualMachine.parentVApp)."""
        record = self._records.get(moid)
        return (record.values.get("parent") or record.values.get("parentVApp")) if record else None

    def path(self, moid: str) -> str:
        """``/DC0/vm/web-1``: names from below the root folder, as vCenter writes them; ``/`` for the root itself."""
        return self._path(moid) or "/"

    def _path(self, moid: str) -> str:
        if moid not in self._paths:
            chain = [moid]
            for above in upwards(moid, self.parent):
                if above in self._paths:
                    break
                chain.append(above)
            for step in reversed(chain):
                base = self._paths.get(self.parent(step) or "", "")
                record = self._records.get(step)
                name = (record.values.get("name") or step) if record else ""
                self._paths[step] = f"{base}/{name}" if name else base
        return self._paths[moid]

    def labels(self, moid: str, kind: Kind) -> dict[str, str]:
        """What the object belongs to, by name, and its UUIDs; a label without value is left out.

        What is of the same kind (the folder of a folder) is called ``parent``: the kind's word is for its own name.
        """
        values = self._records[moid].values
        host = values.get("runtime.host")
        pool = values.get("resourcePool")
        folder, datacenter = self._place(self.parent(moid))
        labels = {
            "cluster": self.name(self._cluster(moid, host, pool)),
            "datacenter": datacenter,
            "folder": folder,
            "host": self.name(host),
            "resource_pool": self.name(self._pool(moid, Kind.RESOURCE_POOL, pool)),
            "vapp": self.name(self._pool(moid, Kind.VAPP, values.get("parentVApp") or pool)),
            "uuid": values.get("config.uuid") or values.get("summary.hardware.uuid") or values.get("uuid"),
            "instance_uuid": values.get("config.instanceUuid"),
        }
        return {"parent" if label == kind.value else label: value for label, value in labels.items() if value}

    def _kind(self, moid: str | None) -> Kind | None:
        record = self._records.get(moid) if moid else None
        return VIM_TYPES.get(record.type) if record else None

    def _place(self, moid: str | None) -> tuple[str | None, str | None]:
        """The names of the folder that ``moid`` is, and of the datacenter it is or is in."""
        if moid is None:
            return None, None
        if moid not in self._places:
            line = (moid, *upwards(moid, self.parent))
            datacenter = next((above for above in line if self._kind(above) is Kind.DATACENTER), None)
            folder = moid if self._kind(moid) is Kind.FOLDER and moid != self._root else None
            self._places[moid] = self.name(folder), self.name(datacenter)
        return self._places[moid]

    def _cluster(self, moid: str, host: str | None, pool: str | None) -> str | None:
        """The ComputeResource: a host's parent, a pool's owner, or that of the VM's host or pool."""
        for candidate in (host, pool, moid):
            record = self._records.get(candidate) if candidate else None
            above = (record.values.get("owner") or record.values.get("parent")) if record else None
            if self._kind(above) is Kind.CLUSTER:
                return str(above)
        return None

    def _pool(self, moid: str, kind: Kind, pool: str | None) -> str | None:
        """The pool or vApp that a VM runs in, or that a pool or vApp is directly in."""
        found = pool or self.parent(moid)
        return found if self._kind(found) is kind else None
