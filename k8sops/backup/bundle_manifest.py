"""The small signed file that makes a log bundle of sealed parts, and the one that takes it away (FORMAT.md, Bundles).

As with backups the signature is outermost, over repository, cluster and bundle, and what people read is in the body. A
bundle shares nothing with others, so there is no chain: which ones there were is in the record of the runs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Final, Literal, TypeVar

import msgspec

from k8sops.backup.canonical import canonical
from k8sops.backup.errors import RepositoryBrokenError, broken
from k8sops.backup.keyring import Keyring
from k8sops.backup.names import bundle_name, is_digest, is_id, is_ulid
from k8sops.backup.sealed import PLAIN_HEADER, Entropy, FileKind, What, open_sealed, seal_contents
from k8sops.backup.signed import FORMAT, Signed, Signer, Trusted, check_signature, parse, sign
from k8sops.core.clock import parse_rfc3339, rfc3339

DOMAIN: Final = b"k8sops backup bundle 1"
BUNDLE_LIMIT: Final = 16 * 1024 * 1024
"""The most bytes of a bundle's manifest, in which 65,536 parts have room."""
PARTS: Final = 65_536
_BODY_LIMIT: Final = 8 * 1024 * 1024
_CHUNK: Final = 4 * 1024 * 1024

BundleKind = Literal["bundle", "removal"]


