"""Socket Mode as a server sees it: hello, one random socket, acks in time, redelivery, refresh, deafness."""

from __future__ import annotations

import asyncio

import aiohttp

from k8sops_local_slack import LocalSlack, Person, PlayedTime
from tests.slack.local.support import ALICE, OPS, RawBot, refusal, soon


async def test_a_socket_is_greeted_and_its_address_is_good_once(slack: LocalSlack) -> None:
    """An address that was used must be asked for anew: reconnecting to the old one fails."""
    async with RawBot(slack) as bot, aiohttp.ClientSession() as session:
        socket = await bot.connect(hello=False)
        hello = await socket.receive()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        assert hello["connection_info"] == {"app_id": "A0LOCAL"}
        opened = await bot.web.apps_connections_open(app_token=slack.workspace.app.app_token)
        async with session.ws_connect(opened["url"]), session.get(opened["url"]) as again:
            assert again.status == 403


async def test_opening_a_socket_needs_its_scope(slack: LocalSlack) -> None:
    """The app token has scopes of its own."""
    slack.workspace.app.app_scopes.clear()
    async with RawBot(slack) as bot:
        opening = bot.web.apps_connections_open(app_token=slack.workspace.app.app_token)
        assert (await refusal(opening))["needed"] == "connections:write"


async def test_a_slash_command_carries_what_apps_read(bot: RawBot, alice: Person) -> None:
    """The text comes as it was typed; there is no thread in it, since commands do not work in threads."""
    payload = await bot.answering(alice.slash("/k8s drain node-3 —grace 30", OPS))
    assert (payload["command"], payload["text"]) == ("/k8s", "drain node-3 —grace 30")
    assert (payload["channel_id"], payload["user_id"], payload["team_id"]) == (OPS, ALICE, "T0LOCAL")
    assert "thread_ts" not in payload
    assert "/hooks/" in payload["response_url"]


async def test_an_ack_may_carry_a_message(bot: RawBot, alice: Person, bob: Person) -> None:
    """It is ephemeral unless it says otherwise."""
    await bot.answering(alice.slash("/k8s status", OPS), {"text": "all well"})
    assert "k8sops (only visible to you)\n    all well" in alice.screen(OPS)
    assert "all well" not in bob.screen(OPS)
    await bot.answering(alice.slash("/k8s status", OPS), {"text": "for all", "response_type": "in_channel"})
    assert "for all" in bob.screen(OPS)


async def test_an_interaction_that_is_not_acked_fails_and_is_not_repeated(
    slack: LocalSlack, clock: PlayedTime, bot: RawBot, alice: Person
) -> None:
    """Three seconds: the person sees a failure, whatever the bot does afterwards; a late ack changes nothing."""
    sent = await alice.slash("/k8s status", OPS, wait=False)
    envelope = await bot.receive()
    assert slack.outstanding() == [sent]
    clock.advance(3)
    assert (sent.state, sent.error, sent.attempts) == ("failed", "operation_timeout", 1)
    assert "/k8s failed (operation_timeout)" in alice.screen(OPS)
    await bot.ack(envelope)
    await soon(lambda: slack.journal.late_acks == 1)
    assert sent.state == "failed"


async def test_an_event_is_sent_four_times_at_most(clock: PlayedTime, bot: RawBot, alice: Person) -> None:
    """At once, after one minute, after five: the same event id each time, and the reason."""
    sent = await alice.mention(OPS, "status", wait=False)
    assert sent is not None
    seen = []
    for wait in (0, 60, 300, None):
        envelope = await bot.receive()
        seen.append((envelope["retry_attempt"], envelope["retry_reason"], envelope["payload"]["event_id"]))
        clock.advance(3)
        clock.advance(wait or 0)
    event_id = seen[0][2]
    assert seen == [
        (0, "", event_id),
        (1, "timeout", event_id),
        (2, "timeout", event_id),
        (3, "timeout", event_id),
    ]
    assert (sent.state, sent.attempts) == ("failed", 4)


async def test_a_redelivered_event_that_is_acked_is_done(
    clock: PlayedTime, bot: RawBot, alice: Person
) -> None:
    """A bot that was away for a moment loses nothing."""
    sent = await alice.mention(OPS, "status", wait=False)
    assert sent is not None
    await bot.receive()
    clock.advance(3)
    envelope = await bot.receive()
    assert envelope["payload"]["event"]["text"] == "<@U0BOT> status"
    await bot.ack(envelope)
    await soon(lambda: sent.acked)
    clock.advance(1000)
    assert sent.attempts == 2


async def test_events_wait_for_a_bot_that_is_away_and_interactions_do_not(
    slack: LocalSlack, clock: PlayedTime, alice: Person
) -> None:
    """Without any socket a command fails at once; an event comes with a later attempt."""
    command = await alice.slash("/k8s status", OPS)
    assert command.error == "dispatch_failed"
    event = await alice.mention(OPS, "status", wait=False)
    assert event is not None
    await soon(lambda: event.attempts == 1 and event.reason == "no_connection")
    async with RawBot(slack) as bot:
        await bot.connect()
        clock.advance(0)
        await soon(lambda: event.attempts == 2)
        assert (await bot.receive())["retry_attempt"] == 1


