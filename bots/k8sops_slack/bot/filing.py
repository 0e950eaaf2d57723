"""Plans that are too long for a card, as files below it: once for each card and plan, whoever of the replicas does it.

The card never waits for its file, and stands without it: where Slack takes none, the thread says how to read the plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from slack_sdk.errors import SlackApiError

from k8sops.core.run import Run
from k8sops.service.chat.memory import ChatMemory, ShownMessage
from k8sops_slack.bot.posting import AWAY, Poster
from k8sops_slack.files.plan import is_long, not_uploaded, plan_file
from k8sops_slack.refused import word_of

_NOBODY_READS: Final = frozenset({"thread_not_found", "message_not_found", "channel_not_found"})


class Filing:
    """Puts plans where they are read."""

    def __init__(self, memory: ChatMemory, poster: Poster) -> None:
        self._memory = memory
        self._poster = poster

    async def below(self, run: Run, cards: Iterable[ShownMessage]) -> None:
        """The plan in the thread of each of these cards; nothing where it is short or there already."""
        if not is_long(run.plan):
            return
        wanted = {f"plan/{run.plan.digest}/{card.channel}/{card.ts}": card for card in cards}
        missing = await self._memory.not_yet(wanted)
        for key, card in wanted.items():
            if key in missing:
                await self._once(key, run, channel=card.channel, thread=card.ts)

    async def directly(self, run: Run, user: str, key: str, *, on_record: bool) -> None:
        """The plan in somebody's direct messages, once for a key: for a card that has no thread."""
        if is_long(run.plan):
            channel = await self._poster.direct_channel(user)
            await self._once(f"plan/{key}", run, channel=channel, on_record=on_record)

    async def _once(
        self, key: str, run: Run, *, channel: str, thread: str = "", on_record: bool = True
    ) -> None:
        if not await self._memory.hold(key):
            return
        try:
            if await self._memory.not_yet([key]):
                await self._put(run, channel, thread, on_record=on_record)
                await self._memory.done_once([key])
        finally:
            await self._memory.let_go(key)

    async def _put(self, run: Run, channel: str, thread: str, *, on_record: bool) -> None:
        # All of a plan's text is looked at letter by letter; others are answered meanwhile.
        name, text = await asyncio.to_thread(plan_file, run)
        try:
            await self._poster.upload(name, text, channel=channel, thread=thread)
        except AWAY as error:
            why = word_of(error) if isinstance(error, SlackApiError) else "no answer"
            if why not in _NOBODY_READS:
                said = not_uploaded(run, f"Slack says {why}", on_record=on_record)
                await self._poster.post(channel, said, thread=thread)
