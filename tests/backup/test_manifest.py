"""Manifests and their bodies: believed only where a trusted key signed them, only in their own place, and whole."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.bodies import (
    BackupBody,
    Body,
    Cut,
    FileRef,
    Gap,
    KindCount,
    TombstoneBody,
    backup_body,
    epoch_of,
    seal_body,
    tombstone_body,
)
from k8sops.backup.errors import (
    RepositoryBrokenError,
    RepositoryError,
    RepositoryKeyError,
    RepositoryNewerError,
    RepositoryUntrustedError,
)
from k8sops.backup.keyring import Keyring
from k8sops.backup.manifest import (
    ManifestFile,
    ManifestKind,
    Position,
    Removed,
    read_manifest,
    sign_manifest,
)
from k8sops.backup.sealed import FileKind, seal_contents
from tests.backup.files import (
    ALICE,
    CLUSTER,
    ID_KEY,
    KEYRINGS,
    MALLORY,
    OTHER_CLUSTER,
    REPOSITORY,
    SEALED,
    TRUSTED,
    counted,
    digest,
    every_end,
    every_flip,
)

NOW = "2026-11-21T02:00:00.000Z"
REF = FileRef("a" * 32, "b" * 64)
BACKUP = BackupBody(
    id=REPOSITORY,
    name="nightly",
    run=REPOSITORY,
    began_at=NOW,
    made_at=NOW,
    cluster_name="prod",
    server_version="v1.36.1",
    selection={"namespaces": ["*"], "labels": {}},
    listing=REF,
    bases=(REF,),
    indexes=(REF, REF),
    kinds=(KindCount("", "pods", 2), KindCount("apps", "deployments", 1)),
    objects=3,
    bytes=1000,
    new_objects=1,
    new_bytes=10,
    gaps=(),
    complete=True,
    cut=Cut(first_at=NOW, last_at=NOW, changed=0, read_again=0),
    volumes_not_captured=(("shop", "data-0"),),
    full_read=True,
)
TOMBSTONE = TombstoneBody(
    id=REPOSITORY,
    run=REPOSITORY,
    made_at=NOW,
    policy={"keep_daily": 7},
    packs=("c" * 32,),
    indexes=(),
    listings=("d" * 32,),
)


def position(seq: int = 2) -> Position:
    return Position(
        repository=REPOSITORY, cluster=CLUSTER, seq=seq, previous=digest(b"the one before") if seq > 1 else ""
    )


def manifest(body: Body = BACKUP, seq: int = 2, keyring: Keyring = SEALED, *removes: Removed) -> ManifestFile:
    kind: ManifestKind = "backup" if isinstance(body, BackupBody) else "tombstone"
    return sign_manifest(seal_body(body, keyring), position(seq), ALICE, kind=kind, removes=removes)


def read(data: bytes, seq: int = 2, cluster: str = CLUSTER, repository: str = REPOSITORY) -> ManifestFile:
    return read_manifest(data, repository=repository, cluster=cluster, seq=seq, trusted=TRUSTED)


@pytest.mark.parametrize("keyring", KEYRINGS.values(), ids=KEYRINGS)
def test_a_manifest_and_its_body_come_back(keyring: Keyring) -> None:
    """A backup, and the tombstone that takes it away."""
    made = manifest(keyring=keyring)
    assert read(made.data) == made
    assert made.name == f"backups/{CLUSTER}/000000000002"
    assert made.sha256 == digest(made.data)
    assert backup_body(made, keyring) == BACKUP
    assert epoch_of(made.manifest) == keyring.newest
    stone = manifest(TOMBSTONE, 3, keyring, Removed(1, "e" * 64), Removed(2, made.sha256))
    assert read(stone.data, 3).manifest.removes[1].sha256 == made.sha256
    assert tombstone_body(stone, keyring) == TOMBSTONE


def test_what_is_signed_is_what_the_page_says() -> None:
    """An independent check, from the page alone: if this changes, the format's number has to."""
    document = json.loads(manifest().data)
    signature = document.pop("signature")
    message = b"k8sops backup manifest 1\0" + rfc8785.dumps(document)
    assert ALICE.public.verifies(msgspec.convert(signature, bytes), message)
    assert sorted(document) == [
        "body",
        "cluster",
        "format",
        "kind",
        "previous",
        "removes",
        "repository",
        "seq",
        "signer",
    ]


def test_every_flipped_bit_and_every_cut_of_a_manifest_is_refused_by_name() -> None:
    """Also one that leaves the same JSON: a file has one form, or its digest could change under its signature."""
    body = seal_contents(FileKind.MANIFEST, [b"short"], SEALED, counted()).data
    data = sign_manifest(body, position(), ALICE).data
    for damaged in [*every_flip(data), *every_end(data), data + b"\n", b" " + data]:
        with pytest.raises(RepositoryError, match=f"backups/{CLUSTER}/000000000002"):
            read(damaged)


