"""What is known of the trust on one edge: values only."""

from dataclasses import dataclass
from enum import StrEnum


class Trust(StrEnum):
    """How far two ends trust each other, the least first.

    Plain is without TLS. Unverified is TLS to anybody. With tls we verify the server. With mutual it turns away, too,
    whoever shows no certificate that it accepts.
    """

    PLAIN = "plain"
    UNVERIFIED = "unverified"
    TLS = "tls"
    MUTUAL = "mutual"


class Role(StrEnum):
    """Whose certificate it is: the server's, the client's, or that of the CA by which one end verifies the other."""

    SERVER = "server"
    CLIENT = "client"
    CA = "ca"


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a certificate ends, in seconds since the epoch; of a file with several, the one that ends first."""

    role: Role
    not_after: float
    subject: str


@dataclass(frozen=True, slots=True)
class EdgeTrust:
    """One edge as it was last seen.

    ``edge`` is vcenter, openstack, alertmanager, postgresql, broker or web (our own server); ``peer`` says which.
    ``trust`` None is unknown, ``error`` why, or what is wrong with a file. ``local`` never leaves this machine.
    """

    edge: str
    peer: str
    address: str
    trust: Trust | None
    local: bool = False
    expiries: tuple[Expiry, ...] = ()
    error: str = ""

    @property
    def soonest(self) -> float | None:
        """When the first of its certificates ends, in seconds since the epoch."""
        return min((one.not_after for one in self.expiries), default=None)
