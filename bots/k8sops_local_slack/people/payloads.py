"""The payloads Slack sends, with the fields apps read."""

from __future__ import annotations

from typing import Any

from k8sops_local_slack.board import Message
from k8sops_local_slack.views import View
from k8sops_local_slack.web.modals import view_fields
from k8sops_local_slack.workspace import Channel, User
from k8sops_local_slack.world import World

Payload = dict[str, Any]
TOKEN = "local"  # noqa: S105 - the verification token Slack gave up long ago; apps ignore it


def enterprise(world: World) -> Payload | None:
    """Describe the enterprise, where the workspace belongs to one."""
    space = world.workspace
    return {"id": space.enterprise_id, "name": space.team_name} if space.enterprise_id else None


def common(world: World, user: User, team_id: str) -> Payload:
    """Give what every interaction carries."""
    space = world.workspace
    return {
        "token": TOKEN,
        "api_app_id": space.app.id,
        "team": {"id": team_id, "domain": space.team_domain},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "enterprise": enterprise(world),
        "is_enterprise_install": False,
    }


def channel_field(channel: Channel) -> Payload:
    """Name a channel the way interactions do."""
    names = {"im": "directmessage", "private": "privategroup"}
    return {"id": channel.id, "name": names.get(channel.kind, channel.name)}


def slash(world: World, user: User, team_id: str, channel: Channel, command: str, text: str) -> Payload:
    """Write a slash command: a flat form."""
    named = channel_field(channel)
    space = world.workspace
    fields = {
        "token": TOKEN,
        "team_id": team_id,
        "team_domain": space.team_domain,
        "channel_id": named["id"],
        "channel_name": named["name"],
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": space.app.id,
        "is_enterprise_install": "false",
        "response_url": world.hook_url(user.id, channel.id),
        "trigger_id": world.tickets.trigger(user.id),
    }
    if space.enterprise_id:
        fields |= {"enterprise_id": space.enterprise_id, "enterprise_name": space.team_name}
    return fields


def on_message(world: World, user: User, message: Message, values: Payload) -> Payload:
    """Give what an action on a message carries beside the action; ephemeral messages are not repeated."""
    channel = world.workspace.channels[message.channel]
    container: Payload = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.only_for is not None,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    fields: Payload = {
        "container": container,
        "channel": channel_field(channel),
        "state": {"values": values},
        "response_url": world.hook_url(user.id, message.channel, message.ts, message.thread_ts),
    }
    return fields if message.only_for else fields | {"message": world.message_fields(message)}


def on_view(world: World, view: View) -> Payload:
    """Give what an action in a view carries beside the action."""
    return {"container": {"type": "view", "view_id": view.id}, "view": view_fields(world, view)}


def block_actions(world: World, base: Payload, surface: Payload, action: Payload) -> Payload:
    """Write the use of a button or select."""
    trigger = world.tickets.trigger(base["user"]["id"])
    return {"type": "block_actions", **base, **surface, "trigger_id": trigger, "actions": [action]}


def block_suggestion(base: Payload, surface: Payload, block_id: str, action_id: str, query: str) -> Payload:
    """Write a search in an external select."""
    asked = {"block_id": block_id, "action_id": action_id, "value": query}
    return {"type": "block_suggestion", **base, **surface, **asked}


def view_submission(world: World, base: Payload, view: View) -> Payload:
    """Write the sending of a form."""
    trigger = world.tickets.trigger(base["user"]["id"])
    fields = view_fields(world, view)
    return {"type": "view_submission", **base, "trigger_id": trigger, "view": fields, "response_urls": []}


def view_closed(world: World, base: Payload, view: View, *, cleared: bool) -> Payload:
    """Write the closing of a modal."""
    return {"type": "view_closed", **base, "view": view_fields(world, view), "is_cleared": cleared}


def shortcut(world: World, base: Payload, callback_id: str) -> Payload:
    """Write a global shortcut."""
    stamp = world.ids.ts(world.clock.now())
    trigger = world.tickets.trigger(base["user"]["id"])
    return {"type": "shortcut", **base, "callback_id": callback_id, "trigger_id": trigger, "action_ts": stamp}


def message_action(world: World, base: Payload, callback_id: str, message: Message) -> Payload:
    """Write a message shortcut."""
    channel = world.workspace.channels[message.channel]
    user = base["user"]["id"]
    return {
        "type": "message_action",
        **base,
        "callback_id": callback_id,
        "trigger_id": world.tickets.trigger(user),
        "action_ts": world.ids.ts(world.clock.now()),
        "message_ts": message.ts,
        "message": world.message_fields(message),
        "channel": channel_field(channel),
        "response_url": world.hook_url(user, message.channel, message.ts, message.thread_ts),
    }


def event(world: World, team_id: str, inner: Payload) -> Payload:
    """Wrap an event; its id stays the same through every redelivery."""
    space = world.workspace
    authorization = {
        "enterprise_id": space.enterprise_id,
        "team_id": space.team_id,
        "user_id": space.app.bot_user,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    fields: Payload = {
        "token": TOKEN,
        "team_id": team_id,
        "api_app_id": space.app.id,
        "event": inner,
        "type": "event_callback",
        "event_id": world.ids.new("Ev"),
        "event_time": int(world.clock.now()),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
    }
    return fields | ({"enterprise_id": space.enterprise_id} if space.enterprise_id else {})
