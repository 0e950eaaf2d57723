"""The user's own editor on a text, in a file that nobody else can read and that is gone afterwards.

Blocks: for a thread. Whoever calls it has given the terminal away.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from k8sops.core.errors import UsageError

EDITORS: Final = ("KUBE_EDITOR", "VISUAL", "EDITOR")
"""Environment variables that name an editor, as kubectl asks for them."""
USUAL: Final = "vi"


def editor_named() -> str:
    """The command of the user's editor; empty where none is named."""
    return next((os.environ[name] for name in EDITORS if os.environ.get(name, "").strip()), "")


def edited(command: str, text: str) -> str:
    """What an editor makes of a text. Raises UsageError where it cannot be run or fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object.yaml"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(command), str(path)], check=True)  # noqa: S603 - the user's own editor
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            # The name of a file that is gone by now helps nobody.
            why = str(error).replace(str(path), path.name)
            raise UsageError(
                f"{command} did not edit it: {why}", hint=f"{', '.join(EDITORS)} name the editor"
            ) from error
