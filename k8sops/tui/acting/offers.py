"""Which actions rows are offered, as the actions declare it (`catalog.offered_specs`): nothing is listed here.

What an action does, asks and may is the registry's, the policy's and the cluster's. A key that a kind has no action for
is left to the screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from k8sops.core.tables import Row
from k8sops.service.catalog import ANY_KIND, ActionSpec, RowOffer, offered_specs
from k8sops.tui.kind_names import known_kind


class Offer(msgspec.Struct, frozen=True):
    """An action as the rows of one kind are offered it."""

    action: str
    summary: str
    on: RowOffer

    @property
    def label(self) -> str:
        """The word the menu has for it."""
        return self.on.label

    @property
    def key(self) -> str:
        """The key that is told of it; empty where it has none."""
        return next(iter(self.on.keys), "")


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """An action and what it is about: the Params that are settled, and what the form calls it."""

    action: str
    params: Mapping[str, Any]
    title: str
    reason: str = ""
    """Recorded with the run, unless another is typed."""


def offers_for(kind: str, rows: Sequence[Row] = ()) -> tuple[Offer, ...]:
    """The actions of a kind in the menu's order; of two that stand in for each other the one that fits the rows."""
    plural = known_kind(kind)
    found = [Offer(spec.name, spec.summary, on) for spec in offered_specs() for on in _offered(spec, plural)]
    taken = {offer.on.instead_of for offer in found if _takes_its_place(offer, rows)}
    kept = (
        offer
        for offer in found
        if offer.action not in taken and (not offer.on.instead_of or _takes_its_place(offer, rows))
    )
    return tuple(sorted(kept, key=lambda offer: offer.on.rank))


def offer_by_key(kind: str, key: str, rows: Sequence[Row] = ()) -> Offer | None:
    """The action behind a key on rows of a kind."""
    return next((offer for offer in offers_for(kind, rows) if key in offer.on.keys), None)


def acting_keys() -> tuple[str, ...]:
    """Every key that opens an action on rows of some kind; those of sessions alone are bound by who begins them."""
    offers = (on for spec in offered_specs() for on in spec.on_rows if on.opens != "session")
    return tuple(dict.fromkeys(key for on in offers for key in on.keys))


def _offered(spec: ActionSpec, plural: str) -> Iterator[RowOffer]:
    """How the rows of a kind are offered the action; none where they are not, and never two."""
    own = [on for on in spec.on_rows if plural in on.kinds]
    yield from (own or [on for on in spec.on_rows if ANY_KIND in on.kinds])[:1]


def _takes_its_place(offer: Offer, rows: Sequence[Row]) -> bool:
    cell = offer.on.where_cell
    return bool(offer.on.instead_of and rows) and all(cell in row.cells for row in rows)
