"""What can be wrong with a backup repository, as errors a caller can tell apart.

Every message names the file and what is wrong with it: whoever reads one has to know where to look, and whether what
they hold was damaged, forged, rolled back, or is merely newer than this program. None quotes what a file holds.
"""

from __future__ import annotations

from k8sops.core.errors import CredentialsError, K8sOpsError


class RepositoryError(K8sOpsError):
    """A backup repository cannot be read or written as asked."""

    code = "repository"


class RepositoryBrokenError(RepositoryError):
    """A file of the repository is not what its name, its digest or the format says: damaged, swapped or forged."""

    code = "repository_broken"


class RepositoryNewerError(RepositoryError):
    """A file names a format that this program does not know; nothing was taken from it."""

    code = "repository_newer"


class RepositoryUntrustedError(RepositoryError):
    """A signature does not hold, or is of a key that the configuration does not trust."""

    code = "repository_untrusted"


class RepositoryRolledBackError(RepositoryError):
    """The repository shows an older state than was seen of it before."""

    code = "repository_rolled_back"


class RepositoryKeyError(CredentialsError):
    """No identity or passphrase that was given opens what has to be read."""

    code = "repository_key"


class UnstorableError(RepositoryError):
    """An object cannot be kept exactly as it is, so it is not kept at all."""

    code = "unstorable"


def broken(where: str, what: str) -> RepositoryBrokenError:
    """`where` is a file's name; `what` completes the sentence that begins with it."""
    return RepositoryBrokenError(
        f"{where} {what}",
        hint="`k8sops backups verify` says what else is affected; take the file from another location if there is one",
    )
