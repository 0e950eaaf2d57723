"""A carrier's proof that a run was signed for: gathered from the store, judged by the witness, before each beginning.

That a run has begun is proved twice, since each proof alone can be forged by somebody: by a row of the journal, which
a door may not write, and by a record of the audit trail, which nobody may change. Only where both agree is a run taken
over as it is and judged as of the moment it began; else it is checked like one that has not begun, whatever its state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from k8sops.audit.record import Record, read_record
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import AuditError, StatementError
from k8sops.core.events import Emission
from k8sops.core.plan import JsonObject, Plan
from k8sops.core.run import Run, StepRecord
from k8sops.engine.books import Books, run_entry
from k8sops.engine.leased_store import LeasedStore
from k8sops.engine.signing import Evidence, GrantEvidence, Witness, facts_hash, facts_of
from k8sops.store.database import Tx
from k8sops.store.events import Lease
from k8sops.store.grant_rows import grants_of_digest
from k8sops.store.statement_rows import (
    MOST_RECORDS,
    audit_of_run,
    due_of_firing,
    intents_of_run,
    standing_of_schedule,
    statements_about,
)
from k8sops.store.steps import CHECKED, end_step, note_checked, step_stands

STARTED: Final = "run.started"
MOST_GRANTS: Final = 20
CANCEL_REQUESTED: Final = "run.cancel_requested"
_NO: Final = {"run.voted": "denied", CANCEL_REQUESTED: "cancelled"}


class Proof:
    """What is proved of one claimed run."""

    def __init__(
        self,
        witness: Witness,
        store: LeasedStore,
        books: Books,
        run: Run,
        lease: Lease,
        steps: dict[str, StepRecord],
    ) -> None:
        self._witness = witness
        self._store = store
        self._books = books
        self._run = run
        self._lease = lease
        self._steps = steps
        self._facts = ""
        self._evidence = Evidence()

    async def begun(self) -> bool:
        """Whether a carrier that had checked this very plan has begun with it."""
        self._evidence = await self._store.read(lambda tx: evidence_of(tx, self._run, self._steps))
        return self._evidence.begun_at is not None

    def check_unsigned(self) -> None:
        """Refuse, before anything is read from the cluster for it, what nobody asked for. Raises StatementError."""
        self._refuse(self._evidence.over or self._witness.unsigned(self._run, self._evidence))

    async def check(self, present: Plan) -> None:
        """Refuse what is not signed for, by the plan as it was made again just now. Raises StatementError."""
        self._facts = facts_of(present)
        await self.begun()  # planning takes a while, in which somebody may have said no
        self._refuse(
            self._evidence.over or self._witness.refused(self._run, self._evidence, fresh=present, at=None)
        )

    def check_again(self) -> None:
        """Refuse what is no longer signed for, judged as of the moment it began. Raises StatementError."""
        evidence = self._evidence
        plan = self._run.plan
        believed = replace(plan, blast_radius=_decoded(evidence.facts))
        self._refuse(
            evidence.over or self._witness.refused(self._run, evidence, fresh=believed, at=evidence.begun_at)
        )

    def begin(self, tx: Tx) -> None:
        """Put on record, where only carriers write, that this plan was checked and what was found."""
        mark = f"{self._run.plan.digest} {self._facts}"
        if CHECKED in self._steps:
            end_step(tx, self._run.id, CHECKED, state="done", result=mark)
        else:
            note_checked(tx, self._lease, mark)

    async def begin_alone(self, notes: Sequence[Emission], also: Callable[[Tx], None]) -> None:
        """The same for a run that the store has as running already, with what else goes on record then."""

        def work(tx: Tx) -> None:
            self._books.tell(tx, self._run.id, notes, lease=self._lease)
            self.begin(tx)
            also(tx)
            self._books.chain(tx, [self.started(tx)])

        await self._store.write(work, "run.started", lambda tx: step_stands(tx, self._lease, CHECKED, "done"))

    def started(self, tx: Tx) -> AuditEntry:
        """The record that the audit trail keeps of it."""
        facts = facts_hash(self._run.id, self._run.plan.digest, self._facts)
        return run_entry(self._run, STARTED, tx.now(), outcome="started", data={"facts": facts})

    def check_not_ended(self) -> None:
        """Refuse what has ended by the audit trail, or was never let begin, but for a cancel. Raises StatementError.

        For a cancelled run that is proved to have begun: whoever wanted it stopped wants it taken back too.
        """
        self._refuse(self._evidence.ended)

    async def settle(self) -> None:
        """Take persons' signed word for the steps in doubt, and put it into the journal."""
        doubt = {path: record for path, record in self._steps.items() if record.state == "started"}
        words = self._witness.settled(self._run, self._evidence, doubt) if doubt else {}
        if not words:
            return
        ends = {path: _ending(path, how, person, doubt) for path, (how, person) in words.items()}

        def work(tx: Tx) -> None:
            notes = [Emission(kind="note", step=path, text=text) for path, (_, text) in ends.items()]
            self._books.tell(tx, self._run.id, notes, lease=self._lease)
            entries = []
            for path, (state, text) in ends.items():
                end_step(tx, self._run.id, path, state=state, result=text)
                settled = "done" if state == "done" else "not_done"
                entry = run_entry(
                    self._run, "step.settled", tx.now(), step=path, outcome=settled, data={"text": text}
                )
                entries.append(replace(entry, person=words[path][1]))
            self._books.chain(tx, entries)

        await self._store.write(work, "step.settled")
        for path, (state, text) in ends.items():
            self._steps[path] = replace(self._steps[path], state=state, result=text)

    def _refuse(self, why: str) -> None:
        if why:
            raise StatementError(
                f"run {self._run.id} may not be carried out: {why}",
                hint="only what persons whom this carrier's policy pins have signed is carried out",
            )


