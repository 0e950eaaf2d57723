"""The messages that show a run, kept true: each is edited when what it would say is not what it says.

Any replica may do it; one at a time edits a message, and each looks at the run again right before.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from k8sops.core.run import Run, RunId
from k8sops.service.chat.memory import Role, ShownMessage
from k8sops.service.chat.opening import ChatService
from k8sops_slack.blocks.sending import Message
from k8sops_slack.bot.posting import Place, Poster
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.cards.card import card
from k8sops_slack.thread.progress import progress_message

CARDS: Final = frozenset[Role]({"channel", "approver", "requester"})


class Showing:
    """Posts cards, remembers where they stand, and edits them."""

    def __init__(self, chat: ChatService, poster: Poster) -> None:
        self._chat = chat
        self._poster = poster

    async def in_channel(self, run: Run, team: str, channel: str, *, to: str) -> ShownMessage:
        """A card in a channel, once: where it stands there already, that one."""
        for one in await self._chat.memory.shown(run.id):
            if one.role == "channel" and one.user == channel:
                return one
        said = card(run, await room_of(self._chat, team, run=run))
        place = await self._poster.post(channel, said, to=to)
        return await self._remember(run.id, team, place, said, role="channel", user=channel)

    async def to_person(self, run: Run, team: str, user: str, role: Role) -> ShownMessage:
        """A card in direct messages, once."""
        for one in await self._chat.memory.shown(run.id):
            if one.role == role and one.user == user:
                return one
        said = card(run, await room_of(self._chat, team, run=run))
        place = await self._poster.direct(user, said)
        return await self._remember(run.id, team, place, said, role=role, user=user)

    async def refresh(self, run_id: RunId) -> None:
        """Make every card of the run say how it stands."""
        for one in await self._chat.memory.shown(run_id):
            if one.role in CARDS:
                await self._refresh(one)

    async def progress(self, run: Run, below: ShownMessage) -> None:
        """The one message in the card's thread that says how far it is."""
        said = progress_message(run)
        there = next(
            (
                one
                for one in await self._chat.memory.shown(run.id)
                if one.role == "progress" and one.thread_ts == below.ts
            ),
            None,
        )
        if there is not None:
            await self._edit(there, said)
            return
        place = await self._poster.post(below.channel, said, thread=below.ts)
        await self._remember(run.id, below.team, place, said, role="progress", thread=below.ts)

    async def _refresh(self, shown: ShownMessage) -> None:
        """Whoever is at it already looks again when done, and so sees what this call was about."""
        key, said = f"edit/{shown.key}", await self._card(shown)
        while _mark(said) != shown.shown and await self._chat.memory.hold(key):
            try:
                there = await self._edit(shown, said)
            finally:
                await self._chat.memory.let_go(key)
            if there is None:
                return
            shown, said = there, await self._card(shown)

    async def _card(self, shown: ShownMessage) -> Message:
        run = await self._chat.records.get_run(shown.run)
        return card(run, await room_of(self._chat, shown.team, run=run))

    async def _edit(self, shown: ShownMessage, said: Message) -> ShownMessage | None:
        """The message as it is now; None where it is gone."""
        mark = _mark(said)
        if mark == shown.shown:
            return shown
        if not await self._poster.edit(Place(channel=shown.channel, ts=shown.ts), said):
            await self._chat.memory.gone(shown)
            return None
        present = msgspec.structs.replace(shown, shown=mark)
        await self._chat.memory.show(present)
        return present

    async def _remember(
        self,
        run: RunId,
        team: str,
        place: Place,
        said: Message,
        *,
        role: Role,
        user: str = "",
        thread: str = "",
    ) -> ShownMessage:
        shown = ShownMessage(
            run=run,
            team=team,
            channel=place.channel,
            ts=place.ts,
            role=role,
            user=user,
            shown=_mark(said),
            thread_ts=thread,
        )
        await self._chat.memory.show(shown)
        return shown


def _mark(said: Message) -> str:
    """Tells one text from another."""
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]
