"""How an action comes by a repository: by a name of the configuration or a URL, never with keys of its own.

Implemented by the service, which knows locations, keys, trusted signers and what was seen before. Actions are made
with it where their declaration says `repositories=True`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from k8sops.backup.signed import Signer
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.opening import Vault
from k8sops.core.clock import IdSource
from k8sops.core.errors import UsageError


class OpenRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that is open, and what this installation brings to it.

    `location` is how it is shown and found again in the configuration: a name, or a URL; never with credentials.
    """

    location: str
    vault: Vault
    ids: IdSource
    encrypt: bool
    """Whether the configuration wants it encrypted."""
    signer: Signer | None = None
    """Signs what is written; None where only reading was asked for."""
    is_copy: bool = False
    """Whether the configuration calls it a copy of another."""

    def check_own(self) -> None:
        """Refuse to write into a copy, which would be none from then on. Raises UsageError."""
        if self.is_copy:
            raise UsageError(
                f"{self.location} is a copy of another repository, and is only written by `k8sops backups copy`",
                hint="name the repository it is a copy of; to go on with the copy alone, take `copy_of` out of its "
                "configuration",
            )


class Repositories(Protocol):
    """The configured repositories. Each method raises UsageError, RepositoryError and what a storage raises.

    `writing` brings the key that signs, which is made where there is none: so no plan asks for it.
    """

    async def find(self, location: str = "", *, writing: bool = False) -> OpenRepository | None:
        """The repository at a location, the default one if empty; None where the place is empty."""
        ...

    async def open(self, location: str = "", *, writing: bool = False) -> OpenRepository:
        """The same, where one has to be. Raises RepositoryError if there is none."""
        ...

    async def makeable(self, location: str = "", *, encrypt: bool = True) -> str:
        """Where `make` would make one, as it is shown. Raises UsageError where no key is configured for it."""
        ...

    async def make(self, location: str = "", *, encrypt: bool = True) -> OpenRepository:
        """Open for writing, made first if the place is empty. Raises UsageError where no key is configured."""
        ...

    async def storage_at(self, location: str = "") -> Storage:
        """The place itself, whatever is in it: what a copy is put into."""
        ...


class NoRepositories:
    """`Repositories` of an installation that has none."""

    async def find(self, location: str = "", *, writing: bool = False) -> OpenRepository | None:
        """Refused."""
        raise _none()

    async def open(self, location: str = "", *, writing: bool = False) -> OpenRepository:
        """Refused."""
        raise _none()

    async def makeable(self, location: str = "", *, encrypt: bool = True) -> str:
        """Refused."""
        raise _none()

    async def make(self, location: str = "", *, encrypt: bool = True) -> OpenRepository:
        """Refused."""
        raise _none()

    async def storage_at(self, location: str = "") -> Storage:
        """Refused."""
        raise _none()


def _none() -> UsageError:
    return UsageError(
        "no backup repository is configured",
        hint="name one with --repo or K8SOPS_REPOSITORY, such as file:///srv/backups",
    )
