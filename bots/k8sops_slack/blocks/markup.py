"""Text that Slack may format (`Mrkdwn`), which nothing from outside becomes but through the functions here.

What would format, mention, link or reorder is replaced by a character that looks like it: names of objects hold none of
these, so what can be copied stays what it is. Plain text, where nothing is formatted, is made by `plain`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NewType

from k8sops.core.text import printable
from k8sops_slack.blocks.limits import SECTION, size

Mrkdwn = NewType("Mrkdwn", str)
"""Text in Slack's own markup, safe to send."""

ELLIPSIS: Final = "…"

_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_NO_ENTITIES: Final = str.maketrans({"&": "＆", "<": "‹", ">": "›"})
_FORMATTING: Final = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ"})
_LOOSE_UNDERSCORE: Final = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_EMOJI: Final = re.compile(r":(?=[a-z0-9_+'-]*[a-z][a-z0-9_+'-]*:)([a-z0-9_+'-]+):", re.IGNORECASE)
_EVERYBODY: Final = re.compile(r"@(?=(?:here|channel|everyone|group)\b)", re.IGNORECASE)
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")
_TOKEN: Final = re.compile(r"&(?:amp|lt|gt);|<[^<>]*>|.", re.DOTALL)
_IN_CODE: Final = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
_CLOSING: Final = 4
_MEANT: Final = str.maketrans(
    {"＆": "&", "‹": "<", "›": ">", "∗": "*", "∼": "~", "ˋ": "`", "ˍ": "_", "∶": ":", "＠": "@"}
)
_OF_WORDS: Final = "".join(map(chr, range(0x21, 0x7F))) + "＆‹›∗∼ˋˍ∶＠"
_NAME: Final = re.compile(r"(?!.*://)[a-z0-9./:@-]*")


def escaped(text: str, limit: int = SECTION) -> Mrkdwn:
    """Text from outside, on one line, cut visibly where it is longer than `limit` as Slack gets it."""
    shown = _visible(text, limit).translate(_FORMATTING)
    shown = _LOOSE_UNDERSCORE.sub(lambda match: "ˍ" * len(match[0]), shown)
    shown = _EMOJI.sub("∶\\1∶", shown)
    if shown.startswith(">"):
        shown = f"›{shown[1:]}"
    return _entities(shown, limit)


def code(text: str, limit: int = 300) -> Mrkdwn:
    """Text from outside between ticks: what somebody may want to copy."""
    return Mrkdwn(f"`{in_code(text, limit - 2) or ' '}`")


def in_code(text: str, limit: int = SECTION) -> Mrkdwn:
    """Text from outside as it stands between ticks."""
    return _entities(_visible(text, limit).replace("`", "ˋ"), limit)


