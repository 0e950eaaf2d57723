"""What policy sends to channels that nobody asked in: gathered, held back in quiet hours, and each kept true.

What is old is no news: a bot that is begun on a store of months would say all of it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from slack_sdk.errors import SlackApiError

from k8sops.core.run import Run
from k8sops.service.chat.audience import channels_for
from k8sops.service.chat.memory import Notice
from k8sops.service.chat.news import News, most_an_hour, rings_again, rules_for
from k8sops.service.chat.opening import ChatService
from k8sops_slack.bot.together import ShownTogether
from k8sops_slack.refused import is_final, word_of

Say = Callable[[str], None]
NEWS_LASTS: Final = timedelta(hours=1)


class Newscast:
    """Tells channels."""

    def __init__(self, chat: ChatService, together: ShownTogether, say: Say) -> None:
        """`say` is for whoever runs the bot."""
        self._chat: Final = chat
        self._together: Final = together
        self._say: Final = say
        self._unsaid: set[str] = set()

    async def take_in(self, notice: Notice, run: Run | None) -> None:
        """A notice, for the channels that policy sends it to; `cast` says it: a storm is one edit, not a hundred."""
        if self._chat.clock.now() - datetime.fromisoformat(notice.at) > NEWS_LASTS:
            return
        cluster = run.plan.cluster.uid if run is not None else str(notice.payload.get("cluster") or "")
        news = News(
            id=notice.id,
            kind=notice.kind,
            run=run.id if run is not None and not _is_own_sentence(notice) else "",
            text=str(notice.payload.get("text") or ""),
            cluster=cluster,
        )
        policy = await self._chat.desk.policy()
        for team, channel in channels_for(notice.kind, cluster, policy):
            if await self._stands_there(news, channel):
                continue
            key = await self._chat.memory.together.told(
                team, channel, news, rules_for(policy, team, channel), most_an_hour(policy, team, channel)
            )
            if key:
                self._unsaid.add(key)

    async def cast(self) -> None:
        """Say what was taken in."""
        for key in sorted(self._unsaid):
            try:
                await self._together.make_true(key)
            except SlackApiError as error:
                if not is_final(error):
                    raise
                # A channel that does not take it now would be asked for ever.
                await self._chat.memory.together.gone(key)
                self._say(f"news could not be told ({key}): {word_of(error)}")
            self._unsaid.discard(key)

    async def catch_up(self) -> None:
        """Say what has waited long enough, and what a bot that died had begun to say."""
        policy = await self._chat.desk.policy()
        for team, channel in await self._chat.memory.together.channels():
            key = await self._chat.memory.together.released(
                team, channel, rules_for(policy, team, channel), most_an_hour(policy, team, channel)
            )
            if key:
                self._unsaid.add(key)
        await self.cast()

    async def _stands_there(self, news: News, channel: str) -> bool:
        """Whether the run's card says it there already: it is edited, and a failure is told beside it."""
        if not news.run:
            return False
        shown = [one for one in await self._chat.memory.shown(news.run) if one.user == channel]
        if any(one.role == "channel" for one in shown):
            return True
        return bool(shown) and not rings_again(news.kind)


def _is_own_sentence(notice: Notice) -> bool:
    """Whether it is about something else than the state of the run that it names: a schedule's firing."""
    return "." in notice.kind
