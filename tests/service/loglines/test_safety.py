"""A container may write anything: none of it drives the terminal, hides text or passes for another pod's line."""

from __future__ import annotations

import json
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.logs import LogEntry
from k8sops.service.loglines.printing import LineStyle, Output
from k8sops.service.loglines.safe import clean, plain_document
from tests.service.loglines.made_up import WEB_1, line, marker, shown

HOSTILE = [
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x9b31m",
    "a\rb",
    "a\x08b",
    "ab\u202ecba",
    "\u200binvisible",
    "\u2028another line",
    "\x00",
    "\U000e0041tag",
]
READERS: list[Output] = ["default", "json", "extjson", "template"]


def _is_calm(text: str) -> bool:
    return all(
        one in "\n\t" or unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in text
    )


@pytest.mark.parametrize("output", READERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_invisible_reaches_the_terminal(text: str, output: Output) -> None:
    """In a line, in a value or a name of a JSON line, in a marker, in a name."""
    style = LineStyle(output=output, readable=True, template="{{ message }} {{ fields }} {{ pod }}")
    in_json = json.dumps({"level": "info", "msg": text, "a": {"b": text}, text: 1})
    for entry in (line(text), line(in_json), line(json.dumps({"msg": text}, ensure_ascii=False))):
        assert _is_calm(shown(style, entry)), repr(shown(style, entry))
    assert _is_calm(shown(style, marker(text)))


@given(st.text())
def test_clean_text_has_nothing_to_hide(text: str) -> None:
    """And what was harmless is as it was."""
    assert _is_calm(clean(text))
    if text.isprintable():
        assert clean(text) == text


@given(st.dictionaries(st.text(), st.text()))
def test_an_escaped_document_means_the_same(fields: dict[str, str]) -> None:
    """Escapes of JSON's own, so that whoever reads it by machine loses nothing."""
    encoded = msgspec.json.encode(fields).decode()
    escaped = plain_document(encoded)
    assert escaped.isprintable()
    assert json.loads(escaped) == fields


@given(st.text())
def test_any_line_is_laid_out_in_one_line_of_its_own(text: str) -> None:
    """No text begins a line at the left edge, where pods are named."""
    for entry in (line(text.replace("\n", " ")), line(json.dumps({"msg": text, "more": text}))):
        first, *below = shown(LineStyle(readable=True), entry).removesuffix("\n").split("\n")
        assert first.startswith("web-1 app ")
        assert all(one.startswith("    ") for one in below)


def test_raw_lines_are_passed_on_only_where_that_was_asked_for() -> None:
    """A file gets the bytes; a terminal only by --allow-escapes."""
    burning = line("\x1b[31mred\x1b[0m\x07")
    assert shown(LineStyle(output="raw"), burning) == "red\\x07\n"
    assert shown(LineStyle(output="raw", escapes=True), burning) == "\x1b[31mred\x1b[0m\x07\n"


def test_a_container_has_no_colours_of_its_own() -> None:
    """A colour is a statement of ours here: of pod or level."""
    assert shown(LineStyle(), line("\x1b[1;32mOK\x1b[0m")) == "web-1 app OK\n"


def test_a_line_that_was_cut_says_so() -> None:
    """Ten megabytes without a line end are a fact worth knowing."""
    assert (
        shown(LineStyle(), line("x" * 10, cut=10_000_000))
        == f"web-1 app {'x' * 10} … 10,000,000 bytes more\n"
    )
    assert json.loads(shown(LineStyle(output="json"), line("x", cut=7)))["cut"] == 7


def test_a_line_without_a_time_is_shown_with_a_dash() -> None:
    """What the kubelet does not say is not made up."""
    assert shown(LineStyle(stamp="default"), LogEntry(WEB_1, 0, "x")) == "web-1 app - x\n"
