"""Text as Slack and phones send it, brought back to what was typed: plain characters, without Slack's markup.

Dashes are left as they are: whether one stands for `--` depends on where it stands, which only the split knows.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_MARKUP: Final = re.compile(r"<([^<>\s|]+)(?:\|([^<>]*))?>")
_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_PLAIN: Final = str.maketrans(
    dict.fromkeys("“”„‟″＂«»", '"') | dict.fromkeys("‘’‚‛′＇‹›", "'") | dict.fromkeys("‐‑‒−﹣－", "-")
)


def normalised(text: str) -> str:
    """The text with Slack's mentions, links and entities, smart quotes and invisible characters made plain.

    People and channels become `@U123` and `#C123`: their ids, never the names they gave themselves.
    """
    plain = _MARKUP.sub(_unmarked, text)
    for entity, character in _ENTITIES:
        plain = plain.replace(entity, character)
    return "".join(map(_kept, plain.replace("```", " "))).translate(_PLAIN).strip()


def _unmarked(match: re.Match[str]) -> str:
    target, label = match[1], match[2] or ""
    if target[:1] in {"@", "#"}:
        return target
    if target.startswith("!subteam^"):
        return f"@{target.removeprefix('!subteam^')}"
    if target.startswith("!"):
        return label if target.startswith("!date") else f"@{target[1:]}"
    # Slack makes links of host names: what was typed is the label.
    return label or target.removeprefix("mailto:").removeprefix("tel:")


def _kept(character: str) -> str:
    if character.isspace():
        return character if character in "\n\t" else " "
    return "" if unicodedata.category(character) in {"Cf", "Cs"} else character
