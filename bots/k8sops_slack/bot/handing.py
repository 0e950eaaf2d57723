"""Log bundles to whoever asked for them: by direct message, or in the thread where policy allows the channel.

A bundle may take minutes to send, and Slack may be away: what is owed stands in the store, is tried again, and said to
be where it lies when it cannot be sent. What is said to others is that it was sent, not what is in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from slack_sdk.errors import SlackApiError

from k8sops.core.artifacts import artifact_of
from k8sops.core.errors import K8sOpsError, NoSuchRunError
from k8sops.core.run import Run, RunId
from k8sops.service.chat.audience import requester_of, takes_bundles
from k8sops.service.chat.handing_over import how_to_get, lies
from k8sops.service.chat.memory import ShownMessage
from k8sops.service.chat.opening import ChatService
from k8sops.service.chat.owed import Owed
from k8sops_slack.bot.posting import AWAY, Poster
from k8sops_slack.bot.refusing import defect_said
from k8sops_slack.files.bundle import bundle_message, not_sent, sent_message
from k8sops_slack.refused import is_final, word_of

LOOK_S: Final = 2.0
STILL_S: Final = 20.0
AGAIN_S: Final = (10.0, 30.0, 120.0, 600.0)
"""How long after each attempt in vain the next is made; after the last it is given up."""

CardOf = Callable[[RunId], Awaitable[ShownMessage | None]]
Say = Callable[[str], None]


class Handing:
    """Hands over what runs left."""

    def __init__(self, chat: ChatService, poster: Poster, card_of: CardOf, say: Say) -> None:
        """`card_of` is the message below which a run is followed; `say` is for whoever runs the bot."""
        self._chat: Final = chat
        self._poster: Final = poster
        self._card_of: Final = card_of
        self._say: Final = say

    async def owe(self, run: Run) -> None:
        """A run has ended: what it left is to be handed over, where somebody asked for it here."""
        if run.actor.surface == "slack" and artifact_of(run.events) is not None:
            await self._chat.memory.owed.owe(run.id)

    async def serve(self) -> None:
        """Hand over what is owed, again and again."""
        while True:
            try:
                await self.round()
            except (K8sOpsError, *AWAY) as error:
                self._say(f"what is to be handed over cannot be looked up just now: {error}")
            except Exception as error:  # noqa: BLE001 - worker boundary: without it nothing is handed over ever again
                self._say(f"handing over: {defect_said(error)}: {error}")
            await self._chat.clock.sleep(LOOK_S)

    async def round(self) -> None:
        """Hand over what is owed now, one after the other: each may be large, and is held only while it is sent."""
        while (owed := await self._chat.memory.owed.take()) is not None:
            await self._one(owed)

    async def _one(self, owed: Owed) -> None:
        holding = asyncio.create_task(self._hold(owed), name=f"at the bundle of {owed.run}")
        try:
            await self._hand_over(owed)
        except SlackApiError as error:
            if is_final(error):
                await self._give_up(owed, f"Slack says {word_of(error)}")
            else:
                await self._later(owed, f"Slack says {word_of(error)}")
        except (K8sOpsError, *AWAY) as error:
            await self._later(owed, str(error) or type(error).__name__)
        except Exception as error:  # noqa: BLE001 - worker boundary: it would be met again before all that follows
            await self._later(owed, f"{defect_said(error)}: {error}")
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    async def _hold(self, owed: Owed) -> None:
        while True:
            await asyncio.sleep(STILL_S)
            await self._chat.memory.owed.still_at(owed)

    async def _hand_over(self, owed: Owed) -> None:
        try:
            run = await self._chat.records.get_run(owed.run)
        except NoSuchRunError:
            await self._chat.memory.owed.settled(owed)
            return
        artifact, policy = artifact_of(run.events), await self._chat.desk.policy()
        requester, card = requester_of(run, policy), await self._card_of(run.id)
        if artifact is None or requester is None:
            await self._chat.memory.owed.settled(owed)
            return
        direct = await self._poster.direct_channel(requester.user)
        # By where the card really stands: where the bot is not in the channel it was sent to somebody.
        open_to_all = card is not None and takes_bundles(card.team, card.channel, policy)
        channel = card.channel if card is not None and open_to_all else direct
        thread = card.ts if card is not None and card.channel == channel else ""
        try:
            async with self._chat.bundles.opened(run) as files:
                said = bundle_message(run, artifact, sum(file.size for file in files))
                await self._chat.bundles.note_sent(run, f"slack:{channel}")
                await self._poster.hand_over(files, channel=channel, thread=thread, said=said.text)
        except K8sOpsError as error:
            if error.transient:
                raise
            await self._poster.post(direct, not_sent(run, error.message, error.hint))
        else:
            if card is not None and card.channel != channel:
                said = sent_message(requester.user)
                await self._poster.post(card.channel, said, thread=card.ts)
        await self._chat.memory.owed.settled(owed)

    async def _later(self, owed: Owed, why: str) -> None:
        if owed.attempts >= len(AGAIN_S):
            await self._give_up(owed, why)
            return
        self._say(f"the bundle of run {owed.run} was not handed over, and is tried again: {why}")
        await self._chat.memory.owed.again(owed, AGAIN_S[owed.attempts])

    async def _give_up(self, owed: Owed, why: str) -> None:
        """Say where it lies; the run stays what it is."""
        self._say(f"the bundle of run {owed.run} was not handed over: {why}")
        try:
            run = await self._chat.records.get_run(owed.run)
            artifact = artifact_of(run.events)
            requester = requester_of(run, await self._chat.desk.policy())
            if artifact is not None and requester is not None:
                told = f"it could not be uploaded ({why}); {lies(artifact)}"
                await self._poster.direct(requester.user, not_sent(run, told, how_to_get(artifact)))
        except (K8sOpsError, *AWAY) as error:
            self._say(f"nor could its requester be told: {error}")
        await self._chat.memory.owed.settled(owed)
