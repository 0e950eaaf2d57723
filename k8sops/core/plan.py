"""A plan: what an action would do, why, at what risk, resting on which facts; frozen, with a digest.

The digest is what people approve (DESIGN §8), so it covers what the plan *does* and leaves out what only describes
it: times, decision, notes, forecasts and prose. Plans hold no live objects and do no I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import msgspec
import rfc8785

from k8sops.core.risk import Risk, riskiest

PLAN_FORMAT = 1
SUMMARY_LIMIT = 160
INLINE_STEP_LIMIT = 500
INLINE_ITEM_LIMIT = 500
FIRST_ITEMS = 20

JsonObject = dict[str, Any]
Level = Literal["note", "warning", "blocker"]


class ClusterInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which cluster: the user's context name, its server, and the uid of namespace kube-system as its key."""

    context: str
    server: str
    uid: str
    name: str
    environment: str = "unclassified"


class Target(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """An object on the cluster; `kind` is the plural resource with its group, as in `deployments.apps`."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""

    @property
    def label(self) -> str:
        """How a person names it: `shop/deployment/web` without the group; `node/n1` when cluster-scoped."""
        kind = self.kind.split(".", 1)[0]
        return f"{self.namespace}/{kind}/{self.name}" if self.namespace else f"{kind}/{self.name}"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An object that moves along with a step's target, such as a pod of a node that is drained."""

    target: Target
    verb: str
    """What happens to it: `evict`, `delete`, `keep`."""
    group: str
    """Of which class it is, in one word: `replicated`, `daemonset`, `bare`."""
    why: str = ""
    data: JsonObject = {}
    """What is expected of it, such as where it will land; not in the digest."""


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """All that moves along with a step's target (DESIGN §8 Size): counted, the first listed, all of it hashed."""

    counts: dict[str, int]
    """How many by `verb group`; a kind of item that is not in here when the plan is made again is drift."""
    items: tuple[Item, ...]
    total: int
    sha256: str
    """Over targets, verbs and groups of all items, listed here or not."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One change, keyed by a path that stays the same whenever the same plan is made again."""

    id: str
    verb: str
    target: Target
    why: str
    before: JsonObject
    after: JsonObject
    risk: Risk
    undo: JsonObject | None = None
    """The action and params that would take it back, e.g. `{"action": "scale", "params": {…}}`."""
    bulk: Bulk | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something the requester must know; a blocker stops the run unless its override is given."""

    level: Level
    code: str
    text: str
    subjects: tuple[str, ...] = ()
    override: str = ""
    """The flag that would turn this blocker or warning off."""


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """A fact the plan rests on, such as `spec.replicas` = 3 of one uid; never a resourceVersion."""

    target: Target
    fact: str
    value: Any


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """How long the run is expected to take, and what limits it."""

    seconds: float | None = None
    limited_by: str = ""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """Approvals that one rule asks for; where several rules ask, each demand is met on its own."""

    count: int
    """How many persons must say yes, none of them the requester."""
    groups: tuple[str, ...] = ()
    """Groups whose members may approve; empty means anyone policy knows."""
    distinct_groups: bool = False
    """Each of the approvals comes from another of these groups."""
    at_terminal: int = 0
    """How many of them are given at the command line or screen, where a person's own key signs; not in a chat."""
    rule: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What policy says of this plan and actor."""

    effect: Literal["allow", "confirm", "approve", "deny"]
    why: str
    approvals: int = 0
    """The most that one demand asks for: no fewer persons can suffice."""
    demands: tuple[Demand, ...] = ()
    """What has to be met, all of it, before an `approve` goes on; quorum counts these."""
    typed_name: bool = False
    """Confirming takes the cluster's name, not only yes."""
    reason_required: bool = False
    tickets: tuple[str, ...] = ()
    """Regular expressions (RE2 syntax); the reason must contain a match of each."""
    ttl_s: int | None = None
    """How long approvals may take to come in; then the run has expired."""
    break_glass: bool = False
    """Approvals or a freeze were set aside in an emergency: a review stays open until a person closes it."""
    rule: str = ""
    """The rule that decided: the first of those with the strictest effect."""
    policy: str = ""
    """The version of the policy that was asked: the first digits of its sha256."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything a person needs to say yes or no, and a carrier needs to do exactly that."""

    action: str
    action_version: int
    summary: str
    cluster: ClusterInfo
    params: JsonObject
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    blast_radius: JsonObject = {}
    forecast: Forecast = Forecast()
    requires: tuple[Requirement, ...] = ()
    made_at: datetime
    expires_at: datetime
    decision: Decision | None = None
    execute_as: str = ""
    attachments: tuple[str, ...] = ()
    """sha256 of each attachment that holds a bulk step's items."""

    def __post_init__(self) -> None:
        if len(self.summary) > SUMMARY_LIMIT:
            raise ValueError(f"plan summary has {len(self.summary)} characters, at most {SUMMARY_LIMIT} fit")
        if len(self.steps) > INLINE_STEP_LIMIT:
            raise ValueError(f"plan has {len(self.steps)} inline steps, at most {INLINE_STEP_LIMIT} fit")

    @property
    def risk(self) -> Risk:
        """The risk of the riskiest step."""
        return riskiest(step.risk for step in self.steps)

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """The findings that stop the run."""
        return tuple(finding for finding in self.findings if finding.level == "blocker")

    @cached_property
    def digest(self) -> str:
        """Hex sha256 over the RFC 8785 form of all that the plan does (DESIGN §8); reckoned once, for every button."""
        return hashlib.sha256(rfc8785.dumps(self._substance())).hexdigest()

    def _substance(self) -> JsonObject:
        steps = msgspec.to_builtins(self.steps)
        for step in steps:
            del step["why"]
            # Without items to move along, a digest is what it would be if there were no such thing.
            if bulk := step.pop("bulk"):
                step["bulk"] = [bulk["sha256"], bulk["total"]]
        return {
            "format": PLAN_FORMAT,
            "action": self.action,
            "action_version": self.action_version,
            "cluster_uid": self.cluster.uid,
            "params": self.params,
            "steps": steps,
            "risk": str(self.risk),
            "findings": [
                [finding.level, finding.code, sorted(finding.subjects), finding.override]
                for finding in self.findings
                if finding.level != "note"
            ],
            "requires": msgspec.to_builtins(self.requires),
            "execute_as": self.execute_as,
            "attachments": list(self.attachments),
        }


def bulk_of(items: Sequence[Item], *, listed: int = INLINE_ITEM_LIMIT) -> Bulk:
    """Count and hash items, and list the first of them; at most 20 where there are more than `listed`."""
    ordered = sorted(items, key=lambda item: item.target)
    counts: dict[str, int] = {}
    for item in ordered:
        key = f"{item.verb} {item.group}"
        counts[key] = counts.get(key, 0) + 1
    told = [[msgspec.to_builtins(item.target), item.verb, item.group] for item in ordered]
    shown = ordered if len(ordered) <= listed else ordered[:FIRST_ITEMS]
    return Bulk(
        counts=dict(sorted(counts.items())),
        items=tuple(shown),
        total=len(ordered),
        sha256=hashlib.sha256(rfc8785.dumps(told)).hexdigest(),
    )
