"""Key files: opened by their recipients only, and believed only where a trusted key made them."""

from __future__ import annotations

import pickle
import re

import msgspec
import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8sops.backup.canonical import canonical
from k8sops.backup.errors import (
    RepositoryBrokenError,
    RepositoryError,
    RepositoryKeyError,
    RepositoryNewerError,
    RepositoryUntrustedError,
)
from k8sops.backup.keyring import Keyring
from k8sops.backup.keys import (
    FIRST,
    EpochKeys,
    KeyDocument,
    Openers,
    check_recipient,
    check_writable,
    new_epoch,
    open_key_file,
    open_keys,
    write_key_file,
    write_passphrase_file,
)
from k8sops.backup.names import key_name
from k8sops.backup.sealed import FileKind, What, open_sealed, seal_contents
from k8sops.core.errors import KeyFileError
from tests.backup.files import ALICE, ID_KEY, MALLORY, REPOSITORY, TRUSTED, counted, every_end, every_flip

ANNA, BERT, EVE = (pyrage.x25519.Identity.generate() for _ in range(3))
TO_ANNA, TO_BERT, TO_EVE = (str(identity.to_public()) for identity in (ANNA, BERT, EVE))
ONE = new_epoch(REPOSITORY, entropy=counted("one"))
TWO = new_epoch(REPOSITORY, 2, ONE.id_key, counted("two"))
AT_ONE, AT_TWO = key_name(1, FIRST), key_name(2, FIRST)


def opened_by(identity: object, files: dict[str, bytes]) -> Keyring:
    return open_keys(files, repository=REPOSITORY, trusted=TRUSTED, openers=Openers(str(identity))).keyring


def read(data: bytes, name: str = AT_ONE, openers: Openers | None = None) -> KeyDocument | None:
    return open_key_file(
        data, name, repository=REPOSITORY, trusted=TRUSTED, openers=openers or Openers(str(ANNA))
    )


def test_recipients_open_their_epochs_and_nobody_else_does() -> None:
    """Bert was left out of the second epoch: he keeps what he could read, and gets nothing new."""
    files = {
        AT_ONE: write_key_file(ONE, [TO_ANNA, TO_BERT], ALICE),
        AT_TWO: write_key_file(TWO, [TO_ANNA], ALICE),
    }
    anna, bert = opened_by(ANNA, files), opened_by(BERT, files)
    assert (anna.newest, bert.newest, anna.id_key) == (2, 1, bert.id_key)
    what = What("the file", FileKind.INDEX)
    old, new = (seal_contents(FileKind.INDEX, [b"x"], keyring).data for keyring in (bert, anna))
    assert list(open_sealed(old, what, anna, most=9)) == list(open_sealed(old, what, bert, most=9)) == [b"x"]
    assert list(open_sealed(new, what, anna, most=9)) == [b"x"]
    with pytest.raises(RepositoryKeyError, match="epoch 2"):
        list(open_sealed(new, what, bert, most=9))
    with pytest.raises(
        RepositoryKeyError, match=f"none of the 2 key files of repository {REPOSITORY} opens here"
    ):
        opened_by(EVE, files)


def test_a_further_key_file_lets_somebody_in_and_changes_nothing() -> None:
    """`backups rekey --add`: nothing is written anew."""
    files = {AT_ONE: write_key_file(ONE, [TO_ANNA], ALICE)}
    added = {**files, key_name(1, "a" * 32): write_key_file(ONE, [TO_ANNA, TO_BERT], ALICE)}
    assert opened_by(BERT, added).epoch_key(1, "") == opened_by(ANNA, files).epoch_key(1, "")
    found = open_keys(added, repository=REPOSITORY, trusted=TRUSTED, openers=Openers(str(ANNA)))
    assert found.recipients == {1: {TO_ANNA, TO_BERT}}
    assert not found.refused
    assert not found.closed


def test_an_epoch_that_stays_closed_is_told() -> None:
    """A writer left out of the newest epoch must learn that, not go on under the old one."""
    files = {AT_ONE: write_key_file(ONE, [TO_BERT], ALICE), AT_TWO: write_key_file(TWO, [TO_ANNA], ALICE)}
    found = open_keys(files, repository=REPOSITORY, trusted=TRUSTED, openers=Openers(str(BERT)))
    assert found.closed == {2}
    check_writable(found.keyring, 1)
    with pytest.raises(
        RepositoryKeyError, match="written under epoch 2, and the newest that opens here is 1"
    ):
        check_writable(found.keyring, 2)


