"""The keys of one repository that a process holds: of each epoch it could open, and the id key.

Secret: neither `repr` nor a pickle nor an error shows a key. An unencrypted repository has a keyring too, without
epochs; whoever reads with it refuses sealed files, and whoever reads with another refuses plain ones, so that nobody
can put an unencrypted file in an encrypted one's place, or make a writer write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from k8sops.backup.errors import RepositoryKeyError
from k8sops.backup.names import GREATEST_EPOCH

KEY_BYTES: Final = 32


class Keyring:
    """The id key, and an epoch key for each epoch that can be read; empty for an unencrypted repository."""

    __slots__ = ("_epochs", "id_key", "repository")

    def __init__(self, repository: str, id_key: bytes, epochs: Mapping[int, bytes]) -> None:
        if len(id_key) != KEY_BYTES or any(len(key) != KEY_BYTES for key in epochs.values()):
            raise RepositoryKeyError(f"a key of repository {repository} does not have {KEY_BYTES} bytes")
        if not all(1 <= epoch <= GREATEST_EPOCH for epoch in epochs):
            raise RepositoryKeyError(f"a key of repository {repository} is of an epoch that cannot be")
        self.repository: Final = repository
        self.id_key: Final = id_key
        self._epochs: Final = dict(epochs)

    @property
    def encrypted(self) -> bool:
        """Whether files of this repository are sealed."""
        return bool(self._epochs)

    @property
    def newest(self) -> int:
        """The epoch that is written with; 0 in an unencrypted repository."""
        return max(self._epochs, default=0)

    def epoch_key(self, epoch: int, where: str) -> bytes:
        """The key of an epoch, to read the file `where`; raises RepositoryKeyError where it is not held."""
        try:
            return self._epochs[epoch]
        except KeyError:
            raise RepositoryKeyError(
                f"{where} is of epoch {epoch}, whose key no identity that was given opens",
                hint="ask a recipient of that epoch for `k8sops backups rekey --add`, or name another identity",
            ) from None

    def __repr__(self) -> str:
        return f"Keyring({self.repository}, epochs {sorted(self._epochs)})"

    def __reduce__(self) -> str:
        raise TypeError("the keys of a repository do not leave their process")
