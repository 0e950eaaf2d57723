"""A person's key: who may read its file, that it is never replaced, and that one key has one name."""

from __future__ import annotations

import base64
import os
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from k8sops.core.errors import KeyFileError
from k8sops.policy.keys import (
    PublicKey,
    SigningKey,
    create_key,
    load_key,
    new_key,
    parse_private,
    parse_public,
)

# RFC 8032, section 7.1, test 2.
SECRET = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key will lie."""
    return tmp_path / "keys" / "identity.pem"


def test_signatures_are_those_of_the_standard() -> None:
    """Whoever checks them with another tool must come to the same answer."""
    key = SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(SECRET))
    assert key.public.raw == PUBLIC
    assert key.sign(b"\x72") == SIGNATURE
    assert key.public.verifies(SIGNATURE, b"\x72")
    assert key.key_id == key.public.key_id == "39f713d0a644253f"


def test_a_signature_of_anything_else_is_not_one() -> None:
    """Another message, a bit less, a bit more."""
    key = PublicKey(PUBLIC)
    assert not key.verifies(SIGNATURE, b"\x73")
    assert not key.verifies(SIGNATURE[:-1], b"\x72")
    assert not key.verifies(SIGNATURE + b"\x00", b"\x72")
    assert not key.verifies(b"", b"\x72")


def test_a_key_is_written_for_its_owner_alone_and_read_back(path: Path) -> None:
    """Whoever can read it can approve in its owner's name."""
    umask = os.umask(0)
    try:
        made = create_key(path)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_key(path).public == made.public


def test_a_key_is_never_overwritten(path: Path) -> None:
    """Its owner would have lost what the policy pins."""
    before = create_key(path)
    with pytest.raises(KeyFileError, match="never overwritten"):
        create_key(path)
    assert load_key(path).public == before.public


def test_a_link_in_a_keys_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    """A dangling one would have the key written wherever it points."""
    path.parent.mkdir(mode=0o700)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError):
        create_key(path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_can_use_is_refused(path: Path, mode: int) -> None:
    """It may have been copied; using it silently would hide that."""
    create_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="others than its owner") as caught:
        load_key(path)
    assert f"chmod 600 {path}" in caught.value.hint


def test_a_folder_that_others_can_enter_takes_no_key(tmp_path: Path) -> None:
    """Who may change the folder may put another key in the place of this one."""
    tmp_path.chmod(0o755)
    with pytest.raises(KeyFileError, match="open to others"):
        create_key(tmp_path / "identity.pem")


def test_what_is_no_key_file_is_told_in_one_sentence(path: Path) -> None:
    """Missing, a pipe that would hang, a folder, a file far too large."""
    with pytest.raises(KeyFileError, match="there is no key"):
        load_key(path)
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyFileError, match="is not a file"):
        load_key(path)
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(KeyFileError, match="is not a file"):
        load_key(path)
    path.rmdir()
    path.touch(mode=0o600)
    path.write_bytes(b"-" * 10_000)
    with pytest.raises(KeyFileError, match="too large"):
        load_key(path)


def test_keys_of_other_kinds_and_passphrases_are_refused_without_quoting_them() -> None:
    """The sentence must help, and must not put key material on a screen or in a log."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(*form, serialization.NoEncryption())
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
        *form, serialization.BestAvailableEncryption(b"x")
    )
    broken = new_key().private_pem().replace(b"MC4", b"MC5")
    for pem, why in ((other, "another kind"), (locked, "passphrase"), (broken, "cannot|no private key")):
        with pytest.raises(KeyFileError, match=why) as caught:
            parse_private(pem, "the file")
        body = pem.decode().splitlines()[1]
        assert body not in repr(caught.value) + str(caught.value.__cause__)


def test_a_key_shows_nothing_secret_of_itself() -> None:
    """It ends up in tracebacks, logs and pickles of whoever is careless."""
    key = new_key()
    assert repr(key) == f"SigningKey({key.key_id})"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_a_public_key_is_read_from_its_line_and_from_pem() -> None:
    """People send either."""
    key = new_key()
    pem = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert parse_public(f"  {key.public.text}\n") == parse_public(pem.decode()) == key.public


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ed25519:",
        "ed25519:AAAA",
        base64.b64encode(PUBLIC).decode(),
        "ed25519:" + base64.b64encode(PUBLIC + b"x").decode(),
        "ed25519:" + base64.b64encode(PUBLIC).decode().replace("=", ""),
        "ed25519:" + base64.b64encode(PUBLIC).decode()[:-2] + "x=",
        "ed25519:ключ",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    ],
)
def test_a_public_key_has_one_spelling(text: str) -> None:
    """Two spellings of one key would pass for two keys where texts are compared."""
    with pytest.raises(KeyFileError):
        parse_public(text)


@pytest.mark.parametrize(
    "raw",
    [
        bytes(32),
        bytes([1]) + bytes(31),
        bytes([1]) + bytes(30) + b"\x80",
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    ],
)
def test_a_point_under_which_anybody_can_sign_is_no_key(raw: bytes) -> None:
    """Its holder could deny every vote: with such a key a signature can be made without knowing any secret."""
    with pytest.raises(KeyFileError):
        PublicKey(raw)


def test_why_such_points_are_refused() -> None:
    """The library takes them: this signature was made without a key, and holds for every message."""
    identity = bytes([1]) + bytes(31)
    forged = identity + bytes(32)
    ed25519.Ed25519PublicKey.from_public_bytes(identity).verify(forged, b"anything at all")
