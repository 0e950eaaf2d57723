"""Names: whatever a storage lists or a file says, nothing but the exact names of format 1 gets through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.audit.checkpoints import sign_checkpoint
from k8sops.backup.errors import RepositoryBrokenError
from k8sops.backup.names import (
    GREATEST_EPOCH,
    GREATEST_NUMBER,
    Folder,
    Name,
    bundle_name,
    bundle_part_name,
    checkpoint_name,
    doomed_name,
    file_name,
    key_name,
    manifest_name,
    parse_name,
    probe_name,
)
from tests.backup.files import ALICE

ID = "0123456789abcdef" * 2
CLUSTER = "0b9d3a52-7f5e-4f0e-9d0a-52a1c9a6b001"
BUNDLE = "01JD7Q8Z4N5X6Y7V8W9ABCDEF1"
CHECKPOINT = f"checkpoint-{ID}-0000000000000042-89abcdef01234567-20261121t174103123z.json"
ids = st.text("0123456789abcdef", min_size=32, max_size=32)
folders: st.SearchStrategy[Folder] = st.sampled_from(("packs", "indexes", "listings"))


@given(folder=folders, id_=ids, prune=ids, number=st.integers(1, GREATEST_NUMBER))
def test_every_name_made_is_read_back_as_what_it_was_made_of(
    folder: Folder, id_: str, prune: str, number: int
) -> None:
    """A file that could be written and not found again would be a backup lost."""
    epoch = number % GREATEST_EPOCH + 1
    assert parse_name(file_name(folder, id_)) == Name(kind=folder, id=id_)
    assert parse_name(manifest_name(CLUSTER, number)) == Name(kind="manifest", cluster=CLUSTER, number=number)
    assert parse_name(key_name(epoch, id_)) == Name(kind="key", number=epoch, id=id_)
    assert parse_name(doomed_name(prune, folder, id_)) == Name(
        kind="doomed", prune=prune, folder=folder, id=id_
    )
    assert parse_name(checkpoint_name(CHECKPOINT)) == Name(kind="checkpoint", checkpoint=CHECKPOINT)
    assert parse_name(bundle_name(CLUSTER, BUNDLE)) == Name(kind="bundle", cluster=CLUSTER, bundle=BUNDLE)
    assert parse_name(bundle_name(CLUSTER, BUNDLE, "removed")).removal
    assert parse_name(bundle_part_name(CLUSTER, BUNDLE, id_)) == Name(
        kind="bundle part", cluster=CLUSTER, bundle=BUNDLE, id=id_
    )
    assert parse_name(probe_name(id_)) == Name(kind="probe", id=id_)
    assert parse_name("repository.json") == Name(kind="repository")


def test_the_audit_trails_own_names_of_checkpoints_are_names_here() -> None:
    """Two rooms that do not know each other agree on it: this is where that is held."""
    made = sign_checkpoint(
        ALICE, origin=ID, seq=42, hash_="0" * 64, at=datetime(2026, 11, 21, 17, 41, 3, 123_000, tzinfo=UTC)
    )
    assert parse_name(checkpoint_name(made.name)).checkpoint == made.name


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "/",
        "..",
        "../repository.json",
        "repository.json/",
        "repository.json\n",
        "/repository.json",
        f"packs/01/../{ID}",
        f"packs/ff/{ID}",
        f"packs/{ID}",
        f"packs/01/{ID.upper()}",
        f"packs/01/{ID}\x00",
        f"packs//01/{ID}",
        f"packs\\01\\{ID}",
        f"indexes/{ID}0",
        f"indexes/{ID[:-1]}",
        f"indexes/{ID[:-1]}\u0664",
        f"indexes/{ID} ",
        f"Indexes/{ID}",
        f"backups/{CLUSTER}/000000000000",
        f"backups/{CLUSTER}/1",
        f"backups/{CLUSTER}/00000000001\u0661",
        f"backups/{CLUSTER}/0000000000010",
        f"backups/{'-' * 36}/000000000001",
        "backups/../000000000001",
        f"keys/0/{ID}.age",
        f"keys/01/{ID}.age",
        f"keys/4294967296/{ID}.age",
        f"keys/1/{ID}",
        f"doomed/{ID}/keys/{ID}",
        f"doomed/{ID}/packs/01/{ID}",
        f"checkpoints/{ID}",
        "checkpoints/../repository.json",
        f"bundles/{CLUSTER}/{BUNDLE}",
        f"bundles/{CLUSTER}/{BUNDLE.lower()}/bundle",
        f"bundles/{CLUSTER}/{BUNDLE}/manifest",
        f"bundles/{CLUSTER}/{BUNDLE}/parts/../bundle",
        f"bundles/{CLUSTER}/{BUNDLE}/parts/01/{ID}",
        f"bundles/../{BUNDLE}/bundle",
        ".tmp-1",
        f".tmp-indexes/{ID}",
        "C:/repository.json",
        "packs",
    ],
)
def test_a_name_of_another_form_is_refused_before_it_is_used(hostile: str) -> None:
    """Whoever can put a file under a name must not choose a path on the machine that lists it."""
    with pytest.raises(RepositoryBrokenError, match="is not the name of any file"):
        parse_name(hostile)


@given(text=st.text(max_size=100))
def test_no_text_makes_a_path_that_leaves_its_folder(text: str) -> None:
    """Ids, uids and checkpoints may come from a manifest; only exact ones become part of a name."""
    makers: tuple[Callable[[str], str], ...] = (
        partial(file_name, "packs"),
        lambda given: manifest_name(given, 1),
        partial(key_name, 1),
        partial(doomed_name, ID, "indexes"),
        lambda given: doomed_name(given, "indexes", ID),
        checkpoint_name,
        lambda given: bundle_name(given, BUNDLE),
        partial(bundle_name, CLUSTER),
        partial(bundle_part_name, CLUSTER, BUNDLE),
    )
    for make in makers:
        with pytest.raises(RepositoryBrokenError):
            make(text)


@pytest.mark.parametrize("number", [-1, 0, GREATEST_NUMBER + 1])
def test_a_number_that_has_no_name_is_refused(number: int) -> None:
    """Thirteen digits would sort before twelve, and the newest manifest would not be found."""
    with pytest.raises(RepositoryBrokenError, match="is not the number of a manifest"):
        manifest_name(CLUSTER, number)
    with pytest.raises(RepositoryBrokenError, match="is not the number of an epoch"):
        key_name(number if number < 1 else 2**32, ID)
