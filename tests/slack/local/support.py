"""A bot by hand: it acks when the test says so. And short ways to write blocks and to expect a refusal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack

ALICE, BOB, OPS = "U0ALICE", "U0BOB", "C0OPS"
GIVE_UP = 60.0


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(action_id: str, text: str = "Press", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain(text), **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def asked(action_id: str, label: str, element: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    element = element or {"type": "plain_text_input"}
    return {"type": "input", "block_id": f"b-{action_id}", "label": plain(label), **more} | {
        "element": element | {"action_id": action_id}
    }


def modal(*blocks: dict[str, Any], title: str = "Drain", **more: Any) -> dict[str, Any]:
    return {"type": "modal", "callback_id": "form", "title": plain(title), "submit": plain("Go")} | {
        "blocks": list(blocks) or [section("nothing yet")],
        **more,
    }


async def soon(true: Callable[[], bool]) -> None:
    """Let everything else run until something is so; for what rings no bell."""
    async with asyncio.timeout(GIVE_UP):
        while not true():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0)


async def refusal(call: Awaitable[Any]) -> dict[str, Any]:
    """Expect Slack's no, and give all of it."""
    with pytest.raises(SlackApiError) as caught:
        await call
    answer: dict[str, Any] = dict(caught.value.response.data)
    return answer


async def refused(call: Awaitable[Any]) -> str:
    """Expect Slack's no, and give its word for it."""
    return str((await refusal(call))["error"])


class RawSocket:
    """One Socket Mode connection that only does what the test does."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.ws.receive_json(timeout=GIVE_UP)
        return message

    async def ack(self, envelope: dict[str, Any], payload: Any = None) -> None:
        said = {"envelope_id": envelope["envelope_id"]} | ({} if payload is None else {"payload": payload})
        await self.ws.send_str(json.dumps(said))

    async def closed(self) -> bool:
        return (await self.ws.receive(timeout=GIVE_UP)).type in {
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSING,
            aiohttp.WSMsgType.CLOSED,
        }


class RawBot:
    """Opens sockets as an app does, and is otherwise idle."""

    def __init__(self, slack: LocalSlack) -> None:
        self.slack = slack
        self.web = AsyncWebClient(token=slack.workspace.app.app_token, base_url=slack.base_url)
        self.sockets: list[RawSocket] = []
        self._session: aiohttp.ClientSession | None = None

    async def connect(self, *, hello: bool = True) -> RawSocket:
        opened = await self.web.apps_connections_open(app_token=self.slack.workspace.app.app_token)
        assert self._session is not None
        socket = RawSocket(await self._session.ws_connect(opened["url"], autoping=False))
        self.sockets.append(socket)
        if hello:
            assert (await socket.receive())["type"] == "hello"
        return socket

    async def receive(self) -> dict[str, Any]:
        """Give what comes over the first socket."""
        return await self.sockets[0].receive()

    async def ack(self, envelope: dict[str, Any], payload: Any = None) -> None:
        await self.sockets[0].ack(envelope, payload)

    async def answering(self, act: Awaitable[Any], payload: Any = None) -> dict[str, Any]:
        """Do something as a person, ack what comes of it, and give the payload that came."""
        acting = asyncio.ensure_future(act)
        envelope = await self.receive()
        await self.ack(envelope, payload)
        await acting
        received: dict[str, Any] = envelope["payload"]
        return received

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()
