"""What one person sees, as text: a channel with its threads, an open modal, their home.

Ephemeral messages stand only on their reader's screen. Buttons are `[Approve]`, selects `[Node ▾]`, inputs `Label: …`.
"""

from __future__ import annotations

from typing import Any

from k8sops_local_slack.board import Message
from k8sops_local_slack.people.form import chosen, state
from k8sops_local_slack.people.marks import read_marks
from k8sops_local_slack.views import View
from k8sops_local_slack.workspace import Channel, User
from k8sops_local_slack.world import World

INDENT = "    "


class Screen:
    """Draws for one reader."""

    def __init__(self, world: World, reader: User) -> None:
        self.world, self.reader = world, reader

    def visible(self, channel: Channel) -> list[Message]:
        """List the messages of a channel this reader sees, oldest first."""
        return [m for m in self.world.board.messages(channel.id) if m.only_for in {None, self.reader.id}]

    def channel(self, channel: Channel) -> str:
        """Draw a channel, replies under what they reply to."""
        messages = self.visible(channel)
        lines = [
            f"#{channel.name}"
            if channel.kind != "im"
            else f"Direct messages with {self.world.workspace.app.name}"
        ]
        for message in messages:
            if message.thread_ts in {None, message.ts}:
                lines += self.message(message)
                for reply in messages:
                    if reply.thread_ts == message.ts and reply is not message:
                        lines += [
                            f"{INDENT}↳ {line}" if n == 0 else INDENT + line
                            for n, line in enumerate(self.message(reply))
                        ]
        return "\n".join(lines)

    def message(self, message: Message) -> list[str]:
        """Draw a message: its blocks, or its text where it has none."""
        author = self.world.workspace.users[message.author].name
        notes = " (only visible to you)" * bool(message.only_for) + " (edited)" * bool(message.edits)
        lines = [f"{author}{notes}"]
        if message.blocks:
            body = self.blocks(message.blocks, state(message.blocks, message.values))
        else:
            body = self.mrkdwn(message.text)
        for attachment in message.attachments:
            body += self.blocks(attachment.get("blocks", []), {}) + self.mrkdwn(attachment.get("text", ""))
        body += [f"[file: {self.world.files.get(file).title}]" for file in message.files]
        body += [f":{name}: {len(people)}" for name, people in message.reactions.items()]
        return lines + [INDENT + line for line in body]

    def view(self, view: View) -> str:
        """Draw a modal or home."""
        content = view.content
        lines = [] if content["type"] == "home" else [f"── {content['title']['text']} ──"]
        lines += self.blocks(view.blocks, state(view.blocks, view.values), view.errors)
        if content["type"] == "modal":
            close = (content.get("close") or {"text": "Cancel"})["text"]
            lines.append(
                " ".join(
                    [f"[{close}]", *([f"[{content['submit']['text']}]"] if content.get("submit") else [])]
                )
            )
        return "\n".join(lines)

    def blocks(
        self, blocks: list[dict[str, Any]], values: dict[str, Any], errors: dict[str, str] | None = None
    ) -> list[str]:
        """Draw blocks, with what was entered and what was found wrong with it."""
        lines: list[str] = []
        for block in blocks:
            lines += self._block(block, values.get(block.get("block_id", ""), {}))
            wrong = (errors or {}).get(block.get("block_id", ""))
            lines += [f"  ! {wrong}"] if wrong else []
        return lines

    def mrkdwn(self, text: str) -> list[str]:
        """Draw marked-up text."""
        return read_marks(self.world.workspace, self.reader, text).split("\n") if text else []

    def _text(self, value: dict[str, Any] | None) -> list[str]:
        if not value:
            return []
        return self.mrkdwn(value["text"]) if value["type"] == "mrkdwn" else str(value["text"]).split("\n")

    def _block(self, block: dict[str, Any], values: dict[str, Any]) -> list[str]:
        kind = block["type"]
        if kind in {"section", "actions", "context"}:
            return self._row(block, values)
        if kind == "input":
            optional = " (optional)" if block.get("optional") else ""
            hint = [f"  {block['hint']['text']}"] if block.get("hint") else []
            return [f"{block['label']['text']}{optional}: {self._element(block['element'], values)}", *hint]
        if kind == "markdown":
            return self.mrkdwn(block["text"])
        plain = {"divider": "─" * 20, "rich_text": "[rich text]"}
        if kind == "header":
            return [f"▌{block['text']['text']}"]
        return [plain.get(kind) or f"[image: {block['alt_text']}]"]

    def _row(self, block: dict[str, Any], values: dict[str, Any]) -> list[str]:
        if block["type"] == "actions":
            return [" ".join(self._element(element, values) for element in block["elements"])]
        if block["type"] == "context":
            images = {id(e): f"[{e['alt_text']}]" for e in block["elements"] if e["type"] == "image"}
            return ["  ".join(images.get(id(e)) or " ".join(self._text(e)) for e in block["elements"])]
        lines = [line for text in [block.get("text"), *block.get("fields", [])] for line in self._text(text)]
        return lines + ([self._element(block["accessory"], values)] if block.get("accessory") else [])

    def _element(self, element: dict[str, Any], values: dict[str, Any]) -> str:
        kind = element["type"]
        if kind == "image":
            return f"[image: {element['alt_text']}]"
        if kind == "button":
            return f"[{element['text']['text']}]"
        if kind == "overflow":
            return "[⋯]"
        entered = self._entered(chosen(values.get(element.get("action_id", ""), {"type": kind})))
        hint = (element.get("placeholder") or {"text": ""})["text"]
        if kind.endswith("_input"):
            return f"[{entered or hint}]"
        if kind in {"checkboxes", "radio_buttons"}:
            marks = [
                (option, "x" if option["text"]["text"] in entered.split(", ") else " ")
                for option in element["options"]
            ]
            return " ".join(f"[{mark}] {option['text']['text']}" for option, mark in marks)
        return f"[{entered or hint} ▾]"

    def _entered(self, value: Any) -> str:
        if isinstance(value, dict):
            return str(value["text"]["text"])
        if isinstance(value, list):
            return ", ".join(self._entered(one) for one in value)
        user = self.world.workspace.users.get(str(value))
        return f"@{user.name}" if user else str(value or "")
