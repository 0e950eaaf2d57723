"""Asking approvers directly, reminding them, escalating: and whoever asked for it sees who was told, and when.

What each of several replicas may do is decided by the store, person by person, so that nobody is asked twice and
nobody is left out where a bot dies between two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from slack_sdk.errors import SlackApiError

from k8sops.core.errors import AlreadyDecidedError, DeniedError
from k8sops.core.moments import in_words
from k8sops.core.run import Run, RunFilter, RunState
from k8sops.service.chat.asked import NUDGED_AGAIN, Asked, Reminder, reminders
from k8sops.service.chat.audience import ESCALATED, Told, approvers_of, due, requester_of
from k8sops.service.chat.opening import ChatService
from k8sops_slack.blocks.sending import Message
from k8sops_slack.bot.once import once
from k8sops_slack.bot.posting import Poster
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.bot.showing import Showing
from k8sops_slack.refused import is_final, word_of
from k8sops_slack.thread.telling import escalated_message, reminder, told_message

Say = Callable[[str], None]
WAITING: Final = RunFilter(states=(RunState.AWAITING_APPROVAL,), limit=200)


class Telling:
    """Whoever has to decide hears of it."""

    def __init__(self, chat: ChatService, poster: Poster, showing: Showing, say: Say) -> None:
        """`say` is for whoever runs the bot."""
        self._chat: Final = chat
        self._poster: Final = poster
        self._showing: Final = showing
        self._say: Final = say

    async def ask(self, run: Run, *, wave: int) -> None:
        """Everybody of this wave who may approve it; whoever Slack does not take a message for is noted as such."""
        waiting = {one.id for one in await self._chat.records.runs(WAITING)}
        for told in approvers_of(run, await self._chat.desk.policy()):
            if told.wave == wave:
                await self._ask(run, told, waiting)
        await self._showing.filed(run.id)

    async def _ask(self, run: Run, told: Told, waiting: set[str]) -> None:
        user = told.users[0]
        kept = await self._chat.memory.together.asked(user, run, waiting)
        try:
            await self._showing.together.make_true(kept.key)
        except SlackApiError as error:
            if not is_final(error):
                raise
            trouble = word_of(error)
        else:
            trouble = ""
        asked = Asked(
            run=run.id,
            person=told.person,
            team=user.team,
            user=user.user,
            at=self._chat.clock.now(),
            wave=told.wave,
            trouble=trouble,
        )
        await self._chat.memory.note_asked(asked)

    async def told(self, run: Run, team: str, *, again: bool = False) -> Message:
        """Who was asked, for whoever asked for it."""
        asked = await self._chat.memory.asked(run.id)
        return told_message(run, await room_of(self._chat, team), asked, again=again)

    async def nudge(self, run: Run, person: str, team: str) -> Message:
        """Ask those once more who have been asked, for a person of that team; what they are told.

        Raises DeniedError where somebody else asked for the run, or where they were just asked again, and
        AlreadyDecidedError where it waits no more: who is rung for nothing does not come the next time.
        """
        if run.person != person:
            raise DeniedError(
                f"run {run.id} is {run.person or run.actor.name}'s: whoever asked for it asks again"
            )
        if run.state is not RunState.AWAITING_APPROVAL:
            raise AlreadyDecidedError(f"run {run.id} waits for nobody's approval any more")
        memory, key = self._chat.memory, f"nudged/{run.id}"
        if not await memory.hold(key):
            raise DeniedError("they are being asked again just now")
        try:
            now, before = self._chat.clock.now(), await memory.done_at(key)
            if before is not None and now - before < NUDGED_AGAIN:
                raise DeniedError(
                    f"they were asked again {in_words((now - before).total_seconds())} ago",
                    hint=f"once in {in_words(NUDGED_AGAIN.total_seconds())} is enough: who is rung more often mutes it",
                )
            await self._nudge(run)
            await memory.done_now(key)
        finally:
            await memory.let_go(key)
        return await self.told(run, team, again=True)

    async def _nudge(self, run: Run) -> None:
        voted = {one.person for one in run.approvals}
        for one in await self._chat.memory.asked(run.id):
            if not one.trouble and one.person not in voted:
                await self._direct(one.user, await self._reminder([run], one.team, one.user))

    async def remind(self) -> None:
        """Remind and escalate where it is time."""
        waiting = reversed(await self._chat.records.runs(WAITING))
        runs = [await self._chat.records.get_run(summary.id) for summary in waiting]
        now = self._chat.clock.now()
        for one in reminders(runs, await self._chat.desk.policy(), now):
            await self._remind(one)
        for run in runs:
            at = due(run, ESCALATED)
            if at is not None and now >= at:
                await self._escalate(run)

    async def _remind(self, wanted: Reminder) -> None:
        memory = self._chat.memory
        if not await self._open(wanted) or not await memory.hold(wanted.key):
            return
        try:
            if runs := await self._open(wanted):
                user = wanted.user
                await self._direct(user.user, await self._reminder(runs, user.team, user.user))
                await memory.done_once(map(wanted.mark, runs))
        finally:
            await memory.let_go(wanted.key)

    async def _reminder(self, runs: Sequence[Run], team: str, user: str) -> Message:
        return reminder(runs, await room_of(self._chat, team), await self._showing.addresses(runs, user))

    async def _open(self, wanted: Reminder) -> list[Run]:
        """Those of the runs that they have not been reminded of."""
        left = await self._chat.memory.not_yet(map(wanted.mark, wanted.runs))
        return [run for run in wanted.runs if wanted.mark(run) in left]

    async def _escalate(self, run: Run) -> None:
        async def ask_the_others() -> None:
            await self.ask(run, wave=1)
            await self._tell_requester(run)

        await once(self._chat.memory, f"escalated/{run.id}", ask_the_others)

    async def _tell_requester(self, run: Run) -> None:
        """That others are asked now, or that nobody is left; nothing where all were asked to begin with."""
        policy = await self._chat.desk.policy()
        asked, rules = await self._chat.memory.asked(run.id), policy.file.slack
        requester = requester_of(run, policy)
        later = rules.escalate_to or rules.on_call or any(one.wave for one in asked)
        if requester is not None and later:
            await self._direct(requester.user, escalated_message(run, asked, rules.escalate_to))

    async def _direct(self, user: str, said: Message) -> None:
        """Tell one of several: what Slack does not take for one must not keep it from the others."""
        try:
            await self._poster.direct(user, said)
        except SlackApiError as error:
            if not is_final(error):
                raise
            self._say(f"{user} could not be told: {word_of(error)}")