def test_a_key_left_by_whoever_can_write_to_the_storage_is_not_used() -> None:
    """Recipients are public: without a signature anybody could choose the key of the next backup."""
    planted = new_epoch(REPOSITORY, 3, entropy=counted("planted"))
    files = {
        AT_ONE: write_key_file(ONE, [TO_ANNA], ALICE),
        key_name(3, FIRST): write_key_file(planted, [TO_ANNA], MALLORY),
    }
    found = open_keys(files, repository=REPOSITORY, trusted=TRUSTED, openers=Openers(str(ANNA)))
    assert found.keyring.newest == 1
    assert not found.closed
    assert [error.message.split(" is signed")[0] for error in found.refused] == [key_name(3, FIRST)]
    with pytest.raises(RepositoryKeyError, match="opens here: keys/3/"):
        open_keys(
            {key_name(3, FIRST): files[key_name(3, FIRST)]},
            repository=REPOSITORY,
            trusted=TRUSTED,
            openers=Openers(str(ANNA)),
        )


def test_a_genuine_key_file_of_another_epoch_or_repository_is_refused() -> None:
    """Replayed: an old epoch's file under the next number would bring a removed recipient back."""
    with pytest.raises(RepositoryBrokenError, match=f"{AT_TWO} holds the keys of epoch 1"):
        read(write_key_file(ONE, [TO_ANNA], ALICE), AT_TWO)
    other = new_epoch("0" * 26)
    with pytest.raises(RepositoryBrokenError, match=f"of repository {'0' * 26}"):
        read(write_key_file(other, [TO_ANNA], ALICE))


def test_two_keys_of_one_epoch_or_two_id_keys_are_refused() -> None:
    """Half of the files would not open for whoever took the other one."""
    twin = new_epoch(REPOSITORY, 1, ONE.id_key)
    files = {
        name: write_key_file(keys, [TO_ANNA], ALICE)
        for name, keys in ((AT_ONE, ONE), (key_name(1, "a" * 32), twin))
    }
    with pytest.raises(RepositoryBrokenError, match="another key of epoch 1 than a file beside it"):
        opened_by(ANNA, files)
    files = {
        name: write_key_file(keys, [TO_ANNA], ALICE)
        for name, keys in ((AT_ONE, ONE), (AT_TWO, new_epoch(REPOSITORY, 2)))
    }
    with pytest.raises(RepositoryBrokenError, match="hold different id keys"):
        opened_by(ANNA, files)


def test_a_passphrase_opens_what_was_made_for_it() -> None:
    """And a wrong one, or none, is simply no key; an identity does not help."""
    data = write_passphrase_file(ONE, "correct horse", ALICE)
    found = read(data, openers=Openers("", "correct horse"))
    assert found is not None
    assert (found.epoch_key, found.recipients) == (ONE.epoch_key, ("passphrase",))
    assert read(data, openers=Openers("", "wrong")) is None
    assert read(data, openers=Openers(str(ANNA))) is None
    assert read(write_key_file(ONE, [TO_ANNA], ALICE), openers=Openers("", "correct horse")) is None


