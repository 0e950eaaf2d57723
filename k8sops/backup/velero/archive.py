"""Velero's `<backup>.tar.gz`, read from beginning to end once, whoever made it.

    metadata/version                                                       1.1.0
    resources/<resource.group>/{cluster|namespaces/<ns>}/<name>.json       each object
    resources/<resource.group>/<version>-preferredversion/…/<name>.json    the same once more: passed over
    resources/<resource.group>/<version>/…/<name>.json                     in other versions: passed over

Source: velero.io/docs, Output file format; pkg/backup/item_backupper.go. Nothing is unpacked to a disk. Links, devices,
names that lead elsewhere, too many or too large members, and content out of all proportion are refused.
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterator
from gzip import BadGzipFile
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec

from k8sops.backup.canonical import OBJECT_LIMIT
from k8sops.backup.errors import RepositoryBrokenError, RepositoryNewerError
from k8sops.backup.listing import is_path_segment

MEMBERS: Final = 10_000_000
MEMBER_LIMIT: Final = 4 * OBJECT_LIMIT
RATIO: Final = 250
"""Content to compressed bytes; JSON of Kubernetes comes to 10 or 30."""
FREE: Final = 64 * 1024 * 1024
"""Content for which no proportion is asked."""

_DAMAGED: Final = (tarfile.TarError, BadGzipFile, EOFError, zlib.error, ValueError, OverflowError)
_VERSION_LIMIT: Final = 64
_AT_ONCE: Final = 1024 * 1024
_MAJOR: Final = re.compile(r"1\.\d{1,4}\.\d{1,4}")
_RESOURCE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9.-]{1,253})?")
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_API_VERSION: Final = re.compile(r"v[a-z0-9]{1,60}(?:-preferredversion)?")


HEADER_LIMIT: Final = 64 * 1024
"""Bytes of a long name or of extended attributes, which are read whole before a member is known."""
_HEADERS: Final = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)


class _Member(tarfile.TarInfo):
    """A member whose headers are of a size that any real one has, since each is read whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # Meant to be overridden (tarfile's source says so); its headers are in no iteration.
        if self.type in _HEADERS and not 0 <= self.size <= HEADER_LIMIT:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


class Digest(Protocol):
    """A hash that is fed."""

    def update(self, data: bytes, /) -> None:
        """So many bytes more."""
        ...


class VeleroObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the tarball: from its path, its group, resource, namespace and name, and its JSON as it is.

    `at` is when Velero put it there, in seconds since the epoch.
    """

    group: str
    resource: str
    namespace: str
    name: str
    data: bytes
    at: float


class VeleroVersion(msgspec.Struct, frozen=True):
    """That the tarball has a kind in this version; whether it is the one the server preferred."""

    group: str
    resource: str
    version: str
    preferred: bool


def read_archive(path: Path, digest: Digest | None = None) -> Iterator[VeleroObject | VeleroVersion]:
    """Every object, and which versions there are, in the archive's order. For a thread.

    `digest` is fed the whole file as it is read, to its end: what it comes to is of these bytes and no others.
    Raises RepositoryNewerError for another layout, RepositoryBrokenError for what is no such archive or is hostile,
    OSError for a file that cannot be read.
    """
    with path.open("rb") as raw:
        counted = _Counted(raw, path.name, digest)
        known = False
        versions: set[VeleroVersion] = set()
        for member, content, at in _members(counted, path.name):
            if member == "metadata/version":
                _check_version(content, path.name)
                known = True
                continue
            found = _object(member, content, at, path.name)
            if isinstance(found, VeleroVersion):
                if found not in versions:
                    versions.add(found)
                    yield found
            elif found is not None:
                yield found
        if not known:
            raise _refused(path.name, "has no metadata/version, so it is no backup that Velero made")
        while counted.read(_AT_ONCE):
            pass


class _Counted:
    """A file that counts what was read of it, and what came out, so that the two stay in proportion."""

    def __init__(self, raw: IO[bytes], where: str, digest: Digest | None = None) -> None:
        self._raw = raw
        self._where = where
        self._digest = digest
        self._in = 0
        self._out = 0

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        self._in += len(data)
        if self._digest is not None:
            self._digest.update(data)
        return data

    def came_out(self, size: int) -> None:
        """So many bytes of content, before they are read. Raises RepositoryBrokenError."""
        self._out += size
        if self._out > FREE and self._out > RATIO * max(self._in, 1):
            raise _refused(self._where, f"unpacks to more than {RATIO} times its size")


def _members(counted: _Counted, where: str) -> Iterator[tuple[str, bytes, float]]:
    """Name, content and time of each file. Every name and type is checked, also of what is passed over."""
    try:
        with tarfile.open(fileobj=counted, mode="r|gz", tarinfo=_Member) as archive:  # type: ignore[call-overload]
            for number, member in enumerate(archive):
                if number >= MEMBERS:
                    raise _refused(where, f"has more than {MEMBERS:,} members")
                name = _checked_name(member, where)
                counted.came_out(member.size + tarfile.BLOCKSIZE)
                # The list of members would grow for ever.
                archive.members = []
                if member.isdir():
                    continue
                file = archive.extractfile(member)
                yield name, file.read() if file is not None else b"", float(member.mtime)
    # Of headers that follow each other `tarfile` reads each within the one before: a thousand are too deep.
    except (*_DAMAGED, RecursionError) as error:
        raise _refused(where, f"cannot be read as a tar.gz: {_plain(error)}") from error


def _checked_name(member: tarfile.TarInfo, where: str) -> str:
    name = member.name.removeprefix("./")
    if not (member.isreg() or member.isdir()):
        raise _refused(where, f"has {name[:120]!r}, which is a link or a device")
    if name.startswith("/") or any(part in {"", ".", ".."} for part in name.rstrip("/").split("/")):
        if member.isdir() and name in {"", "."}:
            return name
        raise _refused(where, f"has a member whose name leads elsewhere: {name[:120]!r}")
    if not 0 <= member.size <= MEMBER_LIMIT:
        raise _refused(
            where, f"has {name[:120]!r} of {member.size:,} bytes; at most {MEMBER_LIMIT:,} are read"
        )
    return name


def _object(member: str, content: bytes, at: float, where: str) -> VeleroObject | VeleroVersion | None:
    """What a member is; None for what Velero keeps besides objects."""
    parts = member.split("/")
    if parts[0] != "resources" or len(parts) < 4 or not parts[-1].endswith(".json"):
        return None
    resource, rest = parts[1], parts[2:]
    if _RESOURCE.fullmatch(resource) is None:
        raise _refused(where, f"names a kind that cannot be: {resource[:80]!r}")
    plural, _, group = resource.partition(".")
    if rest[0] not in {"cluster", "namespaces"} and _API_VERSION.fullmatch(rest[0]):
        version = rest[0].removesuffix("-preferredversion")
        return VeleroVersion(group, plural, version, version != rest[0])
    match rest:
        case ["cluster", file]:
            namespace = ""
        case ["namespaces", namespace, file] if _NAMESPACE.fullmatch(namespace):
            pass
        case _:
            raise _refused(where, f"has an object in a place that Velero has none: {member[:200]!r}")
    name = file.removesuffix(".json")
    if not is_path_segment(name):
        raise _refused(where, f"has an object of a name that cannot be: {name[:80]!r}")
    return VeleroObject(group=group, resource=plural, namespace=namespace, name=name, data=content, at=at)


def _check_version(content: bytes, where: str) -> None:
    text = content[:_VERSION_LIMIT].decode("utf-8", "replace").strip()
    if _MAJOR.fullmatch(text) is None:
        raise RepositoryNewerError(
            f"{where} is of Velero's layout {text[:40]!r}; this program reads 1.x.y",
            hint="restore it with Velero, and back up with k8sops",
        )


def _refused(where: str, what: str) -> RepositoryBrokenError:
    return RepositoryBrokenError(
        f"{where} {what}", hint="take the <backup>.tar.gz that `velero backup download` gives"
    )


def _plain(error: Exception) -> str:
    text: Any = " ".join(str(error).split())
    return text[:200] or type(error).__name__
