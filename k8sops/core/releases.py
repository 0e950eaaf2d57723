"""Helm releases as a door shows them; read from what Helm 3 itself keeps on the cluster. Plain data."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from k8sops.core.plan import JsonObject

Storage = Literal["secrets", "configmaps"]
"""The kind that a release is kept in: Helm's drivers `secret`, which is its default, and `configmap`."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a release."""

    name: str
    namespace: str
    revision: int
    status: str
    """As Helm has it: `deployed`, `failed`, `pending-upgrade`, `superseded`, …"""
    updated: datetime | None = None
    chart: str = ""
    """Name and version; empty where the revision could not be read."""
    app_version: str = ""
    description: str = ""
    uid: str = ""
    storage: Storage = "secrets"
    trouble: str = ""
    """Why not all of it is known."""


class Releases(msgspec.Struct, frozen=True):
    """Releases, as far as they could be listed."""

    found: tuple[Release, ...]
    unread: tuple[Storage, ...] = ()
    """What may not be listed: releases that are kept there are missing."""


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """What Helm runs beside a release, at certain of its moments."""

    events: tuple[str, ...]
    """`pre-install`, `post-upgrade`, `test`, …"""
    weight: int = 0
    phase: str = ""
    """How it ended last, as Helm has it; empty where it never ran."""
    ended: datetime | None = None
    object: JsonObject = {}


class ReleaseDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision consists of; what looks like a secret is masked unless it was asked for."""

    release: Release
    notes: str = ""
    values: JsonObject = {}
    """What was given with the release."""
    all_values: JsonObject = {}
    """The same laid over the chart's own."""
    objects: tuple[JsonObject, ...] = ()
    """What was sent to the cluster, in Helm's order; hooks are not among them."""
    hooks: tuple[Hook, ...] = ()
    masked: bool = True
