"""An action on rows of a table as one request: the Params that the rows settle, and what the form calls it.

Rows of several namespaces are one request, too: each is named with its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from k8sops.core.object_names import NamedObject, namespaces_in_words
from k8sops.core.tables import Row
from k8sops.service.catalog import RowOffer
from k8sops.tui.acting.offers import Doing, Offer
from k8sops.tui.kind_names import known_kind


def doing(offer: Offer, kind: str, rows: Sequence[Row]) -> Doing:
    """The action on these rows, as one request."""
    plural = known_kind(kind)
    namespaces = tuple(dict.fromkeys(row.namespace for row in rows if row.namespace))
    one = namespaces[0] if len(namespaces) == 1 else ""
    named = [NamedObject(plural, row.name, "" if one else row.namespace) for row in rows]
    params = _about(offer.on, named) | ({"namespace": one} if one else {})
    return Doing(action=offer.action, params=params, title=f"{offer.label} {_what(plural, namespaces, rows)}")


def _about(on: RowOffer, named: Sequence[NamedObject]) -> dict[str, Any]:
    """What the rows are to the action, as it declares it."""
    said: str | list[str]
    match on.written:
        case "joined":
            said = ",".join(one.name for one in named)
        case "name":
            said = [one.name for one in named]
        case _:
            said = [str(one) for one in named]
    return {on.rows_as: said, **dict(on.settles)}


def _what(kind: str, namespaces: Sequence[str], rows: Sequence[Row]) -> str:
    if len(rows) == 1:
        return str(NamedObject(kind, rows[0].name, rows[0].namespace))
    return f"{len(rows)} {kind}{f' in {namespaces_in_words(namespaces)}' if namespaces else ''}"
