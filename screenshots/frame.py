"""What a screen shows, cell by cell: the text of each line with its colours and weights, and nothing else.

Read out of the SVG that Textual exports, which is public interface where its compositor is not. Two screens are the
same picture if their frames are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final
from xml.etree import ElementTree as ET

import msgspec
from rich.cells import cell_len

SVG: Final = "{http://www.w3.org/2000/svg}"
CELL_WIDTH: Final = 12.2
LINE_HEIGHT: Final = 24.4
"""Of Rich's SVG export."""
_RULE: Final = re.compile(r"\.[\w-]+-(r\d+) \{([^}]*)\}")
_BLANK: Final = "\N{NO-BREAK SPACE}"


class Look(msgspec.Struct, frozen=True, order=True):
    """How a piece of text is drawn."""

    ink: str
    """Its colour, `#rrggbb`; empty where nothing of it is to be seen."""
    paper: str
    bold: bool = False
    italic: bool = False
    underlined: bool = False
    struck: bool = False


class Piece(msgspec.Struct, frozen=True):
    """Cells of one line with the same look, from `column` on."""

    column: int
    text: str
    look: Look


class Frame(msgspec.Struct, frozen=True):
    """One screen."""

    columns: int
    lines: tuple[tuple[Piece, ...], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The lines' text alone."""
        return tuple("".join(piece.text for piece in line) for line in self.lines)


class _Cell(msgspec.Struct):
    text: str = " "
    """Empty in the second cell of a wide character."""
    look: Look = Look("", "")


def frame_of(svg: str, size: tuple[int, int]) -> Frame:
    """The frame in an SVG that `App.export_screenshot` made of a terminal of this size."""
    root = ET.fromstring(svg)  # noqa: S314 - made by this very process
    columns, rows = size
    grid = [[_Cell() for _ in range(columns)] for _ in range(rows)]
    looks = dict(_looks("".join(root.itertext())))
    for rect in root.iterfind(f"{SVG}g/{SVG}rect"):
        _lay_paper(grid, rect)
    for text in root.iter(f"{SVG}text"):
        if "textLength" in text.attrib:
            _write(grid, text, looks)
    return Frame(columns, tuple(tuple(_pieces(line)) for line in grid))


def _looks(css: str) -> Iterator[tuple[str, Look]]:
    for name, body in _RULE.findall(css):
        rules = dict(part.strip().split(": ", 1) for part in body.split(";") if ":" in part)
        decoration = rules.get("text-decoration", "")
        yield name, Look(
            rules.get("fill", ""), "", rules.get("font-weight") == "bold", rules.get("font-style") == "italic",
            "underline" in decoration, "line-through" in decoration,
        )  # fmt: skip


def _lay_paper(grid: list[list[_Cell]], rect: ET.Element) -> None:
    if "stroke" in rect.attrib:
        return
    row = int(float(rect.attrib["y"]) // LINE_HEIGHT)
    first = round(float(rect.attrib["x"]) / CELL_WIDTH)
    width = round(float(rect.attrib["width"]) / CELL_WIDTH)
    if row < len(grid):
        for cell in grid[row][first : first + width]:
            cell.look = Look("", rect.attrib["fill"])


def _write(grid: list[list[_Cell]], element: ET.Element, looks: dict[str, Look]) -> None:
    row = int(float(element.attrib["y"]) // LINE_HEIGHT)
    column = round(float(element.attrib["x"]) / CELL_WIDTH)
    look = looks[element.attrib["class"].rsplit("-", 1)[1]]
    if row >= len(grid):
        return
    for char in (element.text or "").replace(_BLANK, " "):
        if column >= len(grid[row]):
            return
        if (width := cell_len(char)) == 0:
            grid[row][max(0, column - 1)].text += char.strip("\n")
            continue
        cell = grid[row][column]
        is_seen = char != " " or look.underlined or look.struck
        cell.text = char
        cell.look = (
            msgspec.structs.replace(look, paper=cell.look.paper) if is_seen else Look("", cell.look.paper)
        )
        for behind in grid[row][column + 1 : column + width]:
            behind.text, behind.look = "", cell.look
        column += width


def _pieces(line: list[_Cell]) -> Iterator[Piece]:
    column = 0
    for look, cells in groupby(line, key=lambda cell: cell.look):
        text = [cell.text for cell in cells]
        yield Piece(column, "".join(text), look)
        column += len(text)
