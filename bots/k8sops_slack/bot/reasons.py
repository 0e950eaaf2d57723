"""A reason that policy wants: asked for in a dialog, and the very same request repeated with it.

The request is kept meanwhile, so that nobody types or fills in anything twice. Slack opens a dialog within three
seconds of what somebody did; what took longer is answered with a button that opens it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import msgspec
from slack_sdk.errors import SlackApiError

from k8sops.core.errors import AlreadyDecidedError, ReasonWantedError, UsageError
from k8sops.service.chat.opening import ChatService
from k8sops.service.command_line.away import AwayCommand
from k8sops_slack.bot.heard import Heard, read_heard
from k8sops_slack.bot.posting import Poster
from k8sops_slack.typed.commands import read_line
from k8sops_slack.views.asking import Wanted, read_wanted, reason_dialog, reason_message

_KEPT: Final = "reason/"


class Reasons:
    """Asks for reasons."""

    def __init__(self, chat: ChatService, poster: Poster) -> None:
        self._chat = chat
        self._poster = poster

    async def ask(self, heard: Heard, error: ReasonWantedError) -> None:
        """Keep what was asked for, and ask whoever did for the reason."""
        wanted = Wanted(key=f"{_KEPT}{heard.key}", told=error.message)
        await self._chat.memory.keep_line(wanted.key, heard.kept)
        dialog = reason_dialog(wanted, self._typed(heard))
        with suppress(SlackApiError):
            if heard.view:
                await self._poster.change(heard.view, dialog)
                return
            if heard.trigger:
                await self._poster.open(heard.trigger, dialog)
                return
        await self._poster.whisper(heard.channel, heard.user, reason_message(wanted), thread=heard.thread)

    def _typed(self, heard: Heard) -> str:
        """The reason that was not enough."""
        if heard.reason or heard.kind == "form":
            return heard.reason or heard.text
        if heard.kind == "line":
            command = read_line(heard.text, program=self._chat.command)
            return command.reason if isinstance(command, AwayCommand) else ""
        return ""

    async def given(self, heard: Heard) -> Heard:
        """What was asked for, with the reason; from here on it is that which is on record as to be done.

        Raises AlreadyDecidedError where it was repeated already.
        """

        def again(kept: str) -> Heard:
            asked = read_heard(kept)
            if asked.who != heard.who:
                raise UsageError("this reason is wanted of somebody else", hint="ask for it yourself")
            return msgspec.structs.replace(asked, key=heard.key, reason=heard.text, trigger=heard.trigger)

        wanted = read_wanted(heard.value)
        if not wanted.key.startswith(_KEPT):
            raise UsageError("this dialog is not one of ours", hint="ask for it anew")
        kept = await self._chat.memory.take_line(wanted.key, heard.key, lambda kept: again(kept).kept)
        if not kept:
            raise AlreadyDecidedError("the reason was given already", hint="look at `k8sops runs --mine`")
        return again(kept)
