"""The folders of pods and claims below a sandbox's own, and how they go again.

    pods/UID/owner                       "NAMESPACE/NAME", to see whether the pod is still there
    pods/UID/volumes/VOLUME              an emptyDir, or the files of a ConfigMap, Secret or projection
    pods/UID/containers/NAME/{tmp,home,work}
    claims/UID/owner, claims/UID/data    what a PersistentVolumeClaim holds, for all its pods

Commands in pods may write there whatever a file system holds: links out of it, folders nobody may enter, depths no
recursion reaches. Nothing here follows a link.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

NOBODY: Final = 65534
"""Whom root's sandboxes run commands as."""
_UID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


class Owned(NamedTuple):
    """A folder, and the object it belongs to."""

    path: Path
    resource: str
    namespace: str
    name: str
    uid: str


class Folders:
    """The places below one sandbox's folder."""

    def __init__(self, sandbox: Path) -> None:
        self._sandbox: Final = sandbox

    def pod(self, namespace: str, name: str, uid: str) -> Path:
        """The pod's folder, made where it is missing. Raises ValueError for an id that is none."""
        return self._owned("pods", namespace, name, uid)

    def claim(self, namespace: str, name: str, uid: str) -> Path:
        """What the claim holds."""
        return own_folder(self._owned("claims", namespace, name, uid) / "data")

    def all(self) -> Iterator[Owned]:
        """Every folder there is, of pods and claims."""
        for kind, resource in (("pods", "pods"), ("claims", "persistentvolumeclaims")):
            with contextlib.suppress(FileNotFoundError):
                for path in (self._sandbox / kind).iterdir():
                    with contextlib.suppress(OSError, ValueError):
                        namespace, name = (path / "owner").read_text().split("/")
                        yield Owned(path, resource, namespace, name, path.name)

    def _owned(self, kind: str, namespace: str, name: str, uid: str) -> Path:
        if not _UID.fullmatch(uid):
            raise ValueError(f"{uid!r} is no uid")
        folder = self._sandbox / kind / uid
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "owner").write_text(f"{namespace}/{name}")
        return folder


def own_folder(path: Path, mode: int = 0o755) -> Path:
    """A folder that a command in a pod may write to, made where it is missing."""
    if not path.is_dir():
        path.mkdir(parents=True)
        path.chmod(mode)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    return path


def remove_tree(path: Path) -> None:
    """Remove a folder with whatever commands in pods have left in it. Raises OSError where even that fails."""
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(path)
    if not path.exists():
        return
    # These go to any depth and open closed folders; neither follows a link.
    for command in (("chmod", "-R", "u+rwX"), ("rm", "-rf")):
        subprocess.run([*command, "--", path], check=False, capture_output=True)  # noqa: S603 - no word of a pod's
    if path.exists():
        shutil.rmtree(path)
