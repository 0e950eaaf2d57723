"""files.*: the external upload flow, and what is known of a file."""

from __future__ import annotations

from typing import Any

from k8sops_local_slack.refusals import Refusal, bad_arguments
from k8sops_local_slack.web.access import channel_to_write
from k8sops_local_slack.web.arguments import Arguments
from k8sops_local_slack.web.chat import parent_of, read_blocks
from k8sops_local_slack.web.method import Answer, Method
from k8sops_local_slack.web.tiers import Tier
from k8sops_local_slack.world import World

MOST_BYTES = 1_000_000_000


def get_upload_url(world: World, arguments: Arguments) -> Answer:
    """Give the address that a file's bytes are to be posted to."""
    name, length = arguments.text("filename"), arguments.number("length", 0)
    if length <= 0:
        raise bad_arguments("must be more than 0: length")
    if length > MOST_BYTES:
        raise Refusal("file_upload_size_restricted")
    file = world.files.announce(name, length, world.workspace.app.bot_user)
    return {"upload_url": f"{world.address}/upload/{file.upload_key}", "file_id": file.id}


def complete_upload(world: World, arguments: Arguments) -> Answer:
    """Finish uploads, and show them in a channel or thread where one is named."""
    wanted: Any = arguments.structure("files")
    if (
        not isinstance(wanted, list)
        or not wanted
        or not all(isinstance(f, dict) and "id" in f for f in wanted)
    ):
        raise bad_arguments("missing required field: files")
    channel_id = arguments.maybe("channel_id")
    channel = channel_to_write(world, channel_id) if channel_id else None
    thread = parent_of(world, channel, arguments.maybe("thread_ts")) if channel else None
    blocks = read_blocks(world, arguments) or []
    files = [world.files.complete(str(item["id"]), item.get("title")) for item in wanted]
    if channel is not None:
        comment = arguments.maybe("initial_comment") or ""
        for file in files:
            file.channels.append(channel.id)
        names = [file.id for file in files]
        bot = world.workspace.app.bot_user
        world.board.post(channel, bot, comment, blocks=blocks, thread_ts=thread, files=names)
    return {"files": [world.file_fields(file.id) for file in files]}


def file_info(world: World, arguments: Arguments) -> Answer:
    """Describe a file."""
    return {"file": world.file_fields(world.files.get(arguments.text("file")).id)}


METHODS = (
    Method("files.getUploadURLExternal", get_upload_url, Tier.T4, ("files:write",)),
    Method("files.completeUploadExternal", complete_upload, Tier.T4, ("files:write",), json=True),
    Method("files.info", file_info, Tier.T4, ("files:read",)),
)