async def test_each_payload_goes_to_one_socket_by_chance(slack: LocalSlack, alice: Person) -> None:
    """Replicas share the work; two of them never get the same envelope."""
    async with RawBot(slack) as bot:
        for _ in range(3):
            await bot.connect()
        for number in range(30):
            await alice.slash(f"/k8s status {number}", OPS, wait=False)
        shares = [len(socket.envelopes) for socket in slack.sockets.open]
        assert sum(shares) == 30
        assert all(shares)


async def test_an_eleventh_socket_is_sent_away(slack: LocalSlack) -> None:
    """Slack allows ten; a bot that leaks connections is told so."""
    async with RawBot(slack) as bot:
        slack.world.tiers.enabled = False
        for _ in range(10):
            await bot.connect()
        eleventh = await bot.connect(hello=False)
        assert (await eleventh.receive())["reason"] == "too_many_websockets"
        assert await eleventh.closed()
        assert len(slack.sockets.open) == 10


async def test_a_refresh_is_announced_and_then_the_socket_is_closed(
    slack: LocalSlack, clock: PlayedTime, bot: RawBot, alice: Person
) -> None:
    """From the announcement on nothing new comes over it; what came before may still be acked."""
    before = await alice.slash("/k8s status", OPS, wait=False)
    envelope = await bot.receive()
    slack.sockets.disconnect("refresh_requested")
    assert (await bot.receive())["reason"] == "refresh_requested"
    fresh = await bot.connect()
    await bot.ack(envelope)
    await soon(lambda: before.acked)
    after = await alice.slash("/k8s status", OPS, wait=False)
    await fresh.ack(await fresh.receive())
    await soon(lambda: after.acked)
    clock.advance(10)
    assert await bot.sockets[0].closed()


async def test_a_warning_leaves_the_socket_open(slack: LocalSlack, bot: RawBot, alice: Person) -> None:
    """It says that a refresh will come; until then everything goes on."""
    slack.sockets.disconnect("warning")
    assert (await bot.receive())["reason"] == "warning"
    await bot.answering(alice.slash("/k8s status", OPS))


async def test_pings_are_answered_unless_the_socket_is_half_open(
    slack: LocalSlack, clock: PlayedTime, bot: RawBot, alice: Person
) -> None:
    """A deaf connection takes payloads to nowhere; its silence on pings is all a client can notice."""
    ws = bot.sockets[0].ws
    await ws.ping(b"here?")
    assert (await ws.receive(timeout=60)).type is aiohttp.WSMsgType.PONG
    slack.sockets.half_open()
    await ws.ping(b"still?")
    lost = await alice.slash("/k8s status", OPS, wait=False)
    fresh = await bot.connect()
    slack.sockets.open[0].leaving = True
    heard = await alice.slash("/k8s status", OPS, wait=False)
    await fresh.ack(await fresh.receive())
    await soon(lambda: heard.acked)
    clock.advance(3)
    assert lost.error == "operation_timeout"


async def test_duplicates_carry_the_same_event(slack: LocalSlack, bot: RawBot, alice: Person) -> None:
    """Slack delivers some things twice: a bot dedupes on the event, not on the envelope."""
    slack.faults.duplicate()
    sent = await alice.mention(OPS, "status", wait=False)
    assert sent is not None
    first, second = await bot.receive(), await bot.receive()
    assert first["envelope_id"] != second["envelope_id"]
    assert first["payload"] == second["payload"]
    await bot.ack(first)
    await bot.ack(second)
    await soon(lambda: sent.acked)
    slack.world.outbox.resend(sent)
    assert (await bot.receive())["payload"] == first["payload"]


async def test_deliveries_may_overtake_each_other(slack: LocalSlack, bot: RawBot, alice: Person) -> None:
    """The later click may come first."""
    slack.world.outbox.reorder(2)
    for word in ("first", "second"):
        await alice.slash(f"/k8s {word}", OPS, wait=False)
    envelopes = [await bot.receive() for _ in range(2)]
    assert [envelope["payload"]["text"] for envelope in envelopes] == ["second", "first"]


async def test_a_cut_connection_leaves_the_interaction_to_its_deadline(
    slack: LocalSlack, clock: PlayedTime, bot: RawBot, alice: Person
) -> None:
    """The bot died between receiving and acking."""
    sent = await alice.slash("/k8s status", OPS, wait=False)
    await bot.receive()
    slack.sockets.cut()
    assert slack.sockets.open == []
    clock.advance(3)
    assert sent.error == "operation_timeout"


async def test_how_quickly_the_bot_took_things_is_on_record(
    slack: LocalSlack, clock: PlayedTime, bot: RawBot, alice: Person
) -> None:
    """The bench reads its quantiles here."""
    for seconds in (1, 2):
        acting = asyncio.ensure_future(alice.slash("/k8s status", OPS))
        envelope = await bot.receive()
        clock.advance(seconds)
        await bot.ack(envelope)
        await acting
    assert slack.journal.ack_seconds == [1, 2]
    assert slack.journal.ack_at(0.99) == 2
