"""How an object on the cluster stands to the one of the backup: equal, having more, or different, and where.

Both are compared without what the table of `stripping` takes out. What the cluster has beyond the backup (a default
of a newer version, an annotation a controller put there) is no difference: everything that was backed up is there.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from k8sops.backup.differences import Difference, differences
from k8sops.core.plan import JsonObject

SHOWN = 5


class Judgement(msgspec.Struct, frozen=True):
    """What is missing or other than in the backup, and what is there beyond it. Both empty: equal."""

    differing: tuple[Difference, ...] = ()
    beyond: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether all that the backup has is there."""
        return not self.differing

    @property
    def text(self) -> str:
        """The first differences in one line; of a Secret never a value."""
        return differences_text(self.differing)


EQUAL = Judgement()


def judge(wanted: JsonObject, live: JsonObject) -> Judgement:
    """Compare an object as it is to be restored with the one there, both stripped, neither with owner references."""
    if wanted == live:
        return EQUAL
    found = differences(wanted, live, hide=())
    return Judgement(
        tuple(one for one in found if one.change != "added"),
        tuple(one for one in found if one.change == "added"),
    )


def differences_text(found: Sequence[Difference]) -> str:
    """The first few, and how many more."""
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(str(one) for one in found[:SHOWN]) + more
