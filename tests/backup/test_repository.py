"""`repository.json`: the first file anybody reads, so nobody may choose what it says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.canonical import canonical
from k8sops.backup.errors import (
    RepositoryBrokenError,
    RepositoryError,
    RepositoryNewerError,
    RepositoryUntrustedError,
)
from k8sops.backup.repository import (
    Repository,
    check_protection,
    read_repository,
    write_repository,
)
from k8sops.backup.signed import sign
from tests.backup.files import ALICE, ID_KEY, MALLORY, REPOSITORY, TRUSTED, every_end, every_flip

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)


def read(data: bytes) -> Repository:
    return read_repository(data, trusted=TRUSTED)


def test_a_repository_comes_back_as_it_was_made() -> None:
    """Encrypted, where keys come from key files, and not, where the id key stands in it."""
    sealed = read(write_repository(REPOSITORY, NOW, ALICE))
    assert (sealed.id, sealed.encrypted, sealed.made_at) == (REPOSITORY, True, "2026-11-21T02:00:00.000Z")
    with pytest.raises(RepositoryError, match="is encrypted: its keys are in its key files"):
        _ = sealed.plain_keyring
    plain = read(write_repository(REPOSITORY, NOW, ALICE, plain_id_key=ID_KEY))
    assert (plain.encrypted, plain.plain_keyring.id_key, plain.plain_keyring.encrypted) == (
        False,
        ID_KEY,
        False,
    )


def test_every_flipped_bit_and_every_cut_is_refused_by_name() -> None:
    """One bit is between encrypted and not."""
    data = write_repository(REPOSITORY, NOW, ALICE)
    for damaged in [*every_flip(data), *every_end(data), data + b"\n"]:
        with pytest.raises(RepositoryError, match=r"^repository\.json "):
            read(damaged)


@given(data=st.binary(max_size=200))
def test_no_bytes_at_all_make_a_reader_fail_in_another_way(data: bytes) -> None:
    """Anybody may put a file there."""
    with pytest.raises(RepositoryError, match=r"^repository\.json "):
        read(data)


def test_a_repository_that_somebody_else_declares_unencrypted_is_refused() -> None:
    """Else the next backup would lie in the clear."""
    with pytest.raises(RepositoryUntrustedError, match="does not trust"):
        read(write_repository(REPOSITORY, NOW, MALLORY, plain_id_key=ID_KEY))


def test_the_configuration_and_not_the_file_says_whether_to_encrypt() -> None:
    """A genuine unencrypted repository, put where an encrypted one was, is refused too."""
    sealed = read(write_repository(REPOSITORY, NOW, ALICE))
    plain = read(write_repository(REPOSITORY, NOW, ALICE, plain_id_key=ID_KEY))
    check_protection(sealed, encrypt=True)
    check_protection(plain, encrypt=False)
    with pytest.raises(RepositoryError, match="is not encrypted, and recipients are configured"):
        check_protection(plain, encrypt=True)
    with pytest.raises(RepositoryError, match="is encrypted, and --no-encryption was said"):
        check_protection(sealed, encrypt=False)


def test_what_it_says_is_checked() -> None:
    """Form and format, and nothing that was signed by mistake."""
    made = read(write_repository(REPOSITORY, NOW, ALICE))

    def signed(**changes: Any) -> bytes:
        fields: dict[str, Any] = {name: getattr(made, name) for name in made.__struct_fields__}
        return canonical(sign(Repository(**{**fields, **changes}), b"k8sops backup repository 1", ALICE))

    assert read(signed()) == made
    with pytest.raises(RepositoryNewerError, match=r"repository\.json is of format 2"):
        read(signed(format=2))
    for changes, message in (
        ({"id": "../x"}, "names no repository"),
        ({"id_key": ID_KEY}, "has an id key that cannot be"),
        ({"encrypted": False}, "has an id key that cannot be"),
        ({"made_at": "yesterday"}, "names a moment by 'yesterday'"),
    ):
        with pytest.raises(RepositoryBrokenError, match=message):
            read(signed(**changes))
    with pytest.raises(RepositoryBrokenError, match="at most 65,536 are read"):
        read(bytes(2**17))
    with pytest.raises(ValueError, match="names no repository"):
        write_repository("x", NOW, ALICE)
