"""The small signed file that makes a backup, or takes some away (FORMAT.md, Manifests).

The signature is outermost: repository, cluster, number, the digest of the manifest before and what a tombstone removes
can be checked by whoever trusts the signer, without any key that opens. What the backup is made of is in the body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

import msgspec

from k8sops.backup.canonical import canonical
from k8sops.backup.errors import RepositoryBrokenError, broken
from k8sops.backup.names import is_digest, is_ulid, manifest_name
from k8sops.backup.signed import FORMAT, Signed, Signer, Trusted, check_signature, parse, sign

MANIFEST_LIMIT: Final = 96 * 1024 * 1024
DOMAIN: Final = b"k8sops backup manifest 1"

ManifestKind = Literal["backup", "tombstone"]


class Removed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A manifest that a tombstone takes away: its number, and its file's SHA-256, by which the chain still holds."""

    seq: int
    sha256: str


class Manifest(Signed, frozen=True, kw_only=True):
    """The members of a manifest's file, and no other. `previous` is empty for number 1."""

    repository: str
    cluster: str
    seq: int
    previous: str
    kind: ManifestKind
    removes: tuple[Removed, ...]
    body: bytes


class ManifestFile(msgspec.Struct, frozen=True):
    """A manifest with the bytes of its file, to be put only if absent."""

    manifest: Manifest
    data: bytes
    sha256: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return manifest_name(self.manifest.cluster, self.manifest.seq)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a manifest stands: of which repository and cluster, its number, the digest of the file before."""

    repository: str
    cluster: str
    seq: int
    previous: str


_DECODER: Final = msgspec.json.Decoder(Manifest)


def sign_manifest(
    body: bytes,
    at: Position,
    signer: Signer,
    *,
    kind: ManifestKind = "backup",
    removes: Sequence[Removed] = (),
) -> ManifestFile:
    """A manifest with this sealed body, signed for this position; whoever loses the number signs for the next.

    Raises ValueError for what no reader would take.
    """
    manifest = sign(
        Manifest(
            format=FORMAT,
            signer="",
            signature=b"",
            repository=at.repository,
            cluster=at.cluster,
            seq=at.seq,
            previous=at.previous,
            kind=kind,
            removes=tuple(removes),
            body=body,
        ),
        DOMAIN,
        signer,
    )
    try:
        _check(manifest, "the manifest to be written")
        return _file(manifest, canonical(manifest))
    except RepositoryBrokenError as error:
        raise ValueError(error.message) from error


def read_manifest(data: bytes, *, repository: str, cluster: str, seq: int, trusted: Trusted) -> ManifestFile:
    """The manifest that lies under this cluster and number, if a trusted key signed it for there.

    Raises RepositoryUntrustedError, RepositoryNewerError, or RepositoryBrokenError for one that was moved.
    """
    where = manifest_name(cluster, seq)
    manifest = parse(data, _DECODER, where, limit=MANIFEST_LIMIT)
    check_signature(manifest, DOMAIN, trusted, where)
    for what, found, wanted in (
        ("repository", manifest.repository, repository),
        ("cluster", manifest.cluster, cluster),
        ("number", manifest.seq, seq),
    ):
        if found != wanted:
            raise broken(where, f"is the manifest of another {what}: it is signed for {found}")
    _check(manifest, where)
    return _file(manifest, data)


def _file(manifest: Manifest, data: bytes) -> ManifestFile:
    return ManifestFile(manifest, data, hashlib.sha256(data).hexdigest())


def _check(manifest: Manifest, where: str) -> None:
    manifest_name(manifest.cluster, manifest.seq)
    if not is_ulid(manifest.repository):
        raise broken(where, "names no repository")
    if (manifest.previous != "") != (manifest.seq > 1) or (
        manifest.previous and not is_digest(manifest.previous)
    ):
        raise broken(where, "does not name the manifest before it")
    if manifest.kind == "backup" and manifest.removes:
        raise broken(where, "is a backup and removes others")
    for item in manifest.removes:
        if not 1 <= item.seq < manifest.seq or not is_digest(item.sha256):
            raise broken(where, f"removes number {item.seq}, which it cannot")
    if any(before.seq >= after.seq for before, after in pairwise(manifest.removes)):
        raise broken(where, "does not name what it removes in order")
