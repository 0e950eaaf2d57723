"""The key that secrets are digested under: 32 random bytes in a file that only its owner may read.

It is made on first use and never replaced: under another key the same secret would look like a changed one.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from k8sops.core.errors import KeyFileError
from k8sops.redact.redactor import KEY_BYTES, KeyedRedactor

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def load_redactor(path: Path) -> KeyedRedactor:
    """A redactor under the key in the file, which is made 0600 (its folder 0700) where there is none. Blocks.

    Raises KeyFileError where others can read the file, where it holds no key, or where it cannot be made.
    """
    try:
        return KeyedRedactor(_read(path))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return KeyedRedactor(_make(path))
    except OSError as error:
        raise KeyFileError(f"{path} cannot be made: {error.strerror}") from error


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        # Of the open file, not of the path: what is checked is what is read.
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in {os.geteuid(), 0}:
            raise KeyFileError(f"{path} is not a file of this user")
        if found.st_mode & _OTHERS:
            raise KeyFileError(
                f"{path} can be used by others than its owner (mode {stat.S_IMODE(found.st_mode):04o})",
                hint=f"`chmod 600 {path}`; whoever has read it can test guesses against recorded digests",
            )
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise KeyFileError(
            f"{path} does not hold a redaction key of {KEY_BYTES} bytes",
            hint="put it back from a copy; under a new key every secret recorded later looks changed",
        )
    return key


def _make(path: Path) -> bytes:
    """The file appears whole or not at all, and where two processes make it at once both end with the same key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return _read(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)
    return _read(path)
