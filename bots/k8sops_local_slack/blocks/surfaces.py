"""Blocks, and the surfaces they stand on: messages (50), modals and homes (100), with what counts across blocks."""

from __future__ import annotations

import copy
import json
from typing import Any

from k8sops_local_slack.blocks.checks import (
    anything,
    boolean,
    listing,
    one_of,
    problem,
    string,
    thing,
    typed,
)
from k8sops_local_slack.blocks.elements import ID, IMAGE, IN_ACTIONS, IN_INPUTS, IN_SECTIONS
from k8sops_local_slack.blocks.objects import plain, text
from k8sops_local_slack.board import texts_of
from k8sops_local_slack.refusals import Refusal, bad_arguments
from k8sops_local_slack.timing import Ids
from k8sops_local_slack.views import elements_of

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_CHARACTERS = 13_000
VIEW_BYTES = 250_000

_ID = {"block_id": ID}
_SECTION = thing(
    {"type": one_of("section")},
    {
        **_ID,
        "text": text(3000),
        "fields": listing(text(2000), 10),
        "accessory": IN_SECTIONS,
        "expand": boolean,
    },
)
_CONTEXT = typed(
    {
        "image": IMAGE,
        "mrkdwn": text(3000),
        "plain_text": text(3000),
    }
)


def _section(value: Any, where: str, found: list[str]) -> None:
    _SECTION(value, where, found)
    if value.get("text") is None and value.get("fields") is None:
        problem(found, "missing required field: text or fields", where)


BLOCK = typed(
    {
        "section": _section,
        "header": thing({"type": one_of("header"), "text": plain(150)}, _ID),
        "divider": thing({"type": one_of("divider")}, _ID),
        "context": thing({"type": one_of("context"), "elements": listing(_CONTEXT, 10)}, _ID),
        "actions": thing({"type": one_of("actions"), "elements": listing(IN_ACTIONS, 25)}, _ID),
        "input": thing(
            {"type": one_of("input"), "label": plain(2000), "element": IN_INPUTS},
            {**_ID, "hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
        ),
        "image": thing(
            {"type": one_of("image"), "alt_text": string(2000)},
            {**_ID, "image_url": string(3000), "slack_file": anything, "title": plain(2000)},
        ),
        "markdown": thing({"type": one_of("markdown"), "text": string(12_000)}, _ID),
        "rich_text": thing({"type": one_of("rich_text"), "elements": listing(anything, 1000, 0)}, _ID),
    }
)
_VIEW = {
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
    "private_metadata": string(3000, 0),
    "clear_on_close": boolean,
    "notify_on_close": boolean,
    "submit_disabled": boolean,
    "title": plain(24),
    "submit": plain(24),
    "close": plain(24),
}
MODAL = thing({"type": one_of("modal"), "title": plain(24), "blocks": listing(BLOCK, VIEW_BLOCKS)}, _VIEW)
HOME = thing({"type": one_of("home"), "blocks": listing(BLOCK, VIEW_BLOCKS)}, _VIEW)


def message_blocks(value: Any, ids: Ids) -> list[dict[str, Any]]:
    """Check a message's blocks and give them with every id filled in; refused as Slack refuses."""
    found: list[str] = []
    listing(BLOCK, MESSAGE_BLOCKS, 0)(value, "/blocks", found)
    _unique(value, "/blocks", found)
    if found:
        notes = {"messages": [f"[ERROR] {line}" for line in found]}
        raise Refusal("invalid_blocks", errors=found, response_metadata=notes)
    if sum(map(len, texts_of(value))) > MESSAGE_CHARACTERS:
        raise Refusal("msg_blocks_too_long")
    return _with_ids(value, ids)


def view_content(value: Any, kind: str, ids: Ids) -> dict[str, Any]:
    """Check a view and give it with every id filled in; refused as Slack refuses."""
    found: list[str] = []
    typed({"modal": MODAL} if kind == "modal" else {"home": HOME})(value, "/view", found)
    if isinstance(value, dict):
        _unique(value.get("blocks"), "/view/blocks", found)
        blocks = value.get("blocks")
        asks = isinstance(blocks, list) and any(
            isinstance(b, dict) and b.get("type") == "input" for b in blocks
        )
        if kind == "modal" and asks and not value.get("submit"):
            problem(found, "`submit` is required when there are input blocks", "/view")
    if found:
        raise bad_arguments(*found)
    if len(json.dumps(value).encode()) > VIEW_BYTES:
        raise Refusal("view_too_large")
    return {**value, "blocks": _with_ids(value["blocks"], ids)}


def _unique(blocks: Any, where: str, found: list[str]) -> None:
    seen: set[str] = set()
    for number, block in enumerate(blocks if isinstance(blocks, list) else []):
        if not isinstance(block, dict):
            continue
        block_id = str(block.get("block_id") or "")
        if block_id and block_id in seen:
            problem(found, f"`block_id` {block_id} already exists", f"{where}/{number}/block_id")
        seen.add(block_id)
        actions: set[str] = set()
        inside = elements_of(block) if isinstance(block.get("elements", []), list) else []
        for element in inside:
            action_id = str(element["action_id"])
            if action_id in actions:
                problem(found, f"`action_id` {action_id} already exists", f"{where}/{number}/elements")
            actions.add(action_id)


def _with_ids(blocks: list[dict[str, Any]], ids: Ids) -> list[dict[str, Any]]:
    filled = copy.deepcopy(blocks)
    for block in filled:
        block["block_id"] = block.get("block_id") or ids.word(5)
        for element in (block.get("element"), block.get("accessory"), *block.get("elements", [])):
            if isinstance(element, dict) and element.get("type") not in {"image", "mrkdwn", "plain_text"}:
                is_rich = block["type"] == "rich_text"
                element.update({} if is_rich else {"action_id": element.get("action_id") or ids.word(5)})
    return filled
