"""What a person does to a run at the screen, each in a worker that says in a message how it went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from textual.message import Message

from k8sops.core.actor import Actor
from k8sops.core.errors import DeniedError, K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.run import Run, RunId, RunState, Settlement, Vote
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.running.next_request import next_request
from k8sops.tui.session import Session

Deed = Callable[[Ops, Actor], Awaitable[Run]]


class Done(Message):
    """It was done; `run` is what came of it, `said` a sentence about it."""

    def __init__(self, run: Run, said: str) -> None:
        super().__init__()
        self.run = run
        self.said = said


class Refused(Message):
    """It was not done, and why."""

    def __init__(self, error: K8sOpsError) -> None:
        super().__init__()
        self.error = error


class Checked(Message):
    """What has changed on the cluster since a run's plan was made; None where that could not be told."""

    def __init__(self, run_id: RunId, drift: tuple[str, ...] | None, trouble: str = "") -> None:
        super().__init__()
        self.run_id = run_id
        self.drift = drift
        self.trouble = trouble


class Uncounted(Message):
    """Why a yes from here to a run would not count."""

    def __init__(self, run_id: RunId, why: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.why = why


class NextFound(Message):
    """Which run waits for a vote behind the one that is shown; empty where none does."""

    def __init__(self, run_id: RunId) -> None:
        super().__init__()
        self.run_id = run_id


class Deeds:
    """The deeds at one connection; `post` takes their messages."""

    def __init__(self, connection: Session, post: Callable[[Message], object]) -> None:
        self._connection = connection
        self._post = post

    async def cancel(self, run: RunId, why: str) -> None:
        """Stop it safely, or withdraw it."""

        async def deed(ops: Ops, actor: Actor) -> Run:
            return await ops.cancel(run, actor, why)

        await self._do(
            deed,
            lambda done: (
                done.outcome
                if done.state.ended
                else "it was asked to stop, and has not yet: its carrier is silent"
            ),
        )

    async def start(self, run: RunId, break_glass: str = "") -> None:
        """Queue it, and carry it here; `break_glass` is the reason for going round approvals."""

        async def deed(ops: Ops, actor: Actor) -> Run:
            return await ops.start(run, actor, break_glass=break_glass)

        await self._do(deed, lambda _: "")

    async def settle(self, run: RunId, how: Settlement) -> None:
        """Say what became of the step in doubt."""

        async def deed(ops: Ops, actor: Actor) -> Run:
            return await ops.resume(run, how, actor)

        await self._do(deed, lambda _: "")

    async def vote(self, run: Run, verdict: Literal["approve", "deny"], reason: str) -> None:
        """Vote on exactly the plan that was shown. What nobody has signed for gets no yes."""

        async def deed(ops: Ops, actor: Actor) -> Run:
            if verdict == "approve" and (why := await ops.unproposed(run.id)):
                raise DeniedError(
                    f"the proposal is forged, or was changed: {why}",
                    hint="no vote was signed; ask the requester, and tell who looks after the store",
                )
            await ops.decide(run.id, Vote(verdict=verdict, digest=run.plan.digest, reason=reason), actor)
            return await ops.get_run(run.id)

        await self._do(deed, lambda voted: _voted(voted, verdict))

    async def check(self, run: RunId) -> None:
        """Look whether a yes from here would count, and whether the cluster still is as planned."""
        try:
            ops = self._connection.ops
            if why := await ops.approval_refused(run, await actor_at_screen(ops)):
                self._post(Uncounted(run, why))
            drift = await self._connection.ops.drift(run)
        except K8sOpsError as error:
            self._post(Checked(run, None, error.message))
        else:
            self._post(Checked(run, drift))

    async def find_next(self, run: RunId) -> None:
        """Look which run waits behind this one."""
        try:
            found = await next_request(self._connection.ops, run)
        except K8sOpsError as error:
            self._post(Refused(error))
        else:
            self._post(NextFound(found))

    async def _do(self, deed: Deed, said: Callable[[Run], str]) -> None:
        try:
            ops = self._connection.ops
            run = await deed(ops, await actor_at_screen(ops))
        except K8sOpsError as error:
            self._post(Refused(error))
        except Exception as error:  # noqa: BLE001 - worker boundary: a deed's failure must reach the screen
            self._post(Refused(K8sOpsError(f"it failed unexpectedly: {type(error).__name__}: {error}")))
        else:
            self._post(Done(run, said(run)))


def _voted(run: Run, verdict: str) -> str:
    if verdict == "deny":
        return run.outcome or "denied"
    if run.state is RunState.AWAITING_APPROVAL:
        return run.events[-1].text if run.events else "approved; more approvals are needed"
    if run.state is RunState.PROPOSED:
        return f"approved; it is held until {run.who} starts it"
    if run.state is RunState.QUEUED and run.progress.waiting_for:
        return f"approved and queued; it waits for {run.progress.waiting_for}"
    return f"approved; it is {run.state} now"
