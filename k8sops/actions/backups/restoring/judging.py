"""How an object on the cluster stands to the one of the backup: equal, having more, or different, and where.

Both are compared without what the table of `stripping` takes out. What the cluster has beyond the backup (a default
of a newer version, an annotation a controller put there) is no difference: everything that was backed up is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from k8sops.backup.differences import LAST_APPLIED, Difference, differences
from k8sops.core.plan import JsonObject
from k8sops.redact.redactor import KEY_BYTES, KeyedRedactor
from k8sops.redact.rules import is_reference, is_secret_name

SHOWN = 5
_NAMES: Final = re.compile(r"[A-Za-z0-9_-]+")
_REDACTOR: Final = KeyedRedactor(bytes(KEY_BYTES))
"""Its digests are never shown: only whether it takes anything out is asked."""


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
    return "; ".join(told(one) for one in found[:SHOWN]) + more


def told(one: Difference) -> str:
    """One line for plan and record; no values where the field's name or their look says that they are a secret.

    A Secret is not the only place: an environment variable, a ConfigMap's file, kubectl's copy of the object.
    """
    if not one.hidden and _is_secret(one):
        one = msgspec.structs.replace(one, before=None, after=None, hidden=True)
    return str(one)


def _is_secret(one: Difference) -> bool:
    if LAST_APPLIED in one.path:
        return True
    names = _NAMES.findall(one.path)
    if any(map(is_secret_name, names)) and not is_reference(names[-1]):
        return True
    values = {"before": one.before, "after": one.after}
    return _REDACTOR.redact(values) != values
