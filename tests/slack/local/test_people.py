"""What each person sees, is rung by, and can do: the oracle for every test of a bot."""

from __future__ import annotations

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack, NotVisible, Person, Workspace, app_from_manifest
from tests.slack.local.support import ALICE, BOB, OPS, RawBot, actions, button, plain, section

DUE = 1_800_000_000
CARD = [
    {"type": "header", "text": plain("PRODUCTION <!channel>")},
    section(f"<@{BOB}> of <!subteam^S0SRE> in <#{OPS}>: a &lt;b&gt; &amp; <https://x.test/?a=1|the plan>"),
    {
        "type": "context",
        "elements": [
            {"type": "mrkdwn", "text": f"expires <!date^{DUE}^{{date_short_pretty}} at {{time}}|soon>"}
        ],
    },
    actions(button("approve", "Approve"), button("deny", "Deny", style="danger")),
]


async def test_a_card_is_drawn_as_its_reader_sees_it(
    client: AsyncWebClient, alice: Person, bob: Person
) -> None:
    """Names for ids, escapes undone, dates in the reader's own time; plain text is never markup."""
    await client.chat_postMessage(channel=OPS, text="drain", blocks=CARD)
    assert alice.screen(OPS) == "\n".join(
        [
            "#ops",
            "k8sops",
            "    ▌PRODUCTION <!channel>",
            "    @bob of @sre in #ops: a <b> & the plan (https://x.test/?a=1)",
            "    expires Jan 15, 2027 at 09:00",
            "    [Approve] [Deny]",
        ]
    )
    assert "expires Jan 15, 2027 at 03:00" in bob.screen(OPS)


async def test_a_message_rings_whom_it_mentions_and_an_edit_nobody(
    slack: LocalSlack, client: AsyncWebClient, alice: Person, bob: Person
) -> None:
    """The lock screen shows the text, not the blocks; what must be heard has to be a new message."""
    posted = await client.chat_postMessage(channel=OPS, text="Drain node-3?", blocks=CARD)
    await client.chat_update(channel=OPS, ts=posted["ts"], text=f"<@{ALICE}> look", blocks=[])
    assert (alice.notifications(), bob.notifications()) == ([], ["Drain node-3?"])
    await client.chat_postMessage(channel=ALICE, text="psst")
    assert alice.notifications() == ["psst"]
    assert slack.messages(OPS)[0].broadcasts == frozenset()


async def test_a_broadcast_that_slipped_in_is_seen(
    slack: LocalSlack, client: AsyncWebClient, bob: Person
) -> None:
    """Injected markup rings everybody: the oracle of that test."""
    await client.chat_postMessage(channel=OPS, text="pod <!channel> failed")
    await client.chat_postMessage(channel=OPS, text="pod &lt;!channel&gt; failed")
    assert [message.broadcasts for message in slack.messages(OPS)] == [frozenset({"channel"}), frozenset()]
    assert bob.notifications() == ["pod @channel failed"]
    assert bob.screen(OPS).count("<!channel>") == 1


async def test_replies_stand_under_what_they_reply_to(client: AsyncWebClient, alice: Person) -> None:
    """Also where something else was said meanwhile."""
    card = await client.chat_postMessage(channel=OPS, text="card")
    await client.chat_postMessage(channel=OPS, text="another")
    await client.chat_postMessage(channel=OPS, text="step 1", thread_ts=card["ts"])
    assert [line.strip() for line in alice.screen(OPS).splitlines()] == [
        "#ops", "k8sops", "card", "↳ k8sops", "step 1", "k8sops", "another",
    ]  # fmt: skip


async def test_who_is_not_in_a_channel_sees_nothing_of_it(
    slack: LocalSlack, client: AsyncWebClient, bob: Person
) -> None:
    """Neither its messages nor its buttons."""
    slack.workspace.add_channel("C0ALONE", "alone", ALICE)
    posted = await client.chat_postMessage(channel="C0ALONE", text="card", blocks=CARD)
    for act in (bob.slash("/k8s", "C0ALONE"), bob.click(posted["ts"], "Approve")):
        with pytest.raises(NotVisible):
            await act
    with pytest.raises(NotVisible):
        bob.screen("C0ALONE")


async def test_a_button_that_is_gone_cannot_be_pressed(client: AsyncWebClient, bob: Person) -> None:
    """After the edit there is nothing to press; nor on what was deleted."""
    posted = await client.chat_postMessage(channel=OPS, text="card", blocks=CARD)
    await client.chat_update(channel=OPS, ts=posted["ts"], text="approved", blocks=[])
    with pytest.raises(NotVisible, match="nothing to use"):
        await bob.click(posted["ts"], "Approve")
    await client.chat_delete(channel=OPS, ts=posted["ts"])
    with pytest.raises(NotVisible, match="sees no message"):
        await bob.click(posted["ts"], "Approve")


async def test_a_click_carries_who_where_and_what(
    slack: LocalSlack, client: AsyncWebClient, bot: RawBot, bob: Person
) -> None:
    """Grid: the team may be another one when somebody clicks than when the card was sent."""
    slack.workspace.enterprise_id = "E0LOCAL"
    ask = {"title": plain("Sure?"), "text": plain("3 nodes of prod-eu")}
    card = [actions(button("approve", "Approve", value="run-1", confirm=ask))]
    posted = await client.chat_postMessage(channel=OPS, text="card", blocks=card)
    assert await bob.click(posted["ts"], "Approve", confirm=False) is None
    bob.team_id = "T0OTHER"
    payload = await bot.answering(bob.click(posted["ts"], "Approve"))
    assert (payload["user"]["id"], payload["team"]["id"], payload["enterprise"]["id"]) == (
        BOB,
        "T0OTHER",
        "E0LOCAL",
    )
    assert payload["message"]["ts"] == payload["container"]["message_ts"] == posted["ts"]
    action = payload["actions"][0]
    assert (action["action_id"], action["value"], action["type"]) == ("approve", "run-1", "button")


