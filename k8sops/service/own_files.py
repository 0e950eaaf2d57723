"""Files of a person's own that a command changes: read as they are, replaced whole, and never by mistake.

Tokens are kept in files of `NAME=value` lines, as service managers and shells read them, that nobody else may read.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from k8sops.core.errors import ConflictError, UsageError

_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Z_][A-Z0-9_]*)=(.*?)\s*")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def text_of(path: Path) -> str:
    """What stands in the file; nothing where there is none. Raises UsageError."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def replace_text(path: Path, text: str, *, before: str, private: bool = False) -> None:
    """Make the file say this, at one stroke, with the mode it had; `private`: nobody else may read it.

    Raises ConflictError where it does not say `before` any more, UsageError where it cannot be written.
    """
    path = path.resolve()
    if text_of(path) != before:
        raise ConflictError(f"{path} was changed meanwhile; nothing was written", hint="run it again")
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = 0o600 if private else stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def kept_secrets(path: Path) -> dict[str, str]:
    """What a file of `NAME=value` lines holds; nothing where there is none.

    Raises UsageError where others may read it.
    """
    if path.exists() and path.stat().st_mode & _OTHERS:
        raise UsageError(
            f"{path} can be read by others", hint=f"`chmod 600 {path}`, and renew what stands in it"
        )
    found = (_LINE.fullmatch(line) for line in text_of(path).splitlines())
    return {match[1]: match[2].strip("'\"") for match in found if match}


def keep_secrets(path: Path, values: Mapping[str, str]) -> None:
    """Keep these among the lines of a file that only its owner may read; lines of other names stay as they are."""
    before = text_of(path)
    left = dict(values)
    lines = []
    for line in before.splitlines():
        match = _LINE.fullmatch(line)
        name = match[1] if match else ""
        lines.append(f"{name}={left.pop(name)}" if name in left else line)
    lines += [f"{name}={value}" for name, value in left.items()]
    replace_text(path, "".join(f"{line}\n" for line in lines), before=before, private=True)
