"""Container text made safe for a terminal: its colours taken out, whatever else could steer one spelled out.

Faster than asking for each character, since every line passes through: a line of ASCII costs one look.
"""

from __future__ import annotations

import re
from typing import Any, Final

from k8sops.core.text import printable

_COLOURS: Final = re.compile(r"\x1b\[[0-9;:]*m")
_ODD: Final = re.compile(r"[^\t\x20-\x7e\xa1-\xac\xae-\u05ff]")
_ODD_IN_DOCUMENT: Final = re.compile(r"[^\x20-\x7e]")


def clean(text: str) -> str:
    """The text without colours, all else that is invisible spelled out; tabs stay, which can do no harm."""
    if text.isprintable():
        return text
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    return _ODD.sub(lambda found: printable(found[0]), text)


def clean_values(value: Any) -> Any:
    """The same for every text in a decoded JSON value, names of fields included; line ends stay."""
    if isinstance(value, str):
        return "\n".join(clean(line) for line in value.split("\n"))
    if isinstance(value, dict):
        return {clean(name): clean_values(one) for name, one in value.items()}
    return [clean_values(one) for one in value] if isinstance(value, list) else value


def plain_document(text: str) -> str:
    """JSON that means the same, in which what is invisible stands as an escape of JSON's own."""
    return text if text.isprintable() else _ODD_IN_DOCUMENT.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
