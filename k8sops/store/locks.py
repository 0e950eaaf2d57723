"""Target locks: while a run is queued or running, nothing else that waits here changes the same object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from k8sops.core.run import RunId
from k8sops.store.database import Tx
from k8sops.store.leases import lease_held
from k8sops.store.schema import runs, target_locks

_TAKE: Final = {
    "postgresql": postgresql.insert(target_locks).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(target_locks).on_conflict_do_nothing(),
}
_RELEASE: Final = delete(target_locks).where(target_locks.c.run == bindparam("run_id"))


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The run that holds a lock, and whether somebody carries it now."""

    key: str
    run: RunId
    action: str
    person: str
    carried: bool


def take_locks(tx: Tx, run: RunId, keys: Iterable[str]) -> Holder | None:
    """Take all of the locks or none; returns who holds the first that is taken. A run's own locks count as free.

    Keys are taken in order, so that two runs that want the same ones cannot wait for each other for ever.
    """
    wanted = sorted(set(keys))
    rows = [{"key": key, "run": run, "since": tx.now_ms()} for key in wanted]
    if rows:
        tx.execute(_TAKE[tx.dialect], rows)
    held = (
        select(
            target_locks.c.key,
            target_locks.c.run,
            runs.c.action,
            runs.c.person,
            runs.c.lease_owner,
            runs.c.lease_boot,
            runs.c.lease_until,
        )
        .join(runs, runs.c.id == target_locks.c.run)
        .where(target_locks.c.key.in_(wanted), target_locks.c.run != run)
        .order_by(target_locks.c.key)
        .limit(1)
    )
    holder = tx.execute(held).one_or_none()
    if holder is None:
        return None
    release_locks(tx, run)
    return Holder(
        key=holder.key,
        run=holder.run,
        action=holder.action,
        person=holder.person,
        carried=lease_held(tx, holder),
    )


def release_locks(tx: Tx, run: RunId) -> None:
    """Let go of whatever the run held."""
    tx.execute(_RELEASE, {"run_id": run})
