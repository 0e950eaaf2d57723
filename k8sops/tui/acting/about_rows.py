"""An action on rows of a table as one request: the Params that the rows settle, and what the form calls it.

One plan acts in one namespace: rows of several are refused in one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from k8sops.core.errors import UsageError
from k8sops.core.tables import Row
from k8sops.core.text import counted
from k8sops.service.catalog import RowOffer
from k8sops.tui.acting.offers import Doing, Offer, known_kind


def scattered_over(rows: Sequence[Row]) -> str:
    """Why no one plan can be about these rows, where they lie in several namespaces."""
    many = len({row.namespace for row in rows})
    if many < 2:
        return ""
    return f"{counted(len(rows), 'marked row')} are in {many} namespaces, and one plan acts in one"


def doing(offer: Offer, kind: str, rows: Sequence[Row]) -> Doing:
    """The action on these rows, as one request. Raises UsageError where they lie in several namespaces."""
    if scattered := scattered_over(rows):
        raise UsageError(f"the {scattered}", hint="mark rows of one namespace")
    plural = known_kind(kind)
    names = [row.name for row in rows]
    params = _about(offer.on, plural, names)
    namespace = rows[0].namespace
    if namespace:
        params["namespace"] = namespace
    return Doing(action=offer.action, params=params, title=f"{offer.label} {_what(plural, namespace, names)}")


def _about(on: RowOffer, plural: str, names: Sequence[str]) -> dict[str, Any]:
    """What the rows are to the action, as it declares it."""
    said: str | list[str]
    match on.written:
        case "joined":
            said = ",".join(names)
        case "name":
            said = list(names)
        case _:
            said = [f"{plural}/{name}" for name in names]
    return {on.rows_as: said, **dict(on.settles)}


def _what(kind: str, namespace: str, names: Sequence[str]) -> str:
    where = f"{namespace}/" if namespace else ""
    if len(names) == 1:
        return f"{where}{kind}/{names[0]}"
    return f"{len(names)} {kind}{f' in {namespace}' if namespace else ''}"
