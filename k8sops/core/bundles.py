"""Log bundles in a repository, as doors show them."""

from __future__ import annotations

from datetime import datetime

import msgspec


class BundleView(msgspec.Struct, frozen=True, kw_only=True):
    """One bundle: `since` and `until` are the window it covers, `bytes` and `sha256` the archive's."""

    id: str
    name: str
    cluster: str
    cluster_name: str
    run: str
    requested_by: str
    made_at: datetime
    since: datetime
    until: datetime
    redacted: bool
    bytes: int
    sha256: str


class MissingBundle(msgspec.Struct, frozen=True, kw_only=True):
    """One that cannot be read here, and why."""

    id: str
    cluster: str
    why: str
