"""The PropertyCollector: listings in pages, filters, and waiting for updates."""

import asyncio
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any

from pyVmomi import VmomiSupport, vmodl

from simulator import properties, wire
from simulator.model import Model
from simulator.selection import Selection
from simulator.store import Node

PAGE = 1000
"""Objects per page where the client sets no limit, or a higher one: "policy may still limit" (RetrieveOptions)."""


_OLDEST = str(VmomiSupport.versionMap["vim25/6.5"])
"""Whose faults every client knows."""


def _missing(node: Node, path: str, version: str) -> str:
    inner = wire.localized("fault", wire.no_permission(node, "System.Read"), version)
    return f"<missingSet><path>{path}</path>{inner}</missingSet>"


def values(model: Model, node: Node, paths: tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    """Each path with its ``val`` element, None where it is unset."""
    for path in paths:
        yield path, properties.text(model, node, path)


def content(model: Model, node: Node, paths: tuple[str, ...], *, tag: str, version: str) -> str:
    """An ObjectContent element. Without the privilege System.Read all but the name is in ``missingSet``."""
    parts = [f'<{tag}><obj type="{node.kind}">{node.moid}</obj>']
    denied = "System.Read" in model.denied
    missing = []
    for path, xml in values(model, node, paths):
        if path in model.hidden or (denied and path not in {"name", "content", "perfCounter", "view"}):
            missing.append(_missing(node, path, version))
        elif xml is not None:
            parts.append(f"<propSet><name>{path}</name>{xml}</propSet>")
    return "".join([*parts, *missing, f"</{tag}>"])


class Listing:
    """The objects of a RetrievePropertiesEx that are still to be sent."""

    def __init__(self, model: Model, selections: list[Selection]) -> None:
        self._model = model
        self._left = deque((node, s.paths(node)) for s in selections for node in s.nodes())

    def __len__(self) -> int:
        return len(self._left)

    def page(self, limit: int, *, tag: str, version: str) -> str:
        """The next objects as XML. One that has gone in the meantime is left out."""
        parts = []
        while self._left and limit > 0:
            node, paths = self._left.popleft()
            parts.append(content(self._model, node, paths, tag=tag, version=version))
            limit -= 1
        return "".join(parts)


class Filter:
    """A property filter and what its client has been told."""

    def __init__(self, moid: str, model: Model, selection: Selection) -> None:
        self.moid = moid
        self._model = model
        self._selection = selection
        self._known: dict[str, tuple[Node, dict[str, str | None]]] = {}
        self._version = 0

    def reset(self) -> None:
        """Forget what the client was told."""
        self._known, self._version = {}, 0

    def updates(self) -> Iterator[str]:
        """An ObjectUpdate for everything that changed since the last look."""
        model = self._model
        changes = model.changes_since(self._version) if self._version else None
        self._version = model.version
        if changes is None or any(change.structural for change in changes):
            nodes = self._selected()
            for moid in [moid for moid in self._known if moid not in nodes]:
                gone, _ = self._known.pop(moid)
                yield f'<objectSet><kind>leave</kind><obj type="{gone.kind}">{moid}</obj></objectSet>'
        else:
            nodes = {moid: node for moid, (node, _) in self._known.items()}
        changed = None if changes is None else {change.moid for change in changes}
        for moid, node in nodes.items():
            if changed is None or moid in changed or moid not in self._known:
                yield from self._update(node)

    def _selected(self) -> dict[str, Node]:
        try:
            return {node.moid: node for node in self._selection.nodes()}
        except vmodl.fault.ManagedObjectNotFound:
            return {}

    def _update(self, node: Node) -> Iterator[str]:
        told = self._known.get(node.moid)
        hidden, paths = self._model.hidden, self._selection.paths(node)
        now = {path: xml for path, xml in values(self._model, node, paths) if path not in hidden}
        self._known[node.moid] = (node, now)
        before = told[1] if told else {}
        parts = [
            f"<changeSet><name>{path}</name><op>assign</op>{xml or ''}</changeSet>"
            for path, xml in now.items()
            if (xml != before.get(path) if told else xml is not None)
        ]
        if told and not parts:
            return
        if not told:
            parts += [_missing(node, path, _OLDEST) for path in paths if path in hidden]
        kind = "modify" if told else "enter"
        ref = f'<obj type="{node.kind}">{node.moid}</obj>'
        yield f"<objectSet><kind>{kind}</kind>{ref}{''.join(parts)}</objectSet>"


class Collector:
    """One PropertyCollector of a session: its filters, its data version, its listings in progress."""

    def __init__(self, moid: str, model: Model) -> None:
        self.moid = moid
        self._model = model
        self._filters: dict[str, Filter] = {}
        self._pending: deque[tuple[str, str]] = deque()
        self._listings: dict[str, Listing] = {}
        self._numbers = count(1)
        self._version = 0
        self._last: tuple[str, str] = ("", "")
        self._wake = asyncio.Event()
        self._cancelled = False

    @property
    def filters(self) -> dict[str, Filter]:
        """Its filters by managed object id."""
        return self._filters

    def retrieve(self, selections: list[Selection], *, limit: int | None, version: str) -> str:
        """The first page of a listing, with a token where there are more."""
        return self._page(Listing(self._model, selections), limit=limit, version=version)

    def more(self, token: str, *, version: str) -> str:
        """The next page. Raises InvalidArgument for a token that is not, or no longer, known."""
        listing = self._listings.pop(token, None)
        if listing is None:
            raise vmodl.fault.InvalidArgument(
                msg="A specified parameter was not correct: token", invalidProperty="token"
            )
        return self._page(listing, limit=int(token.rsplit("-", 1)[1]), version=version)

    def cancel_listing(self, token: str) -> None:
        """Forget the rest of a listing."""
        self._listings.pop(token, None)

    def _page(self, listing: Listing, *, limit: int | None, version: str) -> str:
        size = min(limit or PAGE, PAGE)
        objects = listing.page(size, tag="objects", version=version)
        if not objects:
            return ""
        token = ""
        if listing:
            token = f"{next(self._numbers)}-{size}"
            self._listings[token] = listing
        head = f"<token>{token}</token>" if token else ""
        return f"<returnval>{head}{objects}</returnval>"

    def add_filter(self, selection: Selection) -> str:
        """Create a filter and return its managed object id."""
        moid = f"{self.moid}-filter-{next(self._numbers)}"
        self._filters[moid] = Filter(moid, self._model, selection)
        self._wake.set()
        return moid

    def remove_filter(self, moid: str) -> None:
        """Destroy a filter and what it still had to say."""
        self._filters.pop(moid, None)
        self._pending = deque(item for item in self._pending if item[0] != moid)

    def cancel_wait(self) -> None:
        """End a wait that is under way with RequestCanceled."""
        self._cancelled = True
        self._wake.set()

    async def wait(self, version: str, *, limit: int | None, seconds: float | None) -> str:
        """The update set after a version, or "" where there is none within ``seconds`` (None: for ever).

        The version before the last is answered with the same update set again: a reply may get lost. Any other but the
        last, or the empty one that begins anew, raises InvalidCollectorVersion.
        """
        if version and version == self._last[0] and version != str(self._version):
            return self._last[1]
        if not version:
            self._pending.clear()
            for one in self._filters.values():
                one.reset()
        elif version != str(self._version):
            raise vmodl.query.InvalidCollectorVersion(msg="The data version is not valid.")
        unwatch = self._model.watch(self._wake.set)
        try:
            async with asyncio.timeout(seconds):
                while not self._collect():
                    await self._sleep()
        except TimeoutError:
            return ""
        finally:
            unwatch()
        self._last = (version, self._update_set(min(limit or PAGE, PAGE)))
        return self._last[1]

    async def _sleep(self) -> None:
        self._wake.clear()
        await self._wake.wait()
        if self._cancelled:
            self._cancelled = False
            raise vmodl.fault.RequestCanceled(msg="The request was canceled by a user.")

    def _collect(self) -> bool:
        if not self._pending:
            for moid, one in self._filters.items():
                self._pending.extend((moid, xml) for xml in one.updates())
        return bool(self._pending)

    def _update_set(self, limit: int) -> str:
        by_filter: dict[str, list[str]] = {}
        for _ in range(min(limit, len(self._pending))):
            moid, xml = self._pending.popleft()
            by_filter.setdefault(moid, []).append(xml)
        self._version += 1
        sets = "".join(
            f'<filterSet><filter type="PropertyFilter">{moid}</filter>{"".join(parts)}</filterSet>'
            for moid, parts in by_filter.items()
        )
        truncated = "<truncated>true</truncated>" if self._pending else ""
        return f"<returnval><version>{self._version}</version>{sets}{truncated}</returnval>"


def options_of(options: Any, name: str) -> int | None:
    """An optional number of RetrieveOptions or WaitOptions."""
    value = getattr(options, name, None) if options is not None else None
    return None if value is None else int(value)
