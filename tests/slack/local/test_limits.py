"""Rate limits and planned faults: what a bot meets on a bad day, by a clock that the test moves."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack, PlayedTime
from tests.slack.local.support import ALICE, OPS, refused, soon


async def test_a_channel_takes_one_message_a_second_after_a_short_burst(
    client: AsyncWebClient, clock: PlayedTime
) -> None:
    """A step-by-step progress in new messages runs into this within seconds."""
    for _ in range(5):
        await client.chat_postMessage(channel=OPS, text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=OPS, text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    await client.chat_postMessage(channel=ALICE, text="another channel has its own limit")
    clock.advance(1)
    await client.chat_postMessage(channel=OPS, text="x")


@pytest.mark.parametrize(
    ("method", "a_minute"), [("usergroups.list", 20), ("team.info", 50), ("users.info", 100)]
)
async def test_each_tier_ends_where_slack_says(
    slack: LocalSlack, client: AsyncWebClient, clock: PlayedTime, method: str, a_minute: int
) -> None:
    """Tiers 2, 3 and 4: usergroups are the ones to cache."""
    slack.workspace.app.scopes |= {"team:read"}
    for _ in range(a_minute):
        await client.api_call(method, http_verb="GET", params={"user": ALICE})
    assert await refused(client.api_call(method, http_verb="GET", params={"user": ALICE})) == "ratelimited"
    clock.advance(60)
    await client.api_call(method, http_verb="GET", params={"user": ALICE})


async def test_edits_have_a_limit_of_their_own(client: AsyncWebClient) -> None:
    """50 edits a minute over all messages: why progress is coalesced."""
    posted = await client.chat_postMessage(channel=OPS, text="card")
    for number in range(50):
        await client.chat_update(channel=OPS, ts=posted["ts"], text=str(number))
    assert await refused(client.chat_update(channel=OPS, ts=posted["ts"], text="x")) == "ratelimited"


async def test_planned_429s_carry_their_retry_after(slack: LocalSlack, client: AsyncWebClient) -> None:
    """A storm is so many refusals in a row, and then it is over; nothing was done meanwhile."""
    slack.faults.limit("chat.postMessage", 2, retry_after=7)
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=OPS, text="x")
        assert caught.value.response.headers["Retry-After"] == "7"
    assert slack.messages(OPS) == []
    await client.chat_postMessage(channel=OPS, text="x")


async def test_a_server_error_changes_nothing(slack: LocalSlack, client: AsyncWebClient) -> None:
    """After a 503 a post may be repeated."""
    slack.faults.fail("*")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=OPS, text="x")
    assert caught.value.response.status_code == 503
    assert slack.messages(OPS) == []


async def test_a_cut_connection_leaves_open_whether_it_was_done(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """Before the call nothing has happened, after it the message stands: from outside they look the same."""
    slack.faults.drop("chat.postMessage")
    slack.faults.drop("chat.postMessage", after=True)
    # By itself the SDK repeats a post whose connection was cut: that is the next test.
    client.retry_handlers.clear()
    for standing in (0, 1):
        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel=OPS, text="x")
        assert len(slack.messages(OPS)) == standing


async def test_the_sdk_by_itself_doubles_a_post_whose_connection_was_cut(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """Its default handler repeats after a disconnect, done or not: a bot must switch it off, or find its card twice."""
    slack.faults.drop("chat.postMessage", after=True)
    await client.chat_postMessage(channel=OPS, text="x")
    assert len(slack.messages(OPS)) == 2


async def test_a_slow_answer_takes_its_time_by_the_servers_clock(
    slack: LocalSlack, client: AsyncWebClient, clock: PlayedTime
) -> None:
    """A call that is slow must not hold the bot's ack back; the clock decides when it ends."""
    slack.faults.slow("auth.test", 20)
    asked = asyncio.ensure_future(client.auth_test())
    await soon(lambda: clock.waiting() == 1)
    assert not asked.done()
    clock.advance(20)
    assert (await asked)["ok"]
