"""Key files: the keys of an epoch, for its recipients, by age (FORMAT.md, Keys; age-encryption.org/v1).

age says who may open a file, not who made it: anybody who knows a recipient's public key could leave a file whose key
they hold too, and wait for backups under it. So what is inside is signed, and a file no trusted key signed gives no
key. age itself is `pyrage`; a passphrase takes a second and more (scrypt): call everything here in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pyrage
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from k8sops.backup.canonical import canonical
from k8sops.backup.errors import RepositoryBrokenError, RepositoryError, RepositoryKeyError, broken
from k8sops.backup.keyring import KEY_BYTES, Keyring
from k8sops.backup.names import key_name, parse_name
from k8sops.backup.sealed import Entropy
from k8sops.backup.signed import FORMAT, Signed, Signer, Trusted, check_signature, parse, sign
from k8sops.core.errors import KeyFileError

KEY_FILE_LIMIT: Final = 64 * 1024
"""Bytes; one for three hundred recipients is smaller. As many as are read at most fit into memory so."""
DOMAIN: Final = b"k8sops backup keys 1"
FIRST: Final = "0" * 32
"""The id of the file that begins an epoch: put only if absent, it decides who does where two try at once."""

BY_PASSPHRASE: Final = "passphrase"  # noqa: S105 - a word in a file, no secret
"""What stands among the recipients of a key file that a passphrase opens."""

_IDENTITY: Final = "AGE-SECRET-KEY-"
# What rage says where a file is whole and meant for somebody else; all else it says is of a file that is damaged.
_NOT_FOR_US: Final = frozenset({"No matching keys found", "Decryption failed"})
# rage measures in a moment how fast this machine is, and refuses what would take it too long: on one that is busy at
# that moment, what it wrote itself.
_TOO_SLOW: Final = "Excessive work parameter"
_MEASURED: Final = 5


class KeyDocument(Signed, frozen=True, kw_only=True):
    """What a key file holds. `recipients` are those it is encrypted for, or `passphrase`."""

    repository: str
    epoch: int
    epoch_key: bytes
    id_key: bytes
    recipients: tuple[str, ...]

    def __repr__(self) -> str:
        return f"KeyDocument({self.repository}, epoch {self.epoch})"


class EpochKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of one epoch. Secret."""

    repository: str
    epoch: int
    epoch_key: bytes
    id_key: bytes

    def __repr__(self) -> str:
        return f"EpochKeys({self.repository}, epoch {self.epoch})"


class Openers:
    """What a reader opens key files with: age identities and a passphrase. Secret."""

    __slots__ = ("_identities", "_passphrase")

    def __init__(self, identities: str = "", passphrase: str | None = None) -> None:
        """`identities` is the text of an age identity file: a line each, `#` begins a remark. Raises KeyFileError."""
        lines = [line.strip() for line in identities.splitlines()]
        try:
            self._identities = [
                pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")
            ]
        except pyrage.IdentityError:
            raise KeyFileError(
                "an age identity cannot be read", hint=f"each is a line that begins with {_IDENTITY}1"
            ) from None
        self._passphrase = passphrase

    def open(self, data: bytes, where: str) -> bytes | None:
        """What the age file holds, or None where it is for others. Raises RepositoryBrokenError for a damaged one."""
        opened: bytes | None = None
        try:
            if _for_passphrase(data):
                if self._passphrase is not None:
                    opened = _by_passphrase(data, self._passphrase)
            elif self._identities:
                opened = pyrage.decrypt(data, self._identities)
        except pyrage.DecryptError as error:
            reason = " ".join(str(error).split())
            if reason in _NOT_FOR_US:
                return None
            raise broken(where, f"cannot be opened: {reason}") from None
        return opened

    def __repr__(self) -> str:
        return (
            f"Openers({len(self._identities)} identities, passphrase {'yes' if self._passphrase else 'no'})"
        )

    def __reduce__(self) -> str:
        raise TypeError("what opens a repository does not leave its process")


