"""`repository.json`: which format a repository has, its id, and whether it is encrypted; signed (FORMAT.md, Layout).

It is the one file that is read before any other, so whoever could replace it could have the next backup written in the
clear. Therefore it is signed, and therefore the writer's own configuration, not this file, says whether to encrypt.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from k8sops.backup.canonical import canonical
from k8sops.backup.errors import RepositoryBrokenError, RepositoryError, broken
from k8sops.backup.keyring import KEY_BYTES, Keyring
from k8sops.backup.names import REPOSITORY, is_ulid
from k8sops.backup.signed import FORMAT, Signed, Signer, Trusted, check_signature, parse, sign
from k8sops.core.clock import parse_rfc3339, rfc3339

REPOSITORY_LIMIT: Final = 64 * 1024
DOMAIN: Final = b"k8sops backup repository 1"


class Repository(Signed, frozen=True, kw_only=True):
    """What a repository is. `id_key` is empty where it is encrypted, and keeps nothing from anybody where it is not."""

    id: str
    made_at: str
    encrypted: bool
    id_key: bytes

    @property
    def plain_keyring(self) -> Keyring:
        """The keyring of an unencrypted repository. Raises RepositoryError for an encrypted one."""
        if self.encrypted:
            raise RepositoryError(f"repository {self.id} is encrypted: its keys are in its key files")
        return Keyring(self.id, self.id_key, {})


_DECODER: Final = msgspec.json.Decoder(Repository)


def write_repository(id_: str, made_at: datetime, signer: Signer, *, plain_id_key: bytes = b"") -> bytes:
    """The file of a new repository, encrypted unless an id key for an unencrypted one is given.

    Raises ValueError for what no reader would take.
    """
    document = sign(
        Repository(
            format=FORMAT,
            signer="",
            signature=b"",
            id=id_,
            made_at=rfc3339(made_at),
            encrypted=not plain_id_key,
            id_key=plain_id_key,
        ),
        DOMAIN,
        signer,
    )
    try:
        _check(document)
    except RepositoryBrokenError as error:
        raise ValueError(error.message) from error
    return canonical(document)


def read_repository(data: bytes, *, trusted: Trusted) -> Repository:
    """What `repository.json` says, if a trusted key signed it.

    Raises RepositoryUntrustedError, RepositoryNewerError or RepositoryBrokenError.
    """
    document = parse(data, _DECODER, REPOSITORY, limit=REPOSITORY_LIMIT)
    check_signature(document, DOMAIN, trusted, REPOSITORY)
    _check(document)
    return document


def check_protection(repository: Repository, *, encrypt: bool) -> None:
    """Refuse to write into a repository that is not protected as the configuration says. Raises RepositoryError."""
    if encrypt and not repository.encrypted:
        raise RepositoryError(
            f"repository {repository.id} is not encrypted, and recipients are configured",
            hint="use a new place for an encrypted one; --no-encryption writes here all the same",
        )
    if repository.encrypted and not encrypt:
        raise RepositoryError(
            f"repository {repository.id} is encrypted, and --no-encryption was said",
            hint="leave the flag out, or use a new place",
        )


def _check(document: Repository) -> None:
    if not is_ulid(document.id):
        raise broken(REPOSITORY, "names no repository")
    if len(document.id_key) != (0 if document.encrypted else KEY_BYTES):
        raise broken(REPOSITORY, "has an id key that cannot be")
    try:
        moment = rfc3339(parse_rfc3339(document.made_at))
    except ValueError:
        moment = ""
    if moment != document.made_at:
        raise broken(REPOSITORY, f"names a moment by {document.made_at[:80]!r}")
