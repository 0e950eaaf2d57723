"""Text from a server or a plugin, made fit to stand inside one sentence of a message."""

from __future__ import annotations

from typing import Final

from k8sops.core.text import printable

MESSAGE_LIMIT: Final = 1000


def one_line(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """One printable line, cut at `limit` characters with an ellipsis."""
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def abridged(text: str, limit: int = 240) -> str:
    """One printable line that keeps beginning and end: servers quote whole objects in the middle of a message."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit // 3]} … {line[-(limit - limit // 3) :]}"
