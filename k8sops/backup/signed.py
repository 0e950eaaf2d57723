"""Documents that are believed because somebody signed them: manifests, key files, and `repository.json`.

Ed25519 (RFC 8032) over a domain and the canonical JSON of everything but the signature. A document has one form of
bytes only, so that its digest, by which the next one names it, cannot be changed under a signature that still holds.
Whom to believe comes from the reader's configuration (`Trusted`): nothing in a repository says whom to trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec

from k8sops.backup.canonical import canonical
from k8sops.backup.errors import RepositoryNewerError, RepositoryUntrustedError, broken

FORMAT: Final = 1


class Signer(Protocol):
    """A private key that signs what this process writes."""

    @property
    def key_id(self) -> str:
        """The id under which readers trust its public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature, 64 bytes."""
        ...


class VerifyingKey(Protocol):
    """The public half of such a key."""

    @property
    def key_id(self) -> str:
        """The id that documents name."""
        ...

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's, of exactly this message."""
        ...


Trusted = Mapping[str, VerifyingKey]
"""The keys a reader believes, by their ids."""


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every signed document has."""

    format: int
    signer: str
    signature: bytes


class _Format(msgspec.Struct):
    format: int


D = TypeVar("D", bound=Signed)
_FORMAT: Final = msgspec.json.Decoder(_Format)


def sign(document: D, domain: bytes, signer: Signer) -> D:
    """The document with this signer's name and signature in place of what it had."""
    named = msgspec.structs.replace(document, signer=signer.key_id, signature=b"")
    return msgspec.structs.replace(named, signature=signer.sign(_message(named, domain)))


def parse(data: bytes, decoder: msgspec.json.Decoder[D], where: str, *, limit: int) -> D:
    """A document of exactly these bytes; its signature is not looked at.

    Raises RepositoryNewerError for another format, RepositoryBrokenError for what is no such document.
    """
    if len(data) > limit:
        raise broken(where, f"has {len(data):,} bytes; at most {limit:,} are read")
    try:
        found = _FORMAT.decode(data).format
        document = decoder.decode(data) if found == FORMAT else None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken(where, f"cannot be read: {_reason(error)}") from error
    if document is None:
        raise RepositoryNewerError(
            f"{where} is of format {found}; this program reads format {FORMAT}",
            hint="use the version of k8sops that wrote it, or a newer one",
        )
    if canonical(document) != data:
        raise broken(where, "is not in the form in which it was signed")
    return document


def check_signature(document: Signed, domain: bytes, trusted: Trusted, where: str) -> None:
    """Refuse a document that no trusted key signed. Raises RepositoryUntrustedError."""
    key = trusted.get(document.signer)
    if key is None:
        raise RepositoryUntrustedError(
            f"{where} is signed by {document.signer[:80]!r}, a key that the configuration does not trust",
            hint="find out whose key it is; if it may make backups, add it to the repository's `trusted_signers`",
        )
    if not key.verifies(document.signature, _message(document, domain)):
        raise RepositoryUntrustedError(
            f"{where} was altered or forged: the signature of {document.signer} does not hold",
            hint="`k8sops backups verify` says what else is affected; nothing of it was used",
        )


def _message(document: Signed, domain: bytes) -> bytes:
    members: dict[str, Any] = msgspec.to_builtins(document)
    del members["signature"]
    return domain + b"\0" + canonical(members)


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
