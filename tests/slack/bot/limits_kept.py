"""Every limit and rule of Slack's that the bot's messages must keep, checked over a whole document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from k8sops_local_slack.blocks.surfaces import message_blocks, view_content
from k8sops_local_slack.timing import Ids

HIDDEN: Final = re.compile(
    "[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
OWN_MARKUP: Final = re.compile(r"<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|<!date\^\d+\^[^<>|]*\|[^<>]*>")


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_message(arguments: Mapping[str, Any]) -> None:
    """A message: at most fifty blocks, at most 13,000 characters in all, and nothing of theirs is ours."""
    assert arguments["text"]
    assert units(arguments["text"]) <= 3000
    check_blocks(arguments["blocks"], most=50)
    message_blocks(arguments["blocks"], Ids())
    assert units(arguments["text"] + json.dumps(arguments["blocks"], ensure_ascii=False)) <= 13_000
    check_text(arguments["text"])


def check_view(view: Mapping[str, Any]) -> None:
    """A modal or a home page."""
    check_blocks(view["blocks"], most=100)
    view_content(dict(view), view["type"], Ids())
    if view["type"] == "modal":
        for part in ("title", "submit", "close"):
            assert units(view.get(part, {"text": "x"})["text"]) <= 24
        assert units(view.get("private_metadata", "")) <= 3000
        if any(block["type"] == "input" for block in view["blocks"]):
            assert "submit" in view


def check_blocks(blocks: list[dict[str, Any]], *, most: int) -> None:
    """Counts, lengths and ids of every block."""
    assert 1 <= len(blocks) <= most
    named = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(named) == len(set(named))
    for block in blocks:
        for kind, thing in _things(block):
            _CHECKS.get(kind, lambda _: None)(thing)


def _things(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield (
            str(value.get("type", "confirm" if "deny" in value else "option" if "value" in value else "")),
            value,
        )
        for inner in value.values():
            yield from _things(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _things(inner)


def check_text(text: str) -> None:
    """No markup but the program's own, and nothing that cannot be seen."""
    left = OWN_MARKUP.sub("", text)
    assert "<" not in left
    assert ">" not in left
    assert not HIDDEN.search(text), ascii(text)
    assert not re.search(r"@(here|channel|everyone)\b", left)


def _text(thing: dict[str, Any]) -> None:
    assert 1 <= units(thing["text"]) <= 3000
    check_text(thing["text"])
    if thing["type"] == "plain_text":
        assert "<" not in thing["text"]
        assert thing["emoji"] is False
    else:
        assert thing["verbatim"] is True


def _section(thing: dict[str, Any]) -> None:
    assert len(thing.get("fields", [])) <= 10
    assert all(units(field["text"]) <= 2000 for field in thing.get("fields", []))


def _actions(thing: dict[str, Any]) -> None:
    assert 1 <= len(thing["elements"]) <= 25
    ids = [element["action_id"] for element in thing["elements"]]
    assert len(ids) == len(set(ids))


def _button(thing: dict[str, Any]) -> None:
    assert units(thing["text"]["text"]) <= 75
    assert units(thing["value"]) <= 2000
    assert 1 <= len(thing["action_id"]) <= 255


def _confirm(thing: dict[str, Any]) -> None:
    assert units(thing["title"]["text"]) <= 100
    assert units(thing["text"]["text"]) <= 300
    assert units(thing["confirm"]["text"]) <= 30
    assert units(thing["deny"]["text"]) <= 30


def _option(thing: dict[str, Any]) -> None:
    if isinstance(thing.get("text"), dict):
        assert units(thing["text"]["text"]) <= 75
    assert units(str(thing["value"])) <= 150


def _select(thing: dict[str, Any]) -> None:
    assert 1 <= len(thing["options"]) <= 100
    assert units(thing["placeholder"]["text"]) <= 150


_CHECKS: Final = {
    "mrkdwn": _text,
    "plain_text": _text,
    "header": lambda thing: _at_most(thing["text"]["text"], 150),
    "section": _section,
    "context": lambda thing: _at_most("x" * len(thing["elements"]), 10),
    "actions": _actions,
    "button": _button,
    "confirm": _confirm,
    "option": _option,
    "static_select": _select,
}


def _at_most(text: str, most: int) -> None:
    assert 1 <= units(text) <= most
