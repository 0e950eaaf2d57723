"""Names that a cluster chose, as names of files: none leads out of the bundle, hides, or is another one elsewhere.

What Kubernetes takes as a name stays as it is, but for the few characters and words that some file system refuses.
Everything else is percent-encoded, as in a URL; what is too long is cut and told apart by a digest.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

LONGEST_PART: Final = 180
LONGEST_PATH: Final = 900
_DIGITS: Final = 8
_HARMFUL: Final = re.compile(r"[^A-Za-z0-9._+=,@%~-]")
_ENDING: Final = re.compile(r"(?:\.[a-z0-9]{1,8}){1,2}\Z")
# Names of devices on Windows, whatever extension follows.
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)", re.IGNORECASE)


def safe_part(name: str) -> str:
    """One part of a path, from any text. A safe one stays as it is."""
    part = _HARMFUL.sub(_encoded, name)
    if part.startswith(".") or _DEVICES.match(part):
        part = f"%{ord(part[0]):02X}{part[1:]}"
    if part.endswith("."):
        part = f"{part[:-1]}%2E"
    if len(part) > LONGEST_PART:
        ending = _ENDING.search(part)
        kept = ending[0] if ending else ""
        part = f"{part[: LONGEST_PART - _DIGITS - 1 - len(kept)]}~{_digest(name)}{kept}"
    return part or "%00"


def safe_path(path: str) -> str:
    """A relative path, each of its parts safe. A safe one stays as it is."""
    safe = "/".join(safe_part(part) for part in path.split("/"))
    if len(safe) <= LONGEST_PATH:
        return safe
    return f"{safe[: LONGEST_PATH - _DIGITS - 1].rstrip('/.%')}~{_digest(path)}"


def distinct(paths: Iterable[str]) -> dict[str, str]:
    """Where each path is put, so that none is another on a file system that does not tell case, nor a folder as well.

    Depends on the paths alone, not on their order.
    """
    ordered = sorted(paths)
    folders = {_folded(path[:at]) for path in ordered for at, sign in enumerate(path) if sign == "/"}
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for path in ordered:
        alike[_folded(path)].append(path)
    placed: dict[str, str] = {}
    for folded, same in alike.items():
        for number, path in enumerate(same):
            clashes = number > 0 or folded in folders
            placed[path] = _told_apart(path) if clashes else path
    return placed


def _folded(path: str) -> str:
    return path.casefold()


def _told_apart(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    stem, dot, ending = name.partition(".")
    return f"{folder}{slash}{stem}~{_digest(path)}{dot}{ending}"


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
