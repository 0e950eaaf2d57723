"""What can go wrong with a bundle as such: it cannot be written, or is none."""

from __future__ import annotations

import errno
from pathlib import Path

from k8sops.core.errors import K8sOpsError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BundleError(K8sOpsError):
    """A bundle cannot be written or read."""

    code = "bundle"


def not_written(path: Path, error: OSError) -> BundleError:
    """Why a file of a bundle could not be written."""
    if error.errno in _FULL:
        return BundleError(
            f"there is no room for the bundle in {path}: {error.strerror}",
            hint="make room, name another folder with --to, or take less with --limit",
        )
    return BundleError(
        f"the bundle cannot be written to {path}: {error.strerror or error}", hint="name a folder with --to"
    )
