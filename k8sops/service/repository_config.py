"""A backup repository as the configuration describes it: where, for whom, and whom to believe. Never a secret.

What opens a repository is named: files of age identities, a file or an environment variable with a passphrase. What
vouches for it is here alone: nothing in a repository says whom to trust. What is not understood is a ValueError that
begins with the key.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.errors import UsageError

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}", re.ASCII)


class RepositoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One repository. `docs/configuration.md` says what each key is for."""

    name: str
    url: str
    read_only: bool = False
    env: str = ""
    """Put before the names of the environment variables that the storage's credentials are read from."""
    id: str = ""
    """The repository's own id: another one in its place is refused."""
    encrypt: bool = True
    recipients: tuple[str, ...] = ()
    """Whom a new repository's keys are for; none: those of the identities."""
    identities: tuple[Path, ...] = ()
    """Files of age identities that open it; none: the one `backups key` makes."""
    passphrase_env: str = ""
    passphrase_file: Path | None = None
    trusted_signers: tuple[str, ...] = ()
    """Public keys (`ed25519:…`) whose signatures count, besides this installation's own."""
    copy_of: str = ""
    """The repository that `backups copy` brings here; a copy may lag behind, so what was seen here counts alone."""
    rpo: str = ""
    """How old the newest complete backup may be, as in `26h`, before everybody is told."""
    checkpoints: bool = True
    """Whether checkpoints of the audit trail are kept here, too."""

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError("name: is made of lower-case letters, digits and -")
        # Who takes it for the place of the passphrase itself must not have that printed.
        if self.passphrase_env and _VARIABLE.fullmatch(self.passphrase_env) is None:
            raise ValueError(
                "passphrase_env: is the name of an environment variable, in capitals, not the passphrase"
            )
        if self.rpo:
            try:
                _span(self.rpo)
            except UsageError as error:
                raise ValueError(f"rpo: {error.message}") from error

    @property
    def rpo_span(self) -> timedelta | None:
        """The recovery point objective, if one is stated."""
        return _span(self.rpo) if self.rpo else None


class BackupConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the configuration says of backups; the part of `Config` that is theirs."""

    repository: str = ""
    """The repository that is meant where none is said: a name of the list, or a URL; none: the list's first."""
    repositories: tuple[RepositoryConfig, ...] = ()

    def __post_init__(self) -> None:
        names = [one.name for one in self.repositories]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"repositories: the name {twice[0]!r} is given twice")
        for one in self.repositories:
            if one.copy_of and (one.copy_of == one.name or one.copy_of not in names):
                raise ValueError(
                    f"repositories: {one.name} is a copy of {one.copy_of!r}, which is no other one of the list"
                )


def _span(text: str) -> timedelta:
    from k8sops.core.moments import parse_span

    return parse_span(text, "rpo")