def evidence_of(tx: Tx, run: Run, steps: Mapping[str, StepRecord]) -> Evidence:
    """Read what there is about a run; what cannot be read proves nothing."""
    told = audit_of_run(tx, run.id)
    records = [record for record in (_opened(data) for data in told) if record and record.run == run.id]
    reasons = [(record.code, why) for record in records if (why := _over(run, record))]
    if len(told) >= MOST_RECORDS:
        many = f"the audit trail has more than {MOST_RECORDS - 1} records of its beginnings and ends"
        reasons = [("", many)]
    reasons.append(("", _forgotten(tx, run, steps)))
    over = next(why for _, why in reasons)
    ended = next(why for code, why in reasons if code != CANCEL_REQUESTED)
    begun_at, facts = _begun(run, records, steps.get(CHECKED))
    return Evidence(
        statements=statements_about(tx, run.id),
        over=over,
        ended=ended,
        begun_at=begun_at,
        facts=facts,
        standing=standing_of_schedule(tx, run.schedule) if run.schedule else "",
        standing_statements=statements_about(tx, f"schedule:{run.schedule}") if run.schedule else (),
        due=due_of_firing(tx, run.schedule, run.id) if run.schedule else None,
        grants=_grants(tx, run) if run.grant and not run.schedule else (),
    )


def _grants(tx: Tx, run: Run) -> tuple[GrantEvidence, ...]:
    rows = grants_of_digest(tx, run.grant)[:MOST_GRANTS]
    return tuple(
        GrantEvidence(id=row.id, asked=row.spec, statements=statements_about(tx, row.id)) for row in rows
    )


def _opened(data: bytes) -> Record | None:
    try:
        return read_record(data)
    except AuditError:
        return None


def _over(run: Run, record: Record) -> str:
    """Why this record means that the run must not go on; empty where it does not."""
    if record.code == STARTED:
        return ""
    who = record.person or (record.actor.name if record.actor else "somebody")
    if record.code in _NO:
        if record.code == "run.voted" and record.outcome != "deny":
            return ""
        return f"{run.id} was {_NO[record.code]} by {who} at {record.at}, says the audit trail"
    return f"{run.id} ended before ({record.outcome}, at {record.at}), says the audit trail"


def _forgotten(tx: Tx, run: Run, steps: Mapping[str, StepRecord]) -> str:
    """Why the journal cannot be right: what was begun, it does not know, and would have done again."""
    begun = (_opened(data) for data in intents_of_run(tx, run.id))
    lost = sorted({one.step for one in begun if one and one.run == run.id and one.step not in steps})
    return f"the journal of {run.id} lacks {lost[0]}, which the audit trail has as begun" if lost else ""


def _begun(run: Run, records: list[Record], checked: StepRecord | None) -> tuple[datetime | None, str]:
    """When it began, and what was found then; None where journal and audit trail do not say the same."""
    digest, _, facts = checked.result.partition(" ") if checked else ("", "", "")
    if checked is None or checked.state != "done" or digest != run.plan.digest:
        return None, ""
    wanted = facts_hash(run.id, digest, facts)
    told = [
        record
        for record in records
        if record.code == STARTED and record.digest == digest and record.data.get("facts") == wanted
    ]
    if not told:
        return None, ""
    # The later of the two: an earlier one could be written to make what has expired hold again.
    return max(checked.ended_at or checked.started_at, parse_rfc3339(told[0].at)), facts


def _decoded(facts: str) -> JsonObject:
    try:
        return msgspec.json.decode(facts, type=dict)
    except msgspec.MsgspecError:
        return {}


def _ending(
    path: str, how: Literal["done", "retry"], person: str, doubt: Mapping[str, StepRecord]
) -> tuple[str, str]:
    """State and text of a step that a person has settled."""
    # A step whose part is in doubt is gone through again for the parts that are left.
    bulk = any(other.startswith(f"{path}/") for other in doubt)
    if how == "done" and not bulk:
        return "done", f"taken as done by {person}"
    return "failed", f"to be done again, says {person}"