def test_a_machine_that_is_busy_for_a_moment_still_opens_what_it_wrote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How long a passphrase would take is measured, and a disaster is when machines are busy."""
    data = write_passphrase_file(ONE, "correct horse", ALICE)
    moments = iter([True, True, False])
    decrypt = pyrage.passphrase.decrypt

    def measured(given: bytes, passphrase: str) -> bytes:
        if next(moments):
            raise pyrage.DecryptError("Excessive work parameter for passphrase. Decryption would take long.")
        found: bytes = decrypt(given, passphrase)
        return found

    monkeypatch.setattr("pyrage.passphrase.decrypt", measured)
    assert read(data, openers=Openers("", "correct horse")) is not None


def test_a_passphrase_file_that_would_take_an_hour_is_refused() -> None:
    """The cost of trying stands in the file, which anybody may have written."""
    data = write_passphrase_file(ONE, "x", ALICE)
    hard = re.sub(rb"(-> scrypt \S+) \d+", rb"\1 40", data, count=1)
    with pytest.raises(RepositoryBrokenError, match=f"{AT_ONE} cannot be opened: Excessive work"):
        read(hard, openers=Openers("", "x"))


def test_the_tool_age_opens_a_key_file_too() -> None:
    """In a disaster nobody should need this program to get at a key."""
    document = msgspec.json.decode(pyrage.decrypt(write_key_file(ONE, [TO_ANNA], ALICE), [ANNA]))
    assert document["epoch"] == 1
    assert msgspec.convert(document["epoch_key"], bytes) == ONE.epoch_key


def test_every_flipped_bit_and_every_cut_of_a_key_file_gives_no_key() -> None:
    """Either it is for nobody here any more, or it is named as damaged."""
    data = write_key_file(ONE, [TO_ANNA], ALICE)
    for damaged in [*every_flip(data), *every_end(data), data + b"\0"]:
        try:
            assert read(damaged) is None
        except RepositoryBrokenError as error:
            assert AT_ONE in error.message  # noqa: PT017 - a changed stanza is a file for somebody else


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=30)
@given(
    data=st.binary(max_size=200),
    begin=st.sampled_from([b"", b"age-encryption.org/v1\n", b"age-encryption.org/v1\n-> scrypt "]),
)
def test_no_bytes_at_all_make_a_reader_fail_in_another_way(data: bytes, begin: bytes) -> None:
    """Anybody may put a file where a key should be."""
    with pytest.raises(RepositoryBrokenError, match=f"{AT_ONE} cannot be opened"):
        read(begin + data, openers=Openers(str(ANNA), "x"))


@given(data=st.binary(max_size=100))
def test_no_document_at_all_makes_a_reader_fail_in_another_way(data: bytes) -> None:
    """Anybody who knows the recipient can make an age file that opens."""
    with pytest.raises(RepositoryError, match=AT_ONE):
        read(pyrage.encrypt(data, [ANNA.to_public()]))


def test_what_a_key_file_says_is_checked() -> None:
    """Form, format, signature, length of the keys; and never so large that it costs memory."""

    def sealed(document: object) -> bytes:
        data: bytes = pyrage.encrypt(canonical(document), [ANNA.to_public()])
        return data

    good = msgspec.json.decode(pyrage.decrypt(write_key_file(ONE, [TO_ANNA], ALICE), [ANNA]))
    with pytest.raises(RepositoryNewerError, match="is of format 2"):
        read(sealed({**good, "format": 2}))
    with pytest.raises(RepositoryUntrustedError, match="does not hold"):
        read(sealed({**good, "recipients": [TO_EVE]}))
    with pytest.raises(RepositoryBrokenError, match="not in the form in which it was signed"):
        read(pyrage.encrypt(msgspec.json.encode(good) + b" ", [ANNA.to_public()]))
    short = EpochKeys(repository=REPOSITORY, epoch=1, epoch_key=b"short", id_key=ID_KEY)
    with pytest.raises(RepositoryBrokenError, match="does not have 32 bytes"):
        read(write_key_file(short, [TO_ANNA], ALICE))
    with pytest.raises(RepositoryBrokenError, match="at most 65,536 are read"):
        read(bytes(2**20 + 1))


def test_recipients_and_identities_that_are_none_are_refused_without_being_shown() -> None:
    """The commonest mistake is to give the secret key where the public one should be."""
    for wrong in ("", "age1xyz", "ssh-ed25519 AAAA", str(ANNA)):
        with pytest.raises(KeyFileError) as caught:
            check_recipient(wrong)
        assert str(ANNA)[-20:] not in caught.value.message
    check_recipient(TO_ANNA)
    with pytest.raises(KeyFileError, match="keys for nobody"):
        write_key_file(ONE, [], ALICE)
    with pytest.raises(KeyFileError, match=r"for 500 recipients has .* bytes; at most 65,536 are read"):
        write_key_file(ONE, [str(pyrage.x25519.Identity.generate().to_public()) for _ in range(500)], ALICE)
    with pytest.raises(KeyFileError, match="an empty passphrase"):
        write_passphrase_file(ONE, "", ALICE)
    with pytest.raises(KeyFileError, match="identity cannot be read") as found:
        Openers("# made today\nAGE-SECRET-KEY-1SECRETSECRET")
    assert "SECRETSECRET" not in found.value.message


def test_an_identity_file_may_have_remarks_and_several_identities() -> None:
    """As age-keygen writes them."""
    openers = Openers(f"# created: today\n# public key: {TO_BERT}\n{BERT}\n\n  {ANNA}  \n")
    assert read(write_key_file(ONE, [TO_ANNA], ALICE), openers=openers) is not None


def test_secrets_are_shown_nowhere() -> None:
    """Not in a traceback, a log or a pickle."""
    openers = Openers(str(ANNA), "hunter2")
    document = read(write_key_file(ONE, [TO_ANNA], ALICE))
    shown = repr(openers) + repr(ONE) + repr(document)
    assert "hunter2" not in shown
    assert str(ANNA) not in shown
    assert "epoch_key" not in shown
    with pytest.raises(TypeError, match="does not leave its process"):
        pickle.dumps(openers)
