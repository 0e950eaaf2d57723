"""Each pod of a node as an item of its drain step: what happens to it, why, where it will be and when.

Items are details: their class is who owns the pod, which never changes while it lives, so that a pod that finishes or
begins to end while a plan waits is no other kind of item.
"""

from __future__ import annotations

from typing import Final

from k8sops.actions.drain.outlook import Outlook
from k8sops.actions.drain.passengers import Passenger
from k8sops.core.plan import Item, JsonObject, Target
from k8sops.forecast.fit import Fit, reasons_in_words

LANDING: Final = {"fits": "moves to {node}", "tight": "moves to {node}, if pods arrive in the expected order"}


def item_of(told: Outlook, one: Passenger) -> Item:
    """The item of a pod."""
    return Item(
        target=Target(
            kind="pods", name=one.pod.metadata.name, namespace=one.pod.metadata.namespace, uid=one.uid
        ),
        verb=one.verb,
        group=one.verdict.owner,
        why=_why(told, one),
        data=_data(told, one),
    )


def counts_as_item(one: Passenger) -> bool:
    """Whether the drain has to do with it at all: a pod whose end is not waited for is left out."""
    return not (one.verb == "keep" and one.verdict.group == "terminating")


def _why(told: Outlook, one: Passenger) -> str:
    if one.verb == "refuse":
        flags = " and ".join(one.verdict.flags)
        reasons = "; ".join(note.text for note in one.verdict.notes if note.refuses)
        return f"{reasons}: {flags}" if flags else reasons
    if one.verb == "keep":
        return "; ".join(one.verdict.messages) or "stays"
    slot = told.slot(one)
    if slot is not None and slot.blocked:
        return slot.blocked[0].sentence
    parts = [_whereto(told, one), *(_loss(note.code) for note in one.verdict.notes)]
    if slot is not None and slot.wave > 1:
        budgets = [budget.key for budget in told.ledger.budgets_of(one.pod)]
        paced = f", paced by {budgets[0]}" if budgets and not told.params.disable_eviction else ""
        parts.append(f"wave {slot.wave}{paced}")
    return "; ".join(part for part in parts if part)


def _whereto(told: Outlook, one: Passenger) -> str:
    if one.pod.finished:
        return "has finished and is removed"
    if one.pod.ending:
        return "is ending already and is waited for"
    fit = told.fits.get(one.uid)
    if fit is None:
        return "is not made again"
    if fit.verdict == "does_not_fit":
        return f"{'needs a new node' if told.scene.autoscaler else 'stays pending'}: {reasons_in_words(fit)}"
    return LANDING[fit.verdict].format(node=fit.node)


def _loss(code: str) -> str:
    return "loses its emptyDir data" if code == "emptydir_data" else ""


def _data(told: Outlook, one: Passenger) -> JsonObject:
    """For programs: only what is known, so that small plans stay small."""
    slot, fit = told.slot(one), told.fits.get(one.uid)
    data: JsonObject = {"owner": one.owner.label, "state": one.verdict.group}
    if fit is not None:
        data |= _fit_data(fit)
    if slot is not None:
        data |= {"wave": slot.wave, "at_s": round(slot.at_s, 1), "done_s": round(slot.done_s, 1)}
    if budgets := [budget.key for budget in told.ledger.budgets_of(one.pod)]:
        data["budgets"] = budgets
    if slot is not None and slot.blocked:
        data["blocked_by"] = [[block.budget, block.code, block.when] for block in slot.blocked]
    if one.verdict.flags:
        data["flags"] = list(one.verdict.flags)
    return data


def _fit_data(fit: Fit) -> JsonObject:
    data: JsonObject = {"fit": fit.verdict}
    if fit.node:
        data["lands_on"] = fit.node
    if fit.verdict == "does_not_fit":
        data["reasons"] = dict(sorted(fit.reasons.items())[:20])
    if fit.notes:
        data["notes"] = list(fit.notes)
    return data