class OpenedKeys(msgspec.Struct, frozen=True):
    """All that could be opened: the keyring, whom each epoch is for, and what was refused or stayed closed.

    `recipients` are those named in the files that opened: files added for others alone are not seen from here.
    `closed` are epochs that have a file for others and none that opened: theirs, or what somebody left there.
    """

    keyring: Keyring
    recipients: Mapping[int, frozenset[str]]
    refused: tuple[RepositoryError, ...]
    closed: frozenset[int]


_DECODER: Final = msgspec.json.Decoder(KeyDocument)


def new_epoch(
    repository: str, epoch: int = 1, id_key: bytes | None = None, entropy: Entropy = os.urandom
) -> EpochKeys:
    """Fresh keys for an epoch; the id key is that of the epochs before, if there are any."""
    return EpochKeys(
        repository=repository,
        epoch=epoch,
        epoch_key=entropy(KEY_BYTES),
        id_key=id_key or entropy(KEY_BYTES),
    )


def _by_passphrase(data: bytes, passphrase: str) -> bytes:
    again = Retrying(
        retry=retry_if_exception(lambda error: _TOO_SLOW in str(error)),
        stop=stop_after_attempt(_MEASURED),
        reraise=True,
    )
    opened: bytes = again(pyrage.passphrase.decrypt, data, passphrase)
    return opened


def check_recipient(recipient: str) -> None:
    """Refuse what is not an age X25519 recipient. Raises KeyFileError."""
    _recipient(recipient)


def write_key_file(keys: EpochKeys, recipients: Sequence[str], signer: Signer) -> bytes:
    """A key file for these age recipients (`age1…`). Raises KeyFileError for one that is none."""
    if not recipients:
        raise KeyFileError("keys for nobody could never be read again", hint="name a recipient")
    found = [_recipient(recipient) for recipient in sorted(set(recipients))]
    data: bytes = pyrage.encrypt(_document(keys, sorted(set(recipients)), signer), found)
    if len(data) > KEY_FILE_LIMIT:
        raise KeyFileError(
            f"a key file for {len(found)} recipients has {len(data):,} bytes; at most {KEY_FILE_LIMIT:,} are read",
            hint="name fewer",
        )
    return data


def opens_for(openers: Openers, recipients: Sequence[str]) -> bool:
    """Whether these openers would open what is encrypted for these recipients. Raises KeyFileError for none such."""
    sealed: bytes = pyrage.encrypt(b"", [_recipient(recipient) for recipient in recipients])
    return openers.open(sealed, "a trial") is not None


def write_passphrase_file(keys: EpochKeys, passphrase: str, signer: Signer) -> bytes:
    """A key file for a passphrase; takes a second and more. Raises KeyFileError for an empty one."""
    if not passphrase:
        raise KeyFileError("an empty passphrase keeps nothing from anybody")
    data: bytes = pyrage.passphrase.encrypt(_document(keys, [BY_PASSPHRASE], signer), passphrase)
    return data


def open_key_file(
    data: bytes, name: str, *, repository: str, trusted: Trusted, openers: Openers
) -> KeyDocument | None:
    """What a key file holds, if these openers open it (else None) and a trusted key signed it for this place.

    Raises RepositoryUntrustedError, RepositoryNewerError, or RepositoryBrokenError for one that was moved.
    """
    place = parse_name(name)
    if place.kind != "key":
        raise broken(name, "is no key file")
    if len(data) > KEY_FILE_LIMIT:
        raise broken(name, f"has {len(data):,} bytes; at most {KEY_FILE_LIMIT:,} are read")
    opened = openers.open(data, name)
    if opened is None:
        return None
    document = parse(opened, _DECODER, name, limit=KEY_FILE_LIMIT)
    check_signature(document, DOMAIN, trusted, name)
    if (document.repository, document.epoch) != (repository, place.number):
        raise broken(
            name, f"holds the keys of epoch {document.epoch} of repository {document.repository[:40]}"
        )
    if len(document.epoch_key) != KEY_BYTES or len(document.id_key) != KEY_BYTES:
        raise broken(name, f"holds a key that does not have {KEY_BYTES} bytes")
    return document


