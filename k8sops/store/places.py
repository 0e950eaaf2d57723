"""Where a SQLite file may be: on this machine's own disks, in a folder only its owner reads.

Over a network file system SQLite's locks and its shared memory do not reach the other machines, and the file is
damaged sooner or later (https://www.sqlite.org/wal.html, https://www.sqlite.org/howtocorrupt.html §2.1).
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import closing, suppress
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

    The mode of a file that is not a store of ours stays as it is. A file that is there is never opened here: this
    process may have it open, and closing any handle of it would let go of all the locks SQLite holds on it, so that
    another process could take itself for the last one and tidy up the log under us
    (https://www.sqlite.org/howtocorrupt.html, 2.2).

    Raises StorePermissionError naming file or folder.
    """
    try:
        _make_folder(path.parent)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise StorePlaceError(f"the store {path} is a folder", hint="name a file in it")
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if found.st_mode & 0o077 and (not found.st_size or _is_ours(path)):
            path.chmod(0o600)
    except OSError as error:
        raise StorePermissionError(
            f"the store {path} cannot be opened: {error.strerror}",
            hint="its file and folder must belong to you and be writable",
        ) from error


def _is_ours(path: Path) -> bool:
    """Whether it carries our mark. SQLite itself looks, since it alone can close the file without harm."""
    try:
        with closing(sqlite3.connect(path, timeout=0)) as raw:
            return bool(raw.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,))
    except sqlite3.Error:
        return False


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
