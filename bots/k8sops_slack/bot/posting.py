"""Sending to Slack, all of it through one gate: nothing that is read there holds a secret.

What Slack refuses because the bot is not in a channel goes to the person, with how to invite it. Its limits on calls
are waited out by the client (`serving`); everything else that it refuses is told to the caller.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from typing import Final

import aiohttp
import msgspec
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.service.chat.handing_over import Handed
from k8sops_slack.blocks.building import Block, context
from k8sops_slack.blocks.gate import Gate
from k8sops_slack.blocks.markup import Mrkdwn
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.refused import is_final, word_of

AWAY: Final = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError)
"""Slack cannot be reached, or hung up: nobody knows whether it heard."""

UPLOAD_S: Final = 60.0
SLOWEST: Final = 256 * 1024
"""Bytes a second: slower than that is given up."""

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

    def __init__(self, client: AsyncWebClient, gate: Gate) -> None:
        self.gate: Final = gate
        self._client = client
        self._direct: dict[str, str] = {}

    async def post(
        self, channel: str, said: Message, *, to: str = "", thread: str = "", to_all: bool = False
    ) -> Place:
        """Say it in a channel; where the bot is not in it, to the person `to`, with how to invite it."""
        try:
            return await self._post(channel, said, thread=thread, to_all=to_all)
        except SlackApiError as error:
            if not to or word_of(error) not in _ELSEWHERE:
                raise
            return await self.direct(to, _with_invitation(said, channel))

    async def direct(self, user: str, said: Message) -> Place:
        """Say it to one person."""
        return await self._post(await self.direct_channel(user), said)

    async def direct_channel(self, user: str) -> str:
        """The channel of somebody's direct messages."""
        if user not in self._direct:
            opened = await self._client.conversations_open(users=user)
            self._direct[user] = str(opened["channel"]["id"])
        return self._direct[user]

    async def whisper(self, channel: str, user: str, said: Message, *, thread: str = "") -> None:
        """Show it to one person in a channel, or in direct messages where there is none or the bot is not in it."""
        if not channel:
            await self.direct(user, said)
            return
        try:
            await self._client.chat_postEphemeral(
                channel=channel, user=user, thread_ts=thread or None, **self.gate.message(said).arguments()
            )
        except SlackApiError as error:
            if word_of(error) not in {*_ELSEWHERE, "user_not_in_channel"}:
                raise
            await self.direct(user, said)

    async def edit(self, place: Place, said: Message) -> bool:
        """Make a message say this; False where it is not there any more, or cannot be changed."""
        try:
            await self._client.chat_update(
                channel=place.channel, ts=place.ts, **self.gate.message(said).arguments()
            )
        except SlackApiError as error:
            if word_of(error) in _GONE:
                return False
            raise
        return True

    async def address(self, place: Place) -> str:
        """Where a message can be opened; empty where it is not there any more."""
        try:
            found = await self._client.chat_getPermalink(channel=place.channel, message_ts=place.ts)
        except SlackApiError as error:
            if is_final(error):
                return ""
            raise
        return str(found["permalink"])

    async def open(self, trigger: str, view: Block) -> str:
        """Open a dialog; returns its id."""
        opened = await self._client.views_open(trigger_id=trigger, view=self.gate.view(view))
        return str(opened["view"]["id"])

    async def change(self, view_id: str, view: Block) -> None:
        """Show something else in an open dialog."""
        await self._client.views_update(view_id=view_id, view=self.gate.view(view))

    async def publish(self, user: str, view: Block) -> None:
        """Show somebody their page."""
        await self._client.views_publish(user_id=user, view=self.gate.view(view))

    async def upload(self, name: str, text: str, *, channel: str, thread: str = "") -> None:
        """Put a text there as a file."""
        content = (await asyncio.to_thread(self.gate.text, text)).encode("utf-8", "replace")
        file = Handed(name=name, size=len(content), content=io.BytesIO(content))
        await self.hand_over([file], channel=channel, thread=thread)

    async def hand_over(
        self, files: Sequence[Handed], *, channel: str, thread: str = "", said: Mrkdwn | None = None
    ) -> None:
        """Put files there as they are, in one message: what is in them has been through a gate already."""
        done: list[dict[str, str | None]] = []
        for file in files:
            name = self.gate.text(file.name)
            asked = await self._client.files_getUploadURLExternal(filename=name, length=file.size)
            await self._send(str(asked["upload_url"]), file)
            done.append({"id": str(asked["file_id"]), "title": name})
        await self._client.files_completeUploadExternal(
            files=done,
            channel_id=channel,
            thread_ts=thread or None,
            initial_comment=self.gate.message(message(said)).text if said is not None else None,
        )

    async def _send(self, address: str, file: Handed) -> None:
        """Not by the client's own way, which hands all of it to the connection in one piece."""
        whole = aiohttp.ClientTimeout(total=UPLOAD_S + file.size / SLOWEST)
        async with (
            aiohttp.ClientSession(timeout=whole) as session,
            session.post(
                address, data=file.content, proxy=self._client.proxy, ssl=self._client.ssl or True
            ) as answer,
        ):
            if answer.status != 200:
                raise SlackRequestError(f"the file was not taken: HTTP {answer.status}")

    async def _post(self, channel: str, said: Message, *, thread: str = "", to_all: bool = False) -> Place:
        posted = await self._client.chat_postMessage(
            channel=channel,
            thread_ts=thread or None,
            reply_broadcast=to_all or None,
            unfurl_links=False,
            **self.gate.message(said).arguments(),
        )
        return Place(channel=str(posted["channel"]), ts=str(posted["ts"]))


def _with_invitation(said: Message, channel: str) -> Message:
    told = Mrkdwn(
        f"I am not in <#{channel}>, so I say it here. `/invite` me there to have it in the channel."
    )
    return message(said.text, [*said.blocks, context(told)])
