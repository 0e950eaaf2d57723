"""Settling a run that needs review: a person has looked and says what became of the step in doubt."""

from __future__ import annotations

from typing import Final

from k8sops.core.actor import Actor
from k8sops.core.errors import AlreadyDecidedError, DeniedError
from k8sops.core.run import Run, RunState, Settlement
from k8sops.engine.books import Books, run_entry
from k8sops.engine.desk import locked, standing
from k8sops.engine.port import Rules
from k8sops.engine.refusals import Answer, answered, refused
from k8sops.engine.signing import RESUME_LASTS, Signer, about, say, with_statement
from k8sops.engine.transitions import change_state
from k8sops.store.database import Database, Tx
from k8sops.store.steps import end_step, load_steps

_WORDS: Final = {"done": "taken as done", "retry": "to be done again"}


async def settle(
    database: Database,
    books: Books,
    rules: Rules,
    wanted: str,
    how: Settlement,
    actor: Actor,
    *,
    signer: Signer | None = None,
) -> Run:
    """Take the step in doubt as done, do it again, or give the run up; the first two let the run go on.

    Where it is signed, whoever carries the run on takes the signed word for each step, and the journal is theirs.
    Raises AlreadyDecidedError where the run needs no review, DeniedError where policy does not let the actor settle it.
    """

    def work(tx: Tx) -> Answer:
        run, row = locked(tx, wanted)
        if run.state is not RunState.NEEDS_REVIEW:
            raise AlreadyDecidedError(
                f"run {run.id} is {standing(run)}; only one that needs review is settled"
            )
        why = rules.resume_refused(run, actor)
        if why:
            return refused(tx, books, run, DeniedError(f"run {run.id} cannot be settled: {why}"), actor)
        person = rules.person_of(actor, run.plan.cluster.uid)
        who = person or actor.name
        entries = []
        if signer is not None:
            settled = _say_steps(tx, signer, run, how, actor)
        else:
            settled = _settle_steps(tx, run, how, who)
            entries = [
                run_entry(
                    run, "step.settled", tx.now(), actor=actor, person=person, step=path, outcome=outcome
                )
                for path, outcome in settled.items()
            ]
        data = {"steps": [*settled], "as": how}
        resumed = run_entry(run, "run.resumed", tx.now(), actor=actor, person=person, outcome=how, data=data)
        entries.append(with_statement(resumed, next(iter(settled.values()), "") if signer else ""))
        if how == "abandon":
            text = f"given up by {who}: {row.outcome}"
            return change_state(
                tx, books, run, RunState.FAILED, text, actor=actor, person=person, entries=entries
            )
        text = f"resumed by {who}: {', '.join(settled)} {_WORDS[how]}"
        return change_state(
            tx, books, run, RunState.RUNNING, text, actor=actor, person=person, entries=entries
        )

    return await answered(database, work, name="run.resumed")


def _settle_steps(tx: Tx, run: Run, how: Settlement, who: str) -> dict[str, str]:
    """What becomes of each step in doubt, by path."""
    doubtful = [path for path, record in load_steps(tx, run.id).items() if record.state == "started"]
    settled = {}
    for path in doubtful:
        # A step whose part is in doubt is gone through again for the parts that are left.
        bulk = any(other.startswith(f"{path}/") for other in doubtful)
        if how == "abandon":
            settled[path] = "unknown"
            continue
        done = how == "done" and not bulk
        settled[path] = "done" if done else "not_done"
        result = f"taken as done by {who}" if done else f"to be done again, says {who}"
        end_step(tx, run.id, path, state="done" if done else "failed", result=result)
    return settled


def _say_steps(tx: Tx, signer: Signer, run: Run, how: Settlement, actor: Actor) -> dict[str, str]:
    """Sign the word on each step in doubt; hashes of the statements, by path."""
    doubtful = [path for path, record in load_steps(tx, run.id).items() if record.state == "started"]
    until = signer.now() + RESUME_LASTS
    return {
        path: say(tx, signer, about(run, "resume", until=until, verdict=how, step=path), actor)
        for path in doubtful
    }
