"""What the desk's own screens show besides runs: the audit trail, policy and the settings in force. Plain data."""

from __future__ import annotations

from datetime import datetime

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.core.risk import Risk
from k8sops.core.run import RunId


class ReviewView(msgspec.Struct, frozen=True, kw_only=True):
    """A run that went round approvals, and has to be looked at afterwards."""

    run: RunId
    kind: str
    """`break_glass` or `emergency`."""
    opened_at: datetime
    headline: str
    actor: str


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the trail in words. Where its bytes are not a record's, only `seq` and `trouble` are given."""

    seq: int
    at: str = ""
    """RFC 3339, UTC."""
    code: str = ""
    who: str = ""
    run: str = ""
    what: str = ""
    outcome: str = ""
    trouble: str = ""
    document: JsonObject = {}
    """All of it, with its hash."""


class AuditProof(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the chain holds, what that proves, what to note elsewhere (`SEQ:HASH`), and what would prove more."""

    ok: bool
    sentence: str
    expect: str
    note: str


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, a freeze or another section of the policy that was asked; what it says, or why it does not apply."""

    name: str
    applies: bool
    effect: str
    why: str


class ActionVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What policy says to one action at one risk on this cluster."""

    action: str
    risk: Risk
    effect: str
    """`allow`, `confirm`, `approve` or `deny`."""
    asks: tuple[str, ...]
    """What has to happen first, a line each."""
    why: str
    rules: tuple[RuleView, ...]


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """The policy in force, asked for one person in one namespace."""

    sentence: str
    source: str
    warnings: tuple[str, ...]
    who: str
    """Whom it was asked for, and what the policy knows of them, in a sentence."""
    person: str
    """The name it was asked for; of whoever is at this screen, empty."""
    namespace: str
    """Where the object lies that each answer supposes; actions on nodes have none."""
    people: tuple[str, ...]
    """Who else can be asked about: persons the policy gives a username on this cluster."""
    verdicts: tuple[ActionVerdict, ...]


class SettingView(msgspec.Struct, frozen=True, kw_only=True):
    """A setting, its value without anything secret, and where that is from."""

    key: str
    value: str
    source: str
