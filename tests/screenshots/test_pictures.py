"""The pictures that are kept: in both files, used in a page, fetching nothing, words really drawn, none stale."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from PIL import Image, ImageDraw, ImageFont

from screenshots import slack
from screenshots.drawing import BOLD, FONT_SIZE, MARGIN, REGULAR, ZOOM
from screenshots.pictures import PICTURES, Picture

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "screenshots"
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SVG: Final = "{http://www.w3.org/2000/svg}"
ALIKE: Final = 0.8
"""Correlation of drawn and expected strokes; other words of the same length come to at most half."""
CHECK_SECONDS: Final = 900

each_picture = pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)


def test_there_are_enough_of_them() -> None:
    """One for each thing a reader might ask to see; each with a name of its own."""
    assert len({picture.name for picture in PICTURES}) == len(PICTURES) >= 14


def test_no_picture_lies_around_that_nobody_takes() -> None:
    """A picture that is not taken anew would show what has long changed."""
    found = {path.stem for kind in ("svg", "png") for path in FOLDER.glob(f"*.{kind}")}
    assert found == {picture.name for picture in PICTURES} | {slack.NAME}


@each_picture
def test_a_picture_is_used_in_a_page(picture: Picture) -> None:
    """By the one or the other file."""
    link = re.compile(rf"\((?:\.\./)?screenshots/{re.escape(picture.name)}\.(?:svg|png)\)")
    assert any(link.search(page.read_text(encoding="utf-8")) for page in PAGES)


@each_picture
def test_an_svg_refers_to_nothing_outside_itself(picture: Picture) -> None:
    """Whoever looks at a page must not be known to a font's server for it."""
    text = (FOLDER / f"{picture.name}.svg").read_text(encoding="utf-8")
    drawing = "\n".join(line for line in text.splitlines() if not line.startswith("<svg "))
    markup = re.sub(r">[^<]*<", "><", drawing)
    assert not re.search(r"https?:|url\(|@import|@font-face|href|<style|<script|<image", markup)


@each_picture
def test_a_known_word_is_drawn_in_the_png(picture: Picture) -> None:
    """With the font that is shipped, where the SVG has it: not as empty boxes, and not somewhere else."""
    word = picture.shows[0]
    element, before = _element_with(FOLDER / f"{picture.name}.svg", word)
    with Image.open(FOLDER / f"{picture.name}.png") as opened:
        picture_drawn = opened.convert("L")
    font = ImageFont.truetype(BOLD if element.get("font-weight") == "bold" else REGULAR, FONT_SIZE * ZOOM)
    expected = Image.new("L", picture_drawn.size)
    x = (MARGIN + float(element.attrib["x"]) + before * 10) * ZOOM
    y = (MARGIN + float(element.attrib["y"])) * ZOOM
    ImageDraw.Draw(expected).text((x, y), word, font=font, fill=255, anchor="ls")
    box = expected.getbbox()
    assert box is not None
    assert _likeness(expected.crop(box), picture_drawn.crop(box)) > ALIKE


def test_the_picture_of_slack_is_used_and_its_words_are_kept() -> None:
    """The words are what tells whether it is stale: those of Block Kit as a browser shows them."""
    link = f"![{slack.ALT}](screenshots/{slack.NAME}.png)"
    assert link in (ROOT / "README.md").read_text(encoding="utf-8")
    words = (FOLDER / f"{slack.NAME}.txt").read_text(encoding="utf-8")
    assert "PRODUCTION acme · drain node/node-2" in words
    assert "8 of 14 pods moved" in words
    with Image.open(FOLDER / f"{slack.NAME}.png") as picture:
        assert picture.size == tuple(int(length * slack.SCALE) for length in slack.SIZE)


def test_none_is_stale() -> None:
    """Text and styles of every screen, on the stage that is kept, are those of its picture.

    Where no browser is installed, that of Slack is left out, and the command says so.
    """
    done = subprocess.run(
        [sys.executable, "-m", "screenshots.generate", "--check"],
        cwd=ROOT, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _element_with(path: Path, word: str) -> tuple[ET.Element, int]:
    """The first text with the word, and how many characters of it come before."""
    for element in ET.fromstring(path.read_text(encoding="utf-8")).iter(f"{SVG}text"):  # noqa: S314 - our own
        text = (element.text or "").replace("\N{NO-BREAK SPACE}", " ")
        if word in text:
            return element, text.index(word)
    raise AssertionError(f"{path.name} does not show {word!r}")


def _likeness(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are light and dark in the same places, or the reverse: Pearson's correlation, unsigned."""
    a, b = list(one.tobytes()), list(other.tobytes())
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    covariance = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    spread = sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)
    return abs(covariance) / spread**0.5 if spread else 0.0
