"""Logins: who is in, since when, and the objects that live as long as the session."""

from dataclasses import dataclass, field

from simulator.collector import Collector
from simulator.data import Data, Time
from simulator.model import Model
from simulator.service_properties import MANAGERS
from simulator.store import Node

IDLE = 1800.0
"""Seconds without a call after which a session ends (vCenter's default of 30 minutes)."""


@dataclass(slots=True)
class Session:
    """A login, with its views (``nodes``) and property collectors."""

    key: str
    user: str
    login: float
    active: float
    address: str
    extension: bool = False
    calls: int = 0
    nodes: dict[str, Node] = field(default_factory=dict)
    collectors: dict[str, Collector] = field(default_factory=dict)


@dataclass(slots=True)
class Caller:
    """One request's sender. ``session`` is None before the login, and is set by it."""

    address: str
    certificate: bool
    session: Session | None = None


def user_session(session: Session) -> Data:
    """A session as UserSession shows it."""
    return Data(
        "UserSession",
        key=session.key,
        userName=session.user,
        fullName=session.user,
        loginTime=Time(session.login),
        lastActiveTime=Time(session.active),
        locale="en",
        messageLocale="en",
        extensionSession=session.extension,
        ipAddress=session.address,
        userAgent="",
        callCount=session.calls,
    )


class Sessions:
    """The sessions of one vCenter."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._live: dict[str, Session] = {}
        self._logins = 0

    def __len__(self) -> int:
        return len(self._live)

    def all(self) -> tuple[Session, ...]:
        """Everybody who is logged in, oldest first."""
        return tuple(self._live.values())

    def open(self, caller: Caller, user: str, *, extension: bool = False) -> Session:
        """Log a caller in."""
        self._logins += 1
        now = self._model.now()
        key = self._model.uuid("session", self._logins)
        session = Session(key, user, now, now, address=caller.address, extension=extension)
        moid = MANAGERS["propertyCollector"].moid
        session.collectors[moid] = Collector(moid, self._model)
        self._live[key] = session
        caller.session = session
        return session

    def find(self, key: str) -> Session | None:
        """The live session of this key; one that was idle for too long ends here."""
        session = self._live.get(key)
        now = self._model.now()
        if session is None:
            return None
        if now - session.active > IDLE:
            self.end(key)
            return None
        session.active = max(now, session.active)
        return session

    def end(self, key: str) -> None:
        """Log a session out; waits of its collectors are cancelled."""
        session = self._live.pop(key, None)
        for collector in session.collectors.values() if session else ():
            collector.cancel_wait()

    def end_all(self) -> None:
        """Log everybody out."""
        for key in tuple(self._live):
            self.end(key)
