"""Text from the outside made safe to show: nothing a cluster says may drive a terminal or reorder a line."""

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
