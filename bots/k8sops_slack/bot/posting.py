"""Sending to Slack: what it refuses because the bot is not in a channel goes to the person, with how to invite it.

Slack's limits on calls are waited out by the client (`serving`); everything else that it refuses is told to the caller.
"""

from __future__ import annotations

from typing import Final

import aiohttp
import msgspec
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_slack.blocks.building import Block, context
from k8sops_slack.blocks.markup import Mrkdwn
from k8sops_slack.blocks.sending import Message, message

AWAY: Final = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError)
"""Slack cannot be reached, or hung up: nobody knows whether it heard."""

_ELSEWHERE: Final = frozenset({"not_in_channel", "channel_not_found", "is_archived", "restricted_action"})
_GONE: Final = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"}
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message stands."""

    channel: str
    ts: str


class Poster:
    """The bot's hand."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.client: Final = client
        self._direct: dict[str, str] = {}

    async def post(
        self, channel: str, said: Message, *, to: str = "", thread: str = "", to_all: bool = False
    ) -> Place:
        """Say it in a channel; where the bot is not in it, to the person `to`, with how to invite it."""
        try:
            return await self._post(channel, said, thread=thread, to_all=to_all)
        except SlackApiError as error:
            if not to or error.response.get("error") not in _ELSEWHERE:
                raise
            return await self.direct(to, _with_invitation(said, channel))

    async def direct(self, user: str, said: Message) -> Place:
        """Say it to one person."""
        return await self._post(await self.direct_channel(user), said)

    async def direct_channel(self, user: str) -> str:
        """The channel of somebody's direct messages."""
        if user not in self._direct:
            opened = await self.client.conversations_open(users=user)
            self._direct[user] = str(opened["channel"]["id"])
        return self._direct[user]

    async def whisper(self, channel: str, user: str, said: Message, *, thread: str = "") -> None:
        """Show it to one person in a channel, or in direct messages where the bot is not in it."""
        try:
            await self.client.chat_postEphemeral(
                channel=channel, user=user, thread_ts=thread or None, **said.arguments()
            )
        except SlackApiError as error:
            if error.response.get("error") not in {*_ELSEWHERE, "user_not_in_channel"}:
                raise
            await self.direct(user, said)

    async def edit(self, place: Place, said: Message) -> bool:
        """Make a message say this; False where it is not there any more, or cannot be changed."""
        try:
            await self.client.chat_update(channel=place.channel, ts=place.ts, **said.arguments())
        except SlackApiError as error:
            if error.response.get("error") in _GONE:
                return False
            raise
        return True

    async def open(self, trigger: str, view: Block) -> str:
        """Open a dialog; returns its id."""
        opened = await self.client.views_open(trigger_id=trigger, view=view)
        return str(opened["view"]["id"])

    async def change(self, view_id: str, view: Block) -> None:
        """Show something else in an open dialog."""
        await self.client.views_update(view_id=view_id, view=view)

    async def publish(self, user: str, view: Block) -> None:
        """Show somebody their page."""
        await self.client.views_publish(user_id=user, view=view)

    async def upload(self, name: str, text: str, *, channel: str, thread: str = "") -> None:
        """Put a text there as a file."""
        await self.client.files_upload_v2(
            filename=name, content=text, channel=channel, thread_ts=thread or None
        )

    async def _post(self, channel: str, said: Message, *, thread: str = "", to_all: bool = False) -> Place:
        posted = await self.client.chat_postMessage(
            channel=channel,
            thread_ts=thread or None,
            reply_broadcast=to_all or None,
            unfurl_links=False,
            **said.arguments(),
        )
        return Place(channel=str(posted["channel"]), ts=str(posted["ts"]))


def _with_invitation(said: Message, channel: str) -> Message:
    told = Mrkdwn(
        f"I am not in <#{channel}>, so I say it here. `/invite` me there to have it in the channel."
    )
    return message(said.text, [*said.blocks, context(told)])
