"""Where a SQLite file may be: on this machine's own disks, in a folder only its owner reads.

Over a network file system SQLite's locks and its shared memory do not reach the other machines, and the file is
damaged sooner or later (https://www.sqlite.org/wal.html, https://www.sqlite.org/howtocorrupt.html §2.1).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from k8sops.core.errors import StorePermissionError, StorePlaceError

MOUNTS: Final = Path("/proc/self/mountinfo")
APPLICATION_ID: Final = int.from_bytes(b"k8so", "big")
REMOTE: Final = {
    "9p": "9P",
    "acfs": "ACFS",
    "afs": "AFS",
    "beegfs": "BeeGFS",
    "ceph": "CephFS",
    "cifs": "CIFS",
    "coda": "Coda",
    "gfs2": "GFS2",
    "glusterfs": "GlusterFS",
    "gpfs": "GPFS",
    "lustre": "Lustre",
    "ncpfs": "NCP",
    "nfs": "NFS",
    "nfs4": "NFS",
    "ocfs2": "OCFS2",
    "orangefs": "OrangeFS",
    "smb2": "SMB",
    "smb3": "SMB",
    "smbfs": "SMB",
}


def file_system_of(path: Path, mounts: str) -> str:
    """The type of file system `path` is on, by the kernel's table of mounts (proc(5) mountinfo); "" if unknown."""
    wanted = path.resolve().parts
    found, longest = "", -1
    for line in mounts.splitlines():
        fields = line.split(" ")
        if "-" not in fields[6:]:
            continue
        point = Path(_unescaped(fields[4])).parts
        # A later line of the same length is mounted over the earlier one.
        if wanted[: len(point)] == point and len(point) >= longest:
            found, longest = fields[fields.index("-", 6) + 1], len(point)
    return found


def refuse_remote(path: Path, mounts: str | None = None) -> None:
    """Raise StorePlaceError, naming the file system, where `path` is on one that other machines share."""
    if mounts is None:
        try:
            mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return  # no table of mounts on this system: nothing to judge by
    kind = file_system_of(path, mounts)
    name = REMOTE.get(kind, "")
    if kind == "fuse" or kind.startswith("fuse."):
        name = f"FUSE ({kind.removeprefix('fuse.')})"
    if name:
        raise StorePlaceError(
            f"the store {path} is on {name}, where SQLite loses data",
            hint="put it on a local disk, or share a PostgreSQL database: set K8SOPS_DATABASE_URL",
        )


def make_private(path: Path) -> None:
    """See that the file is there, 0600, its missing folders made 0700; SQLite gives -wal and -shm the file's mode.

    The mode of a file that is not a store of ours stays as it is.

    Raises StorePermissionError naming file or folder.
    """
    try:
        _make_folder(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(handle).st_mode & 0o077 and _is_ours(os.pread(handle, 100, 0)):
                os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
    except IsADirectoryError:
        raise StorePlaceError(f"the store {path} is a folder", hint="name a file in it") from None
    except OSError as error:
        raise StorePermissionError(
            f"the store {path} cannot be opened: {error.strerror}",
            hint="its file and folder must belong to you and be writable",
        ) from error


def _is_ours(header: bytes) -> bool:
    """Whether the file is empty, or carries our mark in SQLite's header (https://www.sqlite.org/fileformat.html)."""
    return not header or header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
