"""Saving what is shown to a file of one's own: never over another, readable by nobody else."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from k8sops.core.errors import UsageError

_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 120


def file_name(label: str, ending: str, now: datetime) -> str:
    """What a document of this label is called: `shop-deploy-checkout-20261122T101500.yaml`."""
    return f"{_ODD.sub('-', label).strip('-.')[:_LONGEST] or 'saved'}-{now:%Y%m%dT%H%M%S}.{ending}"


def save(folder: Path, name: str, text: str) -> Path:
    """Write the text and return where it is; blocks. Raises UsageError where the folder cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stem, _, ending = name.rpartition(".")
        for number in range(1, 1000):
            path = folder / (name if number == 1 else f"{stem}-{number}.{ending}")
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return path
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written: {error.strerror}", hint="set K8SOPS_DATA to a folder of your own"
        ) from error
    raise UsageError(f"{folder} holds a thousand files called {name}", hint="move them away")
