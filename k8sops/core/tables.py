"""Rows of any kind as the API server renders them, with the identity a live table needs.

Rows are shared between the live view that fills them and the widget that draws them: nothing here copies them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from k8sops.core.errors import K8sOpsError


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column as the server defines it; `priority` 0 is shown always, higher ones only in wide output."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0
    spare: int = 0
    """Above 0 it gives way where there is no room for all; the greatest first."""


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """An owner reference's identity."""

    kind: str
    name: str
    uid: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One object's row: cells as the server printed them, and who the object is."""

    uid: str
    name: str
    namespace: str
    cells: tuple[str, ...]
    created: datetime | None
    labels: dict[str, str]
    owners: tuple[Owner, ...] = ()
    deleting: bool = False
    read_at: datetime | None = None
    """When it came, where it is followed: an age that is printed in a cell is true of then."""


class TableQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to list: `kind` as a user types it (`po`, `pods`, `certs.acme.example`); no namespace means all.

    `Ops.browse` also takes several namespaces, separated by commas.
    """

    kind: str
    namespace: str = ""
    name: str = ""
    label_selector: str = ""
    field_selector: str = ""
    with_identity: bool = True
    """False asks the server for bare cells: quicker, right only for a one-shot single-namespace print."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, pages joined."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    kind: str
    namespaced: bool
    resource_version: str = ""


class FeedState(StrEnum):
    """How far a live view can be believed."""

    LOADING = "loading"
    LIVE = "live"
    STALE = "stale"
    FAILED = "failed"


class LiveRows(Protocol):
    """A table that keeps itself true by watching; owned by whoever opened it, closed by `aclose`."""

    @property
    def columns(self) -> Sequence[Column]:
        """The server's columns; empty until the first page is there."""
        ...

    @property
    def rows(self) -> Sequence[Row]:
        """All rows, ordered by namespace and name; the same objects from one look to the next if unchanged."""
        ...

    @property
    def version(self) -> int:
        """Grows with every change of rows; equal versions mean equal rows."""
        ...

    @property
    def state(self) -> FeedState:
        """Loading until the first full list, live while the watch runs, stale while it is being repaired."""
        ...

    @property
    def trouble(self) -> str:
        """One sentence on why the view is stale or failed; empty while all is well."""
        ...

    @property
    def stale_since(self) -> datetime | None:
        """Since when the rows may be out of date; None while live or loading."""
        ...

    @property
    def note(self) -> str:
        """What the rows cannot tell, in a few words (`no metrics: …`); empty where they tell everything."""
        ...

    @property
    def error(self) -> K8sOpsError | None:
        """What ended the view, with what to do about it, once its state is failed; None before."""
        ...

    def changes(self) -> AsyncGenerator[None, None]:
        """Yields after rows or state have changed, coalesced to at most about ten a second."""
        ...

    async def aclose(self) -> None:
        """Stop watching and release the connection. Idempotent."""
        ...
