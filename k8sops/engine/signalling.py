"""Sending a signal to a run: the word a wait of its action goes on with. The first one for a wait counts.

Where statements are signed there are no signals: a row in a table proves nothing of who wrote it, and whoever may write
it could have a run go on. A carrier that wants signatures refuses to wait for one, whatever is in the store.
"""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.errors import AlreadyDecidedError, DeniedError, UsageError
from k8sops.core.events import Emission
from k8sops.core.plan import JsonObject
from k8sops.core.run import Run
from k8sops.engine.books import Books, digest_of, run_entry
from k8sops.engine.desk import locked, standing
from k8sops.engine.port import Rules
from k8sops.engine.refusals import UNSIGNED, Answer, answered, refused
from k8sops.store.database import Database, Tx
from k8sops.store.signals import send_signal

PATH_LIMIT: Final = 1024
PAYLOAD_LIMIT: Final = 16_384
"""Bytes of JSON."""


async def signal(
    database: Database,
    books: Books,
    rules: Rules,
    wanted: str,
    path: str,
    payload: JsonObject,
    actor: Actor,
    *,
    signed: bool = False,
) -> Run:
    """Leave `payload` for the wait at `path`, also before the run has come there, and wake the run.

    `signed` says that statements are signed here. The audit trail keeps the payload's digest, not the payload.
    Raises AlreadyDecidedError where the run has ended or has this signal, DeniedError where the actor may not settle
    what the run waits for or statements are signed, UsageError for a path or a payload that is none.
    """
    _check(path, payload)

    def work(tx: Tx) -> Answer:
        run, _ = locked(tx, wanted)
        person = rules.person_of(actor, run.plan.cluster.uid)
        if run.state.ended:
            raise AlreadyDecidedError(f"run {run.id} is {standing(run)}; it takes no signal")
        if why := UNSIGNED if signed else rules.resume_refused(run, actor):
            error = DeniedError(f"run {run.id} takes no signal: {why}")
            return refused(tx, books, run, error, actor, person=person)
        if not send_signal(tx, run.id, path, payload):
            raise AlreadyDecidedError(f"run {run.id} has its signal {path!r} already; the first one counts")
        note = Emission(
            kind="note", step=path, text=f"the signal {path!r} was sent by {person or actor.name}"
        )
        entry = run_entry(
            run, "signal.sent", tx.now(), actor=actor, person=person, outcome="sent",
            data={"signal": path, "payload": digest_of(payload)},
        )  # fmt: skip
        books.write(tx, run.id, [note], [entry])
        return run

    return await answered(database, work, name="signal.sent")


def _check(path: str, payload: JsonObject) -> None:
    if not path or len(path) > PATH_LIMIT:
        raise UsageError(f"a signal is named by the wait it is for, in at most {PATH_LIMIT} characters")
    if len(msgspec.json.encode(payload)) > PAYLOAD_LIMIT:
        raise UsageError(f"what goes with signal {path!r} is longer than {PAYLOAD_LIMIT} bytes of JSON")
