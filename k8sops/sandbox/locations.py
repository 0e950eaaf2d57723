"""Where the sandbox keeps things: binaries in the user's cache, each sandbox in the user's state folder.

`K8SOPS_CACHE` and `K8SOPS_SANDBOX_HOME` move them. Folders of sandboxes hold private keys and are 0700.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from k8sops.core.errors import UsageError

CACHE_VARIABLE: Final = "K8SOPS_CACHE"
HOME_VARIABLE: Final = "K8SOPS_SANDBOX_HOME"
DEFAULT_NAME: Final = "demo"

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def cache_folder() -> Path:
    """The folder of built binaries and of a downloaded toolchain; not created here."""
    if override := os.environ.get(CACHE_VARIABLE):
        return Path(override).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - not wanted for --help

    return Path(platformdirs.user_cache_dir("k8sops", appauthor=False))


def sandbox_home() -> Path:
    """The folder that holds one folder per sandbox; not created here."""
    if override := os.environ.get(HOME_VARIABLE):
        return Path(override).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - not wanted for --help

    return Path(platformdirs.user_state_dir("k8sops", appauthor=False)) / "sandboxes"


def validate_name(name: str) -> str:
    """The name itself. It becomes a folder and a context, so it is a DNS label of at most 32 characters.

    Raises UsageError.
    """
    if _NAME.fullmatch(name):
        return name
    raise UsageError(
        f"{name!r} cannot be the name of a sandbox",
        hint="use up to 32 lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
    )


def private_folder(path: Path) -> Path:
    """Create a folder, and those above it, that only the owner may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Replace a file at one stroke by one only the owner may read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
