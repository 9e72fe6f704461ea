"""Passwords over HTTP Basic (RFC 7617) against hashes of bcrypt.

As exporter-toolkit has it: one look at a time, away from the event loop; a password that was right is remembered, an
unknown user costs as much time as a known one. A wrong password is not remembered, so guessing costs its price.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

import bcrypt

from exporter.config import Secret

MOST_REMEMBERED = 256
MOST_WAITING = 16
"""Looks that wait for their turn; who comes then is told to come again, and who is remembered need not wait."""

_LONGEST = 72  # bytes of a password that bcrypt looks at; the library leaves it to us to cut


class Busy(Exception):
    """Too many passwords wait to be looked at."""


def login(header: str) -> tuple[str, str] | None:
    """User and password of the header Authorization; None where it is no well-formed Basic."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (user, password) if colon else None


class Guard:
    """Knows whom to let in. ``key`` is random and secret: passwords are remembered as digests under it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[bytes, None] = {}
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def knows(self, users: Mapping[str, Secret], user: str, password: str) -> bool:
        """Whether ``password`` is that of ``user``. Raises Busy."""
        found = users.get(user)
        # Of the others' hashes one that is always the same for this user, so that also its cost gives nothing away.
        hashed = (found or self._stand_in(users, user)).reveal()
        digest = self._digest(user, hashed, password)
        if any([hmac.compare_digest(digest, one) for one in self._known]):  # noqa: C419 - all of them, always
            return True
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._turn:
                right = await asyncio.to_thread(_matches, password, hashed)
        finally:
            self._waiting -= 1
        if not right or found is None:
            return False
        self._known[digest] = None
        while len(self._known) > MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        return True

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self._key, b"".join(hashlib.sha256(part.encode()).digest() for part in parts), "sha256")

    def _stand_in(self, users: Mapping[str, Secret], user: str) -> Secret:
        hashes = list(users.values())
        return hashes[int.from_bytes(self._digest(user)[:8]) % len(hashes)]


def _matches(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:_LONGEST], hashed.encode())
    except ValueError:  # of the library's versions that refuse NUL
        return False
