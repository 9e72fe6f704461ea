"""The report as PDF on A4, drawn with fpdf2 (the extra ``report``). It fetches nothing and reads no clock."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from fontTools.ttLib import TTLibError  # type: ignore[import-untyped]  # comes with fpdf2
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace
from fpdf.table import Row as GridRow

from sla.report.layout import Row, Section, Table
from sla.report.picture import KINDS, Picture
from sla.report.sheet import Headline, Sheet

_BLUE, _INK, _GREY, _RULE = (31, 58, 95), (28, 36, 48), (90, 101, 114), (213, 219, 227)
_RED, _GREEN = (140, 29, 24), (46, 125, 79)
_FILLS = {"down": (91, 141, 184), "over": (179, 38, 30), "excluded": (255, 255, 255), "unknown": (232, 184, 74)}
_TONES: Mapping[str, FontFace | None] = {
    "": None,
    "bad": FontFace(color=_RED, fill_color=(253, 243, 242)),
    "muted": FontFace(color=(122, 132, 144)),
}
_LABELS, _LANE, _GROUP, _LEAST = 46.0, 4.4, 6.0, 0.5
_LEGEND = {"down": 0.0, "over": 27.0, "excluded": 64.0, "unknown": 103.0, "breach": 148.0}


def as_pdf(made: Sheet, drawn: Picture, *, at: datetime, font: Path | None = None) -> bytes:
    """The document, made ``at``.

    Its fonts are those that every reader has, which know Latin letters only; others stand as ``\\u4e2d``. ``font`` is a
    TrueType file to use instead, of which the letters needed are embedded. Raises OSError if that cannot be read.
    """
    page = _Page(made, font)
    page.set_creation_date(at)
    page.head()
    page.verdicts(made.headlines)
    for section in made.before:
        page.section(section)
    page.timeline(drawn)
    for section in made.after:
        page.section(section)
    return bytes(page.output())


class _Page(FPDF):
    """A4 upright, millimetres."""

    def __init__(self, made: Sheet, font: Path | None) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self._made = made
        self._family = "helvetica"
        self._latin = font is None
        if font is not None:
            self._family = "report"
            try:
                for style in ("", "B"):
                    self.add_font("report", style, font)
            except (TTLibError, ValueError) as error:
                raise OSError(f"font {font}: is not a TrueType font ({error}); name a .ttf file") from error
        self.set_margins(14, 14, 14)
        self.c_margin = 0.0
        self.set_auto_page_break(auto=True, margin=17)
        self.set_title(f"{made.title}: {made.period}")
        self.set_producer("novacenter")
        self.set_creator("novacenter")
        self.set_lang("en")
        self.add_page()

    def footer(self) -> None:
        """Title and page at the foot of every page."""
        self.set_y(-12)
        self._ink(7.5, _GREY)
        self.cell(self.epw / 2, 4, self._text(f"{self._made.title}: {self._made.period}"))
        self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="R")

    def head(self) -> None:
        """What it is, about which period."""
        self._ink(19, _BLUE, bold=True)
        self.cell(self.get_string_width(self._made.title) + 3, 9, self._made.title)
        self._ink(19, _BLUE)
        self.multi_cell(0, 9, self._text(self._made.period), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        for fact in self._made.facts:
            self._ink(8.5, _GREY)
            self._line(fact, 4.4)
        self.set_draw_color(*_BLUE)
        self.set_line_width(0.7)
        self.line(self.l_margin, self.get_y() + 1.5, self.w - self.r_margin, self.get_y() + 1.5)
        self.ln(5)

    def verdicts(self, headlines: Iterable[Headline]) -> None:
        """One box for each class."""
        for one in headlines:
            self._ink(8, _GREY)
            needed = self.multi_cell(self.epw - 9, 3.7, self._text(one.details), dry_run=True, output="HEIGHT")
            height = 15.5 + float(str(needed))
            if self.will_page_break(height):
                self.add_page()
            self._verdict(one, height)
            self.set_xy(self.l_margin, self.get_y() + 3)

    def _verdict(self, one: Headline, height: float) -> None:
        x, y = self.l_margin, self.get_y()
        colour = _GREEN if one.kept else _RED
        self.set_draw_color(*_RULE)
        self.set_line_width(0.2)
        self.rect(x, y, self.epw, height)
        self.set_fill_color(*colour)
        self.rect(x, y, 2, height, style="F")
        self.set_xy(x + 5, y + 2)
        self._ink(9, _INK, bold=True)
        self.cell(0, 4.5, self._text(one.title))
        self.set_xy(x + 5, y + 6.8)
        self._ink(13.5, colour, bold=True)
        word = f"{one.verdict.upper()}: "
        self.cell(self.get_string_width(word) + 1, 6, word)
        self._ink(13.5, _INK, bold=True)
        self.cell(0, 6, one.sentence)
        self.set_xy(x + 5, y + 13.2)
        self._ink(8, _GREY)
        self.multi_cell(self.epw - 9, 3.7, self._text(one.details), align="L")
        self.set_y(y + height)

    def section(self, section: Section) -> None:
        """A heading, its tables and sentences."""
        self._heading(section.title)
        for table in section.tables:
            if table.rows:
                self._table(table)
            else:
                self._ink(8, _GREY)
                self._line(table.empty, 4)
        for note in section.notes:
            self._ink(7.5, _GREY)
            self.ln(0.8)
            self._line(note, 3.5)

    def _heading(self, text: str, room: float = 24) -> None:
        """With ``room`` for the first of what follows."""
        self.ln(5)
        if self.will_page_break(room):
            self.add_page()
        self._ink(10.5, _BLUE, bold=True)
        self._line(text, 5.5)
        self.ln(0.6)

    def _table(self, table: Table) -> None:
        self._ink(7.3, _INK)
        self.set_draw_color(*_RULE)
        self.set_line_width(0.15)
        self.set_fill_color(255)
        with self.table(
            col_widths=tuple(column.weight for column in table.columns),
            text_align=tuple("RIGHT" if column.right else "LEFT" for column in table.columns),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", color=_GREY),
            line_height=3.4,
            padding=(0.7, 1.4, 0.7, 0.9),
            v_align="TOP",
        ) as grid:
            head = grid.row()
            for column in table.columns:
                head.cell(column.name)
            for row in table.rows:
                self._row(grid.row(), row)

    def _row(self, grid: GridRow, row: Row) -> None:
        for cell in row.cells:
            grid.cell(self._text(cell), style=_TONES[row.tone])

    def timeline(self, drawn: Picture) -> None:
        """The picture; it stays on one page where it can."""
        lanes = sum(_GROUP + _LANE * len(group.lanes) for group in drawn.groups)
        self._heading("Timeline", room=min(lanes + 24, 230))
        if not drawn.groups:
            self._ink(8, _GREY)
            self._line("nothing was down", 4)
            return
        top = self.get_y() + 4
        self._scale(drawn, top, top + lanes)
        y = top
        for group in drawn.groups:
            self._ink(7.6, _INK, bold=True)
            self.text(self.l_margin, y + 4.2, self._text(group.name))
            y += _GROUP
            for lane in group.lanes:
                self._lane(lane.name, y)
                for bar in lane.bars:
                    self._bar(bar.kind, self._x(bar.left), y + 0.9, width=(bar.right - bar.left) * self._room)
                for breach in lane.breaches:
                    self._mark(self._x(breach), y + 0.7)
                y += _LANE
        self._legend(y + 4.5)
        self.set_y(y + 7)

    @property
    def _room(self) -> float:
        return self.epw - _LABELS - 1

    def _x(self, place: float) -> float:
        return self.l_margin + _LABELS + place * self._room

    def _scale(self, drawn: Picture, top: float, bottom: float) -> None:
        if drawn.known < 1:
            self.set_fill_color(243, 245, 247)
            self.rect(self._x(drawn.known), top, (1 - drawn.known) * self._room, bottom - top, style="F")
        self.set_draw_color(228, 232, 237)
        self.set_line_width(0.12)
        for tick in drawn.ticks:
            self.line(self._x(tick.place), top - 1, self._x(tick.place), bottom)
            self._ink(5.8, _GREY)
            self.text(self._x(tick.place) + 0.3, top - 1.4, tick.label)

    def _lane(self, name: str, y: float) -> None:
        self._ink(6.8, _INK)
        text = self._text(name)
        if self.get_string_width(text) > _LABELS - 3:
            head = tail = text
            while self.get_string_width(f"{head}..{tail}") > _LABELS - 3:
                head, tail = head[: len(head) - 1], tail[1:]
            text = f"{head}..{tail}"
        self.text(self.l_margin + 1.5, y + 3.2, text)
        self.line(self.l_margin, y + _LANE, self.w - self.r_margin, y + _LANE)

    def _bar(self, kind: str, x: float, y: float, *, width: float) -> None:
        self.set_fill_color(*_FILLS[kind])
        self.set_draw_color(138, 148, 160)
        self.rect(x, y, max(_LEAST, width), _LANE - 1.8, style="DF" if kind == "excluded" else "F")
        self.set_draw_color(228, 232, 237)

    def _mark(self, x: float, y: float) -> None:
        self.set_fill_color(*_FILLS["over"])
        self.polygon(((x - 0.9, y - 0.9), (x + 0.9, y - 0.9), (x, y + 0.7)), style="F")

    def _legend(self, y: float) -> None:
        for kind, text in KINDS.items():
            self._bar(kind, self.l_margin + _LEGEND[kind], y - 2.2, width=3)
            self._ink(6.5, _GREY)
            self.text(self.l_margin + _LEGEND[kind] + 4.2, y, text)
        self._mark(self.l_margin + _LEGEND["breach"] + 1.5, y - 1)
        self.text(self.l_margin + _LEGEND["breach"] + 4.2, y, "limit reached")

    def _ink(self, size: float, colour: tuple[int, int, int], *, bold: bool = False) -> None:
        self.set_font(self._family, style="B" if bold else "", size=size)
        self.set_text_color(*colour)

    def _line(self, text: str, height: float) -> None:
        self.multi_cell(0, height, self._text(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _text(self, text: str) -> str:
        return text.encode("latin-1", "backslashreplace").decode("latin-1") if self._latin else text
