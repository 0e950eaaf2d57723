"""What happened to runs, told where it matters: cards edited, progress below them, the end to whoever asked.

It follows the outbox, which is written with each change of state, so that a bot that was away catches up. How far a run
is follows its events, at most one edit in `PACE_S` for each run, however many happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Final

from slack_sdk.errors import SlackApiError

from k8sops.core.errors import K8sOpsError, NoSuchRunError
from k8sops.core.run import Run, RunId, RunState
from k8sops.service.chat.audience import requester_of
from k8sops.service.chat.memory import Notice, ShownMessage
from k8sops.service.chat.opening import ChatService
from k8sops_slack.bot.handing import Handing
from k8sops_slack.bot.newscast import Newscast
from k8sops_slack.bot.once import once
from k8sops_slack.bot.posting import AWAY, Poster
from k8sops_slack.bot.refusing import defect_said
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.bot.showing import Showing
from k8sops_slack.bot.telling import Telling
from k8sops_slack.refused import is_final, word_of
from k8sops_slack.thread.ending import channel_failure, concerns_channel, end_reply, rings

LOOK_S: Final = 1.0
PACE_S: Final = 3.0
"""Slack takes some fifty edits a minute, of all messages together."""
REMIND_EVERY_S: Final = 30.0
FORGET_EVERY_S: Final = 86_400.0

Say = Callable[[str], None]


class Following:
    """Keeps Slack true, until it is cancelled."""

    def __init__(
        self,
        chat: ChatService,
        poster: Poster,
        showing: Showing,
        telling: Telling,
        say: Say,
        *,
        pace_s: float = PACE_S,
    ) -> None:
        self._chat = chat
        self._poster = poster
        self._showing = showing
        self._telling = telling
        self._newscast = Newscast(chat, showing.together, say)
        self.handing: Final = Handing(chat, poster, self._card_of, say)
        self._say = say
        self._pace_s = pace_s
        self._progress: dict[RunId, asyncio.Task[None]] = {}
        self._reminded_at = float("-inf")
        self._forgot_at = float("-inf")

    async def serve(self) -> None:
        """Tell what there is to tell, again and again."""
        try:
            while True:
                try:
                    await self.round()
                except (K8sOpsError, *AWAY) as error:
                    # Store, cluster or Slack is away: what was held is free again after a minute.
                    self._say(f"what happened cannot be told just now: {error}")
                except Exception as error:  # noqa: BLE001 - worker boundary: without it nothing is told ever again
                    self._say(f"what happened cannot be told just now: {defect_said(error)}: {error}")
                await self._chat.clock.sleep(LOOK_S)
        finally:
            for task in self._progress.values():
                task.cancel()
            await asyncio.gather(*self._progress.values(), return_exceptions=True)

    async def round(self) -> None:
        """Tell what is to be told now."""
        for notice in await self._chat.memory.notices():
            try:
                if not await self._tell(notice):
                    continue
            except SlackApiError as error:
                if not is_final(error):
                    raise
                # What Slack refuses now it refuses the next time as well; nobody is helped by asking it for ever.
                self._say(f"{_named(notice)} could not be told: {word_of(error)}")
            except (K8sOpsError, *AWAY):
                raise
            except Exception as error:  # noqa: BLE001 - worker boundary: it would be met again before all that follows
                self._say(f"{_named(notice)} could not be told: {defect_said(error)}: {error}")
            await self._chat.memory.told(notice)
        await self._newscast.cast()
        if self._chat.clock.monotonic() - self._reminded_at >= REMIND_EVERY_S:
            self._reminded_at = self._chat.clock.monotonic()
            await self._telling.remind()
            await self._newscast.catch_up()
        if self._chat.clock.monotonic() - self._forgot_at >= FORGET_EVERY_S:
            await self._chat.memory.forget_old()
            self._forgot_at = self._chat.clock.monotonic()

    async def _tell(self, notice: Notice) -> bool:
        """Whether it is told; where another replica is at it, whether it was is looked at again later."""
        try:
            run = await self._chat.records.get_run(notice.run) if notice.run else None
        except NoSuchRunError:
            return True
        if run is None:
            await self._newscast.take_in(notice, None)
            return True
        await self._showing.refresh(run.id)
        if run.state is RunState.AWAITING_APPROVAL:
            await self._telling.ask(run, wave=0)
        elif run.state is RunState.RUNNING and run.id not in self._progress:
            task = asyncio.create_task(self._follow(run.id), name=f"progress of {run.id}")
            self._progress[run.id] = task
            task.add_done_callback(lambda _: self._progress.pop(run.id, None))
        elif run.state.ended:
            await self.handing.owe(run)
            if not await self._ended(run):
                return False
        await self._newscast.take_in(notice, run)
        return True

    async def _follow(self, run_id: RunId) -> None:
        """Edit the progress message until the run has ended."""
        try:
            async with aclosing(self._chat.records.watch(run_id)) as events:
                last = float("-inf")
                async for _ in events:
                    if self._chat.clock.monotonic() - last < self._pace_s:
                        continue
                    last = self._chat.clock.monotonic()
                    await self._show_progress(run_id)
            await self._show_progress(run_id)
        except (K8sOpsError, *AWAY) as error:
            self._say(f"how far run {run_id} is could not be told: {error}")

    async def _show_progress(self, run_id: RunId) -> None:
        card = await self._card_of(run_id)
        if card is not None:
            await self._showing.progress(await self._chat.records.get_run(run_id), card)

    async def _ended(self, run: Run) -> bool:
        """A new reply, as edits notify nobody; nothing where nobody here saw it asked. False: another is at it."""
        card = await self._card_of(run.id)
        if card is None:
            return True
        room = await room_of(self._chat, card.team)
        # What was in doubt and was settled ends once more.
        end = f"{run.id}/{run.ended_at}"
        reply = partial(self._poster.post, card.channel, end_reply(run, room), thread=card.ts)
        if rings(run, room) and not await once(self._chat.memory, f"end/{end}", reply):
            return False
        if not concerns_channel(run) or card.role != "channel":
            return True
        failure = partial(self._poster.post, card.channel, channel_failure(run, room))
        return await once(self._chat.memory, f"failure/{end}", failure)

    async def _card_of(self, run_id: RunId) -> ShownMessage | None:
        """The card below which the run is followed: the channel's, else the requester's own, else that of the news."""
        shown = await self._chat.memory.shown(run_id)
        requester = requester_of(await self._chat.records.get_run(run_id), await self._chat.desk.policy())
        own = requester.user if requester is not None else ""
        return next(
            (one for one in shown if one.role == "channel"),
            next(
                (one for one in shown if one.role == "requester" and one.user == own),
                next((one for one in shown if one.role == "news"), None),
            ),
        )


def _named(notice: Notice) -> str:
    return f"{notice.kind} of run {notice.run or '-'}"
