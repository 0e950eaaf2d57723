"""Frames read out of Textual's export, and drawn: cells stay cells, whatever characters are in them."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.widgets import Static

from screenshots.drawing import CELL_HEIGHT, CELL_WIDTH, MARGIN, ZOOM, png_of, svg_of
from screenshots.frame import Frame, Look, Piece, frame_of

INK, PAPER = "#ffffff", "#000000"
PLAIN = Look(INK, PAPER)


def _frame(*lines: str) -> Frame:
    columns = max(map(cell_len, lines))
    return Frame(columns, tuple((Piece(0, line, PLAIN),) for line in lines))


def _drawn(*lines: str) -> Image.Image:
    with Image.open(io.BytesIO(png_of(svg_of(_frame(*lines), "test")))) as picture:
        return picture.convert("L")


def _cell(picture: Image.Image, row: int, column: int, width: int = 1) -> Image.Image:
    x, y = (MARGIN + column * CELL_WIDTH) * ZOOM, (MARGIN + row * CELL_HEIGHT) * ZOOM
    return picture.crop(
        (round(x), round(y), round(x + width * CELL_WIDTH * ZOOM), round(y + CELL_HEIGHT * ZOOM))
    )


def _light(picture: Image.Image, x: int, y: int) -> int:
    return picture.crop((x, y, x + 1, y + 1)).tobytes()[0]


class Sample(App[None]):
    """Text of several looks, wide characters among them."""

    CSS = "Screen { background: #102030; } Static { color: #ffffff; }"

    def compose(self) -> ComposeResult:
        """Two lines."""
        yield Static("[b]bold[/b] [u]under[/u] 数据-sync-0")
        yield Static("[on red]red[/on red] plain")


async def test_a_frame_holds_text_and_looks_by_cell() -> None:
    """What stands behind a wide character must not move: that is where columns would go crooked."""
    app = Sample()
    async with app.run_test(size=(30, 4)):
        frame = frame_of(app.export_screenshot(), (30, 4))
    assert frame.texts[0].rstrip() == "bold under 数据-sync-0"
    assert all(sum(cell_len(piece.text) for piece in line) == 30 for line in frame.lines)
    bold, _, under, *_ = frame.lines[0]
    assert (bold.text, bold.look.bold) == ("bold", True)
    assert (under.text, under.look.underlined) == ("under", True)
    red, *_ = frame.lines[1]
    assert (red.text, red.look.paper == bold.look.paper) == ("red", False)


async def test_the_same_screen_is_the_same_frame() -> None:
    """Or else every picture would be stale at each look."""
    frames = []
    for _ in range(2):
        app = Sample()
        async with app.run_test(size=(30, 4)):
            frames.append(frame_of(app.export_screenshot(), (30, 4)))
    assert frames[0] == frames[1]


@pytest.mark.parametrize("char", ["A", "│", "█", "▊", "✗", "日", "数", "据", "ア"])
def test_the_shipped_fonts_have_the_character(char: str) -> None:
    """Boxes, blocks, marks and Chinese characters are drawn, and not as the box that stands for a missing one."""
    width = cell_len(char)
    shown = _cell(_drawn(f"{char} "), 0, 0, width)
    missing = _cell(_drawn(f"{chr(0x10FFFD)} "), 0, 0, width)
    assert shown.getbbox() is not None
    assert shown.tobytes() != missing.tobytes()


def test_lines_and_blocks_of_neighbouring_cells_meet() -> None:
    """A bar of blocks with seams reads as several bars."""
    picture = _drawn("│█", "│█")
    edge = round((MARGIN + CELL_HEIGHT) * ZOOM)
    line, block = (round((MARGIN + (column + 0.5) * CELL_WIDTH) * ZOOM) for column in (0, 1))
    for y in range(edge - 2, edge + 2):
        assert max(_light(picture, x, y) for x in range(line - 2, line + 3)) > 128
        assert _light(picture, block, y) > 200


def test_what_stands_behind_wide_characters_keeps_its_column() -> None:
    """In the fallback font a character is as wide as two cells, or is made so."""
    picture = _drawn("日本│ ", "xxxx│ ")
    behind, plain = _cell(picture, 0, 4).getbbox(), _cell(picture, 1, 4).getbbox()
    assert behind is not None
    assert plain is not None
    assert (behind[0], behind[2]) == (plain[0], plain[2])
