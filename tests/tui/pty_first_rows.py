"""The program until its first rows are written: `python -m tests.tui.pty_first_rows REPORT ARGUMENT…`.

REPORT then holds the name of every module that was loaded by then, one a line. Nothing of the program is replaced: only
the terminal is read along. But on a busy machine a start may take longer than the HTTP client is held back.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from k8sops.cli.main import main
from k8sops.cluster import early

CURSOR = "▌"


class _ReadAlong:
    """The terminal's file; the cursor stands on a row, so where it is written there are rows."""

    def __init__(self, file: Any, report: Path) -> None:
        self._file = file
        self._report = report

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        loaded = "\n".join(list(sys.modules))
        written: int = self._file.write(text)
        if CURSOR in text:
            part = self._report.with_suffix(".part")
            part.write_text(loaded)
            part.replace(self._report)
            os._exit(0)
        return written


if __name__ == "__main__":
    early.HELD_BACK_S = 600.0  # type: ignore[misc]
    sys.__stderr__ = _ReadAlong(sys.__stderr__, Path(sys.argv[1]))  # type: ignore[assignment,misc]
    sys.exit(main(sys.argv[2:]))
