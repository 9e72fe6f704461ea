"""What is to go wrong in the cloud, armed by a test in the same process or over HTTP by ``simulator.control``."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Generic, Protocol, TypeVar

STAGES = frozenset({"before", "after"})
KINDS = frozenset({"dead", "rate_limit", "malformed", "black_hole", "delay"})


class Counted(Protocol):
    """Something that happens ``times`` times (None: for ever), after ``after`` occasions without it."""

    @property
    def times(self) -> int | None:
        """How often."""

    @property
    def after(self) -> int:
        """How many occasions are let through before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Nova waits for ever in an operation: ``before`` it asks the hypervisor, or ``after`` that is done.

    ``action``, ``server`` (id or name) and ``host`` are patterns. What the vCenter's own task hangs in is armed there
    (simulator.tasks.TaskTrouble).
    """

    action: str = "*"
    server: str = "*"
    host: str = "*"
    stage: str = "after"
    times: int | None = 1
    after: int = 0

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise ValueError(f"no such stage: {self.stage!r}; there are {', '.join(sorted(STAGES))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFailure:
    """A create that ends in ERROR: ``no_host``, ``vcenter``, ``network`` or ``timeout``."""

    fault: str = "vcenter"
    times: int | None = 1
    after: int = 0

    def __post_init__(self) -> None:
        if self.fault not in {"no_host", "vcenter", "network", "timeout"}:
            raise ValueError(f"no such failure: {self.fault!r}; there are no_host, vcenter, network, timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTrouble:
    """An API that does not answer well. ``service`` is its type in the catalogue; both it and ``path`` are patterns.

    dead         ``status`` and the page of the load balancer before it
    rate_limit   429 with Retry-After of ``seconds``
    malformed    the JSON ends in the middle
    black_hole   no answer until all is cleared
    delay        the right answer, ``seconds`` late
    """

    kind: str
    service: str = "*"
    path: str = "*"
    status: int = 503
    seconds: float = 5.0
    times: int | None = None
    after: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such trouble: {self.kind!r}; there are {', '.join(sorted(KINDS))}")

    @property
    def is_for_login(self) -> bool:
        """Whether logins meet it."""
        return self.meets("identity", "/v3/auth/tokens")

    def meets(self, service: str, path: str) -> bool:
        """Whether it is about such a request."""
        return fnmatchcase(service, self.service) and fnmatchcase(path, self.path)


T = TypeVar("T", bound=Counted)


@dataclass(slots=True)
class _Armed(Generic[T]):
    trouble: T
    seen: int = 0


@dataclass(slots=True)
class Armed(Generic[T]):
    """Troubles of one kind that wait for their occasion."""

    _armed: list[_Armed[T]] = field(default_factory=list)

    def arm(self, trouble: T) -> None:
        """Let it happen from now on."""
        self._armed.append(_Armed(trouble))

    def clear(self) -> None:
        """Let none happen any more."""
        self._armed.clear()

    def peek(self, fits: Callable[[T], bool]) -> bool:
        """Whether one is armed that is so; none is used up."""
        return any(fits(armed.trouble) for armed in self._armed)

    def take(self, fits: Callable[[T], bool]) -> T | None:
        """The first that is about this occasion and due; it counts the occasion."""
        for armed in list(self._armed):
            if not fits(armed.trouble):
                continue
            armed.seen += 1
            over = armed.seen - armed.trouble.after
            if over <= 0:
                continue
            if over == armed.trouble.times:
                self._armed.remove(armed)
            return armed.trouble
        return None
