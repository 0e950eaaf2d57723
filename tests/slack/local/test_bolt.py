"""Unmodified slack_bolt against the local Slack, by its address alone: over Socket Mode and over signed HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack, Patience, Workspace
from k8sops_local_slack.delivery.signed_http import Sent
from tests.slack.local.support import ALICE, BOB, OPS, actions, asked, button, modal, plain, section

PATIENT = Patience(ack=60.0, trigger=60.0)


def small_app(slack: LocalSlack) -> AsyncApp:
    """A bot with one of everything: command, form, card, button, search, home, mention."""
    token = slack.workspace.app.bot_token
    client = AsyncWebClient(token=token, base_url=slack.base_url)
    app = AsyncApp(client=client, signing_secret=slack.workspace.app.signing_secret)
    node = {"type": "external_select", "min_query_length": 0}

    @app.command("/k8s")
    async def command(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(asked("node", "Node", node)))

    @app.options("node")
    async def nodes(ack: Any, payload: dict[str, Any]) -> None:
        await ack(options=[{"text": plain(f"{payload['value']}-{n}"), "value": f"n{n}"} for n in range(3)])

    @app.view("form")
    async def form(ack: Any, view: dict[str, Any], body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        wanted = view["state"]["values"]["b-node"]["node"]["selected_option"]["text"]["text"]
        card = [
            section(f"drain *{wanted}* for <@{body['user']['id']}>"),
            actions(button("approve", "Approve")),
        ]
        posted = await client.chat_postMessage(channel=OPS, text=f"drain {wanted}?", blocks=card)
        await client.files_upload_v2(
            channel=OPS, thread_ts=posted["ts"], filename="plan.txt", content="3 steps"
        )

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: AsyncWebClient, respond: Any) -> None:
        await ack()
        who = body["user"]["id"]
        await client.chat_update(
            channel=OPS, ts=body["message"]["ts"], text=f"approved by <@{who}>", blocks=[]
        )
        await respond("thank you")

    @app.event("app_home_opened")
    async def home(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_publish(
            user_id=event["user"], view={"type": "home", "blocks": [section("one run")]}
        )

    @app.event("app_mention")
    async def mention(event: dict[str, Any], say: Any) -> None:
        await say(text=f"heard {event['ts']}", thread_ts=event.get("thread_ts") or event["ts"])

    return app


@asynccontextmanager
async def over_sockets(slack: LocalSlack, app: AsyncApp) -> AsyncIterator[None]:
    handler = AsyncSocketModeHandler(app, slack.workspace.app.app_token)
    await handler.connect_async()
    await slack.sockets_open()
    try:
        yield
    finally:
        await handler.close_async()


@asynccontextmanager
async def over_http(slack: LocalSlack, app: AsyncApp) -> AsyncIterator[None]:
    runner = web.AppRunner(app.web_app(path="/slack/events", port=0), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await slack.deliver_over_http(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
async def live(space: Workspace) -> AsyncIterator[LocalSlack]:
    """On the machine's clock, since bolt checks signatures by it; more patient than Slack, for busy machines."""
    async with await LocalSlack.start(space, patience=PATIENT) as running:
        yield running


@pytest.fixture(params=[over_sockets, over_http], ids=["sockets", "http"])
async def bolt(live: LocalSlack, request: pytest.FixtureRequest) -> AsyncIterator[LocalSlack]:
    ways: AbstractAsyncContextManager[None] = request.param(live, small_app(live))
    async with ways:
        yield live


