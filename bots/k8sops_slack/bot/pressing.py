"""A button that was pressed: done as the person who pressed it, on exactly the plan that the button meant.

No click is ever silent: one that comes too late says what happened meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, get_args

from k8sops.core.errors import (
    AlreadyDecidedError,
    ConfirmationError,
    DriftedError,
    K8sOpsError,
    NoSuchRunError,
    UsageError,
)
from k8sops.core.run import Run, RunState, Settlement, Vote
from k8sops.service.chat.acting import Acting
from k8sops.service.chat.opening import ChatService
from k8sops_slack.blocks.building import section
from k8sops_slack.blocks.markup import escaped
from k8sops_slack.blocks.sending import message
from k8sops_slack.bot.asking import Asking
from k8sops_slack.bot.finding import Finding
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.posting import Poster
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.bot.showing import Showing
from k8sops_slack.cards import clicks
from k8sops_slack.cards.buttons import wants_name
from k8sops_slack.cards.card import sentence
from k8sops_slack.cards.clicks import Click, read_click
from k8sops_slack.reads.table import FULL, SHARE
from k8sops_slack.views import asking as dialogs

SETTLEMENTS: Final[dict[str, Settlement]] = {f"{clicks.SETTLE}{how}": how for how in get_args(Settlement)}


class Pressing:
    """Does what a button says."""

    def __init__(self, chat: ChatService, poster: Poster, showing: Showing, asking: Asking) -> None:
        self._chat = chat
        self._poster = poster
        self._showing = showing
        self._asking = asking
        self._finding = Finding(chat)
        self._plain: Mapping[str, Callable[[Heard], Awaitable[None]]] = {
            SHARE: asking.share,
            FULL: asking.whole,
            clicks.SHOW: self._found,
        }

    async def do(self, heard: Heard) -> None:
        """Do it, and make every card of the run say so. Raises K8sOpsError, whose sentence is for whoever pressed."""
        if heard.action in self._plain:
            await self._plain[heard.action](heard)
            return
        click = read_click(heard.value)
        acting = await self._chat.desk.acting(heard.who, click.cluster)
        run = await self._chat.records.get_run(click.run)
        try:
            if run.plan.digest != click.digest:
                raise DriftedError(
                    f"run {run.id} has another plan than this button means",
                    hint="look at the new one before you decide",
                )
            await self._done(heard, click, run, acting)
        except AlreadyDecidedError as error:
            # What happened meanwhile is worth more than that it is too late.
            await self._meanwhile(heard, run, error)
        finally:
            await self._showing.refresh(click.run)

    async def _done(self, heard: Heard, click: Click, run: Run, acting: Acting) -> None:
        ops, actor = acting.ops, acting.actor
        if heard.action == clicks.APPROVE:
            yes = Vote(verdict="approve", digest=click.digest, reason=heard.reason)
            await ops.decide(run.id, yes, actor)
        elif heard.action == dialogs.DENY:
            await ops.decide(run.id, Vote(verdict="deny", digest=click.digest, reason=heard.text), actor)
        elif heard.action in {clicks.APPLY, dialogs.NAME}:
            await self._apply(heard, run, acting)
        elif heard.action == clicks.CANCEL:
            await ops.cancel(run.id, actor, "")
        elif heard.action == clicks.UNDO:
            await self._asking.put_forward(await self._undo(heard, run, acting), heard)
        elif heard.action == clicks.AGAIN:
            why = heard.reason or run.reason
            again = await ops.propose(
                run.plan.action, run.plan.params, actor, reason=why, run_id=heard.run_id
            )
            await self._asking.put_forward(again, heard)
        elif heard.action == clicks.NUDGE:
            said = await self._asking.telling.nudge(run, acting.person.name, heard.team)
            await self._poster.whisper(heard.channel, heard.user, said, thread=heard.thread)
        elif heard.action in SETTLEMENTS:
            await ops.resume(run.id, SETTLEMENTS[heard.action], actor)
        else:
            raise UsageError("this button is not one of ours", hint="open the run anew")

    async def _apply(self, heard: Heard, run: Run, acting: Acting) -> None:
        """Begin; from then on it is everybody's to see."""
        if wants_name(run) and heard.action != dialogs.NAME:
            raise ConfirmationError(
                f"{run.plan.cluster.name} has to be typed to apply this", hint="press Apply"
            )
        started = await acting.ops.start(run.id, acting.actor, carry=False, seen=run.plan.digest)
        if heard.channel:
            await self._showing.in_channel(started, heard.team, heard.channel, to=heard.user)
        else:
            await self._showing.to_person(started, heard.team, heard.user, "requester")

    async def _undo(self, heard: Heard, run: Run, acting: Acting) -> Run:
        """What takes the run back: of two taps of one person the second shows what the first proposed."""
        memory, key = self._chat.memory, f"undo/{run.id}/{acting.person.name}"
        ended = ""
        while (first := await memory.first_undo(key, heard.run_id, instead_of=ended)) != heard.run_id:
            try:
                found = await self._chat.records.get_run(first)
            except NoSuchRunError as error:
                hint = "its plan is shown in a moment"
                raise UsageError(f"the undo of run {run.id} is being planned", hint=hint) from error
            if not found.state.ended:
                return found
            ended = found.id
        try:
            return await acting.ops.undo(run.id, acting.actor, reason=heard.reason, run_id=heard.run_id)
        except K8sOpsError:
            await memory.no_undo(key)
            raise

    async def _found(self, heard: Heard) -> None:
        await self._asking.do(await self._finding.line(heard))

    async def _meanwhile(self, heard: Heard, run: Run, error: K8sOpsError) -> None:
        present = await self._chat.records.get_run(run.id)
        room = await room_of(self._chat, heard.team)
        told = (
            sentence(present, room)
            if present.state is not RunState.AWAITING_APPROVAL
            else escaped(error.message)
        )
        await self._poster.whisper(
            heard.channel or heard.user, heard.user, message(told, [section(told)]), thread=heard.thread
        )
