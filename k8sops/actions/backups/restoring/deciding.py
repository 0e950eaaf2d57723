"""What becomes of one object: made, changed, made anew, left as it is, left to whoever makes it.

Decided from the pair alone, so that the preview and the restore decide alike.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

import msgspec

from k8sops.actions.backups.restoring.groups import NAMESPACES_KIND, VOLUMES_KIND, Group
from k8sops.actions.backups.restoring.levels import API_SERVICES, CRDS, WEBHOOKS
from k8sops.actions.backups.restoring.pairing import Pair
from k8sops.actions.backups.restoring.params import Existing
from k8sops.core.risk import Risk

Verb = Literal["create", "update", "recreate", "rebind", "keep", "skip", "leave", "along"]

KEPT: Final = frozenset({NAMESPACES_KIND, CRDS, VOLUMES_KIND, "persistentvolumeclaims"})
"""Kinds that are updated where others are recreated: what is in them or on them would go with them."""
DISRUPTIVE: Final = frozenset(
    {
        *WEBHOOKS,
        API_SERVICES,
        "clusterrolebindings.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "flowschemas.flowcontrol.apiserver.k8s.io",
        "mutatingadmissionpolicies.admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
        "networkpolicies.networking.k8s.io",
        "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
        "resourcequotas",
        "rolebindings.rbac.authorization.k8s.io",
        "roles.rbac.authorization.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    }
)
"""Kinds that decide about others as soon as they are there: what is admitted, who may do what, who reaches whom."""
DONE: Final = frozenset({"create", "update", "recreate", "rebind"})
"""Verbs that change something."""


class Decision(msgspec.Struct, frozen=True):
    """The verb, and why, in a clause."""

    verb: Verb
    why: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What decides besides the pair: `--existing`, namespaces that only come along, claims that are chosen."""

    existing: Existing
    if_missing: Collection[str] = ()
    claims: Collection[tuple[str, str]] = ()
    """Namespaces and names of chosen claims, as they are to be."""


def decide(group: Group, pair: Pair, rules: Rules) -> Decision:  # noqa: PLR0911 - a table
    """What becomes of it."""
    live, judgement = pair.live, pair.judgement
    if pair.left:
        return Decision("leave", pair.left)
    if live is None or judgement is None:
        return Decision("create")
    if group.qualified == NAMESPACES_KIND and pair.row.name in rules.if_missing and not live.deleting:
        return Decision("along")
    if live.deleting:
        return Decision("create", "the one there is being deleted")
    if live.released_from and _claim_of(pair) in rules.claims:
        return Decision("rebind", "it was released from a claim that is gone, and its claim is restored")
    if judgement.equal:
        return Decision("keep", "has more than the backup" if judgement.beyond else "")
    if _is_default_account(group, pair):
        return Decision("update", "every namespace has one: what the backup has is added to it")
    if rules.existing == "recreate" and group.qualified not in KEPT:
        return Decision("recreate", judgement.text)
    if rules.existing == "skip":
        return Decision("skip", judgement.text)
    return Decision("update", judgement.text)


def takes_over(group: Group, pair: Pair, *, force: bool) -> bool:
    """Whether an update takes fields over from whoever set them."""
    return force or _is_default_account(group, pair)


def risk_of(kind: str, verb: str) -> Risk:
    """What is new harms nobody, unless it decides about others; what is deleted first may not come back."""
    if verb == "recreate":
        return Risk.DESTRUCTIVE
    if verb in {"update", "rebind"} or kind in DISRUPTIVE:
        return Risk.DISRUPTIVE
    return Risk.LOW


def _is_default_account(group: Group, pair: Pair) -> bool:
    return group.qualified == "serviceaccounts" and pair.target.name == "default"


def _claim_of(pair: Pair) -> tuple[str, str]:
    claim = (pair.wanted.get("spec") or {}).get("claimRef") or {}
    return str(claim.get("namespace", "")), str(claim.get("name", ""))
