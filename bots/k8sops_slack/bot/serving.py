"""The bot on the wire: Socket Mode, or HTTP with Slack's signatures checked.

Tokens come from the environment alone. Slack's limits are waited out here, by the client, for every call. A connection
that breaks is not repeated here: the message may have been posted, and what was asked for is taken up again as a whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import msgspec
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.core.errors import UsageError
from k8sops.service.chat.opening import ChatService
from k8sops_slack.bot.accepted import accepted
from k8sops_slack.bot.app import LEFT_OVER_EVERY_S, Bot
from k8sops_slack.bot.contact import Contact, CountingClient, socket_stands
from k8sops_slack.bot.following import PACE_S, Following

API: Final = "https://slack.com/api/"
PATIENT: Final = 6
"""How often a call that Slack put off is tried again; each time after as long as Slack said."""

Say = Callable[[str], None]


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What Slack knows the bot by; never printed."""

    bot: str
    app: str = ""
    signing_secret: str = ""
    api: str = API

    def __repr__(self) -> str:
        return f"Tokens(api={self.api!r})"


def tokens_from(environ: Mapping[str, str], *, over_http: bool) -> Tokens:
    """The tokens. Raises UsageError naming the variable that is missing."""
    needed = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET" if over_http else "SLACK_APP_TOKEN")
    for name in needed:
        if not environ.get(name):
            raise UsageError(f"{name} is not set", hint="`k8sops slack setup` leads there")
    return Tokens(
        bot=environ["SLACK_BOT_TOKEN"],
        app=environ.get("SLACK_APP_TOKEN", ""),
        signing_secret=environ.get("SLACK_SIGNING_SECRET", ""),
        api=environ.get("SLACK_API_URL") or API,
    )


@asynccontextmanager
async def serving(
    chat: ChatService,
    tokens: Tokens,
    say: Say,
    *,
    port: int | None = None,
    pace_s: float = PACE_S,
    left_over_s: float = LEFT_OVER_EVERY_S,
    contact: Contact | None = None,
) -> AsyncIterator[str]:
    """Serve until the block ends; yields where it is reached: `socket`, or the address over HTTP.

    `contact` knows from then on whether it is reached, and counts what is called.

    Raises CredentialsError naming the token that Slack refuses, UnreachableError where it does not answer.
    """
    contact = contact or Contact()
    client = CountingClient(
        contact,
        token=tokens.bot,
        base_url=tokens.api,
        retry_handlers=[
            AsyncRateLimitErrorRetryHandler(max_retry_count=PATIENT),
        ],
    )
    await _checked(client, tokens, over_http=port is not None)
    # Its warnings speak of the environment, which is read here, and once.
    quiet = logging.getLogger("k8sops_slack.bolt")
    quiet.setLevel(logging.ERROR)
    app = AsyncApp(client=client, signing_secret=tokens.signing_secret or "none", logger=quiet)
    bot = Bot(chat, app, say, left_over_s=left_over_s)
    following = Following(chat, bot.poster, bot.showing, bot.telling, say, pace_s=pace_s)
    loops = [
        asyncio.create_task(following.serve(), name="following"),
        asyncio.create_task(following.handing.serve(), name="handing over"),
        asyncio.create_task(bot.left_over(), name="left over"),
    ]
    try:
        if port is None:
            async with _socket(app, tokens, contact):
                yield "socket"
        else:
            async with _http(app, port, contact) as address:
                yield address
    finally:
        # Nothing comes in any more.
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await bot.finish()


async def _checked(client: AsyncWebClient, tokens: Tokens, *, over_http: bool) -> None:
    """Ask Slack who we are, before anything is begun: later it would be asked again and again, and nobody told."""
    await accepted("SLACK_BOT_TOKEN", client.auth_test())
    if not over_http:
        await accepted("SLACK_APP_TOKEN", client.apps_connections_open(app_token=tokens.app))


@asynccontextmanager
async def _socket(app: AsyncApp, tokens: Tokens, contact: Contact) -> AsyncIterator[None]:
    handler = AsyncSocketModeHandler(app, tokens.app)
    contact.told_by(partial(socket_stands, handler.client))
    try:
        await handler.connect_async()
        yield
    finally:
        await handler.close_async()


@asynccontextmanager
async def _http(app: AsyncApp, port: int, contact: Contact) -> AsyncIterator[str]:
    runner = web.AppRunner(app.web_app(path="/slack/events"), access_log=None)

    async def listens() -> bool:
        return bool(runner.addresses)

    contact.told_by(listens)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    finally:
        await runner.cleanup()
