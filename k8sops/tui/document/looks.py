"""Which parts of a document's lines stand out: keys and headings by weight, so that it works without colour. Pure.

Worked out for a whole document at once, in a thread: what is inside a block of text looks like YAML and is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

Look = Literal["key", "mark", "value", "heading", "label", "warn"]
LOOKS: Final[tuple[Look, ...]] = ("key", "mark", "value", "heading", "label", "warn")


class Span(NamedTuple):
    """Characters of a line that look alike."""

    start: int
    end: int
    look: Look


Spans = tuple[Span, ...]

_KEY: Final = re.compile(r"( *)((?:- +)*)((?:[^\s:#'\"|>-]|-(?! ))[^:#]*|\"[^\"]*\"|'[^']*')(:)(?: +(.*))?$")
_ITEM: Final = re.compile(r"( *)((?:- +)+)(.*)$")
_BLOCK: Final = re.compile(r"[|>][+-]?\d?$")
_LITERAL: Final = re.compile(r"(?:true|false|null|~|\{\}|\[\]|[-+]?\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?)$")
_LABEL_END: Final = 16
"""Where a description's values begin (`describe`)."""
_WARNING: Final = re.compile(r"\bWarning\b")


def yaml_spans(lines: Sequence[str]) -> list[Spans]:
    """The looks of a YAML document's lines."""
    found: list[Spans] = []
    block = -1
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if block >= 0 and (indent > block or not line.strip()):
            found.append(())
            continue
        spans, block = _of_line(line, indent)
        found.append(spans)
    return found


def _of_line(line: str, indent: int) -> tuple[Spans, int]:
    """The looks of one line, and the indent below which a block of text goes on; -1 where it begins none."""
    if match := _KEY.match(line):
        spans = [Span(match.start(2), match.end(2), "mark")] if match[2] else []
        spans += [Span(match.start(3), match.end(3), "key"), Span(match.start(4), match.end(4), "mark")]
        value, start = match[5] or "", match.start(5)
        inner = indent + len(match[2])
    elif match := _ITEM.match(line):
        spans = [Span(match.start(2), match.end(2), "mark")]
        value, start, inner = match[3], match.start(3), indent
    else:
        return (), -1
    if _BLOCK.match(value):
        return (*spans, Span(start, len(line), "mark")), inner
    if _LITERAL.match(value):
        spans.append(Span(start, len(line), "value"))
    return tuple(spans), -1


def words_spans(lines: Sequence[str]) -> list[Spans]:
    """The looks of a description's lines: headings, labels, and the word of a warning among events."""
    found: list[Spans] = []
    in_events = False
    for line in lines:
        label = line[:_LABEL_END].strip()
        is_fact = line[_LABEL_END : _LABEL_END + 1] == " " and line[_LABEL_END + 1 : _LABEL_END + 2] != " "
        if line and line[0] != " ":
            in_events = line.startswith("Events")
        if is_fact and label and "  " not in label:
            found.append((Span(0, _LABEL_END, "label"),))
        elif line and line[0] != " ":
            found.append((Span(0, len(line), "heading"),))
        elif in_events and (match := _WARNING.search(line)):
            found.append((Span(match.start(), match.end(), "warn"),))
        else:
            found.append(())
    return found
