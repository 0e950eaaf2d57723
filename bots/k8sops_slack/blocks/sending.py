"""Whole messages and views, within what Slack takes of one: what does not fit is left out, and said so.

What can be pressed is never left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from k8sops_slack.blocks import limits
from k8sops_slack.blocks.building import Block, checked, context, words
from k8sops_slack.blocks.markup import Mrkdwn, cut, written

_LEFT_OUT: Final = written("… more than fits into a message is left out")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message: a sentence for the lock screen, and blocks."""

    text: Mrkdwn
    blocks: tuple[Block, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """What is sent, with nothing linked or mentioned by Slack itself."""
        return {"text": self.text, "blocks": [*self.blocks], "parse": "none", "link_names": False}


def message(text: Mrkdwn, blocks: Sequence[Block] = ()) -> Message:
    """A message of what fits."""
    return Message(
        text=cut(text, limits.TOP_TEXT), blocks=_fitting(blocks, limits.BLOCKS_OF_MESSAGE, limits.MESSAGE)
    )


def modal(
    title: str,
    callback_id: str,
    blocks: Sequence[Block],
    *,
    metadata: str = "",
    submit: str = "",
    close: str = "Close",
) -> Block:
    """A dialog. Raises ValueError for metadata that Slack would not take."""
    view: Block = {
        "type": "modal",
        "callback_id": checked(callback_id, limits.ID),
        "title": words(title, limits.VIEW_TITLE),
        "close": words(close, limits.VIEW_TITLE),
        "blocks": [*blocks[: limits.BLOCKS_OF_VIEW]],
    }
    if metadata:
        view["private_metadata"] = checked(metadata, limits.METADATA)
    if submit:
        view["submit"] = words(submit, limits.VIEW_TITLE)
    return view


def home(blocks: Sequence[Block]) -> Block:
    """The bot's own page."""
    return {"type": "home", "blocks": [*blocks[: limits.BLOCKS_OF_VIEW]]}


def _fitting(blocks: Sequence[Block], most: int, room: int) -> tuple[Block, ...]:
    room -= limits.TOP_TEXT
    kept = [*blocks]
    if len(kept) <= most and _size(kept) <= room:
        return tuple(kept)
    left_out = context(_LEFT_OUT)
    while len(kept) >= most or _size([*kept, left_out]) > room:
        spare = [at for at, block in enumerate(kept) if at and block["type"] != "actions"]
        del kept[spare[-1] if spare else -1]
    last = max((at for at, block in enumerate(kept) if block["type"] != "actions"), default=-1)
    return (*kept[: last + 1], left_out, *kept[last + 1 :])


def _size(blocks: Sequence[Block]) -> int:
    return limits.size(json.dumps([*blocks], ensure_ascii=False))
