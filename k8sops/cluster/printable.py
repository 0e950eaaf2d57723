"""Text that came from elsewhere, made fit for one line of a message.

Control characters are shown, not sent: a name or a server's message must not move a terminal's cursor.
"""

from __future__ import annotations

MESSAGE_LIMIT = 1000


def printable(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """One line without control characters, cut at `limit` characters with an ellipsis."""
    line = " ".join(text.split())
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def abridged(text: str, limit: int = 240) -> str:
    """One printable line that keeps beginning and end: servers quote whole objects in the middle of a message."""
    line = printable(text, len(text) * 10)
    return line if len(line) <= limit else f"{line[: limit // 3]} … {line[-(limit - limit // 3) :]}"
