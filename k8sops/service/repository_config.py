"""A backup repository as the configuration describes it: where, for whom, and whom to believe. Never a secret.

What opens a repository is named: files of age identities, a file or an environment variable with a passphrase. What
vouches for it is here alone: nothing in a repository says whom to trust.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from k8sops.core.errors import UsageError
from k8sops.core.moments import parse_span

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}", re.ASCII)


class RepositoryConfig(BaseModel):
    """One repository. `docs/configuration.md` says what each key is for."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

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

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if _NAME.fullmatch(name) is None:
            raise ValueError("is made of lower-case letters, digits and -")
        return name

    @field_validator("passphrase_env")
    @classmethod
    def _variable(cls, name: str) -> str:
        # Who takes it for the place of the passphrase itself must not have that printed.
        if name and _VARIABLE.fullmatch(name) is None:
            raise ValueError("is the name of an environment variable, in capitals, not the passphrase")
        return name

    @field_validator("rpo")
    @classmethod
    def _span(cls, text: str) -> str:
        if text:
            try:
                parse_span(text, "rpo")
            except UsageError as error:
                raise ValueError(error.message) from error
        return text

    @property
    def rpo_span(self) -> timedelta | None:
        """The recovery point objective, if one is stated."""
        return parse_span(self.rpo, "rpo") if self.rpo else None


class BackupConfig(BaseModel):
    """What the configuration says of backups; the part of `Config` that is theirs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    repository: str = Field(default="")
    """The repository that is meant where none is said: a name of the list, or a URL; none: the list's first."""
    repositories: tuple[RepositoryConfig, ...] = ()

    @field_validator("repositories")
    @classmethod
    def _distinct(cls, found: tuple[RepositoryConfig, ...]) -> tuple[RepositoryConfig, ...]:
        names = [one.name for one in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]!r} is given twice")
        for one in found:
            if one.copy_of and (one.copy_of == one.name or one.copy_of not in names):
                raise ValueError(
                    f"{one.name} is a copy of {one.copy_of!r}, which is no other one of the list"
                )
        return found
