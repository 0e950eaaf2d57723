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
