"""On which rows of the screen's tables an action is offered: a part of its declaration.

Menu, keys, help and palette are made from it, so that an action brings all of them by being registered. The screen
knows no action by name.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

ANY_KIND: Final = "*"

WrittenAs = Literal["kind/name", "name", "joined"]
"""How rows stand in their field: an entry for each, `kind/name` or `name`; or all names as one text, with commas."""


class RowOffer(msgspec.Struct, frozen=True, kw_only=True):
    """That rows of some kinds are offered an action: how it is named, by which key, and what the rows are to it."""

    kinds: tuple[str, ...] = (ANY_KIND,)
    """Plurals, with the group of a kind that is not Kubernetes' own; `*` gives way to an offer that names the kind."""
    label: str
    """One to three words for menu, help and palette."""
    keys: tuple[str, ...] = ()
    """As Textual names them, the first the one that is told; no other action of the kind may have one of them."""
    rank: int = 50
    """Where it stands in the menu, the lowest first; among equals as they are registered."""
    rows_as: str = "targets"
    """The field of the Params that takes the rows."""
    written: WrittenAs = "kind/name"
    settles: tuple[tuple[str, Any], ...] = ()
    """Other fields of the Params, and what they are on such rows."""
    opens: Literal["plan", "editor", "session"] = "plan"
    """What choosing it opens: the dialog with its plan, the object as text, or a session in the pod."""
    instead_of: str = ""
    """An action whose place it takes where every row has the cell `where_cell`; elsewhere it is not offered."""
    where_cell: str = ""
