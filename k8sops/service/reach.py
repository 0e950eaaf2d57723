"""Whether anybody who is alive may carry a run; where nobody may, a queued one says so instead of merely waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from k8sops.core.events import Emission, Progress
from k8sops.core.run import Run, RunId, RunState
from k8sops.core.text import identity_in_words
from k8sops.engine.books import Books
from k8sops.engine.port import ActionBook
from k8sops.store.carriers import CarrierCard, live_carriers
from k8sops.store.database import Database, Tx
from k8sops.store.events import set_progress
from k8sops.store.leases import lease_held, within_ability
from k8sops.store.runs import load_row, run_of


async def say_if_nobody_may(database: Database, books: Books, run: RunId) -> Run:
    """The run as it stands. Where it is queued and nobody alive may carry it, that is what it waits for."""
    found = await database.read(lambda tx: _look(tx, run))
    if found is None:
        return await database.read(lambda tx: run_of(load_row(tx, run)))

    def work(tx: Tx) -> Run:
        present = run_of(load_row(tx, run, lock=True))
        if present.state is not RunState.QUEUED or _look(tx, run) is None:
            return present
        waiting = Progress(
            waiting_for=f"a carrier: nobody who is alive may carry it as {identity_in_words(found)}"
        )
        set_progress(tx, run, waiting)
        books.write(tx, run, [Emission(kind="note", text=_what_to_do(present, found))])
        return msgspec.structs.replace(present, progress=waiting)

    return await database.write(work, name="run.unattended")


def nobody_fires(
    alive: Sequence[CarrierCard], *, execute_as: str, cluster_uid: str, action: tuple[str, int]
) -> str:
    """Why a schedule's runs would lie about; empty where a worker that is alive fires and carries them."""
    workers = [card for card in alive if card.resident and cluster_uid in card.ability.cluster_uids]
    if not workers:
        return "no worker is alive for this cluster: nothing fires until `k8sops worker` runs"
    reached = any(
        within_ability(card.ability, "", execute_as=execute_as, cluster_uid=cluster_uid, action=action)
        for card in workers
    )
    return "" if reached else f"no worker that is alive may carry it as {identity_in_words(execute_as)}"


def anybody_may(tx: Tx, run: RunId, *, execute_as: str, cluster_uid: str, action: tuple[str, int]) -> bool:
    """Whether a live carrier announces that it could carry this."""
    return any(
        within_ability(card.ability, run, execute_as=execute_as, cluster_uid=cluster_uid, action=action)
        for card in live_carriers(tx)
    )


def takes_back(actions: ActionBook, *, own: bool) -> Callable[[Tx, Run], bool]:
    """Whether an action may be told that its run was cancelled, and somebody is alive who would tell it.

    `own` says that this process is, whatever the list of carriers says. An action that must not be repeated is not
    told: it could not know how far it came.
    """

    def judged(tx: Tx, run: Run) -> bool:
        plan = run.plan
        known = next((one for one in actions.known() if one.name == plan.action), None)
        if known is None or not known.idempotent:
            return False
        action = (plan.action, plan.action_version)
        return own or anybody_may(
            tx, run.id, execute_as=plan.execute_as, cluster_uid=plan.cluster.uid, action=action
        )

    return judged


def _what_to_do(run: Run, execute_as: str) -> str:
    whom = identity_in_words(execute_as)
    own = "" if execute_as.startswith("service:") else f", or {whom} runs `k8sops runs start {run.id}`"
    return f"nobody who is alive may carry it as {whom}: start a `k8sops worker` that may{own}"


def _look(tx: Tx, run: RunId) -> str | None:
    """As whom it would have to be carried, where it is queued and nobody can; else None."""
    row = load_row(tx, run)
    if row.state != str(RunState.QUEUED) or lease_held(tx, row):
        return None
    reached = anybody_may(
        tx,
        run,
        execute_as=row.execute_as,
        cluster_uid=row.cluster_uid,
        action=(row.action, row.action_version),
    )
    return None if reached else str(row.execute_as)
