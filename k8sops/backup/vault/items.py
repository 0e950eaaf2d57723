"""What goes into a backup and what comes of it, in words that whoever reads a cluster and whoever shows a run share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import msgspec

from k8sops.backup.bodies import BackupBody, Cut, Gap
from k8sops.backup.chain import Mark
from k8sops.backup.listing import Kind
from k8sops.core.errors import K8sOpsError


class Key(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """What tells one object of a cluster from all others; the namespace is empty for what has none."""

    group: str
    resource: str
    namespace: str
    name: str


kind_of: Final = attrgetter("group", "resource")
"""The kind of a key, for whoever asks ten thousands of them."""

Taken = tuple[str, str, bytes]
"""uid, resourceVersion and id of an object that a backup has."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One object as it was read: its JSON, or the id of bytes that an earlier backup has of it.

    With neither it is gone from the cluster. Of one that comes several times the last counts.
    """

    key: Key
    uid: str = ""
    resource_version: str = ""
    data: bytes | None = None
    known: bytes | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says besides its objects, known when all were read. `kinds` are sorted by group and resource."""

    name: str
    run: str
    began_at: datetime
    cluster_name: str
    server_version: str
    kinds: tuple[Kind, ...]
    cut: Cut
    full_read: bool
    gaps: tuple[Gap, ...] = ()
    volumes_not_captured: tuple[tuple[str, str], ...] = ()


class Progress(msgspec.Struct):
    """How far a backup is: objects taken, how many of them are new here, their bytes, and what was put for them."""

    objects: int = 0
    new_objects: int = 0
    new_bytes: int = 0
    packs_put: int = 0
    bytes_put: int = 0


class Written(msgspec.Struct, frozen=True):
    """A backup that is there: its mark, what it is made of, and why files of older ones were not relied on."""

    mark: Mark
    body: BackupBody
    unusable: tuple[K8sOpsError, ...]


ReadAgain = Callable[[Sequence[Key]], AsyncIterator[Item]]
"""Reads these objects from the cluster, bytes and all; what is gone there is left out."""

Selection = dict[str, Any]
