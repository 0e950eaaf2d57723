"""Where a sandbox's history lies, and what points a command at it instead of at the user's own store.

    ROOT/               0700, within the sandbox's folder, so that `sandbox down` removes it
      config.yaml       names the three below
      policy.yaml       who may do what in the company
      data/             k8sops.db, and the keys: of redactor and checkpoints, to sign backups and to open them
      backups/          the company's backup repository, encrypted
      made.json         the runs it began with

It is made as ROOT.draft, beside it, and renamed once it is whole; ROOT.lock keeps two seeds from doing so at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

OVERRIDING: Final = (
    "K8SOPS_DATABASE_URL",
    "K8SOPS_POLICY",
    "K8SOPS_CHECKPOINTS",
    "K8SOPS_IDENTITY_KEY",
    "K8SOPS_CONTEXT",
    "K8SOPS_NAMESPACE",
    "K8SOPS_REPOSITORY",
    "K8SOPS_BACKUP_IDENTITY",
    "K8SOPS_BACKUP_PASSPHRASE",
    "K8SOPS_BACKUP_PASSPHRASE_FILE",
)
"""Variables that would win over the history's own configuration."""


class Place(msgspec.Struct, frozen=True):
    """The files of one history."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.root / "config.yaml"

    @property
    def policy(self) -> Path:
        """The policy file."""
        return self.root / "policy.yaml"

    @property
    def data(self) -> Path:
        """The store and the keys."""
        return self.root / "data"

    @property
    def checkpoint_key(self) -> Path:
        """The key the audit's checkpoints are signed with; where a command looks for it, too."""
        return self.data / "keys" / "checkpoint.pem"

    @property
    def database_url(self) -> str:
        """The store."""
        return f"sqlite:///{self.data / 'k8sops.db'}"

    @property
    def backup_identity(self) -> Path:
        """The age identity that opens the company's backups; where a command looks for one, too."""
        return self.data / "keys" / "backup.agekey"

    @property
    def repository_url(self) -> str:
        """The company's backup repository."""
        return (self.root.absolute() / "backups").as_uri()

    def repository(self) -> dict[str, Any]:
        """The same as a configuration has it."""
        return {
            "name": "acme-backups",
            "url": self.repository_url,
            "identities": [str(self.backup_identity)],
            "rpo": "26h",
        }

    @property
    def report(self) -> Path:
        """What was made."""
        return self.root / "made.json"

    @property
    def exists(self) -> bool:
        """Whether a history was made here, to its end."""
        return self.report.is_file()

    def variables(self) -> dict[str, str]:
        """The environment that has commands use this store, policy, repository and keys."""
        return {"K8SOPS_CONFIG": str(self.config), "K8SOPS_DATA": str(self.data)}

    def environment(self, present: Mapping[str, str]) -> dict[str, str]:
        """`present` with those variables, and without what would win over them."""
        kept = {name: value for name, value in present.items() if name not in OVERRIDING}
        return {**kept, **self.variables()}
