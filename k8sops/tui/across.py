"""One table over several contexts: who opens its parts, and which cluster a row of it belongs to.

A row carries its context in its uid, so that nothing can take it for one of the cluster in use: what acts on an object
asks `own_row` first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.tables import LiveRows, Row, TableQuery

if TYPE_CHECKING:
    from k8sops.core.ops import Ops

COLUMN: Final = "Context"
_MARK: Final = "\x1f"
"""In no name of a context and in no uid."""


async def browse_across(
    reach: Callable[[str], Awaitable[Ops]], contexts: Sequence[str], query: TableQuery, clock: Clock
) -> LiveRows:
    """The table of every context that can be reached; the others are told. Raises where none can."""

    async def opened(context: str) -> LiveRows:
        return await (await reach(context)).browse(query)

    found = await asyncio.gather(*(opened(each) for each in contexts), return_exceptions=True)
    parts: list[tuple[str, LiveRows]] = []
    failures: list[tuple[str, K8sOpsError]] = []
    for context, one in zip(contexts, found, strict=True):
        if isinstance(one, K8sOpsError):
            failures.append((context, one))
        elif isinstance(one, BaseException):
            raise one
        else:
            parts.append((context, one))
    if not parts:
        raise failures[0][1]
    from k8sops.service.live.joined_rows import JoinedRows  # noqa: PLC0415 - loaded when needed

    missing = "; ".join(f"{context} is missing: {error.message}" for context, error in failures)
    return JoinedRows(parts, clock, lead=COLUMN, mark=_marked, missing=missing)


def context_of(row: Row) -> str:
    """The context a row of such a table belongs to; empty for a row of any other table."""
    return row.uid.partition(_MARK)[0] if _MARK in row.uid else ""


def own_row(row: Row, context: str) -> Row | None:
    """The row as the cluster of this context knows it; None where it belongs to another."""
    theirs = context_of(row)
    if not theirs:
        return row
    if theirs != context:
        return None
    return msgspec.structs.replace(row, uid=row.uid.partition(_MARK)[2], cells=row.cells[1:])


def _marked(context: str, row: Row) -> Row:
    return msgspec.structs.replace(row, uid=f"{context}{_MARK}{row.uid}", cells=(context, *row.cells))
