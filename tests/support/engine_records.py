"""What must be true of a run's record whatever happened to it: events, audit chain, locks and leases agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from sqlalchemy import select

from k8sops.audit.record import Record, genesis, open_record, record_hash
from k8sops.core.run import Run, RunState
from k8sops.store.audit_rows import audit_records
from k8sops.store.database import Database, Tx
from k8sops.store.events import all_events
from k8sops.store.runs import load_row, run_of
from k8sops.store.schema import audit_head, run_steps, runs, target_locks

RENAMED = {"run.approved": "queued", "run.held": "proposed"}
"""Codes that say more than the state they stand for."""
STATES = frozenset(str(state) for state in RunState)


async def chain_of(database: Database) -> list[Record]:
    """Every audit record, the chain held to be whole."""
    return await database.read(_chain)


def _chain(tx: Tx) -> list[Record]:
    head = tx.execute(select(audit_head)).one()
    previous, found = genesis(head.store_id), []
    for seq, hash_, data in audit_records(tx):
        record = open_record(data)
        assert (record.seq, record.previous) == (seq, previous), f"record {seq} does not follow"
        assert record_hash(data) == hash_, f"record {seq} is not what was sealed"
        previous = hash_
        found.append(record)
    assert (head.seq, head.hash) == (len(found), previous), "the head is not the last record"
    return found


async def in_order(database: Database, run_id: str) -> Run:
    """The run, its record held to be in order, as it must be at every moment."""
    return (await all_in_order(database, [run_id]))[0]


async def all_in_order(database: Database, run_ids: Iterable[str]) -> list[Run]:
    """The same of several runs, all as they are at one moment."""

    def work(tx: Tx) -> list[Run]:
        records: dict[str, list[Record]] = defaultdict(list)
        for record in _chain(tx):
            records[record.run].append(record)
        return [_in_order(tx, run, records[run]) for run in run_ids]

    return await database.read(work)


def _in_order(tx: Tx, run_id: str, records: list[Record]) -> Run:
    row = load_row(tx, run_id)
    events = all_events(tx, run_id)
    assert [event.seq for event in events] == list(range(1, row.last_seq + 1)), "events have gaps"
    states = [event.data["state"] for event in events if event.kind == "state"]
    assert states[-1] == row.state, "the last event is of another state"
    assert _states_of(records) == states, "a change of state has not exactly one event and one record"
    _steps_in_order(tx, run_id, records, Counter((event.kind, event.step) for event in events))
    if RunState(row.state).ended:
        assert row.lease_owner is None, "an ended run is still held"
        held = tx.execute(select(target_locks.c.key).where(target_locks.c.run == run_id)).all()
        assert not held, "an ended run holds locks"
    return run_of(row, events=events)


def _states_of(records: list[Record]) -> list[str]:
    states = []
    for record in records:
        state = RENAMED.get(record.code, record.code.removeprefix("run."))
        if record.code == "run.proposed":
            states.append(record.outcome)
        elif record.code.startswith("run.") and state in STATES:
            states.append(state)
    return states


def _steps_in_order(tx: Tx, run_id: str, records: list[Record], events: Counter[tuple[str, str]]) -> None:
    rows = tx.execute(select(run_steps.c.path, run_steps.c.state).where(run_steps.c.run == run_id))
    intents = Counter(record.step for record in records if record.code == "step.intent")
    outcomes = Counter(record.step for record in records if record.code in {"step.outcome", "step.settled"})
    for path, state in rows:
        if not path.startswith("ledger/") or path in {"ledger/pause", "ledger/file"}:
            continue
        assert intents[path], f"{path} was begun without an intent on record"
        assert events["step_started", path] == intents[path], f"{path}: intents and events do not agree"
        if state in {"done", "failed"}:
            assert outcomes[path], f"{path} is {state} without an outcome on record"


async def every_run(database: Database) -> list[str]:
    """The ids of all runs."""
    return await database.read(lambda tx: [str(id_) for id_ in tx.execute(select(runs.c.id)).scalars()])