async def test_from_command_to_form_to_card_to_button(bolt: LocalSlack) -> None:
    """The whole way of one operation, by two people, with the file in the thread."""
    alice, bob = bolt.person(ALICE), bolt.person(BOB)
    assert (await alice.slash("/k8s drain", OPS)).acked
    await bolt.until(lambda: alice.modal)
    assert await alice.search("modal", "Node", "node") == ["node-0", "node-1", "node-2"]
    assert (await alice.submit({"Node": "node-1"})).acked
    assert alice.modal is None
    await bolt.until(lambda: "[file: " in bob.screen(OPS))
    assert "drain *node-1* for @alice\n    [Approve]\n    ↳ k8sops" in bob.screen(OPS)
    card = bolt.messages(OPS)[0]
    await bob.click(card, "Approve")
    await bolt.until(lambda: "thank you" in bob.screen(OPS))
    assert "approved by @bob" in alice.screen(OPS)
    assert "thank you" not in alice.screen(OPS)
    assert bolt.journal.refused() == []
    assert bolt.outstanding() == []


async def test_home_and_mention(bolt: LocalSlack) -> None:
    """Events come too, and are acked by themselves."""
    alice = bolt.person(ALICE)
    opened = await alice.open_home()
    assert opened is not None
    assert opened.acked
    await bolt.until(lambda: alice.home_screen() == "one run")
    await alice.mention(OPS, "status")
    await bolt.until(lambda: "↳ k8sops\n        heard" in alice.screen(OPS))


async def test_a_refresh_in_the_middle_loses_nothing(live: LocalSlack) -> None:
    """The SDK reconnects when told to; commands before and after it are taken."""
    alice = live.person(ALICE)
    async with over_sockets(live, small_app(live)):
        (old,) = live.sockets.open
        live.sockets.disconnect("refresh_requested")
        await live.until(lambda: [one for one in live.sockets.open if one is not old and not one.leaving])
        await live.until(lambda: old not in live.sockets.open)
        assert (await alice.slash("/k8s drain", OPS)).acked
        assert len(live.journal.of("apps.connections.open")) == 2


@pytest.mark.parametrize("signature", ["forged", "late"])
async def test_a_bad_signature_is_refused_by_bolt(live: LocalSlack, signature: Any) -> None:
    """The local Slack signs as Slack does, and wrongly when told to: bolt's own check tells the difference."""
    async with over_http(live, small_app(live)):
        live.faults.signature = signature
        sent = await live.person(ALICE).slash("/k8s drain", OPS)
        assert (sent.error, sent.reason) == ("dispatch_failed", "http_error")
        assert live.person(ALICE).modal is None


async def test_a_request_can_be_replayed_or_bent(live: LocalSlack) -> None:
    """The bytes of each delivery are kept: bolt lets a replay through to its bot, and refuses a changed body."""
    async with over_http(live, small_app(live)):
        alice = live.person(ALICE)
        assert (await alice.slash("/k8s drain", OPS)).acked
        assert live.http is not None
        sent: Sent = live.http.sent[-1]
        await live.until(lambda: alice.modal)
        await live.http.post(sent)
        opened = await live.until(lambda: live.journal.of("views.open")[1:])
        assert [call.error for call in opened] == ["exchanged_trigger_id"]
        assert (await live.http.post(replace(sent, body=sent.body + b"&x=1"))).status == 401


async def test_two_replicas_share_what_comes(live: LocalSlack) -> None:
    """Each payload goes to one of them, and both get some."""
    alice = live.person(ALICE)
    live.world.tiers.enabled = False
    async with over_sockets(live, small_app(live)), over_sockets(live, small_app(live)):
        await live.sockets_open(2)
        for _ in range(20):
            assert (await alice.slash("/k8s drain", OPS)).acked
        shares = [len(socket.envelopes) for socket in live.sockets.open]
        assert sum(shares) == 20
        assert all(shares)


async def test_waiting_for_what_never_comes_tells_the_last_calls(live: LocalSlack) -> None:
    """A failing test should say what the bot did instead."""
    client = AsyncWebClient(token=live.workspace.app.bot_token, base_url=live.base_url)
    await client.chat_postMessage(channel=OPS, text="x")
    with pytest.raises(TimeoutError, match="postMessage 200 ok"):
        await live.until(lambda: False, seconds=0.01)
