"""The least that an ack can take: slack_bolt, unmodified, acking at once. `python -m tests.bench.slack_floor WAY`.

`WAY` is `sockets` or `http`; where it is reached stands in its first line, as the bot says it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


def bare_app() -> AsyncApp:
    """An app that acks its command and does nothing."""
    environ = os.environ
    client = AsyncWebClient(token=environ["SLACK_BOT_TOKEN"], base_url=environ["SLACK_API_URL"])
    app = AsyncApp(client=client, signing_secret=environ["SLACK_SIGNING_SECRET"])

    @app.command("/k8s")
    async def command(ack: Any) -> None:
        await ack()

    return app


async def serve(way: str) -> None:
    """Serve until interrupted."""
    app, reached = bare_app(), "Socket Mode"
    if way == "sockets":
        await AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"]).connect_async()
    else:
        runner = web.AppRunner(app.web_app(path="/slack/events"), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reached = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    sys.stderr.write(f"listening over {reached} for /k8s;\n")
    sys.stderr.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