def open_keys(
    files: Mapping[str, bytes], *, repository: str, trusted: Trusted, openers: Openers
) -> OpenedKeys:
    """The keyring of a repository out of all its key files, by their names.

    A file that is refused gives no key and is named in `refused`. Raises RepositoryKeyError where none gives any, and
    RepositoryBrokenError where two that are trusted say different things.
    """
    epochs: dict[int, KeyDocument] = {}
    recipients: dict[int, set[str]] = {}
    refused: list[RepositoryError] = []
    others: set[int] = set()
    for name, data in sorted(files.items()):
        try:
            found = open_key_file(data, name, repository=repository, trusted=trusted, openers=openers)
        except RepositoryError as error:
            refused.append(error)
            continue
        if found is None:
            others.add(parse_name(name).number)
        else:
            if epochs.setdefault(found.epoch, found).epoch_key != found.epoch_key:
                raise broken(name, f"holds another key of epoch {found.epoch} than a file beside it")
            recipients.setdefault(found.epoch, set()).update(found.recipients)
    if not epochs:
        raise _nothing_opens(repository, len(files), refused)
    id_keys = {document.id_key for document in epochs.values()}
    if len(id_keys) > 1:
        raise RepositoryBrokenError(
            f"the key files of repository {repository} hold different id keys",
            hint="`k8sops backups verify` says who signed each",
        )
    held = {epoch: document.epoch_key for epoch, document in epochs.items()}
    return OpenedKeys(
        Keyring(repository, id_keys.pop(), held),
        {epoch: frozenset(names) for epoch, names in recipients.items()},
        tuple(refused),
        frozenset(others - held.keys()),
    )


def check_writable(keyring: Keyring, at_least: int) -> None:
    """Refuse to write under an epoch older than one that was written with or seen: its readers may have been removed.

    Raises RepositoryKeyError. `at_least` is the greatest of the newest manifests' epoch and the one kept outside.
    """
    if keyring.newest < at_least:
        raise RepositoryKeyError(
            f"repository {keyring.repository} is written under epoch {at_least}, "
            f"and the newest that opens here is {keyring.newest or 'none'}",
            hint="ask a recipient of that epoch for `k8sops backups rekey --add`",
        )


def _document(keys: EpochKeys, recipients: Sequence[str], signer: Signer) -> bytes:
    key_name(keys.epoch, FIRST)
    document = KeyDocument(
        format=FORMAT,
        signer="",
        signature=b"",
        repository=keys.repository,
        epoch=keys.epoch,
        epoch_key=keys.epoch_key,
        id_key=keys.id_key,
        recipients=tuple(recipients),
    )
    return canonical(sign(document, DOMAIN, signer))


def _recipient(text: str) -> Any:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        shown = f"{text[:80]!r} is no age recipient"
        if text.strip().upper().startswith(_IDENTITY):
            shown = "a secret key was given where its recipient should be"
        raise KeyFileError(
            shown, hint="a recipient begins with age1; `age-keygen -y` prints an identity's"
        ) from None


def _nothing_opens(repository: str, count: int, refused: list[RepositoryError]) -> RepositoryKeyError:
    why = "; ".join(error.message for error in refused[:3])
    return RepositoryKeyError(
        f"none of the {count} key files of repository {repository} opens here" + (f": {why}" if why else ""),
        hint="name an age identity that is a recipient, or give the passphrase",
    )


def _for_passphrase(data: bytes) -> bool:
    """Whether the first stanza is scrypt's, which by age's specification then is the only one."""
    _, _, rest = data[:200].partition(b"\n")
    return rest.startswith(b"-> scrypt ")
