"""Words for people: what a cluster says made safe to show (it may not drive a terminal or reorder a line), counts."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    r"""The text with control, bidirectional and other invisible characters spelled out as `\x1b` or `\u202e`.

    Covers Unicode categories Cc (C0 and C1), Cf, Cs, Zl and Zp; anything with a glyph or a width stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def identity_in_words(execute_as: str) -> str:
    """As whom a run goes out: `user:` and `person:` are people by their own name, `service:` is what policy names."""
    kind, _, name = execute_as.partition(":")
    if kind == "service" and name:
        return f"service {name}"
    return name if kind in {"user", "person"} and name else execute_as


def shortened(text: str, most: int) -> str:
    """At most so many characters of a text, cut at a word."""
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 pod`, `2 pods`; `plural` where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
