"""Which channels the app may use: one rule for all methods, with Slack's word for each way of not being allowed."""

from __future__ import annotations

from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.workspace import Channel
from k8sops_local_slack.world import World

KIND_SCOPES = {"public": "channels", "private": "groups", "im": "im"}


def channel_seen(world: World, channel_id: str | None) -> Channel:
    """Find a channel the app can know of: a private one it is not in does not exist for it."""
    channel = world.workspace.channels.get(channel_id or "")
    bot = world.workspace.app.bot_user
    if channel is None or (channel.kind != "public" and bot not in channel.members):
        raise Refusal("channel_not_found")
    return channel


def channel_to_write(world: World, channel_id: str | None) -> Channel:
    """Find a channel the app may post to; a person's id stands for their direct messages."""
    user = world.workspace.users.get(channel_id or "")
    if user is not None:
        if user.deleted:
            raise Refusal("account_inactive")
        if user.is_bot:
            raise Refusal("cannot_dm_bot")
        return world.workspace.direct(user.id)
    channel = channel_seen(world, channel_id)
    app = world.workspace.app
    if app.bot_user not in channel.members and "chat:write.public" not in app.scopes:
        raise Refusal("not_in_channel")
    if channel.archived:
        raise Refusal("is_archived")
    return channel


def need_scope(world: World, *any_of: str) -> None:
    """Refuse unless the app has one of these scopes."""
    scopes = world.workspace.app.scopes
    if not scopes & set(any_of):
        raise Refusal("missing_scope", needed=",".join(any_of), provided=",".join(sorted(scopes)))


def need_scope_for(world: World, channel: Channel, what: str) -> None:
    """Refuse unless the app has the scope for channels of this kind, such as `im:history`."""
    need_scope(world, f"{KIND_SCOPES[channel.kind]}:{what}")