@given(data=st.binary(max_size=200))
def test_no_bytes_at_all_make_a_reader_fail_in_another_way(data: bytes) -> None:
    """Anybody may put a file where a manifest should be."""
    with pytest.raises(RepositoryError, match="000000000002 "):
        read(data)


def test_a_manifest_by_a_key_nobody_trusts_is_refused() -> None:
    """Nothing in the repository says whom to trust; least of all the file itself."""
    forged = sign_manifest(seal_body(BACKUP, SEALED), position(), MALLORY)
    with pytest.raises(
        RepositoryUntrustedError, match=f"{MALLORY.key_id}', a key that the configuration does not"
    ):
        read(forged.data)
    renamed = msgspec.json.encode(
        msgspec.structs.replace(forged.manifest, signer=ALICE.key_id), order="sorted"
    )
    with pytest.raises(RepositoryUntrustedError, match=f"the signature of {ALICE.key_id} does not hold"):
        read(renamed)


@pytest.mark.parametrize("field", ["repository", "cluster", "seq", "previous", "kind", "removes", "body"])
def test_every_member_is_under_the_signature(field: str) -> None:
    """Whatever could be changed unnoticed would be."""
    made = manifest(TOMBSTONE, 3)
    other: dict[str, Any] = {
        "repository": "0" * 26,
        "cluster": OTHER_CLUSTER,
        "seq": 4,
        "previous": "0" * 64,
        "kind": "backup",
        "removes": (Removed(1, "e" * 64),),
        "body": b"other",
    }
    changed = msgspec.structs.replace(made.manifest, **{field: other[field]})
    with pytest.raises(RepositoryUntrustedError, match="does not hold"):
        read(msgspec.json.encode(changed, order="sorted"), 3)


def test_a_genuine_manifest_in_another_place_is_refused() -> None:
    """Replayed: as the newest, as another cluster's, in another repository."""
    made = manifest()
    with pytest.raises(RepositoryBrokenError, match="another number: it is signed for 2"):
        read(made.data, 7)
    with pytest.raises(RepositoryBrokenError, match=f"another cluster: it is signed for {CLUSTER}"):
        read(made.data, cluster=OTHER_CLUSTER)
    with pytest.raises(RepositoryBrokenError, match=f"another repository: it is signed for {REPOSITORY}"):
        read(made.data, repository="0" * 26)


def test_a_signature_for_another_use_of_the_same_key_is_refused() -> None:
    """The key also signs votes and checkpoints: a domain keeps them apart."""
    made = manifest().manifest
    members = msgspec.to_builtins(made)
    del members["signature"]
    for domain in (
        b"",
        b"k8sops backup keys 1\0",
        b"k8sops backup repository 1\0",
        b"k8sops audit checkpoint 1\0",
    ):
        changed = msgspec.structs.replace(made, signature=ALICE.sign(domain + rfc8785.dumps(members)))
        with pytest.raises(RepositoryUntrustedError, match="does not hold"):
            read(msgspec.json.encode(changed, order="sorted"))


def test_a_newer_format_is_named_as_that() -> None:
    """People then need another program, not another copy of the file."""
    document = json.loads(manifest().data)
    newer = json.dumps({**document, "format": 2, "surprise": {}}).encode()
    with pytest.raises(RepositoryNewerError, match="is of format 2; this program reads format 1"):
        read(newer)
    with pytest.raises(RepositoryBrokenError, match="unknown field `surprise`"):
        read(rfc8785.dumps({**document, "surprise": 1}))


@pytest.mark.parametrize(
    ("kind", "removes", "at", "message"),
    [
        ("backup", (Removed(1, "e" * 64),), position(), "is a backup and removes others"),
        ("tombstone", (Removed(2, "e" * 64),), position(), "removes number 2, which it cannot"),
        ("tombstone", (Removed(0, "e" * 64),), position(), "removes number 0, which it cannot"),
        ("tombstone", (Removed(1, "e"),), position(), "removes number 1, which it cannot"),
        ("tombstone", (Removed(2, "e" * 64), Removed(1, "e" * 64)), position(3), "in order"),
        ("backup", (), msgspec.structs.replace(position(), previous=""), "does not name the manifest before"),
        (
            "backup",
            (),
            msgspec.structs.replace(position(), previous="x"),
            "does not name the manifest before",
        ),
        ("backup", (), msgspec.structs.replace(position(1), previous="e" * 64), "does not name the manifest"),
        ("backup", (), msgspec.structs.replace(position(), seq=0), "0 is not the number of a manifest"),
        ("backup", (), msgspec.structs.replace(position(), cluster="../x"), "is not the uid of a cluster"),
        ("backup", (), msgspec.structs.replace(position(), repository="x"), "names no repository"),
    ],
)
def test_a_manifest_no_reader_would_take_is_not_written(
    kind: ManifestKind, removes: tuple[Removed, ...], at: Position, message: str
) -> None:
    """It would take a number, and every later one would rest on it."""
    with pytest.raises(ValueError, match=message):
        sign_manifest(b"", at, ALICE, kind=kind, removes=removes)


