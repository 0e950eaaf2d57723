"""One table over several contexts: who opens its parts, and which cluster a row of it belongs to.

A row carries its context in its uid, so that nothing can take it for one of the cluster in use: what acts on an object
asks `own_row` first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.tables import LiveRows, Row, TableQuery

if TYPE_CHECKING:
    from k8sops.core.ops import Ops

COLUMN: Final = "Context"
_MARK: Final = "\x1f"
"""In no name of a context and in no uid."""


async def browse_across(
    reach: Callable[[str], Awaitable[Ops]], contexts: Sequence[str], query: TableQuery, clock: Clock
) -> LiveRows:
    """The table of every context, each as it is reached; those that cannot be are told. Raises where none can.

    Returns as soon as one is there: a credential plugin that hangs holds back no rows but its own.
    """
    from k8sops.tui.across_rows import AcrossRows, LateRows  # noqa: PLC0415 - loaded when needed

    async def opened(context: str) -> LiveRows:
        return await (await reach(context)).browse(query)

    parts = {context: LateRows(opened(context), f"table of {context}") for context in contexts}
    rows = AcrossRows(parts, clock, lead=COLUMN, mark=_marked)
    await rows.opened()
    return rows


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
