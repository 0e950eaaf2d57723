"""The messages that show a run, kept true: each is edited when what it would say is not what it says.

Any replica may do it; one at a time edits a message, and each looks at the run again right before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from k8sops.core.events import Progress
from k8sops.core.run import Run, RunId, RunState
from k8sops.service.chat.memory import Role, ShownMessage
from k8sops.service.chat.opening import ChatService
from k8sops_slack.blocks.sending import Message
from k8sops_slack.bot.filing import Filing
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.once import once
from k8sops_slack.bot.posting import Place, Poster
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.bot.together import ShownTogether, mark_of
from k8sops_slack.cards.card import card
from k8sops_slack.files.plan import IN_DIRECT, IN_THREAD, is_long
from k8sops_slack.thread.progress import progress_message

CARDS: Final = frozenset[Role]({"channel", "approver", "requester"})
"""Below these the plan is filed."""


class Showing:
    """Posts cards, remembers where they stand, and edits them."""

    def __init__(self, chat: ChatService, poster: Poster) -> None:
        self._chat = chat
        self._poster = poster
        self.together: Final = ShownTogether(chat, poster)
        self._filing = Filing(chat.memory, poster)

    async def in_channel(self, run: Run, team: str, channel: str, *, to: str) -> ShownMessage:
        """A card in a channel, once: where it stands there already, that one."""
        for one in await self._chat.memory.shown(run.id):
            if one.role == "channel" and one.user == channel:
                return one
        # Remembered without mentions: the first edit leaves them out, and there is none only for that.
        plain, shown = await self._said(run, team), list[ShownMessage]()

        async def posted(said: Message) -> ShownMessage:
            place = await self._poster.post(channel, said, to=to)
            return await self._remember(run.id, team, place, plain, role="channel", user=channel)

        async def mentioning() -> None:
            shown.append(await posted(await self._said(run, team, mentions=True)))

        if run.state is RunState.AWAITING_APPROVAL:
            await once(self._chat.memory, f"mention/{run.id}", mentioning)
        return shown[0] if shown else await posted(plain)

    async def to_person(self, run: Run, team: str, user: str, role: Role) -> ShownMessage:
        """A card in direct messages, once."""
        for one in await self._chat.memory.shown(run.id):
            if one.role == role and one.user == user:
                return one
        said = await self._said(run, team)
        place = await self._poster.direct(user, said)
        return await self._remember(run.id, team, place, said, role=role, user=user)

    async def alone(self, run: Run, heard: Heard, *, preview: bool = False) -> None:
        """A card that whoever asked sees alone; it has no thread, so that a long plan goes to them directly."""
        said = await self._said(run, heard.team, preview=preview, filed=IN_DIRECT)
        await self._poster.whisper(heard.channel, heard.user, said, thread=heard.thread)
        await self._filing.directly(run, heard.user, heard.key, on_record=not preview)

    async def addresses(self, runs: Sequence[Run], user: str) -> dict[RunId, str]:
        """Where the cards of runs can be opened: those this user was sent, else the channel's."""
        places: dict[RunId, Place] = {}
        for run in runs:
            for one in await self._chat.memory.shown(run.id):
                if one.role == "approver" and one.user == user:
                    places[run.id] = Place(channel=one.channel, ts=one.ts)
                elif one.role == "channel":
                    places.setdefault(run.id, Place(channel=one.channel, ts=one.ts))
        # One message may hold them all.
        found = {place: await self._poster.address(place) for place in set(places.values())}
        return {run: found[place] for run, place in places.items()}

    async def refresh(self, run_id: RunId) -> None:
        """Make every card of the run say how it stands."""
        for one in await self._chat.memory.shown(run_id):
            if one.role in CARDS and not one.together:
                await self._refresh(one)
        await self.together.refresh(run_id)
        await self.filed(run_id)

    async def filed(self, run_id: RunId) -> None:
        """Put the plan below every card of the run, where it is too long for one and not there yet."""
        cards = [one for one in await self._chat.memory.shown(run_id) if one.role in CARDS]
        if cards:
            await self._filing.below(await self._chat.records.get_run(run_id), cards)

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
        while mark_of(said) != shown.shown and await self._chat.memory.hold(key):
            try:
                there = await self._edit(shown, said)
            finally:
                await self._chat.memory.let_go(key)
            if there is None:
                return
            shown, said = there, await self._card(shown)

    async def _card(self, shown: ShownMessage) -> Message:
        return await self._said(await self._chat.records.get_run(shown.run), shown.team)

    async def _said(
        self, run: Run, team: str, *, preview: bool = False, filed: str = IN_THREAD, mentions: bool = False
    ) -> Message:
        room = await room_of(self._chat, team, preview=preview, mentions=mentions)
        if run.state is RunState.RUNNING:
            # How far it is stands in the thread, where it is edited; here it would be true for a moment only.
            run = msgspec.structs.replace(run, progress=Progress())
        return card(run, room, filed=filed if is_long(run.plan) else "")

    async def _edit(self, shown: ShownMessage, said: Message) -> ShownMessage | None:
        """The message as it is now; None where it is gone."""
        mark = mark_of(said)
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
            shown=mark_of(said),
            thread_ts=thread,
        )
        await self._chat.memory.show(shown)
        return shown
