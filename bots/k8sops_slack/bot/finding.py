"""The run that a message is about, shown to whoever asks: it stands there as a card, by its id, or above in the thread.

What the message says is read as text from anybody: only runs that are on record count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from k8sops.core.errors import NoSuchRunError, UsageError
from k8sops.core.run import Run, RunId
from k8sops.service.chat.opening import ChatService
from k8sops_slack.bot.heard import Heard

MOST: Final = 12
"""How many ids of one message are looked up: more is a list, and one run of it is not meant."""
# Ids as they are written in full, and as lists shorten them to the part that tells the time; until the year 3084
# that begins with 0, which the seconds in Slack's dates do not.
_ID: Final = re.compile(r"(?<![0-9A-Za-z])0[0-9A-HJKMNP-TV-Z]{9,25}(?![0-9A-Za-z])")


def ids_in(message: Mapping[str, Any]) -> tuple[str, ...]:
    """What may be ids of runs in a message: in its text, and in what its blocks and buttons hold."""
    parts = (str(message.get("text") or ""), message.get("blocks") or [], message.get("attachments") or [])
    found = _ID.findall(json.dumps(parts, ensure_ascii=False))
    return tuple(dict.fromkeys(found))[:MOST]


class Finding:
    """Finds the run of a message."""

    def __init__(self, chat: ChatService) -> None:
        self._chat = chat

    async def line(self, heard: Heard) -> Heard:
        """What whoever asks could have typed instead.

        Raises UsageError where the message is about none, or several; DeniedError for whom policy does not know.
        """
        await self._chat.desk.person(heard.who)
        runs = await self._runs(heard)
        command = self._chat.command
        if not runs:
            raise UsageError("this message is about no run", hint=f"`{command} runs` lists them")
        if len(runs) > 1:
            names = ", ".join(f"`{run.id}`" for run in runs)
            raise UsageError(
                f"this message is about {len(runs)} runs", hint=f"`{command} run ID` shows one of {names}"
            )
        return msgspec.structs.replace(heard, kind="line", text=f"run {runs[0].id}")

    async def _runs(self, heard: Heard) -> list[Run]:
        """Those whose card it is, else those it names, else those of the card it answers to."""
        memory = self._chat.memory
        return (
            await self._known(await memory.runs_at(heard.channel, heard.value))
            or await self._known(heard.text.split())
            or await self._known(await memory.runs_at(heard.channel, heard.thread))
        )

    async def _known(self, ids: Iterable[RunId]) -> list[Run]:
        found: dict[RunId, Run] = {}
        for one in ids:
            with suppress(NoSuchRunError):
                run = await self._chat.records.get_run(one)
                found[run.id] = run
        return list(found.values())
