"""What a run leaves behind for people: files on the machine of its carrier, told in the data of one event.

Whoever hands them on compares size and SHA-256 first: what an event says of a path is a claim, and the path may be
another machine's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from k8sops.core.events import Event
from k8sops.core.plan import JsonObject

ARTIFACT: Final = "artifact"
"""The key in an event's data."""


class ArtifactFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its absolute path there, its size in bytes, its SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A log bundle: one archive, or its parts in order; `repository` is where it was stored besides, or empty.

    `id` is a ULID, in the repository too; `host` the name of the machine that has the files. No file: it is in the
    repository alone, or a folder (`folder`).
    """

    id: str
    name: str
    host: str
    redacted: bool
    files: tuple[ArtifactFile, ...] = ()
    folder: str = ""
    repository: str = ""
    sha256: str = ""
    """Of the archive, where it is in the repository alone."""

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(file.bytes for file in self.files)

    def as_data(self) -> JsonObject:
        """For an event's data."""
        told: JsonObject = msgspec.to_builtins(self)
        return {ARTIFACT: told}


def artifact_of(events: Iterable[Event]) -> Artifact | None:
    """The artifact that was told last; None where none was, or in a form that is not known here."""
    found = None
    for event in events:
        if ARTIFACT in event.data:
            found = event.data[ARTIFACT]
    try:
        return msgspec.convert(found, Artifact) if found is not None else None
    except msgspec.ValidationError:
        return None
