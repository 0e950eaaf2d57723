"""A bot that hears everything and does nothing: it acks, and keeps what it was sent."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Self

from tests.slack.local.support import RawBot, plain

WIDE = (1280, 800)
PHONE = (390, 844)
NODES = ("node-1", "node-2", "node-3")


class Hearing:
    """What was heard, oldest first."""

    def __init__(self, bot: RawBot) -> None:
        self._bot = bot
        self.heard: list[dict[str, Any]] = []

    async def _hear(self) -> None:
        while True:
            envelope = await self._bot.sockets[0].ws.receive_json()
            payload = envelope["payload"]
            self.heard.append(payload)
            await self._bot.ack(
                envelope, _options(payload) if payload.get("type") == "block_suggestion" else None
            )

    async def next(self, kind: str) -> dict[str, Any]:
        """The first of a kind, once it has come; a command's kind is its name."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.heard if kind in {one.get("type"), one.get("command")}), None)

        payload = await self._bot.slack.until(found)
        self.heard.remove(payload)
        return payload

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


def _options(payload: dict[str, Any]) -> dict[str, Any]:
    found = [name for name in NODES if payload["value"] in name]
    return {"options": [{"text": plain(name), "value": name} for name in found]}
