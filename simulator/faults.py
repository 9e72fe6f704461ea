"""What is to go wrong on the wire, armed by a test in the same process or over HTTP by ``simulator.control``."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

KINDS = frozenset({
    "black_hole", "drip", "reset", "truncate", "soap_fault", "html", "expire", "huge", "delay", "delete"
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    kind         what the client sees
    black_hole   the request is accepted and never answered, until ``Faults.clear``
    drip         the answer comes one byte every ``seconds``
    reset        the connection is reset in the middle of the body
    truncate     a complete HTTP answer whose XML ends in the middle
    soap_fault   status 500 with the vSphere fault ``fault`` and the message ``text``
    html         a proxy's HTML page with ``status``
    expire       all sessions end before the call is looked at
    huge         an endless-looking answer of ``size`` bytes
    delay        the right answer, ``seconds`` late
    delete       the entity ``moid`` is removed just before the call is executed

    It meets calls of ``method`` (``*`` is any), lets ``after`` of them through, and ends after ``times`` (None: never).
    """

    kind: str
    method: str = "*"
    after: int = 0
    times: int | None = 1
    seconds: float = 0.0
    status: int = 200
    fault: str = "SystemError"
    text: str = "A general system error occurred: Internal error"
    size: int = 1 << 30
    moid: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind!r}; there are {', '.join(sorted(KINDS))}")


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    fired: int = 0


@dataclass(slots=True)
class Faults:
    """The faults of one server. ``calls`` counts the SOAP methods that came in.

    Standing conditions: ``poison`` (any QueryPerf that holds one of these ids fails with SystemError), ``gaps`` (share
    of samples that are -1), ``shuffle`` (entities and series in another order), ``normal_only`` (csv is ignored),
    ``refuse_logins`` (every password is wrong). ``cleared`` is the event that the next ``clear`` sets.
    """

    poison: frozenset[str] = frozenset()
    gaps: float = 0.0
    shuffle: bool = False
    normal_only: bool = False
    refuse_logins: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    cleared: asyncio.Event = field(default_factory=asyncio.Event)
    _pulse: asyncio.Event = field(default_factory=asyncio.Event)
    _armed: list[_Armed] = field(default_factory=list)

    def arm(self, fault: Fault) -> None:
        """Let a fault happen from now on."""
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """End everything that goes wrong; calls that hang in a black hole are cut off."""
        self._armed.clear()
        self.poison, self.gaps = frozenset(), 0.0
        self.shuffle = self.normal_only = self.refuse_logins = False
        self.cleared.set()
        self.cleared = asyncio.Event()

    def take(self, method: str) -> Fault | None:
        """The fault that this call meets, if any; it is used up by that."""
        self.calls[method] += 1
        self._pulse.set()
        self._pulse = asyncio.Event()
        for armed in self._armed:
            if armed.fault.method not in {"*", method}:
                continue
            armed.seen += 1
            if armed.seen <= armed.fault.after:
                continue
            armed.fired += 1
            if armed.fired == armed.fault.times:
                self._armed.remove(armed)
            return armed.fault
        return None

    async def called(self, method: str, times: int = 1) -> None:
        """Return once a SOAP method has come in that often, since the beginning."""
        while self.calls[method] < times:
            await self._pulse.wait()
