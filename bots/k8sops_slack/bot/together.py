"""Messages that may stand for several runs, kept true: sent, edited when one is added or decided, said aloud again.

Any replica may do it; one at a time is at a message, and each looks again at what should stand in it right before.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from k8sops.core.errors import NoSuchRunError
from k8sops.core.run import Run, RunId, RunState
from k8sops.service.chat.memory import ShownMessage
from k8sops.service.chat.opening import ChatService
from k8sops.service.chat.together import Together
from k8sops_slack.blocks.sending import Message
from k8sops_slack.bot.posting import Place, Poster
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.thread.news import news_message
from k8sops_slack.thread.telling import asks_message, one_more


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is kept, and what should stand in it."""

    kept: Together
    said: Message
    mark: str

    @property
    def is_true(self) -> bool:
        """Whether nothing is to be done."""
        return self.mark == self.kept.shown and not self.kept.rings


class ShownTogether:
    """Sends and edits them."""

    def __init__(self, chat: ChatService, poster: Poster) -> None:
        self._chat: Final = chat
        self._poster: Final = poster

    async def refresh(self, run_id: RunId) -> None:
        """Make every one true in which the run stands."""
        keys = {one.together for one in await self._chat.memory.shown(run_id) if one.together}
        for key in sorted(keys):
            await self.make_true(key)

    async def make_true(self, key: str) -> None:
        """Send it or edit it. Whoever is at it already looks again when done, and so sees what this call was about."""
        memory, held = self._chat.memory, f"together/{key}"
        while (draft := await self._draft(key)) is not None and not draft.is_true and await memory.hold(held):
            try:
                # What was looked at before it was held may have been sent meanwhile.
                draft = await self._draft(key)
                if draft is not None and not draft.is_true:
                    await self._put(draft)
            finally:
                await memory.let_go(held)

    async def _draft(self, key: str) -> Draft | None:
        kept = await self._chat.memory.together.get(key)
        if kept is None:
            return None
        runs: dict[RunId, Run] = {}
        for run in kept.runs:
            try:
                runs[run] = await self._chat.records.get_run(run)
            except NoSuchRunError:
                continue
        if not runs and all(one.run for one in kept.news):
            return None
        room = await room_of(self._chat, kept.team)
        said = asks_message([*runs.values()], room) if kept.kind == "asks" else news_message(kept, runs, room)
        return Draft(kept=kept, said=said, mark=mark_of(said))

    async def _put(self, draft: Draft) -> None:
        kept, together = draft.kept, self._chat.memory.together
        place = Place(channel=kept.channel, ts=kept.ts)
        if not kept.ts:
            sending = self._poster.direct if kept.kind == "asks" else self._poster.post
            place = await sending(kept.to, draft.said)
        elif draft.mark != kept.shown and not await self._poster.edit(place, draft.said):
            await together.gone(kept.key)
            for shown in await self._shown(kept, place):
                await self._chat.memory.gone(shown)
            return
        await together.stands(kept.key, channel=place.channel, ts=place.ts, shown=draft.mark)
        for shown in await self._shown(kept, place):
            await self._chat.memory.show(shown)
        if kept.rings:
            await self._say_aloud(kept, place)

    async def _say_aloud(self, kept: Together, place: Place) -> None:
        run = await self._chat.records.get_run(kept.rings)
        if run.state is RunState.AWAITING_APPROVAL:
            said = one_more(run, await room_of(self._chat, kept.team))
            await self._poster.post(place.channel, said, thread=place.ts, to_all=True)
        await self._chat.memory.together.said_aloud(kept.key, kept.rings)

    async def _shown(self, kept: Together, place: Place) -> list[ShownMessage]:
        """Where each of its runs stands, for whoever looks for all that shows a run."""
        return [
            ShownMessage(
                run=run,
                team=kept.team,
                channel=place.channel,
                ts=place.ts,
                role="approver" if kept.kind == "asks" else "news",
                user=kept.to,
                together=kept.key,
            )
            for run in kept.runs
        ]


def mark_of(said: Message) -> str:
    """Tells one text from another."""
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]
