"""The one gate to Slack: secrets are taken out of whatever people read there, before it is sent.

What comes back to the program (ids, values, metadata, what somebody typed) is left as it is. Pure: what counts as a
secret is said by the function it is given, which sees text as it was before it was made safe to show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from k8sops_slack.blocks import limits
from k8sops_slack.blocks.building import Block
from k8sops_slack.blocks.markup import Mrkdwn, cut, escaped, in_code, plain, unescaped
from k8sops_slack.blocks.sending import Message, message

Redact = Callable[[str], str]
"""The same text with every secret in it replaced; text without any comes back as it is."""

_MARKUP: Final = re.compile(r"(```\n.*?\n```|`[^`]*`|<[^<>]*>|\*)", re.DOTALL)
_FENCE: Final = "```"
_ROOM_PLAIN: Final = limits.VIEW_TITLE
_ROOM_MRKDWN: Final = limits.FIELD
"""Whatever a text is for, it may be this long, which what stands for a secret may need."""


class Gate:
    """Redacts messages, dialogs and files."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def message(self, said: Message) -> Message:
        """A message without secrets, within Slack's limits as before."""
        return message(self._mrkdwn(said.text), self.blocks([*said.blocks]))

    def view(self, view: Block) -> Block:
        """A dialog or a page without secrets."""
        return dict(self._any(view))

    def blocks(self, blocks: list[Block]) -> list[Block]:
        """Blocks, or options of a select, without secrets in what is read of them."""
        return [*self._any(blocks)]

    def errors(self, wrong: Mapping[str, str]) -> dict[str, str]:
        """What is said below the fields of a form, which may repeat what was typed there."""
        return {block: self._plain(told) for block, told in wrong.items()}

    def text(self, text: str) -> str:
        """Text that Slack does not format, such as a file's."""
        # A line break that was made visible would hide where a key in PEM begins and ends.
        seen = text.replace("\\x0a", "\\n")
        found = self._redact(seen)
        return text if found == seen else found

    def _any(self, value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("type") == "mrkdwn":
                return value | {"text": self._mrkdwn(value["text"])}
            if value.get("type") == "plain_text":
                return value | {"text": self._plain(value["text"])}
            return {key: self._any(inner) for key, inner in value.items()}
        return [self._any(inner) for inner in value] if isinstance(value, list | tuple) else value

    def _mrkdwn(self, text: str) -> Mrkdwn:
        """Markup is not looked into and stays whole; what stands between it is text."""
        found = "".join(self._piece(piece) for piece in _MARKUP.split(text))
        return cut(Mrkdwn(found or "-"), max(limits.size(text), _ROOM_MRKDWN))

    def _piece(self, piece: str) -> str:
        if piece.startswith(_FENCE):
            return self._fenced(piece)
        if piece.startswith("`") and len(piece) > 2:
            return self._shown(piece[1:-1], lambda found: f"`{in_code(found)}`", piece)
        if not piece or piece == "*" or piece.startswith("<"):
            return piece
        return self._shown(piece, lambda found: "\n".join(map(escaped, found.split("\n"))), piece)

    def _fenced(self, piece: str) -> str:
        def again(found: str) -> str:
            return "\n".join([_FENCE, *map(in_code, found.split("\n")), _FENCE])

        return self._shown(piece[len(_FENCE) + 1 : -len(_FENCE) - 1], again, piece)

    def _shown(self, shown: str, again: Callable[[str], str], as_it_is: str) -> str:
        seen = unescaped(shown)
        found = self.text(seen)
        return as_it_is if found == seen else again(found)

    def _plain(self, text: str) -> str:
        return self._shown(text, lambda found: plain(found, max(limits.size(text), _ROOM_PLAIN)), text)
