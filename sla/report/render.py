"""The document in the form that was asked for. Pure, but for the font file of a PDF."""

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from sla.report.csvform import as_csv
from sla.report.document import Document, as_json
from sla.report.htmlform import as_html
from sla.report.picture import as_lines, picture
from sla.report.promform import as_prom
from sla.report.sheet import sheet
from sla.report.svg import as_svg
from sla.report.text import as_text

FORMATS = ("text", "json", "csv", "html", "pdf", "prom")
WIDTH = 120
"""Columns of a text; NARROWEST is what its tables need."""
NARROWEST = 100


class MissingLibraryError(ValueError):
    """A form needs a library that is not installed. The message says which."""


def render(made: Document, form: str, *, width: int = WIDTH, colour: bool = False, font: Path | None = None) -> bytes:
    """The bytes of a form, one of ``FORMATS``. The same document gives the same bytes.

    ``width`` and ``colour`` are for text, ``font`` (a TrueType file) for PDF. Raises MissingLibraryError, and OSError
    where the font cannot be read.
    """
    if form == "pdf":
        return _pdf(made, font)
    return _written(made, form, width=max(NARROWEST, width), colour=colour).encode()


def _written(made: Document, form: str, *, width: int, colour: bool) -> str:
    match form:
        case "json":
            return as_json(made)
        case "csv":
            return as_csv(made)
        case "prom":
            return as_prom(made)
        case "html":
            drawn = picture(made)
            return as_html(sheet(made), as_svg(drawn) if drawn.groups else "")
        case "text":
            return as_text(sheet(made), as_lines(picture(made), width), width=width, colour=colour)
    raise ValueError(f"format {form!r}: there are {', '.join(FORMATS)}")


def _pdf(made: Document, font: Path | None) -> bytes:
    if find_spec("fpdf") is None:
        raise MissingLibraryError("PDF needs a library that is not installed; pip install 'novacenter[report]'")
    from sla.report.pdfform import as_pdf  # noqa: PLC0415 - an extra

    return as_pdf(sheet(made), picture(made), at=datetime.fromisoformat(made["generated_at"]), font=font)
