"""Everything that can go wrong, as one small tree.

    NovacenterError
    ├── ConfigError            the configuration cannot be used; exit code 2
    └── SourceError            one vCenter or cloud could not be read; counted by ``outcome``
        ├── Unreachable        no connection: refused, no route, name unknown, proxy refused, reset
        ├── TimedOut           connect, read or total time limit exceeded
        ├── CertificateError   TLS: unknown CA, wrong name, changed thumbprint, client certificate refused
        ├── BadReply           an answer that is not what was asked for: HTML, truncated XML, wrong type
        ├── ReplyTooLarge      an answer over the size limit
        ├── LoginRefused       user, password or certificate not accepted; retried on a slow schedule only
        └── Fault              the server's own SOAP fault
            └── NotAuthenticated   the session expired or was ended

``exporter.openstack.cloud`` adds, below SourceError, ApiFault (an error of an OpenStack API) and NotOffered (a service
that the cloud lacks). Each message says what failed, where, and what the operator can do.
"""


class NovacenterError(Exception):
    """Base of every error this product raises on purpose."""


class ConfigError(NovacenterError):
    """The configuration cannot be used. The message names file, key and the nearest valid key."""


class SourceError(NovacenterError):
    """A source could not be read. ``outcome`` is the metric label under which it is counted."""

    outcome = "error"


class Unreachable(SourceError):
    """No connection could be made, or it broke."""

    outcome = "unreachable"


class TimedOut(SourceError):
    """A time limit was exceeded."""

    outcome = "timeout"


class CertificateError(SourceError):
    """TLS trust failed in either direction."""

    outcome = "certificate"


class BadReply(SourceError):
    """The answer is not what the protocol promises."""

    outcome = "bad_reply"


class ReplyTooLarge(SourceError):
    """The answer is larger than the configured limit; reading was stopped."""

    outcome = "too_large"


class LoginRefused(SourceError):
    """The server does not accept these credentials."""

    outcome = "login_refused"


class Fault(SourceError):
    """A SOAP fault. ``name`` is the vSphere fault type (``RestrictedByAdministrator``), ``text`` its message.

    ``subject`` is the managed object id that the fault names, where it names one (``ManagedObjectNotFound.obj``).
    """

    outcome = "fault"

    def __init__(self, name: str, text: str, subject: str | None = None) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text
        self.subject = subject


class NotAuthenticated(Fault):
    """The session is not, or no longer, logged in."""

    outcome = "not_authenticated"
