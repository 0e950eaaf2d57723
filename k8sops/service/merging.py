"""Bringing an emergency's records into the shared store, once that is back (DESIGN §8).

The local chain is verified, kept whole as an attachment of the shared store, and named there by its last hash; the
local store's own last record names the shared chain's; and this installation signs both as they then are. So each
chain vouches for where the other stood. Every run of the emergency comes with an open review, and its end is on record
in the shared chain, so that what was signed for it is not carried out a second time.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import msgspec

from k8sops.audit.checkpoints import sign_checkpoint
from k8sops.audit.export import export_lines
from k8sops.audit.record import genesis
from k8sops.audit.verify import verify
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import AuditBrokenError, UsageError
from k8sops.core.run import Run
from k8sops.engine.books import run_entry
from k8sops.engine.signing import with_statement
from k8sops.policy.policy import Policy
from k8sops.service.audit_trail import os_actor
from k8sops.service.checkpoint_places import CheckpointPlaces
from k8sops.service.checkpointing import checkpoint_key, write_checkpoint
from k8sops.service.config import Config, emergency_file
from k8sops.service.emergency_words import Word, word_on
from k8sops.service.policies import policy_of
from k8sops.service.storing import Storage
from k8sops.store.audit_rows import audit_head_of, audit_records
from k8sops.store.checkpoint_rows import store_id_of
from k8sops.store.database import Tx
from k8sops.store.merging import bring_in, going, keep_attachment, rows_of_runs
from k8sops.store.runs import load_row, run_of
from k8sops.store.statement_rows import statements_about


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What was brought over."""

    runs: int
    records: int
    attachment: str
    """sha256 under which the shared store keeps the local chain."""
    put_aside: str
    """Where the local store's file is now."""
    unsigned: tuple[str, ...] = ()
    """With trust `signed`: a sentence for each run that nobody the policy pins has answered for."""


class _Local(msgspec.Struct, frozen=True, kw_only=True):
    store_id: str
    head: tuple[int, str]
    export: bytes
    rows: dict[str, list[dict[str, object]]]
    runs: tuple[tuple[Run, Word], ...]


async def merge_emergency(config: Config) -> Merged:
    """Merge the emergency store of this machine into the shared one.

    Raises UsageError where there is none, or a run in it has not ended or needs review; AuditBrokenError where its
    chain does not hold; and what opening the shared store raises. A merge that was interrupted can be repeated.
    """
    local_config = msgspec.structs.replace(config, emergency=True)
    file = emergency_file()
    if not file.exists():
        raise UsageError("there is no emergency store on this machine", hint="--emergency makes one")
    clock, ids, actor = SystemClock(), UlidSource(), os_actor()
    local = Storage(local_config, clock, ids)
    shared = Storage(msgspec.structs.replace(config, emergency=False), clock, ids)
    try:
        policy = policy_of(config)
        found = await (await local.database()).read(lambda tx: _read_local(tx, policy))
        if open_runs := going(found.rows):
            raise UsageError(
                f"run {open_runs[0]} of the emergency has not ended, or needs review",
                hint=f"`k8sops runs cancel {open_runs[0]} --emergency`, or `k8sops runs resume {open_runs[0]} --as"
                " done|retry|abandon --emergency` where it needs review, then merge",
            )
        body = gzip.compress(found.export, mtime=0)
        digest = hashlib.sha256(found.export).hexdigest()
        runs = await _into_shared(shared, found, body, digest, actor)
        await _close_local(local, shared, actor)
        await write_checkpoint(
            await shared.database(), await shared.books(), actor=actor, places=CheckpointPlaces(config)
        )
    finally:
        await local.aclose()
        await shared.aclose()
    return Merged(
        runs=runs,
        records=found.head[0],
        attachment=digest,
        put_aside=str(_put_aside(file, digest)),
        unsigned=tuple(f"run {run.id}: {word.missing}" for run, word in found.runs if word.missing),
    )


def _read_local(tx: Tx, policy: Policy) -> _Local:
    store_id, head = store_id_of(tx), audit_head_of(tx)
    finding = verify(audit_records(tx), store_id)
    if not finding.ok:
        raise AuditBrokenError(f"the emergency store's audit trail does not hold: {finding.sentence}")
    key, now = checkpoint_key(), tx.now()
    lines = export_lines(
        audit_records(tx),
        origin=store_id,
        first=1,
        last=head[0],
        previous=genesis(store_id),
        sign=lambda seq, hash_: sign_checkpoint(key, origin=store_id, seq=seq, hash_=hash_, at=now),
    )
    rows = rows_of_runs(tx)
    runs = [run_of(load_row(tx, str(row["id"]))) for row in rows["runs"]]
    words = tuple((run, word_on(policy, run, statements_about(tx, run.id))) for run in runs)
    return _Local(store_id=store_id, head=head, export=b"".join(lines), rows=rows, runs=words)


async def _into_shared(shared: Storage, found: _Local, body: bytes, digest: str, actor: Actor) -> int:
    books = await shared.books()

    def work(tx: Tx) -> int:
        fresh = bring_in(tx, found.rows, review="emergency")
        entries = [
            _end_of(tx, run, word, found.store_id, actor) for run, word in found.runs if run.id in fresh
        ]
        if keep_attachment(tx, digest, body):
            entry = AuditEntry(
                code="store.merged",
                at=tx.now(),
                actor=actor,
                outcome="merged",
                data={
                    "store": found.store_id,
                    "records": found.head[0],
                    "last": found.head[1],
                    "runs": len(fresh),
                    "attachment": digest,
                },
            )
            entries.append(entry)
        books.chain(tx, entries)
        return len(fresh)

    return await (await shared.database()).write(work, name="store.merged")


def _end_of(tx: Tx, run: Run, word: Word, origin: str, actor: Actor) -> AuditEntry:
    """How the run ended, for the shared chain: what has ended there is not carried out again."""
    data = {"text": run.outcome, "emergency": origin}
    if word.missing:
        data["unsigned"] = word.missing
    entry = run_entry(
        run,
        f"run.{run.state}",
        tx.now(),
        actor=actor if word.missing else None,  # nobody is said to have done what they did not sign
        person=word.person,
        reason=run.reason,
        outcome=str(run.state),
        data=data,
    )
    return with_statement(entry, word.statement)


async def _close_local(local: Storage, shared: Storage, actor: Actor) -> None:
    store_id, head = await (await shared.database()).read(lambda tx: (store_id_of(tx), audit_head_of(tx)))
    books = await local.books()

    def work(tx: Tx) -> None:
        data = {"into": store_id, "seq": head[0], "last": head[1]}
        entry = AuditEntry(code="emergency.closed", at=tx.now(), actor=actor, outcome="closed", data=data)
        books.chain(tx, [entry])

    database = await local.database()
    await database.write(work, name="emergency.closed")
    await write_checkpoint(database, books, actor=actor)


def _put_aside(file: Path, digest: str) -> Path:
    aside = file.with_name(f"{file.stem}-{digest[:12]}.merged.db")
    for suffix in ("-wal", "-shm", ""):
        part = Path(f"{file}{suffix}")
        if part.exists():
            part.rename(f"{aside}{suffix}")
    return aside
