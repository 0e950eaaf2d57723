"""The colours that log lines are shown in: one for each pod, the same in every terminal, and one for each level."""

from __future__ import annotations

from typing import Final
from zlib import crc32

from k8sops.core.log_levels import Level

NAMED: Final = {
    "bold": "1",
    "dim": "2",
    "underline": "4",
    "reverse": "7",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
    "white": "37",
}
# Without red, which is an error's.
_PODS: Final = ("36", "32", "35", "34", "96", "92", "95", "94", "33", "93")
_LEVELS: Final = {
    Level.TRACE: "2",
    Level.DEBUG: "2",
    Level.WARN: "33",
    Level.ERROR: "31",
    Level.FATAL: "1;31",
}


def painted(text: str, code: str) -> str:
    """The text in a colour, each line by itself, so that a cut leaves no colour behind."""
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


def highlighted(text: str) -> str:
    """The text in reverse, in whatever colour it has."""
    return f"\x1b[7m{text}\x1b[27m"


def pod_colour(pod: str) -> str:
    """The colour of a pod, by its name alone."""
    return _PODS[crc32(pod.encode("utf-8", "replace")) % len(_PODS)]


def level_colour(level: Level) -> str:
    """The colour of a level; none for what is neither worth a look nor worth hiding."""
    return _LEVELS.get(level, "")
