"""The Web API says no where Slack does, in its words: a bot is only as good as the refusals it was tried against."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack, Person
from tests.slack.local.support import ALICE, BOB, OPS, refusal, refused, section


async def test_a_call_without_a_token_is_told_so(slack: LocalSlack) -> None:
    """A bot started without its token must hear that, not something about channels."""
    assert await refused(AsyncWebClient(base_url=slack.base_url).auth_test()) == "not_authed"


async def test_an_unknown_token_is_invalid(slack: LocalSlack) -> None:
    """A mistyped token is the most common mistake of a setup."""
    assert (
        await refused(AsyncWebClient(token="xoxb-wrong", base_url=slack.base_url).auth_test())
        == "invalid_auth"
    )


async def test_the_two_tokens_are_not_interchangeable(slack: LocalSlack, client: AsyncWebClient) -> None:
    """The app token opens sockets and nothing else; setups swap the two."""
    app = slack.workspace.app
    assert await refused(client.chat_postMessage(token=app.app_token, channel=OPS, text="x")) == (
        "not_allowed_token_type"
    )
    assert await refused(client.apps_connections_open(app_token=app.bot_token)) == "not_allowed_token_type"


async def test_a_token_in_the_address_does_not_count(slack: LocalSlack) -> None:
    """Tokens in addresses end up in logs; Slack has not taken them there for years."""
    url = f"{slack.base_url}auth.test?token={slack.workspace.app.bot_token}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert (await response.json())["error"] == "not_authed"


async def test_a_missing_scope_names_what_is_needed_and_what_is_there(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """The two fields are what a setup shows the administrator."""
    slack.workspace.app.scopes -= {"usergroups:read"}
    answer = await refusal(client.usergroups_list())
    assert answer["error"] == "missing_scope"
    assert answer["needed"] == "usergroups:read"
    assert "chat:write" in answer["provided"]


async def test_an_unknown_method_is_named(client: AsyncWebClient) -> None:
    """`files.upload` is gone since 2025: who still calls it must hear it."""
    answer = await refusal(client.api_call("files.upload", data={"content": "x"}))
    assert (answer["error"], answer["req_method"]) == ("unknown_method", "files.upload")


async def test_json_where_slack_wants_a_form_is_as_good_as_nothing(client: AsyncWebClient) -> None:
    """Slack ignores JSON bodies for these methods; a fake that reads them hides a bug."""
    answer = await refusal(client.api_call("files.getUploadURLExternal", json={"filename": "a", "length": 1}))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: filename"]


@pytest.mark.parametrize(
    ("channel", "word"),
    [
        ("C0NOWHERE", "channel_not_found"),
        ("#ops", "channel_not_found"),
        ("C0OTHER", "not_in_channel"),
        ("C0SECRET", "channel_not_found"),
        ("C0OLD", "is_archived"),
        ("U0BOT", "cannot_dm_bot"),
    ],
)
async def test_posting_where_one_may_not_is_refused(
    slack: LocalSlack, client: AsyncWebClient, channel: str, word: str
) -> None:
    """Private channels the app is not in do not exist for it; public ones do."""
    slack.workspace.add_channel("C0OLD", "old", ALICE).archived = True
    assert await refused(client.chat_postMessage(channel=channel, text="x")) == word


async def test_a_message_must_say_something(client: AsyncWebClient) -> None:
    """An empty message is a bug of whoever built it."""
    assert await refused(client.api_call("chat.postMessage", json={"channel": OPS})) == "no_text"


async def test_a_reply_needs_a_message_that_is_there(client: AsyncWebClient, slack: LocalSlack) -> None:
    """The card may have been deleted before the result comes."""
    posted = await client.chat_postMessage(channel=OPS, text="card")
    await client.chat_delete(channel=OPS, ts=posted["ts"])
    assert (
        await refused(client.chat_postMessage(channel=OPS, text="x", thread_ts=posted["ts"]))
        == "thread_not_found"
    )
    assert (
        await refused(client.chat_postMessage(channel=OPS, text="x", thread_ts="soon")) == "invalid_thread_ts"
    )


async def test_a_reply_to_a_reply_is_refused(client: AsyncWebClient) -> None:
    """Threads have one level: the parent's ts is the thread's."""
    parent = await client.chat_postMessage(channel=OPS, text="card")
    reply = await client.chat_postMessage(channel=OPS, text="step", thread_ts=parent["ts"])
    assert await refused(client.chat_postMessage(channel=OPS, text="x", thread_ts=reply["ts"])) == (
        "cannot_reply_to_message"
    )


async def test_only_own_messages_that_stand_can_be_edited(
    slack: LocalSlack, client: AsyncWebClient, alice: Person
) -> None:
    """Cards of others, deleted cards and frozen cards each have their own word."""
    await alice.say("hello", OPS)
    theirs = slack.messages(OPS)[0]
    assert await refused(client.chat_update(channel=OPS, ts=theirs.ts, text="x")) == "cant_update_message"
    assert await refused(client.chat_delete(channel=OPS, ts=theirs.ts)) == "cant_delete_message"
    assert await refused(client.chat_update(channel=OPS, ts="1.000001", text="x")) == "message_not_found"
    mine = await client.chat_postMessage(channel=OPS, text="card")
    slack.messages(OPS)[-1].uneditable = "edit_window_closed"
    assert await refused(client.chat_update(channel=OPS, ts=mine["ts"], text="x")) == "edit_window_closed"


async def test_an_ephemeral_message_cannot_be_edited(client: AsyncWebClient) -> None:
    """Its ts looks like any other; only a response url can change it."""
    shown = await client.chat_postEphemeral(channel=OPS, user=ALICE, text="only you")
    assert (
        await refused(client.chat_update(channel=OPS, ts=shown["message_ts"], text="x"))
        == "message_not_found"
    )


async def test_an_edit_that_is_too_long_is_refused(client: AsyncWebClient) -> None:
    """Edits are stricter than posts: a growing progress message hits this."""
    posted = await client.chat_postMessage(channel=OPS, text="card")
    assert await refused(client.chat_update(channel=OPS, ts=posted["ts"], text="x" * 4001)) == "msg_too_long"


async def test_a_very_long_post_is_cut_and_says_so(slack: LocalSlack, client: AsyncWebClient) -> None:
    """Slack cuts at 40,000 characters with a warning that is easily overlooked."""
    posted = await client.chat_postMessage(channel=OPS, text="x" * 40_001)
    assert posted["warning"] == "message_truncated"
    assert len(slack.messages(OPS)[0].text) == 40_000


async def test_blocks_that_are_not_mentioned_in_an_edit_stay(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """An edit of the text alone leaves the buttons: the reason stale cards stay clickable."""
    posted = await client.chat_postMessage(channel=OPS, text="a", blocks=[section("card")])
    await client.chat_update(channel=OPS, ts=posted["ts"], text="b")
    assert slack.messages(OPS)[0].blocks[0]["text"]["text"] == "card"
    await client.chat_update(channel=OPS, ts=posted["ts"], text="c", blocks=[])
    assert slack.messages(OPS)[0].blocks == []


async def test_an_ephemeral_message_needs_its_reader_in_the_channel(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """A refusal shown to somebody who is not there is shown to nobody."""
    slack.workspace.add_channel("C0ALONE", "alone", ALICE)
    shown = client.chat_postEphemeral(channel="C0ALONE", user=BOB, text="x")
    assert await refused(shown) == "user_not_in_channel"
    assert (
        await refused(client.chat_postEphemeral(channel=OPS, user="U0NOBODY", text="x")) == "user_not_found"
    )


async def test_people_are_looked_up_in_two_ways_with_two_words(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """`user_not_found` by id and `users_not_found` by address: bots that test for one miss the other."""
    assert await refused(client.users_info(user="U0NOBODY")) == "user_not_found"
    assert await refused(client.users_lookupByEmail(email="nobody@example.com")) == "users_not_found"
    found = await client.users_lookupByEmail(email="Alice@example.com")
    assert found["user"]["id"] == ALICE
    slack.workspace.users[ALICE].deleted = True
    assert await refused(client.users_lookupByEmail(email="alice@example.com")) == "users_not_found"


async def test_addresses_are_shown_only_with_their_scope(slack: LocalSlack, client: AsyncWebClient) -> None:
    """Without `users:read.email` the field is missing, not refused."""
    slack.workspace.app.scopes -= {"users:read.email"}
    found = await client.users_info(user=ALICE)
    assert "email" not in found["user"]["profile"]


async def test_groups_and_their_people_are_listed(slack: LocalSlack, client: AsyncWebClient) -> None:
    """Approver groups are read here; a disabled group has no members to ask."""
    listed = await client.usergroups_list(include_users=True)
    assert listed["usergroups"][0]["users"] == [BOB]
    assert (await client.usergroups_users_list(usergroup="S0SRE"))["users"] == [BOB]
    slack.workspace.usergroups["S0SRE"].disabled = True
    assert await refused(client.usergroups_users_list(usergroup="S0SRE")) == "no_such_subteam"


async def test_the_channel_list_needs_a_scope_for_each_kind(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """Private channels are another scope than public ones; a page ends where it was told to."""
    slack.workspace.app.scopes -= {"groups:read"}
    listed = client.conversations_list(types="public_channel,private_channel")
    assert await refused(listed) == "missing_scope"
    first = await client.conversations_list(limit=1)
    second = await client.conversations_list(limit=1, cursor=first["response_metadata"]["next_cursor"])
    assert [c["id"] for answer in (first, second) for c in answer["channels"]] == [OPS, "C0OTHER"]
    assert second["response_metadata"]["next_cursor"] == ""


async def test_reading_a_channel_needs_the_history_scope(client: AsyncWebClient) -> None:
    """A bot with granular scopes cannot read channels, and must not need to."""
    assert (await refusal(client.conversations_history(channel=OPS)))["needed"] == "channels:history"


async def test_history_and_replies_leave_out_what_others_alone_see(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """Ephemeral messages are in no API; replies are in their thread only."""
    slack.workspace.app.scopes |= {"channels:history"}
    parent = await client.chat_postMessage(channel=OPS, text="card")
    await client.chat_postMessage(channel=OPS, text="step", thread_ts=parent["ts"])
    await client.chat_postEphemeral(channel=OPS, user=ALICE, text="only you")
    history = await client.conversations_history(channel=OPS)
    assert [message["text"] for message in history["messages"]] == ["card"]
    replies = await client.conversations_replies(channel=OPS, ts=parent["ts"])
    assert [message["text"] for message in replies["messages"]] == ["card", "step"]
    assert await refused(client.conversations_replies(channel=OPS, ts="1.000001")) == "thread_not_found"


async def test_direct_messages_are_opened_by_person(slack: LocalSlack, client: AsyncWebClient) -> None:
    """The channel of a direct message has its own id; opening twice gives the same."""
    opened = await client.conversations_open(users=ALICE)
    assert (await client.conversations_open(users=[ALICE]))["already_open"] is True
    await client.chat_postMessage(channel=ALICE, text="psst")
    assert [message.text for message in slack.messages(opened["channel"]["id"])] == ["psst"]
    assert await refused(client.conversations_open(users="U0NOBODY")) == "user_not_found"
    assert await refused(client.conversations_open(users=[ALICE, BOB])) == "missing_scope"


async def test_who_is_in_a_channel_is_told_by_page(client: AsyncWebClient) -> None:
    """Approvers are looked for among a channel's members."""
    members = await client.conversations_members(channel=OPS)
    assert members["members"] == [ALICE, BOB, "U0BOT"]
    assert (await client.conversations_info(channel=OPS))["channel"]["is_member"] is True
    assert (await client.conversations_info(channel="C0OTHER"))["channel"]["is_member"] is False


