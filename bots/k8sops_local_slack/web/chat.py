"""chat.*: post, update, delete, ephemeral messages and permalinks."""

from __future__ import annotations

import re
from typing import Any

from k8sops_local_slack.blocks.surfaces import message_blocks
from k8sops_local_slack.board import Blocks, Message
from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.web.access import channel_seen, channel_to_write
from k8sops_local_slack.web.arguments import Arguments
from k8sops_local_slack.web.method import Answer, Method
from k8sops_local_slack.web.tiers import Tier
from k8sops_local_slack.workspace import Channel
from k8sops_local_slack.world import World

TRUNCATED_AT = 40_000
EDIT_AT_MOST = 4_000
TS = re.compile(r"^\d{10}\.\d{6}$")


def read_blocks(world: World, arguments: Arguments) -> Blocks | None:
    """Read and check the blocks of a call; None where it says nothing of blocks."""
    blocks = arguments.structure("blocks", "invalid_blocks_format")
    return None if blocks is None else message_blocks(blocks, world.ids)


def read_attachments(world: World, arguments: Arguments) -> Blocks | None:
    """Read attachments, and check the blocks inside them."""
    attachments = arguments.structure("attachments", "invalid_attachments")
    if attachments is None:
        return None
    if not isinstance(attachments, list) or not all(isinstance(item, dict) for item in attachments):
        raise Refusal("invalid_attachments")
    if len(attachments) > 100:
        raise Refusal("too_many_attachments")
    return [
        {**item, "blocks": message_blocks(item["blocks"], world.ids)} if "blocks" in item else item
        for item in attachments
    ]


def parent_of(world: World, channel: Channel, thread_ts: str | None) -> str | None:
    """Check the message a reply goes under."""
    if thread_ts is None:
        return None
    if not TS.match(thread_ts):
        raise Refusal("invalid_thread_ts")
    parent = world.board.find(channel.id, thread_ts)
    if parent is None:
        raise Refusal("thread_not_found")
    if parent.only_for or parent.thread_ts not in {None, parent.ts}:
        raise Refusal("cannot_reply_to_message")
    return thread_ts


def content_of(world: World, arguments: Arguments) -> dict[str, Any]:
    """Read what a message says; refused where it says nothing."""
    text, blocks = arguments.maybe("text") or "", read_blocks(world, arguments)
    attachments = read_attachments(world, arguments)
    if not (text or blocks or attachments):
        raise Refusal("no_text")
    return {"text": text[:TRUNCATED_AT], "blocks": blocks or [], "attachments": attachments or []}


def post_message(world: World, arguments: Arguments) -> Answer:
    """Post a message, or a reply in a thread."""
    channel = channel_to_write(world, arguments.maybe("channel"))
    content = content_of(world, arguments)
    message = world.board.post(
        channel,
        world.workspace.app.bot_user,
        content.pop("text"),
        thread_ts=parent_of(world, channel, arguments.maybe("thread_ts")),
        metadata=arguments.structure("metadata", "invalid_metadata_format"),
        **content,
    )
    answer: Answer = {"channel": channel.id, "ts": message.ts, "message": world.message_fields(message)}
    if len(arguments.maybe("text") or "") > TRUNCATED_AT:
        answer |= {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}
    return answer


def own_message(world: World, arguments: Arguments, refused_as: str) -> Message:
    """Find the app's own message that a call is about."""
    channel = channel_seen(world, arguments.maybe("channel"))
    if channel.archived:
        raise Refusal("is_archived")
    message = world.board.find(channel.id, arguments.maybe("ts") or "")
    if message is None or message.only_for is not None:
        raise Refusal("message_not_found")
    if message.author != world.workspace.app.bot_user:
        raise Refusal(refused_as)
    return message


def update(world: World, arguments: Arguments) -> Answer:
    """Edit a message of the app; blocks that are not mentioned stay."""
    message = own_message(world, arguments, "cant_update_message")
    if message.uneditable:
        raise Refusal(message.uneditable)
    text, blocks = arguments.maybe("text"), read_blocks(world, arguments)
    attachments = read_attachments(world, arguments)
    if text is None and blocks is None and attachments is None:
        raise Refusal("no_text")
    if text is not None and len(text) > EDIT_AT_MOST:
        raise Refusal("msg_too_long")
    new_text = message.text if text is None else text
    world.board.edit(message, new_text, message.blocks if blocks is None else blocks, attachments)
    return {
        "channel": message.channel,
        "ts": message.ts,
        "text": message.text,
        "message": world.message_fields(message),
    }


def delete(world: World, arguments: Arguments) -> Answer:
    """Delete a message of the app."""
    message = own_message(world, arguments, "cant_delete_message")
    world.board.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def post_ephemeral(world: World, arguments: Arguments) -> Answer:
    """Show a message to one person, who must be there to see it."""
    channel = channel_to_write(world, arguments.maybe("channel"))
    user = arguments.text("user")
    if user not in world.workspace.users:
        raise Refusal("user_not_found")
    if user not in channel.members:
        raise Refusal("user_not_in_channel")
    content = content_of(world, arguments)
    if len(content["text"]) > EDIT_AT_MOST:
        raise Refusal("msg_too_long")
    message = world.board.post(
        channel,
        world.workspace.app.bot_user,
        content.pop("text"),
        thread_ts=parent_of(world, channel, arguments.maybe("thread_ts")),
        only_for=user,
        **content,
    )
    return {"message_ts": message.ts}


def get_permalink(world: World, arguments: Arguments) -> Answer:
    """Give a message's address."""
    channel = channel_seen(world, arguments.maybe("channel"))
    ts = arguments.maybe("message_ts") or ""
    message = world.board.find(channel.id, ts)
    if message is None or message.only_for is not None:
        raise Refusal("message_not_found")
    host = f"https://{world.workspace.team_domain}.slack.com"
    thread = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.thread_ts else ""
    return {
        "channel": channel.id,
        "permalink": f"{host}/archives/{channel.id}/p{ts.replace('.', '')}{thread}",
    }


def add_reaction(world: World, arguments: Arguments) -> Answer:
    """React to a message."""
    channel = channel_to_write(world, arguments.maybe("channel"))
    message = world.board.find(channel.id, arguments.maybe("timestamp") or "")
    if message is None or message.only_for is not None:
        raise Refusal("message_not_found")
    people = message.reactions.setdefault(arguments.text("name").strip(":"), [])
    bot = world.workspace.app.bot_user
    if bot in people:
        raise Refusal("already_reacted")
    people.append(bot)
    world.bell.ring()
    return {}


WRITE = ("chat:write",)
METHODS = (
    Method("chat.postMessage", post_message, Tier.POSTING, WRITE, json=True),
    Method("chat.update", update, Tier.T3, WRITE, json=True),
    Method("chat.delete", delete, Tier.T3, WRITE, json=True),
    Method("chat.postEphemeral", post_ephemeral, Tier.T4, WRITE, json=True),
    Method("chat.getPermalink", get_permalink, Tier.SPECIAL),
    Method("reactions.add", add_reaction, Tier.T3, ("reactions:write",), json=True),
)
