"""Block Kit's limits, one by one, with Slack's error shape: a card that is refused must be refused here first."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack, Person
from tests.slack.local.support import OPS, actions, asked, button, modal, plain, refusal, section

OPTION = {"text": plain("one"), "value": "1"}


def select(**more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", **more}


def long(length: int) -> str:
    return "x" * length


TOO_MUCH: list[tuple[dict[str, Any], str]] = [
    (section(long(3001)), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ({"type": "section"}, "missing required field: text or fields [json-pointer:/blocks/0]"),
    (
        {"type": "header", "text": plain(long(151))},
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    (
        {"type": "header", "text": {"type": "mrkdwn", "text": "*x*"}},
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    (
        {"type": "section", "fields": [plain("x")] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    (
        {"type": "section", "fields": [plain(long(2001))]},
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
    ),
    (
        {"type": "context", "elements": [plain("x")] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        actions(*[button(str(number)) for number in range(26)]),
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        actions(button("a", long(76))),
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    (
        actions(button("a", value=long(2001))),
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    (
        actions(button(long(256))),
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    (
        section("x") | {"block_id": long(256)},
        "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
    ),
    (
        actions(button("a", style="loud")),
        "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]",
    ),
    (
        actions(button("a"), button("a")),
        "`action_id` a already exists [json-pointer:/blocks/0/elements]",
    ),
    (
        actions(select(options=[{"text": plain(str(n)), "value": str(n)} for n in range(101)])),
        "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    (
        actions(select(options=[{"text": plain(long(76)), "value": "1"}])),
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]",
    ),
    (
        actions(select(options=[OPTION], initial_option={"text": plain("two"), "value": "2"})),
        "initial options must match the options provided [json-pointer:/blocks/0/elements/0]",
    ),
    (
        actions(select()),
        "must provide exactly one of options and option_groups [json-pointer:/blocks/0/elements/0]",
    ),
    (
        actions(button("a", confirm={"title": plain(long(101)), "text": plain("x")})),
        "must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]",
    ),
    (
        actions(button("a", confirm={"title": plain("x"), "text": plain(long(301))})),
        "must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]",
    ),
    (
        actions(button("a", confirm={"title": plain("x"), "text": plain("x"), "confirm": plain(long(31))})),
        "must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/confirm/text]",
    ),
    (
        {"type": "markdown", "text": long(12_001)},
        "must be less than 12001 characters [json-pointer:/blocks/0/text]",
    ),
    ({"type": "confetti"}, "unsupported type: confetti [json-pointer:/blocks/0/type]"),
    ({}, "missing required field: type [json-pointer:/blocks/0]"),
    (section("x") | {"colour": "red"}, "invalid additional property: colour [json-pointer:/blocks/0]"),
    (
        actions({"type": "plain_text_input", "action_id": "a"}),
        "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]",
    ),
    (
        {"type": "actions", "elements": []},
        "no less than 1 items allowed [json-pointer:/blocks/0/elements]",
    ),
]


@pytest.mark.parametrize(("block", "problem"), TOO_MUCH, ids=[problem for _, problem in TOO_MUCH])
async def test_a_block_beyond_a_limit_is_refused_with_its_place(
    client: AsyncWebClient, block: dict[str, Any], problem: str
) -> None:
    """The pointer is what tells the author which of fifty blocks it was."""
    answer = await refusal(client.chat_postMessage(channel=OPS, text="x", blocks=[block]))
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [problem]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {problem}"]


@pytest.mark.parametrize(
    "block",
    [
        section(long(3000)),
        {"type": "header", "text": plain(long(150))},
        {"type": "section", "fields": [plain("x")] * 10},
        actions(*[button(str(number), long(75), value="x") for number in range(25)]),
        actions(select(options=[{"text": plain(str(n)), "value": str(n)} for n in range(100)])),
        actions({"type": "overflow", "action_id": "o", "options": [OPTION] * 5}),
        {"type": "markdown", "text": long(12_000)},
    ],
)
async def test_a_block_at_its_limit_is_taken(client: AsyncWebClient, block: dict[str, Any]) -> None:
    """A checker that is stricter than Slack would make cards poorer than they may be."""
    await client.chat_postMessage(channel=OPS, text="x", blocks=[block])


async def test_fifty_blocks_are_a_message_and_fifty_one_are_not(client: AsyncWebClient) -> None:
    """A plan of three hundred steps is not listed in blocks."""
    await client.chat_postMessage(channel=OPS, text="x", blocks=[section("x")] * 50)
    answer = await refusal(client.chat_postMessage(channel=OPS, text="x", blocks=[section("x")] * 51))
    assert answer["errors"] == ["no more than 50 items allowed [json-pointer:/blocks]"]


async def test_all_texts_together_have_a_limit_nobody_documents(client: AsyncWebClient) -> None:
    """Each block may be legal and the message still too long: about 13,000 characters in all."""
    full = [section(long(2600))] * 5
    await client.chat_postMessage(channel=OPS, text="x", blocks=full)
    answer = await refusal(client.chat_postMessage(channel=OPS, text="x", blocks=[*full, section("x")]))
    assert answer["error"] == "msg_blocks_too_long"


async def test_a_block_id_stands_once(client: AsyncWebClient) -> None:
    """Two blocks of one name: an action could not say where it came from."""
    twice = [section("x") | {"block_id": "b"}] * 2
    answer = await refusal(client.chat_postMessage(channel=OPS, text="x", blocks=twice))
    assert answer["errors"] == ["`block_id` b already exists [json-pointer:/blocks/1/block_id]"]


async def test_blocks_that_are_no_json_are_refused(client: AsyncWebClient) -> None:
    """A string is read as JSON; what is not has a word of its own."""
    posted = client.chat_postMessage(channel=OPS, text="x", blocks="[{")
    assert (await refusal(posted))["error"] == "invalid_blocks_format"


async def test_nothing_is_posted_or_edited_with_bad_blocks(slack: LocalSlack, client: AsyncWebClient) -> None:
    """An edit that is refused leaves the card as it was."""
    posted = await client.chat_postMessage(channel=OPS, text="card", blocks=[section("card")])
    await refusal(client.chat_update(channel=OPS, ts=posted["ts"], text="new", blocks=[section("")]))
    (card,) = slack.messages(OPS)
    assert (card.text, card.blocks[0]["text"]["text"], card.edits) == ("card", "card", 0)


VIEW_PROBLEMS: list[tuple[dict[str, Any], str]] = [
    (modal(title=long(25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
    (modal(submit=plain(long(25))), "must be less than 25 characters [json-pointer:/view/submit/text]"),
    (
        modal(private_metadata=long(3001)),
        "must be less than 3001 characters [json-pointer:/view/private_metadata]",
    ),
    (modal(*[section("x")] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
    (modal(callback_id=long(256)), "must be less than 256 characters [json-pointer:/view/callback_id]"),
    (
        modal(asked("a", "Node"), submit=None),
        "`submit` is required when there are input blocks [json-pointer:/view]",
    ),
    ({"type": "home", "blocks": [section("x")]}, "unsupported type: home [json-pointer:/view/type]"),
    (
        modal(asked("a", "Node", {"type": "button", "text": plain("x")})),
        "unsupported type: button [json-pointer:/view/blocks/0/element/type]",
    ),
]


@pytest.mark.parametrize(("view", "problem"), VIEW_PROBLEMS, ids=[problem for _, problem in VIEW_PROBLEMS])
async def test_a_view_beyond_a_limit_is_refused_with_its_place(
    slack: LocalSlack, client: AsyncWebClient, alice: Person, view: dict[str, Any], problem: str
) -> None:
    """Views are refused under another word than messages, and the trigger is not used up."""
    trigger = slack.world.tickets.trigger(alice.id)
    answer = await refusal(client.views_open(trigger_id=trigger, view=view))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {problem}"]
    await client.views_open(trigger_id=trigger, view=modal())
