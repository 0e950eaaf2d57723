"""An audit entry: what happened, who did it, and on what, before it has its place in the chain.

The chain itself (`k8sops.audit`) adds sequence and previous hash and fixes the bytes. Secrets are taken out before an
entry is made; what is kept of them is a keyed digest. Fields that are empty are left out of the bytes, so a field may
be added, with an empty default, but never renamed or given another default.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.plan import JsonObject


class AuditObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An object on the cluster that the entry is about. Fields in the order they are written: the alphabet's."""

    after: str = ""
    before: str = ""
    """sha256 of the canonical form of what it was; empty where that is not known."""
    difference: JsonObject = {}
    """Redacted: field path to [before, after]."""
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""


class AuditVote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A vote the recorded decision rests on. Fields in the order they are written: the alphabet's."""

    digest: str
    key_id: str = ""
    """The key that signed the vote; empty where votes are not signed."""
    person: str
    statement: str = ""
    """sha256 of the signed statement's bytes."""
    surface: str
    verdict: str


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `code` is stable and listed in `k8sops.audit.codes`."""

    code: str
    at: datetime
    actor: Actor | None = None
    person: str = ""
    run: str = ""
    step: str = ""
    action: str = ""
    digest: str = ""
    """The plan's; of a schedule or a grant, its own."""
    statement: str = ""
    """sha256 of the signed statement by which the actor asked for this; empty where nothing is signed."""
    effective: str = ""
    """The Kubernetes identity a change is made as: the run's `execute_as`."""
    cluster_uid: str = ""
    cluster_name: str = ""
    objects: tuple[AuditObject, ...] = ()
    reason: str = ""
    votes: tuple[AuditVote, ...] = ()
    policy_version: str = ""
    verdict: str = ""
    """What policy said: allow, confirm, approve or deny; of a vote, what the person said."""
    outcome: str = ""
    """What came of it: `succeeded`, `failed`, `refused`, …; empty of an intent."""
    data: JsonObject = {}
    """Anything else, redacted. Numbers that are not whole are recorded as text."""


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records a list shows: the latest `limit` of those that fit all that is given."""

    person: str = ""
    """The person, or the actor's name at the cluster or in the chat."""
    action: str = ""
    object: str = ""
    """`NAME`, `KIND/NAME`, or `NAMESPACE/KIND/NAME`, as plans print them."""
    run: str = ""
    """A run's id, or how it begins."""
    cluster_uid: str = ""
    code: str = ""
    """A code, or the beginning of one with a `*`, as in `step.*`."""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