class BundlePart(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A part by its id, the SHA-256 and size of its file, and how many bytes of the bundle are in it."""

    id: str
    sha256: str
    size: int
    content: int


class BundleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle is. `bytes` and `sha256` are of the archive, to which its parts come in their order."""

    id: str
    name: str
    run: str
    requested_by: str
    made_at: str
    since: str
    until: str
    cluster_name: str
    redacted: bool
    bytes: int
    sha256: str
    parts: tuple[BundlePart, ...]


class RemovalBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which run took a bundle away, when, and why."""

    run: str
    made_at: str
    why: str


class BundleManifest(Signed, frozen=True, kw_only=True):
    """The members of the file, and no other. `removes`, of a removal, is the SHA-256 of the bundle's manifest."""

    repository: str
    cluster: str
    bundle: str
    kind: BundleKind
    removes: str
    body: bytes


class BundleFile(msgspec.Struct, frozen=True):
    """A manifest or a removal, with the bytes of its file, to be put only if absent."""

    manifest: BundleManifest
    data: bytes
    sha256: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return _name(self.manifest.cluster, self.manifest.bundle, self.manifest.kind)


class BundlePlace(msgspec.Struct, frozen=True):
    """Of which repository and cluster a bundle is, and its id."""

    repository: str
    cluster: str
    bundle: str


B = TypeVar("B", BundleBody, RemovalBody)
_DECODER: Final = msgspec.json.Decoder(BundleManifest)
_BUNDLE: Final = msgspec.json.Decoder(BundleBody)
_REMOVAL: Final = msgspec.json.Decoder(RemovalBody)


def write_bundle(
    body: BundleBody, at: BundlePlace, signer: Signer, keyring: Keyring, entropy: Entropy = os.urandom
) -> BundleFile:
    """The manifest of a bundle. Raises ValueError for what no reader would take."""
    return _written(body, at, signer, keyring, entropy, "bundle", "")


def write_removal(
    body: RemovalBody,
    at: BundlePlace,
    removes: str,
    signer: Signer,
    keyring: Keyring,
    entropy: Entropy = os.urandom,
) -> BundleFile:
    """The file that takes away the bundle whose manifest has this SHA-256. Raises ValueError."""
    return _written(body, at, signer, keyring, entropy, "removal", removes)


def read_bundle_file(data: bytes, at: BundlePlace, kind: BundleKind, trusted: Trusted) -> BundleFile:
    """What lies under this name, if a trusted key signed it for there.

    Raises RepositoryUntrustedError, RepositoryNewerError, or RepositoryBrokenError for one that was moved.
    """
    where = _name(at.cluster, at.bundle, kind)
    found = parse(data, _DECODER, where, limit=BUNDLE_LIMIT)
    check_signature(found, DOMAIN, trusted, where)
    if (found.repository, found.cluster, found.bundle, found.kind) != (
        at.repository,
        at.cluster,
        at.bundle,
        kind,
    ):
        raise broken(where, "was signed for another place")
    if (found.removes != "") != (kind == "removal") or (found.removes and not is_digest(found.removes)):
        raise broken(where, "does not say which file it takes away")
    return BundleFile(found, data, hashlib.sha256(data).hexdigest())


def bundle_body(file: BundleFile, keyring: Keyring) -> BundleBody:
    """What the bundle is. Raises RepositoryBrokenError, RepositoryKeyError."""
    body = _opened(file, keyring, _BUNDLE)
    if body.id != file.manifest.bundle:
        raise broken(file.name, "is of another bundle than its name says")
    return body


def removal_body(file: BundleFile, keyring: Keyring) -> RemovalBody:
    """Who took it away, and why. Raises RepositoryBrokenError, RepositoryKeyError."""
    return _opened(file, keyring, _REMOVAL)


def epoch_of_bundle(manifest: BundleManifest) -> int:
    """The epoch under which it was sealed, without any key; 0 if plain."""
    return int.from_bytes(manifest.body[PLAIN_HEADER - 4 : PLAIN_HEADER], "big")


def _written(
    body: BundleBody | RemovalBody,
    at: BundlePlace,
    signer: Signer,
    keyring: Keyring,
    entropy: Entropy,
    kind: BundleKind,
    removes: str,
) -> BundleFile:
    where = _name(at.cluster, at.bundle, kind)
    try:
        _check(body, where)
    except RepositoryBrokenError as error:
        raise ValueError(error.message) from error
    content = canonical(body)
    if len(content) > _BODY_LIMIT:
        raise ValueError(f"{where} would be larger than any that is read")
    chunks = [content[at_ : at_ + _CHUNK] for at_ in range(0, len(content), _CHUNK)]
    unsigned = BundleManifest(
        format=FORMAT,
        signer="",
        signature=b"",
        repository=at.repository,
        cluster=at.cluster,
        bundle=at.bundle,
        kind=kind,
        removes=removes,
        body=seal_contents(FileKind.BUNDLE, chunks, keyring, entropy).data,
    )
    signed = sign(unsigned, DOMAIN, signer)
    data = canonical(signed)
    return BundleFile(signed, data, hashlib.sha256(data).hexdigest())


def _opened(file: BundleFile, keyring: Keyring, decoder: msgspec.json.Decoder[B]) -> B:
    what = What(f"the body of {file.name}", FileKind.BUNDLE)
    content = b"".join(open_sealed(file.manifest.body, what, keyring, most=_BODY_LIMIT))
    try:
        body = decoder.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken(what.name, f"cannot be read: {error}") from error
    _check(body, what.name)
    return body


def _check(body: BundleBody | RemovalBody, where: str) -> None:
    fault = next(_bundle_faults(body) if isinstance(body, BundleBody) else _time_faults(body.made_at), "")
    if fault:
        raise broken(where, f"cannot be: {fault}")


def _bundle_faults(body: BundleBody) -> Iterator[str]:
    yield from _time_faults(body.made_at, body.since, body.until)
    if not is_ulid(body.id):
        yield f"its id is {body.id[:80]!r}"
    if not is_digest(body.sha256):
        yield "it does not name its archive's SHA-256"
    if not 1 <= len(body.parts) <= PARTS:
        yield f"it has {len(body.parts):,} parts"
    for part in body.parts:
        if not is_id(part.id) or not is_digest(part.sha256) or part.size < 1 or part.content < 0:
            yield f"it names a part by {part.id[:80]!r}"
    if sum(part.content for part in body.parts) != body.bytes:
        yield "its parts do not come to its size"


def _time_faults(*times: str) -> Iterator[str]:
    for time in times:
        try:
            held = rfc3339(parse_rfc3339(time)) == time
        except ValueError:
            held = False
        if not held:
            yield f"it names a moment by {time[:80]!r}"


def _name(cluster: str, bundle: str, kind: BundleKind) -> str:
    return bundle_name(cluster, bundle, "bundle" if kind == "bundle" else "removed")
