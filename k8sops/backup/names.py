"""The names of a repository's files: the only place that makes them or takes them apart (FORMAT.md, Layout).

A name that comes from a storage, a manifest or a command line is hostile until `parse_name` has matched the whole of
it; nothing that a file holds is put into a path without one of the checks here. So a `..`, a second slash, another
alphabet's digits or an upper-case twin never reach a storage.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from k8sops.backup.errors import RepositoryBrokenError

REPOSITORY: Final = "repository.json"
GREATEST_NUMBER: Final = 10**12 - 1
GREATEST_EPOCH: Final = 2**32 - 1

Folder = Literal["packs", "indexes", "listings"]
BundleFile = Literal["bundle", "removed"]
NameKind = Literal[
    "repository",
    "key",
    "packs",
    "indexes",
    "listings",
    "manifest",
    "bundle",
    "bundle part",
    "doomed",
    "checkpoint",
    "probe",
]

_ID: Final = re.compile(r"[0-9a-f]{32}")
_CLUSTER: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_CHECKPOINT: Final = re.compile(r"checkpoint-[0-9a-f]{32}-[0-9]{16}-[0-9a-f]{8,64}-[0-9tz]{19}\.json")

_SHAPES: Final[tuple[tuple[NameKind, re.Pattern[str]], ...]] = (
    ("repository", re.compile(r"repository\.json")),
    ("key", re.compile(r"keys/(?P<number>[1-9][0-9]{0,9})/(?P<id>[0-9a-f]{32})\.age")),
    ("packs", re.compile(r"packs/(?P<shard>[0-9a-f]{2})/(?P<id>(?P=shard)[0-9a-f]{30})")),
    ("indexes", re.compile(r"indexes/(?P<id>[0-9a-f]{32})")),
    ("listings", re.compile(r"listings/(?P<id>[0-9a-f]{32})")),
    ("manifest", re.compile(rf"backups/(?P<cluster>{_CLUSTER.pattern})/(?P<number>[0-9]{{12}})")),
    (
        "bundle",
        re.compile(
            rf"bundles/(?P<cluster>{_CLUSTER.pattern})/(?P<bundle>{_ULID.pattern})/(?P<file>bundle|removed)"
        ),
    ),
    (
        "bundle part",
        re.compile(
            rf"bundles/(?P<cluster>{_CLUSTER.pattern})/(?P<bundle>{_ULID.pattern})/parts/(?P<id>{_ID.pattern})"
        ),
    ),
    (
        "doomed",
        re.compile(r"doomed/(?P<prune>[0-9a-f]{32})/(?P<folder>packs|indexes|listings)/(?P<id>[0-9a-f]{32})"),
    ),
    ("checkpoint", re.compile(rf"checkpoints/(?P<checkpoint>{_CHECKPOINT.pattern})")),
    ("probe", re.compile(r"probes/(?P<id>[0-9a-f]{32})")),
)


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A file's name, taken apart; what a kind does not have is empty.

    `number` is a manifest's number or a key file's epoch; `folder` and `prune` belong to marks under `doomed/`.
    """

    kind: NameKind
    id: str = ""
    cluster: str = ""
    number: int = 0
    folder: Folder | None = None
    prune: str = ""
    checkpoint: str = ""
    bundle: str = ""
    """The id of the log bundle that the file is of."""
    removal: bool = False
    """Whether it says that the bundle was removed."""


def parse_name(text: str) -> Name:
    """What a name says. Raises RepositoryBrokenError for a name that no file of format 1 has."""
    for kind, shape in _SHAPES:
        found = shape.fullmatch(text)
        if found is None:
            continue
        parts: dict[str, str] = found.groupdict()
        number = int(parts.get("number", "0"))
        if (kind == "manifest" and number == 0) or (kind == "key" and number > GREATEST_EPOCH):
            break
        return Name(
            kind=kind,
            id=parts.get("id", ""),
            cluster=parts.get("cluster", ""),
            number=number,
            folder=_folder(parts.get("folder")),
            prune=parts.get("prune", ""),
            checkpoint=parts.get("checkpoint", ""),
            bundle=parts.get("bundle", ""),
            removal=parts.get("file") == "removed",
        )
    raise RepositoryBrokenError(
        f"{text[:120]!r} is not the name of any file of a backup repository",
        hint="nothing was read; remove it, or see what else writes to this place",
    )


