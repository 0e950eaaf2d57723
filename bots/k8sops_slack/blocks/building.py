"""Blocks and their elements as Slack takes them: each within its limits whatever it is given.

Sections take `Mrkdwn` only, so that text from outside cannot get there unescaped; everything else is plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from k8sops_slack.blocks import limits
from k8sops_slack.blocks.markup import Mrkdwn, cut, plain

Block = dict[str, Any]
Style = Literal["", "primary", "danger"]


def mrkdwn(text: Mrkdwn, limit: int) -> Block:
    """A text object in which Slack makes no links and mentions of its own."""
    return {"type": "mrkdwn", "text": cut(text, limit) or "-", "verbatim": True}


def words(text: str, limit: int) -> Block:
    """A plain text object."""
    return {"type": "plain_text", "text": plain(text, limit), "emoji": False}


def section(text: Mrkdwn, *, accessory: Block | None = None, block_id: str = "") -> Block:
    """A paragraph, with a button or a select beside it."""
    block: Block = {"type": "section", "text": mrkdwn(text, limits.SECTION)}
    if accessory is not None:
        block["accessory"] = accessory
    return _named(block, block_id)


def fields(texts: Sequence[Mrkdwn]) -> Block:
    """Short texts in two columns; what is beyond ten is left out."""
    shown = [mrkdwn(text, limits.FIELD) for text in texts[: limits.FIELDS]]
    return {"type": "section", "fields": shown}


def header(text: str) -> Block:
    """A large line."""
    return {"type": "header", "text": words(text, limits.HEADER)}


def context(*texts: Mrkdwn) -> Block:
    """Small print."""
    shown = [mrkdwn(text, limits.CONTEXT_TEXT) for text in texts[: limits.CONTEXT_ELEMENTS]]
    return {"type": "context", "elements": shown}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def actions(elements: Sequence[Block], *, block_id: str = "") -> list[Block]:
    """Buttons and selects; none make no block, which Slack would refuse."""
    rows = [elements[at : at + limits.ACTIONS] for at in range(0, len(elements), limits.ACTIONS)]
    return [
        _named({"type": "actions", "elements": [*row]}, block_id if not at else "")
        for at, row in enumerate(rows)
    ]


def button(
    text: str, action_id: str, value: str, *, style: Style = "", confirm: Block | None = None
) -> Block:
    """A button. Raises ValueError for a value that Slack would not take, which is never cut: it says what is meant."""
    block: Block = {
        "type": "button",
        "text": words(text, limits.BUTTON),
        "action_id": checked(action_id, limits.ID),
        "value": checked(value, limits.BUTTON_VALUE),
    }
    if style:
        block["style"] = style
    if confirm is not None:
        block["confirm"] = confirm
    return block


def confirm(title: str, text: str, yes: str, no: str, *, style: Style = "") -> Block:
    """What a button asks before it means anything."""
    block: Block = {
        "title": words(title, limits.CONFIRM_TITLE),
        "text": words(text, limits.CONFIRM_TEXT),
        "confirm": words(yes, limits.CONFIRM_BUTTON),
        "deny": words(no, limits.CONFIRM_BUTTON),
    }
    if style:
        block["style"] = style
    return block


def option(text: str, value: str) -> Block:
    """One of several. Raises ValueError for a value that is too long."""
    return {"text": words(text, limits.OPTION), "value": checked(value, limits.OPTION_VALUE)}


def static_select(action_id: str, options: Sequence[Block], *, hint: str, chosen: str = "") -> Block:
    """A choice of at most a hundred; `chosen` is a value."""
    shown = [*options[: limits.OPTIONS]]
    element: Block = {
        "type": "static_select",
        "action_id": checked(action_id, limits.ID),
        "options": shown,
        "placeholder": words(hint, limits.PLACEHOLDER),
    }
    if initial := [one for one in shown if one["value"] == chosen]:
        element["initial_option"] = initial[0]
    return element


def external_select(action_id: str, *, hint: str, many: bool, chosen: Sequence[Block] = ()) -> Block:
    """A choice that is searched for in the cluster while one types."""
    element: Block = {
        "type": "multi_external_select" if many else "external_select",
        "action_id": checked(action_id, limits.ID),
        "placeholder": words(hint, limits.PLACEHOLDER),
        "min_query_length": 0,
    }
    if chosen:
        initial = [*chosen[: limits.OPTIONS]]
        element |= {"initial_options": initial} if many else {"initial_option": initial[0]}
    return element


def text_input(action_id: str, *, hint: str = "", initial: str = "", lines: bool = False) -> Block:
    """A text to type."""
    element: Block = {
        "type": "plain_text_input",
        "action_id": checked(action_id, limits.ID),
        "multiline": lines,
    }
    if hint:
        element["placeholder"] = words(hint, limits.PLACEHOLDER)
    if initial:
        element["initial_value"] = initial[: limits.INITIAL]
    return element


def input_block(block_id: str, label: str, element: Block, *, needed: bool, hint: str = "") -> Block:
    """A field of a form."""
    block: Block = {
        "type": "input",
        "block_id": checked(block_id, limits.ID),
        "label": words(label, limits.LABEL),
        "element": element,
        "optional": not needed,
    }
    if hint:
        block["hint"] = words(hint, limits.HINT)
    return block


def checked(text: str, limit: int) -> str:
    """The text, which means something to this program only as a whole. Raises ValueError where it is too long."""
    if not text or limits.size(text) > limit:
        raise ValueError(f"{len(text)} characters where Slack takes 1 to {limit}")
    return text


def _named(block: Block, block_id: str) -> Block:
    return block | {"block_id": checked(block_id, limits.ID)} if block_id else block
