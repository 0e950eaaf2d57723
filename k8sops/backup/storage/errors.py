"""What a storage can answer, as errors a caller can tell apart.

A message names the location and the file, and what is wrong. It never quotes what the storage's client said: that can
hold a signed URL.
"""

from __future__ import annotations

from k8sops.backup.errors import RepositoryError


class StorageError(RepositoryError):
    """A storage cannot do what was asked, for good."""

    code = "storage"


class NotThereError(StorageError):
    """There is no file of this name."""

    code = "storage_not_there"


class NameTakenError(StorageError):
    """There is a file of this name already, with other bytes; it was left as it is."""

    code = "storage_name_taken"


class ReadOnlyStorageError(StorageError):
    """Nothing can be put or deleted here: the location is configured so, or mounted so. No word of policy's."""

    code = "storage_read_only"


class RetainedError(StorageError):
    """The storage keeps the file: retention, object lock, or a medium that is written once."""

    code = "storage_retained"
