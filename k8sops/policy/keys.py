"""A person's Ed25519 key: where it lies, how it is named, and how its public half is written down.

The private half is a PKCS #8 PEM file that only its owner may read, in a folder only its owner may enter, and is
never replaced. A key's id is the first 16 hex digits of the sha256 of the raw public key (RFC 8032, 32 bytes); its
text form is `ed25519:BASE64`. Nothing here prints or returns private bytes but `private_pem`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from k8sops.core.errors import KeyFileError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
PREFIX: Final = "ed25519:"

_FILE_LIMIT: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

# Under these points a signature can be made that fits any message, by anybody (libsodium, ge25519_has_small_order).
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


class PublicKey:
    """The half of a key that may be shown: who has it can check signatures."""

    __slots__ = ("_key", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES or raw[:-1] + bytes([raw[-1] & 0x7F]) in _SMALL_ORDER:
            raise KeyFileError(
                "this is not an Ed25519 public key", hint="`k8sops identity show` prints yours"
            )
        self.raw: Final = raw
        self._key: Final = Ed25519PublicKey.from_public_bytes(raw)

    @property
    def key_id(self) -> str:
        """The first 16 hex digits of the sha256 of the raw key."""
        return key_id_of(self.raw)

    @property
    def text(self) -> str:
        """`ed25519:BASE64`, on one line."""
        return PREFIX + base64.b64encode(self.raw).decode()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's, of exactly this message (RFC 8032)."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.text})"


class SigningKey:
    """A person's whole key. Secret: shown, logged and pickled nowhere."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key: Final = key
        self.public: Final = PublicKey(key.public_key().public_bytes_raw())

    @property
    def key_id(self) -> str:
        """The public half's id."""
        return self.public.key_id

    @property
    def private(self) -> Ed25519PrivateKey:
        """The key as `cryptography` has it, to sign a certificate request with."""
        return self._key

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same for the same message."""
        return self._key.sign(message)

    def private_pem(self) -> bytes:
        """PKCS #8, unencrypted."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"

    def __reduce__(self) -> str:
        raise TypeError("a signing key does not leave its process")


def key_id_of(raw: bytes) -> str:
    """The id of a raw public key."""
    return hashlib.sha256(raw).hexdigest()[:16]


def new_key() -> SigningKey:
    """A fresh key from the system's randomness."""
    return SigningKey(Ed25519PrivateKey.generate())


def parse_public(text: str) -> PublicKey:
    """A public key from its one-line form or from PEM (SubjectPublicKeyInfo). Raises KeyFileError."""
    text = text.strip()
    if text.startswith("-----BEGIN PUBLIC KEY-----"):
        return PublicKey(_raw_of_pem(text))
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise KeyFileError(
            "this is not an Ed25519 public key", hint="it looks like ed25519: and 44 characters of base64"
        ) from error
    key = PublicKey(raw)
    # Base64 has spare bits: two texts for one key would look like two keys to whoever compares texts.
    if not text.startswith(PREFIX) or key.text != text:
        raise KeyFileError(f"a public key is written {PREFIX}BASE64", hint=f"this one is {key.text}")
    return key


def _raw_of_pem(text: str) -> bytes:
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError("this PEM block holds no public key that can be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError("this PEM block holds a public key of another kind than Ed25519")
    return key.public_bytes_raw()


def parse_private(pem: bytes, where: str) -> SigningKey:
    """A key from its PEM. `where` names the file in messages. Raises KeyFileError, which quotes nothing of it."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyFileError(
            f"{where} is protected by a passphrase, which is not supported",
            hint="make a key of its own for k8sops: `k8sops identity enrol`",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{where} holds no private key that can be read (PEM, PKCS #8)") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{where} holds a key of another kind than Ed25519")
    return SigningKey(key)


def create_key(path: Path, key: SigningKey | None = None) -> SigningKey:
    """Write a new key to a file that was not there, 0600, in a folder made 0700; on disk when this returns.

    Raises KeyFileError where there is a file already, or where others may enter or change the folder.
    """
    key = key or new_key()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyFileError(
            f"{path} exists already, and a key is never overwritten",
            hint="use it, or move it away; what it signed still needs its public half",
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            # A umask may take bits from the mode above, and a key its owner cannot read again is lost.
            os.fchmod(file.fileno(), 0o600)
            file.write(key.private_pem())
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error
    return key


def load_key(path: Path) -> SigningKey:
    """The key in a file. Raises KeyFileError where there is none, or where others than its owner can read it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise KeyFileError(
            f"there is no key at {path}", hint="`k8sops identity enrol` makes one and says what to do with it"
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    try:
        # Of the open file, not of the path: what is checked is what is read.
        _check_file(path, os.fstat(descriptor))
        pem = os.read(descriptor, _FILE_LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(pem) > _FILE_LIMIT:
        raise KeyFileError(f"{path} is too large to be a key")
    return parse_private(pem, str(path))


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileError(f"{path} is not a file")
    if found.st_mode & _OTHERS:
        raise KeyFileError(
            f"{path} can be used by others than its owner (mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"`chmod 600 {path}`; if somebody else may have read it, make a new key and revoke this one",
        )
    if found.st_uid not in {os.geteuid(), 0}:
        raise KeyFileError(f"{path} belongs to another user of this machine")


def _check_folder(folder: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & _OTHERS:
        raise KeyFileError(
            f"the folder {folder} is open to others than its owner (mode {mode:04o})",
            hint=f"`chmod 700 {folder}`, or name a folder for keys alone",
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