async def test_a_cursor_is_what_was_given_out_and_nothing_else(client: AsyncWebClient) -> None:
    """An app that counts pages by itself works until the list changes."""
    first = await client.conversations_members(channel=OPS, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    assert (await client.conversations_members(channel=OPS, limit=2, cursor=cursor))["members"] == ["U0BOT"]
    for made_up in ("2", "not one", "bmV4dDp4"):
        made = client.conversations_members(channel=OPS, limit=2, cursor=made_up)
        assert await refused(made) == "invalid_cursor"


async def test_a_permalink_needs_a_message_all_can_see(client: AsyncWebClient) -> None:
    """Links to cards are put into other cards."""
    posted = await client.chat_postMessage(channel=OPS, text="card")
    link = await client.chat_getPermalink(channel=OPS, message_ts=posted["ts"])
    assert link["permalink"] == f"https://local.slack.com/archives/{OPS}/p{posted['ts'].replace('.', '')}"
    assert await refused(client.chat_getPermalink(channel=OPS, message_ts="1.000001")) == "message_not_found"


async def test_one_reacts_once(slack: LocalSlack, client: AsyncWebClient, alice: Person) -> None:
    """A second time is refused, and the scope is one most bots forget."""
    posted = await client.chat_postMessage(channel=OPS, text="card")
    react = {"channel": OPS, "timestamp": posted["ts"], "name": "eyes"}
    assert (await refusal(client.reactions_add(**react)))["needed"] == "reactions:write"
    slack.workspace.app.scopes |= {"reactions:write"}
    await client.reactions_add(**react)
    assert await refused(client.reactions_add(**react)) == "already_reacted"
    assert ":eyes: 1" in alice.screen(OPS)


async def test_who_we_are_is_told(slack: LocalSlack, client: AsyncWebClient) -> None:
    """A setup shows this to the person who pasted the tokens; Grid adds the enterprise."""
    slack.workspace.enterprise_id = "E0LOCAL"
    who = await client.auth_test()
    assert (who["team_id"], who["user_id"], who["bot_id"]) == ("T0LOCAL", "U0BOT", "B0LOCAL")
    assert who["enterprise_id"] == "E0LOCAL"
    assert (await client.bots_info(bot="B0LOCAL"))["bot"]["app_id"] == "A0LOCAL"
    assert (await refusal(client.team_info()))["needed"] == "team:read"


async def test_the_journal_holds_every_call_and_no_token(slack: LocalSlack, client: AsyncWebClient) -> None:
    """A test scans it for secrets, so it must not bring its own."""
    await client.chat_postMessage(channel=OPS, text="card")
    await client.apps_connections_open(app_token=slack.workspace.app.app_token)
    await refused(client.chat_postMessage(channel="C0OTHER", text="x"))
    assert [(call.method, call.error) for call in slack.journal.calls] == [
        ("chat.postMessage", None),
        ("apps.connections.open", None),
        ("chat.postMessage", "not_in_channel"),
    ]
    assert [call.error for call in slack.journal.refused()] == ["not_in_channel"]
    said = repr(slack.journal.calls)
    assert "ticket" not in said
    assert not any(token in said for token in (slack.workspace.app.bot_token, slack.workspace.app.app_token))
