"""What sections of the configuration file have in common: files, secrets, TLS, timeouts, lists."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from exporter import configvalues as values
from exporter.config import Secret, Timeouts, Tls
from exporter.configvalues import BadValueError
from exporter.configyaml import Field, Reader, scalar

MAX_FILE_BYTES = 1024**2
_MAX_SECRET_BYTES = 64 * 1024


def read(file: Path, limit: int) -> bytes:
    """The content of a file. Raises BadValueError if it cannot be read or has more than ``limit`` bytes."""
    try:
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise BadValueError(f"the file cannot be read ({reason}); check that it exists and who may read it") from None
    if len(content) > limit:
        raise BadValueError(f"the file is larger than {limit // 1024} KiB; check that it is the right one")
    return content


def members(keys: Mapping[str, Reader], found: Mapping[str, Field]) -> dict[str, Any]:
    """What ``found`` holds, each read by its reader in ``keys``."""
    return {key: keys[key](field) for key, field in found.items()}


text = scalar(values.text)


def path(field: Field) -> Path:
    """A path; a relative one is relative to the directory of the configuration file."""
    return field.origin.path.parent / text(field)


def readable(field: Field) -> Path:
    """The path of a file that can be read now: better an error at the start than at the first login."""
    file = path(field)
    field.check(partial(read, limit=MAX_FILE_BYTES), file)
    return file


def password_file(field: Field) -> Secret:
    """The secret in a file, without the line end behind it."""
    content = field.check(partial(read, limit=_MAX_SECRET_BYTES), path(field))
    return field.check(values.secret, content)


def text_file(field: Field) -> str:
    """The text of a file in UTF-8."""
    try:
        return field.check(partial(read, limit=MAX_FILE_BYTES), path(field)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise field.error("is not UTF-8; save the file as UTF-8") from None


_variable = scalar(values.variable)


def password_env(field: Field) -> Secret:
    """The secret in a variable of the environment."""
    text = field.origin.environ.get(_variable(field))
    if text is None:
        raise field.error("the environment variable is not set; set it where novacenter is started")
    return field.check(values.secret, text.encode("utf-8", "surrogatepass"))


TLS_KEYS: Mapping[str, Reader] = {
    "ca_file": readable,
    "client_cert": readable,
    "client_key": readable,
    "client_key_password_file": readable,
    "thumbprint": scalar(values.thumbprint),
    "insecure": scalar(values.boolean),
}


def tls(keys: Mapping[str, Reader], field: Field) -> Tls:
    """A section ``tls`` that may hold ``keys``."""
    found = field.section(keys)
    for key, other in (("client_cert", "client_key"), ("client_key", "client_cert")):
        if key in found and other not in found:
            raise found[key].error(f"needs {other} beside it; add {other}")
    if "client_key_password_file" in found and "client_key" not in found:
        raise found["client_key_password_file"].error("needs client_key beside it; add client_key, which it opens")
    made = Tls(**members(keys, found))
    for key in ("ca_file", "thumbprint"):
        if made.insecure and key in found:
            raise found["insecure"].error(f"cannot be combined with {key}; remove insecure to verify the certificate")
    return made


TIMEOUT_KEYS: Mapping[str, Reader] = {
    "connect": scalar(values.duration(0.1, 300)),
    "read": scalar(values.duration(0.1, 3600)),
    "total": scalar(values.duration(0.1, 3600)),
}


def timeouts(field: Field) -> Timeouts:
    """A section ``timeouts``."""
    return Timeouts(**members(TIMEOUT_KEYS, field.section(TIMEOUT_KEYS)))


def distinct(reader: Callable[[Field], str], field: Field) -> tuple[str, ...]:
    """A list of texts, none of them twice."""
    read: list[str] = []
    for item in field.items():
        value = reader(item)
        if value in read:
            raise item.error(f"is there twice, first as {field.key.split('.')[-1]}[{read.index(value)}]; remove one")
        read.append(value)
    return tuple(read)
