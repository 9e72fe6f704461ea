"""The vCenter behind the wire: sessions, the objects that a caller can see, and the methods."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import blake2b

from simulator import collector_methods, event_methods, perf_methods, queryperf, session_methods, task_methods, wire
from simulator.data import Ref
from simulator.faults import Faults
from simulator.model import Model
from simulator.perf import Engine, Spec, check
from simulator.service_properties import MANAGERS
from simulator.sessions import Caller, Sessions, user_session
from simulator.store import Node

Handler = Callable[["Service", Caller, wire.Call], str | Awaitable[str]]

HANDLERS: dict[str, Handler] = {
    **session_methods.HANDLERS,
    **collector_methods.HANDLERS,
    **perf_methods.HANDLERS,
    **task_methods.HANDLERS,
    **event_methods.HANDLERS,
}
"""SOAP method -> what answers it. QueryPerf has a way of its own."""

ANONYMOUS = frozenset({
    "RetrieveServiceContent", "Login", "LoginExtensionByCertificate", "CurrentTime", "SessionIsActive"
})  # fmt: skip
"""Methods that need no session."""


class Service:
    """A model behind its SOAP methods."""

    def __init__(self, model: Model, faults: Faults) -> None:
        self.model = model
        self.faults = faults
        self.engine = Engine(model)
        self.sessions = Sessions(model)
        self._specs: OrderedDict[bytes, tuple[Spec, ...]] = OrderedDict()
        refs = [*MANAGERS.values(), Ref("ServiceInstance", "ServiceInstance")]
        self._services = {ref.moid: Node(ref.kind, ref.moid, None) for ref in refs}

    def node(self, caller: Caller, moid: str) -> Node:
        """The object of this id that the caller can see. Raises ManagedObjectNotFound."""
        if moid == MANAGERS["sessionManager"].moid and caller.session:
            sessions = [user_session(session) for session in self.sessions.all()]
            return Node("SessionManager", moid, (user_session(caller.session), sessions))
        own = caller.session.nodes.get(moid) if caller.session else None
        return own or self._services.get(moid) or self.model.tasks.find(moid) or self.model.get(moid)

    async def call(self, caller: Caller, body: bytes, *, version: str) -> bytes:
        """The reply to a request. Raises a vSphere fault (an exception of pyVmomi's) where vCenter answers with one."""
        self.model.agenda.run()
        wire.check_size(body)
        method = wire.method_of(body)
        if caller.session is None and method not in ANONYMOUS:
            raise wire.not_authenticated()
        if caller.session is not None:
            caller.session.calls += 1
        if method == "QueryPerf":
            return wire.reply(method, await self._query_perf(body))
        call = wire.parse(body, version)
        handler = HANDLERS.get(call.method)
        if handler is None:
            raise wire.method_not_found(call.method)
        content = handler(self, caller, call)
        return wire.reply(call.method, content if isinstance(content, str) else await content)

    def specs(self, body: bytes) -> tuple[Spec, ...]:
        """The specs of a QueryPerf request; a body seen lately is not parsed again."""
        key = blake2b(body, digest_size=16).digest()
        specs = self._specs.get(key)
        if specs is None:
            specs = self._specs[key] = queryperf.parse(body)
            if len(self._specs) > 256:
                self._specs.popitem(last=False)
        return specs

    async def _query_perf(self, body: bytes) -> str:
        specs, faults = self.specs(body), self.faults
        if "System.Read" in self.model.denied and specs:
            raise wire.no_permission(self.model.get(specs[0].moid), "System.Read")
        check(self.engine, specs, poison=faults.poison, limit=perf_methods.query_limit(self.model))
        distortion = queryperf.Distortion(faults.gaps, normal_only=faults.normal_only, shuffle=faults.shuffle)
        return await perf_methods.joined(queryperf.render(self.engine, specs, distortion))
