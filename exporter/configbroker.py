"""The section ``notifications`` of a cloud: the broker's URL, which holds a password, and names of AMQP.

Errors quote no value, as everywhere in the configuration.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from exporter.config import Secret, Tls
from exporter.configvalues import BadValueError, is_unencrypted, text
from exporter.configyaml import Field

_EXAMPLE = "write for example amqps://USER:PASSWORD@rabbit.example:5671/"
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,80}")


def name(value: object) -> str:
    """The name of an exchange, a topic, or the beginning of a queue's.

    AMQP 0-9-1 (section 3.1.4) allows 127 characters of these for exchanges; names of our queues grow behind theirs.
    """
    if not _NAME.fullmatch(text(value)):
        raise BadValueError("is not a name for AMQP; use up to 80 letters, digits, '-', '_', '.' or ':'")
    return text(value)


def url(secret: Secret) -> Secret:
    """``amqp://`` or ``amqps://`` with user, password, host, and perhaps port and virtual host (RabbitMQ URI spec).

    A query is refused: the AMQP library would take options on TLS from it.
    """
    parts = _parts(secret)
    if parts.scheme == "rabbit":
        raise BadValueError(f"is the URL as oslo.messaging has it; {_EXAMPLE}")
    if parts.scheme not in {"amqp", "amqps"}:
        raise BadValueError(f"is not the URL of an AMQP broker; {_EXAMPLE}")
    if not parts.username or not parts.password:
        raise BadValueError(f"has no user or no password; {_EXAMPLE}")
    if parts.query or parts.fragment or "/" in parts.path[1:]:
        raise BadValueError("has more behind the host than a virtual host; remove it, or write '/' in the name as %2f")
    return secret


def _parts(secret: Secret) -> SplitResult:
    written = secret.reveal()
    if "," in written.rpartition("@")[2].partition("/")[0]:
        raise BadValueError("names several brokers; name one, or the load balancer before them")
    try:
        parts = urlsplit(written)
        host, _ = parts.hostname, parts.port
        unquote(parts.path, errors="strict")
    except ValueError:
        host = None
    if not host or " " in written:
        raise BadValueError("is not a URL with a host; escape what is special in the password (%40 for @, %23 for #)")
    return parts


def check_installed(field: Field) -> None:
    """Raises ConfigError where the AMQP library, an optional one, is missing."""
    if find_spec("aio_pika") is None:
        raise field.error("needs an AMQP library that is not installed; pip install 'novacenter[notifications]'")


def check_one_url(field: Field, found: Mapping[str, Field]) -> None:
    """Raises ConfigError unless the URL is given, once."""
    if not found.keys() & {"url_file", "url_env"}:
        raise field.error("is missing; add it or url_env", member="url_file")
    if "url_file" in found and "url_env" in found:
        raise found["url_env"].error("cannot be combined with url_file; remove one of the two")


def with_url(found: Mapping[str, Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` with its one URL as ``url``. A password does not leave this machine in the clear unasked."""
    way = "url_file" if "url_file" in found else "url_env"
    if is_unencrypted(given[way].reveal()) and not given.get("tls", Tls()).insecure:
        raise found[way].error("would send the password unencrypted; use amqps://, or accept it by tls.insecure")
    return {"url": given[way], **{key: value for key, value in given.items() if key != way}}
