"""An answer before it is HTTP, and the errors that the services answer with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the JSON (or text), and headers beside those that every answer has."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.content)
        self.answer = answer


def nova_error(status: int, word: str, message: str) -> Refused:
    """An error as Nova answers it."""
    kind = {"Content-Type": "application/json; charset=UTF-8"}
    return Refused(Answer({word: {"code": status, "message": message}}, status, kind))


def unauthorised(base: str) -> Answer:
    """What the middleware before every service answers to a token that Keystone does not know."""
    message = "The request you have made requires authentication."
    content = {"error": {"code": 401, "title": "Unauthorized", "message": message}}
    return Answer(content, 401, {"WWW-Authenticate": f'Keystone uri="{base}/identity/v3"'})


def keystone_away() -> Answer:
    """What that middleware answers while Keystone is away and the token is not known from before."""
    message = (
        "The server is currently unavailable. Please try again at a later time.<br /><br />\n"
        "The Keystone service is temporarily unavailable.\n\n"
    )
    return Answer({"message": message, "code": "503 Service Unavailable", "title": "Service Unavailable"}, 503)


def glance_unauthorised(base: str) -> Answer:
    """What Glance answers to either."""
    message = (
        "This server could not verify that you are authorized to access the document you requested. Either you supplied"
        " the wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials"
        " required.<br /><br />\n\n\n"
    )
    content = {"message": message, "code": "401 Unauthorized", "title": "Unauthorized"}
    return Answer(content, 401, {"WWW-Authenticate": f'Keystone uri="{base}/identity/v3"'})