def file_name(folder: Folder, id_: str) -> str:
    """The name of a pack, index or listing."""
    check_id(id_)
    return f"packs/{id_[:2]}/{id_}" if folder == "packs" else f"{folder}/{id_}"


def manifest_name(cluster: str, number: int) -> str:
    """The name of a cluster's manifest or tombstone."""
    check_cluster(cluster)
    if not 1 <= number <= GREATEST_NUMBER:
        raise RepositoryBrokenError(f"{number} is not the number of a manifest")
    return f"backups/{cluster}/{number:012d}"


def key_name(epoch: int, id_: str) -> str:
    """The name of a key file."""
    check_id(id_)
    if not 1 <= epoch <= GREATEST_EPOCH:
        raise RepositoryBrokenError(f"{epoch} is not the number of an epoch")
    return f"keys/{epoch}/{id_}.age"


def doomed_name(prune: str, folder: Folder, id_: str) -> str:
    """The name of the mark by which a prune says that it will delete a file."""
    check_id(prune)
    check_id(id_)
    return f"doomed/{prune}/{folder}/{id_}"


def checkpoint_name(checkpoint: str) -> str:
    """The name of a checkpoint of the audit trail, from the name that the audit trail gives it."""
    if _CHECKPOINT.fullmatch(checkpoint) is None:
        raise RepositoryBrokenError(f"{checkpoint[:120]!r} is not the name of a checkpoint")
    return f"checkpoints/{checkpoint}"


def bundle_name(cluster: str, bundle: str, file: BundleFile = "bundle") -> str:
    """The name of the file that makes a log bundle, or of the one that takes it away."""
    return f"{_bundle_folder(cluster, bundle)}/{file}"


def bundle_part_name(cluster: str, bundle: str, id_: str) -> str:
    """The name of a part of a log bundle."""
    check_id(id_)
    return f"{_bundle_folder(cluster, bundle)}/parts/{id_}"


def probe_name(id_: str) -> str:
    """The name of a file of three bytes by which a storage is tried, or asked its time."""
    check_id(id_)
    return f"probes/{id_}"


def check_id(id_: str) -> None:
    """Refuse what is not a file id: 32 hex digits, lower case. Raises RepositoryBrokenError."""
    if _ID.fullmatch(id_) is None:
        raise RepositoryBrokenError(f"{id_[:80]!r} is not the id of a file")


def check_cluster(cluster: str) -> None:
    """Refuse what is not a cluster's uid. Raises RepositoryBrokenError."""
    if _CLUSTER.fullmatch(cluster) is None:
        raise RepositoryBrokenError(f"{cluster[:80]!r} is not the uid of a cluster")


def is_ulid(text: str) -> bool:
    """Whether this is a ULID as ours are written: 26 characters, upper case."""
    return _ULID.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether this is a SHA-256 in hex, lower case."""
    return _DIGEST.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether this is a file id."""
    return _ID.fullmatch(text) is not None


def is_cluster(text: str) -> bool:
    """Whether this is a cluster's uid."""
    return _CLUSTER.fullmatch(text) is not None


def _bundle_folder(cluster: str, bundle: str) -> str:
    check_cluster(cluster)
    if not is_ulid(bundle):
        raise RepositoryBrokenError(f"{bundle[:80]!r} is not the id of a bundle")
    return f"bundles/{cluster}/{bundle}"


def _folder(text: str | None) -> Folder | None:
    match text:
        case "packs" | "indexes" | "listings":
            return text
        case _:
            return None
