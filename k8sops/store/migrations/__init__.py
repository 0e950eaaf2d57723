"""The steps that bring a store's tables to this program, oldest first; `versions/` holds one file each.

A step only adds, unless its release says otherwise, so that processes that have the store open go on working.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

VERSION_TABLE: Final = "k8sops_revision"


class Steps(msgspec.Struct, frozen=True):
    """A chain of steps."""

    folder: Path
    revisions: tuple[str, ...]
    """Every step's name in order; kept beside the files so that opening a store need not import Alembic."""

    @property
    def head(self) -> str:
        """The last one: what this program's statements are written for."""
        return self.revisions[-1]


STEPS: Final = Steps(Path(__file__).parent, ("0001", "0002", "0003"))
