"""An HTML page that is one file: its style sheet inside, no script, nothing fetched."""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape


def page(title: str, style: str, body: Iterable[str]) -> str:
    """The page. ``body`` are lines of finished HTML.

    Its content security policy allows this one style sheet, by hash, and nothing else: no script, no image, no address.
    """
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        *body,
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"
