"""How a change is put on record: events for whoever follows, audit entries for whoever asks later, one transaction.

Everything the engine does goes through `Books.write`, last in its transaction: if the record cannot be written, the
change does not happen. Progress and notes are events only; they are not chained. What people and clusters said passes
the redactor here, since nothing is told, chained or sent on but through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from k8sops.audit.canonical import digest, plain
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditObject
from k8sops.core.clock import IdSource
from k8sops.core.events import Emission
from k8sops.core.plan import JsonObject, Plan, Step, Target
from k8sops.core.ports import Redactor
from k8sops.core.run import Run, RunId, RunState
from k8sops.store.audit_rows import HeadSeen, Seal, append_audit
from k8sops.store.database import Tx
from k8sops.store.events import Lease, append_events
from k8sops.store.outbox import put_out

STATE_CODES: Final = {state: f"run.{state}" for state in RunState}


class Books:
    """Writes events, audit entries and notifications."""

    def __init__(self, seal: Seal, redactor: Redactor, ids: IdSource) -> None:
        self._seal = seal
        self._seen = HeadSeen()
        self._redactor = redactor
        self._ids = ids

    def write(
        self,
        tx: Tx,
        run: RunId,
        emissions: Sequence[Emission],
        entries: Sequence[AuditEntry] = (),
        *,
        lease: Lease | None = None,
    ) -> None:
        """Tell the events and chain the entries: the transaction's last act."""
        self.tell(tx, run, emissions, lease=lease)
        self.chain(tx, entries)

    def tell(self, tx: Tx, run: RunId, emissions: Sequence[Emission], *, lease: Lease | None = None) -> None:
        """Number and store events, secrets taken out, and put state changes in the outbox.

        Raises FencedOutError where `lease` is given and not held: with a lease, before anything else is changed.
        """
        clean = [self._clean_emission(emission) for emission in emissions]
        for event in append_events(tx, run, clean, lease=lease):
            if event.kind == "state":
                told = {"seq": event.seq, "text": event.text}
                put_out(tx, self._ids.new(), str(event.data["state"]), run, told)

    def chain(self, tx: Tx, entries: Sequence[AuditEntry]) -> None:
        """Chain entries, secrets taken out. Nothing may follow in the transaction: this locks the chain's head."""
        append_audit(tx, [self._clean_entry(entry) for entry in entries], self._seal, self._seen)

    def text(self, text: str) -> str:
        """What somebody said, as it is stored beside the record: without secrets."""
        return self._redactor.text(text) if text else ""

    def _clean_emission(self, emission: Emission) -> Emission:
        return msgspec.structs.replace(
            emission,
            text=self.text(emission.text),
            data=self._redactor.texts(emission.data) if emission.data else emission.data,
        )

    def _clean_entry(self, entry: AuditEntry) -> AuditEntry:
        """Names, ids and digests are no free text; differences are clean already (`object_of`)."""
        return msgspec.structs.replace(
            entry,
            reason=self.text(entry.reason),
            data=self._redactor.texts(entry.data) if entry.data else entry.data,
        )

    def object_of(self, target: Target, before: JsonObject, after: JsonObject) -> AuditObject:
        """What a change is about, secrets taken out of its difference."""
        clean_before = self._redactor.redact(before, target.kind)
        clean_after = self._redactor.redact(after, target.kind)
        fields = sorted(clean_before.keys() | clean_after.keys())
        return AuditObject(
            kind=target.kind,
            name=target.name,
            namespace=target.namespace,
            uid=target.uid,
            before=digest_of(clean_before),
            after=digest_of(clean_after),
            difference={field: [clean_before.get(field), clean_after.get(field)] for field in fields},
        )


def digest_of(value: JsonObject) -> str:
    """sha256 of the canonical form, as the audit trail's own digests are; empty for nothing."""
    return digest(plain(value)) if value else ""


def state_emission(state: RunState, text: str, data: JsonObject | None = None) -> Emission:
    """The event of a change of state."""
    return Emission(kind="state", text=text, data={"state": str(state), **(data or {})})


def run_entry(
    run: Run,
    code: str,
    at: datetime,
    *,
    actor: Actor | None = None,
    person: str = "",
    reason: str = "",
    outcome: str = "",
    step: str = "",
    objects: Sequence[AuditObject] = (),
    data: JsonObject | None = None,
) -> AuditEntry:
    """An entry about a run; without an actor it is the carrier's, done in the requester's name."""
    own = actor is None or (actor.name, actor.team) == (run.actor.name, run.actor.team)
    return AuditEntry(
        code=code,
        at=at,
        actor=actor or run.actor,
        person=person or (run.person if own else ""),
        run=run.id,
        step=step,
        action=run.plan.action,
        digest=run.plan.digest,
        effective=run.plan.execute_as,
        cluster_uid=run.plan.cluster.uid,
        cluster_name=run.plan.cluster.name,
        objects=tuple(objects),
        reason=reason,
        policy_version=run.plan.decision.policy if run.plan.decision else "",
        verdict=run.plan.decision.effect if run.plan.decision else "",
        outcome=outcome,
        data=data or {},
    )


def step_of(plan: Plan, path: str) -> Step | None:
    """The plan's step of this path."""
    return next((step for step in plan.steps if step.id == path), None)


def with_decision(plan: Plan, **changes: object) -> Plan:
    """The same plan with what policy said, or whom it is carried out as."""
    return msgspec.structs.replace(plan, **changes)
