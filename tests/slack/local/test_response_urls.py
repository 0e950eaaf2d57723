"""Response urls: five times within half an hour, to one person unless said otherwise."""

from __future__ import annotations

import pytest
from slack_sdk.webhook.async_client import AsyncWebhookClient

from k8sops_local_slack import LocalSlack, Person, PlayedTime
from tests.slack.local.support import OPS, RawBot, actions, button, section


@pytest.fixture
async def hook(bot: RawBot, alice: Person) -> AsyncWebhookClient:
    payload = await bot.answering(alice.slash("/k8s status", OPS))
    return AsyncWebhookClient(payload["response_url"])


async def test_five_answers_and_no_more(slack: LocalSlack, hook: AsyncWebhookClient) -> None:
    """Progress over a response url stops in the middle; that is why nobody should send it there."""
    for _ in range(5):
        assert (await hook.send(text="working")).body == "ok"
    sixth = await hook.send(text="done")
    assert (sixth.status_code, slack.journal.calls[-1].error) == (404, "used_url")
    assert len(slack.messages(OPS)) == 5


async def test_half_an_hour_and_no_longer(
    slack: LocalSlack, clock: PlayedTime, hook: AsyncWebhookClient
) -> None:
    """A drain may well take longer."""
    clock.advance(30 * 60)
    assert (await hook.send(text="in time")).status_code == 200
    clock.advance(1)
    assert (await hook.send(text="late")).status_code == 404
    assert slack.journal.calls[-1].error == "expired_url"


async def test_answers_are_for_one_unless_they_say_otherwise(
    hook: AsyncWebhookClient, alice: Person, bob: Person
) -> None:
    """Slack's default is ephemeral; a fake that defaults to the channel hides a leak."""
    await hook.send(text="only you")
    assert "only you" in alice.screen(OPS)
    assert "only you" not in bob.screen(OPS)
    await hook.send(text="for all", response_type="in_channel")
    assert "for all" in bob.screen(OPS)


async def test_an_ephemeral_card_is_replaced_and_deleted_through_its_own_url(
    slack: LocalSlack, bot: RawBot, hook: AsyncWebhookClient, alice: Person
) -> None:
    """The only way to change an ephemeral message."""
    await hook.send(text="card", blocks=[section("card"), actions(button("go", "Go"))])
    (card,) = slack.messages(OPS)
    payload = await bot.answering(alice.click(card, "Go"))
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    own = AsyncWebhookClient(payload["response_url"])
    await own.send(text="gone ahead", replace_original=True, blocks=[])
    assert alice.screen(OPS).splitlines()[-1].strip() == "gone ahead"
    await own.send(delete_original=True)
    assert slack.messages(OPS) == []
    assert (await own.send(delete_original=True)).status_code == 400


async def test_bad_blocks_are_refused_here_too(slack: LocalSlack, hook: AsyncWebhookClient) -> None:
    """And the try counts."""
    answer = await hook.send(text="x", blocks=[section("x" * 3001)])
    assert (answer.status_code, slack.journal.calls[-1].error) == (400, "invalid_blocks")