def prose(text: str, limit: int = SECTION) -> Mrkdwn:
    """Text from outside in which what stands between ticks is to be copied, as in hints; else as `escaped`."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escaped(text, limit)
    made = [code(piece) if at % 2 else escaped(piece) for at, piece in enumerate(pieces) if piece]
    return cut(joined("", made), limit)


def fenced(lines: Iterable[str], limit: int = SECTION) -> Mrkdwn:
    """Lines from outside as a block in which columns stand below each other; whole lines are cut."""
    found: list[str] = []
    left = limit - 8
    for line in lines:
        shown = in_code(line, left)
        if size(shown) + 2 > left:
            found.append(ELLIPSIS)
            break
        found.append(shown)
        left -= size(shown) + 1
    return Mrkdwn("```\n" + "\n".join(found) + "\n```")


def plain(text: str, limit: int) -> str:
    """Text from outside where Slack formats nothing; never empty, which Slack refuses."""
    shown = _visible(text, limit).translate(_NO_ENTITIES).strip()
    return _fitting(iter(shown or "-"), limit)


def unescaped(text: str) -> str:
    """What was made safe to show, as it was before, as far as that can be told."""
    return html.unescape(text).translate(_MEANT)


def short(text: str, most: int) -> str:
    """Text cut visibly to so many characters."""
    return text if len(text) <= most else _ended(text[: most - 1])


def written(text: str) -> Mrkdwn:
    """Text that stands in this program."""
    return Mrkdwn(text)


def joined(separator: str, parts: Iterable[Mrkdwn]) -> Mrkdwn:
    """Parts that are not empty, with a separator of this program between them."""
    return Mrkdwn(separator.join(part for part in parts if part))


def bold(text: Mrkdwn) -> Mrkdwn:
    """Bold."""
    return Mrkdwn(f"*{text}*") if text.strip() else text


def user(id_: str) -> Mrkdwn:
    """A mention of a person by id; anything that is no id is shown as it is."""
    return Mrkdwn(f"<@{id_}>") if _is_id(id_, "UW") else code(id_)


def group(id_: str) -> Mrkdwn:
    """A mention of a user group by id."""
    return Mrkdwn(f"<!subteam^{id_}>") if _is_id(id_, "S") else code(id_)


def link(address: str, text: Mrkdwn) -> Mrkdwn:
    """A link to an address that Slack gave; what could be none is the text alone."""
    if not address.startswith("https://") or set(address) & set("<>| \n"):
        return text
    return Mrkdwn(f"<{html.escape(address, quote=False)}|{text}>")


def moment(at: datetime) -> Mrkdwn:
    """A time, shown to each reader in their own."""
    return _date(at, "{date_short_pretty} {time}", "%Y-%m-%d %H:%M")


def clock_time(at: datetime) -> Mrkdwn:
    """The time of day to the second, each reader's own."""
    return _date(at, "{time_secs}", "%H:%M:%S")


def _date(at: datetime, form: str, fallback: str) -> Mrkdwn:
    return Mrkdwn(f"<!date^{int(at.timestamp())}^{form}|{at.astimezone(UTC):{fallback}} UTC>")


def cut(text: Mrkdwn, limit: int) -> Mrkdwn:
    """Cut visibly, never within a mention or an entity, and with what was opened closed again."""
    if size(text) <= limit:
        return text
    kept = _fitting(iter(_TOKEN.findall(text)), limit - _CLOSING)
    if kept.count("```") % 2:
        return Mrkdwn(f"{kept}\n```")
    if kept.count("`") % 2:
        return Mrkdwn(f"{kept}`")
    return Mrkdwn(f"{kept}*" if _IN_CODE.sub("", kept).count("*") % 2 else kept)


def _is_id(text: str, kinds: str) -> bool:
    return text[:1] in kinds and len(text) > 1 and text.isascii() and text.isalnum() and text.isupper()


def _visible(text: str, limit: int) -> str:
    # What is far beyond the limit need not be looked at.
    shown = _EVERYBODY.sub("＠", printable(text[: limit + 1]))
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", shown)


def _entities(text: str, limit: int) -> Mrkdwn:
    return Mrkdwn(_fitting((_ENTITIES.get(character, character) for character in text), limit))


def _fitting(tokens: Iterator[str], limit: int) -> str:
    found: list[str] = []
    left = limit
    for token in tokens:
        if size(token) > left:
            break
        found.append(token)
        left -= size(token)
    else:
        return "".join(found)
    while found and left < 1:
        left += size(found.pop())
    # A mention or a moment is no word that may go on, though it has words in it.
    whole = max((at for at, token in enumerate(found, 1) if len(token) > 1 and token[0] == "<"), default=0)
    return "".join(found[:whole]) + _ended("".join(found[whole:]))


def _ended(text: str) -> str:
    """With the sign that more follows. A last word that may go on is left out unless it looks like a name.

    Half a secret is told from other words by nobody, and is half of what it protects.
    """
    kept = text.rstrip(_OF_WORDS)
    return f"{text if _NAME.fullmatch(text, len(kept)) else kept}{ELLIPSIS}"
