"""A frame as SVG, and that as PNG.

The SVG names no address: a browser uses the reader's own monospace font, and each run of text is held to its cells'
width. The PNG is drawn with the fonts in `fonts/` and no others, so that it is the same on every machine. Cells have
the proportions of DejaVu Sans Mono, in which lines and blocks of neighbouring cells then meet.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

import resvg_py
from PIL import Image
from rich.cells import cell_len

from screenshots.frame import Frame, Piece

FONTS: Final = Path(__file__).parent / "fonts"
REGULAR: Final = FONTS / "DejaVuSansMono.ttf"
BOLD: Final = FONTS / "DejaVuSansMono-Bold.ttf"
WIDE: Final = FONTS / "Mplus1Code-Regular.otf"
"""For what DejaVu has not: Chinese, Japanese and Korean characters."""
FAMILY: Final = "DejaVu Sans Mono"
FALLBACK: Final = "Mplus 1 Code"
CELL_WIDTH: Final = 10
CELL_HEIGHT: Final = 19
FONT_SIZE: Final = round(CELL_WIDTH / (1233 / 2048), 3)
"""A character of the font is 1233 of 2048 units wide."""
BASELINE: Final = 15
MARGIN: Final = 14
ZOOM: Final = 1.5
COLOURS: Final = 256
_WORDS: Final = re.compile(r"\S(?:.*\S)?", re.DOTALL)


def svg_of(frame: Frame, title: str) -> str:
    """The frame as an SVG document; `title` is what a screen reader says."""
    width = frame.columns * CELL_WIDTH + 2 * MARGIN
    height = len(frame.lines) * CELL_HEIGHT + 2 * MARGIN
    back = frame.lines[-1][0].look.paper or "#000000"
    papers: list[str] = []
    inks: list[str] = []
    for row, line in enumerate(frame.lines):
        papers += _papers(row, line, back)
        for piece in line:
            inks += _inks(row, piece)
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" xml:space="preserve">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="{back}"/>',
        f'<g transform="translate({MARGIN},{MARGIN})" shape-rendering="crispEdges">',
        *papers,
        "</g>",
        f'<g transform="translate({MARGIN},{MARGIN})" font-size="{FONT_SIZE}" '
        f"font-family=\"'{FAMILY}','{FALLBACK}',monospace\">",
        *inks,
        "</g>",
        "</svg>",
        "",
    ))  # fmt: skip


def png_of(svg: str) -> bytes:
    """The document as a PNG of at most 256 colours."""
    drawn = resvg_py.svg_to_bytes(
        svg_string=svg,
        skip_system_fonts=True,
        font_files=[str(path) for path in (REGULAR, BOLD, WIDE)],
        monospace_family=FAMILY,
        font_family=FAMILY,
        zoom=ZOOM,
    )
    with Image.open(io.BytesIO(bytes(drawn))) as picture:
        small = picture.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
    target = io.BytesIO()
    small.save(target, format="PNG", optimize=True)
    return target.getvalue()


def _papers(row: int, line: tuple[Piece, ...], back: str) -> Iterator[str]:
    for paper, pieces in groupby(line, key=lambda piece: piece.look.paper):
        together = list(pieces)
        width = sum(cell_len(piece.text) for piece in together)
        if paper and paper != back:
            x, y = together[0].column * CELL_WIDTH, row * CELL_HEIGHT
            yield f'<rect x="{x}" y="{y}" width="{width * CELL_WIDTH}" height="{CELL_HEIGHT}" fill="{paper}"/>'


def _inks(row: int, piece: Piece) -> Iterator[str]:
    column = piece.column
    for width, chars in groupby(piece.text, key=cell_len):
        text = "".join(chars)
        if found := _WORDS.search(text):
            yield _text(row, column + found.start() * width, found.group(), piece)
        column += cell_len(text)


def _text(row: int, column: int, text: str, piece: Piece) -> str:
    look = piece.look
    decoration = " ".join(
        name for name, on in (("underline", look.underlined), ("line-through", look.struck)) if on
    )
    attributes = {
        "x": column * CELL_WIDTH,
        "y": row * CELL_HEIGHT + BASELINE,
        "textLength": cell_len(text) * CELL_WIDTH,
        "fill": look.ink,
        "font-weight": "bold" if look.bold else "",
        "font-style": "italic" if look.italic else "",
        "text-decoration": decoration,
    }
    shown = "".join(f' {name}="{value}"' for name, value in attributes.items() if value != "")
    return f"<text{shown}>{escape(text, quote=False).replace(' ', '&#160;')}</text>"
