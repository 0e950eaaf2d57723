"""Response urls: five answers within half an hour, ephemeral unless they say otherwise; and acks with a message."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from k8sops_local_slack.board import Message
from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.triggers import Hook
from k8sops_local_slack.web.arguments import Arguments
from k8sops_local_slack.web.chat import content_of
from k8sops_local_slack.world import World


async def answer_hook(world: World, request: web.Request) -> web.Response:
    """Take what was posted to a response url."""
    fields: Any = {}
    try:
        fields = json.loads(await request.text())
        if not isinstance(fields, dict):
            raise Refusal("invalid_payload")
        hook = world.tickets.use_hook(request.match_info["key"])
        speak(world, hook, fields)
    except ValueError:
        return _refused(world, {}, 400, Refusal("invalid_payload"))
    except Refusal as refusal:
        gone = refusal.error in {"invalid_url", "expired_url", "used_url"}
        return _refused(world, fields, 404 if gone else 400, refusal)
    world.note("response_url", fields, 200, {"ok": True})
    return web.Response(text="ok")


def _refused(world: World, fields: Any, status: int, refusal: Refusal) -> web.Response:
    world.note("response_url", fields if isinstance(fields, dict) else {}, status, refusal.answer())
    return web.json_response(refusal.answer(), status=status)


def speak(world: World, hook: Hook, fields: dict[str, Any]) -> Message | None:
    """Post, replace or delete what a response url, or an ack with a message, asks for."""
    old = world.board.find(hook.channel, hook.message_ts) if hook.message_ts else None
    if fields.get("delete_original"):
        if old is None:
            raise Refusal("message_not_found")
        world.board.delete(old)
        return None
    content = content_of(world, Arguments(fields))
    if fields.get("replace_original") and old is not None:
        world.board.edit(old, content["text"], content["blocks"], content["attachments"])
        return old
    channel = world.workspace.channels.get(hook.channel)
    if channel is None:
        raise Refusal("channel_not_found")
    alone = hook.user if fields.get("response_type") != "in_channel" else None
    thread = fields.get("thread_ts") or hook.thread_ts
    bot = world.workspace.app.bot_user
    return world.board.post(channel, bot, content.pop("text"), only_for=alone, thread_ts=thread, **content)
