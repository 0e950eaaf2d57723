"""What has been said: messages by channel, with everything an oracle asks of them afterwards.

A message keeps its earlier versions and whom it rang when it was posted (an edit rings nobody). Ephemeral messages
stand in the same list with their one reader's name.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import Any

from k8sops_local_slack.timing import Bell, Ids, Time
from k8sops_local_slack.workspace import Channel, Workspace

Blocks = list[dict[str, Any]]
PEOPLE = re.compile(r"<@([UW][A-Z0-9_]+)(?:\|[^>]*)?>")
GROUPS = re.compile(r"<!subteam\^(S[A-Z0-9_]+)(?:\|[^>]*)?>")
EVERYONE = re.compile(r"<!(channel|here|everyone)(?:\|[^>]*)?>")


@dataclass(eq=False)
class Message:
    """One message, as it stands now."""

    ts: str
    channel: str
    author: str
    text: str
    blocks: Blocks = field(default_factory=list)
    attachments: Blocks = field(default_factory=list)
    thread_ts: str | None = None
    only_for: str | None = None
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, Any] | None = None
    edits: int = 0
    edited_at: float | None = None
    deleted: bool = False
    uneditable: str | None = None
    rang: frozenset[str] = frozenset()
    broadcasts: frozenset[str] = frozenset()
    earlier: list[tuple[str, Blocks]] = field(default_factory=list)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)

    def all_text(self) -> str:
        """Give every text of the message, its blocks' included: what a scan for secrets reads."""
        return "\n".join([self.text, *texts_of(self.blocks), *texts_of(self.attachments)])


def texts_of(value: Any) -> list[str]:
    """List every string under a `text` key, at any depth."""
    if isinstance(value, list):
        return [text for item in value for text in texts_of(item)]
    if not isinstance(value, dict):
        return []
    found = [value["text"]] if isinstance(value.get("text"), str) else []
    return found + [text for inner in value.values() for text in texts_of(inner)]


def marked_texts(value: Any) -> list[str]:
    """List the strings in which Slack reads markup: of `mrkdwn` objects and markdown blocks, never plain text."""
    if isinstance(value, list):
        return [text for item in value for text in marked_texts(item)]
    if not isinstance(value, dict):
        return []
    marked = value.get("type") in {"mrkdwn", "markdown"} and isinstance(value.get("text"), str)
    return ([value["text"]] if marked else []) + [
        text for inner in value.values() for text in marked_texts(inner)
    ]


class Board:
    """All messages of the workspace."""

    def __init__(self, workspace: Workspace, clock: Time, ids: Ids, bell: Bell) -> None:
        self.workspace = workspace
        self._clock, self._ids, self._bell = clock, ids, bell
        self._messages: dict[str, list[Message]] = {}

    def post(self, channel: Channel, author: str, text: str, **more: Any) -> Message:
        """Put up a message, and ring whom it mentions."""
        message = Message(self._ids.ts(self._clock.now()), channel.id, author, text, **more)
        message.broadcasts = frozenset(EVERYONE.findall(self._read_for_mentions(message)))
        message.rang = frozenset(self._rung_by(message, channel)) - {author}
        self._messages.setdefault(channel.id, []).append(message)
        self._bell.ring()
        return message

    def edit(self, message: Message, text: str, blocks: Blocks, attachments: Blocks | None = None) -> None:
        """Change a message in place; what it said before is kept for the oracle."""
        message.earlier.append((message.text, copy.deepcopy(message.blocks)))
        message.text, message.blocks = text, blocks
        if attachments is not None:
            message.attachments = attachments
        message.edits += 1
        message.edited_at = self._clock.now()
        message.broadcasts = frozenset(EVERYONE.findall(self._read_for_mentions(message)))
        self._bell.ring()

    def delete(self, message: Message) -> None:
        """Take a message down."""
        message.deleted = True
        self._bell.ring()

    def messages(self, channel: str, *, deleted: bool = False) -> list[Message]:
        """List a channel's messages, oldest first, threads and ephemeral ones included."""
        return [message for message in self._messages.get(channel, []) if deleted or not message.deleted]

    def find(self, channel: str, ts: str) -> Message | None:
        """Find a message that still stands."""
        return next((message for message in self.messages(channel) if message.ts == ts), None)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """List a message and its replies, oldest first, without ephemeral ones."""
        return [m for m in self.messages(channel) if ts in {m.ts, m.thread_ts} and m.only_for is None]

    def everything(self) -> list[Message]:
        """List all messages of all channels, the deleted too."""
        return [message for messages in self._messages.values() for message in messages]

    def _read_for_mentions(self, message: Message) -> str:
        shown = marked_texts(message.blocks) if message.blocks else [message.text]
        return "\n".join([*shown, *marked_texts(message.attachments)])

    def _rung_by(self, message: Message, channel: Channel) -> set[str]:
        text = self._read_for_mentions(message) + ("\n" + message.text if message.blocks else "")
        rung = set(PEOPLE.findall(text))
        for group in GROUPS.findall(text):
            rung |= (
                set(self.workspace.usergroups[group].users) if group in self.workspace.usergroups else set()
            )
        if channel.kind == "im" or message.broadcasts:
            rung |= channel.members
        if message.thread_ts:
            rung |= {m.author for m in self.thread(channel.id, message.thread_ts)}
        if message.only_for:
            return {message.only_for}
        return rung & channel.members
