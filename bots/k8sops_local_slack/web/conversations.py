"""conversations.*: what the app may know of channels, and read in them."""

from __future__ import annotations

from k8sops_local_slack.board import Message
from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.web.access import KIND_SCOPES, channel_seen, need_scope_for
from k8sops_local_slack.web.arguments import Arguments
from k8sops_local_slack.web.method import Answer, Method, page
from k8sops_local_slack.web.tiers import Tier
from k8sops_local_slack.workspace import Channel
from k8sops_local_slack.world import World

KIND_OF_TYPE = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}


def channel_fields(world: World, channel: Channel) -> Answer:
    """Write a channel the way the API shows it."""
    bot = world.workspace.app.bot_user
    common: Answer = {
        "id": channel.id,
        "is_channel": channel.kind == "public",
        "is_group": channel.kind == "private",
        "is_im": channel.kind == "im",
        "is_mpim": False,
        "is_private": channel.kind != "public",
        "is_archived": channel.archived,
        "context_team_id": world.workspace.team_id,
    }
    if channel.kind == "im":
        return common | {"user": next(iter(channel.members - {bot}), bot), "is_user_deleted": False}
    named = {"name": channel.name, "name_normalized": channel.name, "num_members": len(channel.members)}
    return common | named | {"is_member": bot in channel.members}


def _readable(world: World, arguments: Arguments, what: str) -> Channel:
    channel = channel_seen(world, arguments.maybe("channel"))
    need_scope_for(world, channel, what)
    return channel


def info(world: World, arguments: Arguments) -> Answer:
    """Describe a channel."""
    return {"channel": channel_fields(world, _readable(world, arguments, "read"))}


def members(world: World, arguments: Arguments) -> Answer:
    """List who is in a channel, by page."""
    channel = _readable(world, arguments, "read")
    people, metadata = page(sorted(channel.members), arguments)
    return {"members": people, "response_metadata": metadata}


def list_channels(world: World, arguments: Arguments) -> Answer:
    """List the channels the app can know of, by page."""
    types = arguments.listed("types") or ["public_channel"]
    if not set(types) <= set(KIND_OF_TYPE):
        raise Refusal("invalid_types")
    kinds = {KIND_OF_TYPE[name] for name in types} - {"mpim"}
    needed = {f"{KIND_SCOPES[kind]}:read" for kind in kinds}
    provided = world.workspace.app.scopes
    if not needed <= provided:
        raise Refusal("missing_scope", needed=",".join(sorted(needed)), provided=",".join(sorted(provided)))
    bot, archived = world.workspace.app.bot_user, not arguments.flag("exclude_archived")
    seen = [
        channel
        for channel in world.workspace.channels.values()
        if channel.kind in kinds
        and (channel.kind == "public" or bot in channel.members)
        and (archived or not channel.archived)
    ]
    cut, metadata = page(seen, arguments)
    return {"channels": [channel_fields(world, channel) for channel in cut], "response_metadata": metadata}


def open_direct(world: World, arguments: Arguments) -> Answer:
    """Open the direct messages with one person."""
    users = arguments.listed("users")
    given = arguments.maybe("channel")
    if given:
        return {"channel": {"id": channel_seen(world, given).id}}
    if not users:
        raise Refusal("users_list_not_supplied")
    if len(users) > 1:
        raise Refusal(
            "missing_scope", needed="mpim:write", provided=",".join(sorted(world.workspace.app.scopes))
        )
    user = world.workspace.users.get(users[0])
    if user is None:
        raise Refusal("user_not_found")
    if user.deleted:
        raise Refusal("user_disabled")
    if user.is_bot:
        raise Refusal("cannot_dm_bot")
    before = set(world.workspace.channels)
    channel = world.workspace.direct(user.id)
    already = channel.id in before
    return {"channel": {"id": channel.id}, "no_op": already, "already_open": already}


def _answer_messages(world: World, found: list[Message], arguments: Arguments) -> Answer:
    cut, metadata = page(found, arguments)
    return {
        "messages": [world.message_fields(message) for message in cut],
        "has_more": bool(metadata["next_cursor"]),
        "response_metadata": metadata,
    }


def _in_span(message: Message, arguments: Arguments) -> bool:
    oldest, latest = float(arguments.maybe("oldest") or 0), float(arguments.maybe("latest") or "inf")
    ts = float(message.ts)
    return oldest <= ts <= latest if arguments.flag("inclusive") else oldest < ts < latest


def history(world: World, arguments: Arguments) -> Answer:
    """Read a channel, newest first; replies and what others alone see are not in it."""
    channel = _readable(world, arguments, "history")
    if world.workspace.app.bot_user not in channel.members:
        raise Refusal("not_in_channel")
    found = [
        message
        for message in reversed(world.board.messages(channel.id))
        if message.only_for is None
        and message.thread_ts in {None, message.ts}
        and _in_span(message, arguments)
    ]
    return _answer_messages(world, found, arguments)


def replies(world: World, arguments: Arguments) -> Answer:
    """Read a thread, its first message first."""
    channel = _readable(world, arguments, "history")
    thread = world.board.thread(channel.id, arguments.text("ts"))
    if not thread:
        raise Refusal("thread_not_found")
    return _answer_messages(world, thread, arguments)


METHODS = (
    Method("conversations.info", info, Tier.T3),
    Method("conversations.list", list_channels, Tier.T2),
    Method("conversations.members", members, Tier.T4),
    Method("conversations.open", open_direct, Tier.T3, ("im:write",), json=True),
    Method("conversations.history", history, Tier.T3),
    Method("conversations.replies", replies, Tier.T3),
)