async def test_a_choice_on_a_message_is_told_with_its_state(
    client: AsyncWebClient, bot: RawBot, bob: Person
) -> None:
    """A select beside a button: the button's click brings the choice along."""
    options = [{"text": plain(name), "value": name} for name in ("prod", "test")]
    select = {"type": "static_select", "action_id": "cluster", "options": options}
    row = actions(select, button("go", "Go")) | {"block_id": "row"}
    posted = await client.chat_postMessage(channel=OPS, text="which?", blocks=[row])
    await bot.answering(bob.choose(posted["ts"], "cluster", "test"))
    payload = await bot.answering(bob.click(posted["ts"], "Go"))
    assert payload["state"]["values"]["row"]["cluster"]["selected_option"]["value"] == "test"
    with pytest.raises(NotVisible, match="not offered"):
        await bob.choose(posted["ts"], "cluster", "dev")


async def test_the_app_hears_what_its_events_and_scopes_let_it_hear(
    slack: LocalSlack, bot: RawBot, alice: Person
) -> None:
    """Mentions in its channels and direct messages; nothing else, and nothing it did not subscribe to."""
    assert await alice.say("just talking", OPS) is None
    assert await alice.mention("C0OTHER", "are you here?") is None
    event = (await bot.answering(alice.mention(OPS, "status")))["event"]
    assert (event["type"], event["channel"]) == ("app_mention", OPS)
    event = (await bot.answering(alice.say("status")))["event"]
    assert (event["type"], event["channel_type"], event["text"]) == ("message", "im", "status")
    event = (await bot.answering(alice.open_home()))["event"]
    assert (event["type"], event["tab"]) == ("app_home_opened", "home")
    slack.workspace.app.events.clear()
    assert await alice.mention(OPS, "status") is None
    assert await alice.open_home() is None


async def test_a_mention_in_a_thread_names_the_thread(
    client: AsyncWebClient, bot: RawBot, alice: Person
) -> None:
    """Commands do not work in threads; this is how one steers a run there."""
    card = await client.chat_postMessage(channel=OPS, text="card")
    event = (await bot.answering(alice.mention(OPS, "cancel", thread=card["ts"])))["event"]
    assert event["thread_ts"] == card["ts"]


async def test_shortcuts_are_those_of_the_manifest(
    slack: LocalSlack, client: AsyncWebClient, bot: RawBot, alice: Person
) -> None:
    """A message shortcut brings the message along."""
    slack.workspace.app.shortcuts = {"explain": "message", "new": "global"}
    posted = await client.chat_postMessage(channel=OPS, text="pod web-1 failed")
    payload = await bot.answering(alice.message_shortcut(posted["ts"], "explain"))
    assert (payload["type"], payload["message"]["text"]) == ("message_action", "pod web-1 failed")
    payload = await bot.answering(alice.shortcut("new"))
    assert (payload["type"], payload["callback_id"]) == ("shortcut", "new")
    with pytest.raises(NotVisible):
        await alice.shortcut("explain")


async def test_a_command_the_app_does_not_have_is_never_sent(alice: Person) -> None:
    """Slack's own client says that it is no command."""
    with pytest.raises(NotVisible, match="there is: /k8s"):
        await alice.slash("/kubernetes status", OPS)


async def test_mentions_in_a_command_are_escaped_where_the_app_asked_for_it(
    slack: LocalSlack, bot: RawBot, alice: Person
) -> None:
    """Only then does the app get ids; else it gets what was typed."""
    payload = await bot.answering(alice.slash("/k8s ask @bob in #ops", OPS))
    assert payload["text"] == "ask @bob in #ops"
    slack.workspace.app.escaped_commands = {"/k8s"}
    payload = await bot.answering(alice.slash("/k8s ask @bob in #ops or @carol", OPS))
    assert payload["text"] == f"ask <@{BOB}|bob> in <#{OPS}|ops> or @carol"


def test_an_app_from_a_manifest_has_what_the_manifest_names_and_no_more() -> None:
    """What the manifest forgot is refused by the local Slack, and not first in production."""
    app = app_from_manifest(
        {
            "display_information": {"name": "desk"},
            "features": {
                "app_home": {"home_tab_enabled": True},
                "slash_commands": [{"command": "/ops", "description": "x", "should_escape": True}],
                "shortcuts": [
                    {"name": "Explain", "type": "message", "callback_id": "explain", "description": "x"}
                ],
            },
            "oauth_config": {"scopes": {"bot": ["commands", "chat:write"]}},
            "settings": {"event_subscriptions": {"bot_events": ["app_mention"]}},
        }
    )
    assert (app.name, app.commands, app.escaped_commands) == ("desk", {"/ops"}, {"/ops"})
    assert (app.scopes, app.events) == ({"commands", "chat:write"}, {"app_mention"})
    assert (app.shortcuts, app.home) == ({"explain": "message"}, True)
    assert Workspace(app).users[app.bot_user].is_bot
