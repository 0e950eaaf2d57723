"""What was asked for and not done, put on record: the refusal is committed first, then raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from k8sops.core.actor import Actor
from k8sops.core.errors import K8sOpsError
from k8sops.core.run import Run
from k8sops.engine.books import Books, run_entry
from k8sops.store.database import Database, Tx

UNSIGNED: Final = "statements are signed here, and nothing proves who sends a signal"

Answer = Run | K8sOpsError


async def answered(database: Database, work: Callable[[Tx], Answer], *, name: str) -> Run:
    """The run as `work` left it. Raises the error `work` returned, after its transaction was committed."""
    answer = await database.write(work, name=name)
    if isinstance(answer, K8sOpsError):
        raise answer
    return answer


def refused(
    tx: Tx,
    books: Books,
    run: Run,
    error: K8sOpsError,
    actor: Actor,
    *,
    code: str = "run.refused",
    person: str = "",
) -> K8sOpsError:
    """Chain the refusal; returns the error."""
    entry = run_entry(
        run, code, tx.now(), actor=actor, person=person, reason=error.message, outcome="refused"
    )
    books.chain(tx, [entry])
    return error