def test_a_body_is_opened_as_what_the_manifest_says_it_is() -> None:
    """A tombstone's body under a backup's manifest is a lie of its signer, and named."""
    made = manifest()
    with pytest.raises(RepositoryBrokenError, match="000000000002 is a backup and no tombstone"):
        tombstone_body(made, SEALED)
    wrong = sign_manifest(seal_body(TOMBSTONE, SEALED), position(), ALICE)
    with pytest.raises(RepositoryBrokenError, match=r"the body of backups/.*000000000002 cannot be read"):
        backup_body(wrong, SEALED)
    index = sign_manifest(seal_contents(FileKind.INDEX, [b"{}"], SEALED).data, position(), ALICE)
    with pytest.raises(RepositoryBrokenError, match="should be of kind manifest body and is of kind index"):
        backup_body(index, SEALED)
    with pytest.raises(RepositoryKeyError, match="epoch 2"):
        backup_body(made, Keyring(REPOSITORY, ID_KEY, {1: b"1" * 32}))


GAP = Gap(group="metrics.k8s.io", resource="", namespace="", why="503")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gaps": (GAP,)}, "called complete and has gaps"),
        ({"complete": False}, "called incomplete and has no gap"),
        ({"objects": 4}, "do not come to its number of objects"),
        ({"bytes": -1}, "a count is negative"),
        ({"kinds": (KindCount("", "pods", 4), KindCount("", "nodes", -1))}, "a count is negative"),
        ({"kinds": (KindCount("", "pods", 1), KindCount("", "nodes", 2))}, "not in order"),
        ({"listing": FileRef("../../x", "b" * 64)}, r"names a file by '../../x'"),
        ({"indexes": (FileRef("a" * 32, "b"),)}, "names a file by"),
        ({"bases": (REF,) * 32}, "rests on 32 others"),
        ({"files": ("x",)}, "it names files, which format 1 only reserves"),
        ({"id": "x"}, "its id is 'x'"),
        ({"made_at": "yesterday"}, "names a moment by 'yesterday'"),
        ({"made_at": "2026-11-21T02:00:00Z"}, "names a moment by"),
    ],
)
def test_a_body_that_contradicts_itself_is_refused_and_not_written(
    changes: dict[str, Any], message: str
) -> None:
    """A compromised writer signs what it likes; a backup with a gap must never pass for complete."""
    wrong = msgspec.structs.replace(BACKUP, **changes)
    with pytest.raises(ValueError, match=message):
        seal_body(wrong, SEALED)
    sealed = seal_contents(FileKind.MANIFEST, [msgspec.json.encode(wrong)], SEALED).data
    made = sign_manifest(sealed, position(), ALICE)
    with pytest.raises(RepositoryBrokenError, match=message) as caught:
        backup_body(made, SEALED)
    assert made.name in caught.value.message


def test_a_backup_with_gaps_says_so_and_is_kept() -> None:
    """Incomplete is not worthless; it is only not complete."""
    body = msgspec.structs.replace(BACKUP, gaps=(GAP,), complete=False)
    assert backup_body(manifest(body), SEALED) == body


def test_a_tombstone_names_files_by_their_ids_only() -> None:
    """What it names is deleted."""
    with pytest.raises(ValueError, match="names a file by"):
        seal_body(msgspec.structs.replace(TOMBSTONE, packs=("../../repository.json",)), SEALED)


def test_a_large_body_is_several_frames() -> None:
    """Ten thousand claims whose data were not captured have to be named all the same."""
    claims = tuple(("shop", f"data-{number:06d}" + "x" * 200) for number in range(30_000))
    body = msgspec.structs.replace(BACKUP, volumes_not_captured=claims)
    assert backup_body(read(manifest(body).data), SEALED) == body


@given(data=st.binary(max_size=100))
def test_no_body_at_all_makes_a_reader_fail_in_another_way(data: bytes) -> None:
    """Genuine signature and envelope, any content."""
    made = sign_manifest(seal_contents(FileKind.MANIFEST, [data], SEALED).data, position(), ALICE)
    with pytest.raises(RepositoryBrokenError, match="the body of backups/"):
        backup_body(made, SEALED)
    made = sign_manifest(data, position(), ALICE)
    with pytest.raises(RepositoryBrokenError, match="the body of backups/"):
        backup_body(made, SEALED)
