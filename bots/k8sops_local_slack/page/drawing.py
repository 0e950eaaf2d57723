"""What the page shows, as JSON for its script: texts as their reader sees them, to be set as text, never as HTML."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

from k8sops_local_slack.blocks.objects import offered
from k8sops_local_slack.board import Message
from k8sops_local_slack.people.form import chosen, place_of, state
from k8sops_local_slack.people.marks import read_marks
from k8sops_local_slack.people.person import Person
from k8sops_local_slack.views import View
from k8sops_local_slack.workspace import Channel
from k8sops_local_slack.world import World

Drawn = dict[str, Any]
CONFIRMED = ("title", "text", "confirm", "deny")


class Drawing:
    """Draws for one reader."""

    def __init__(self, world: World, person: Person) -> None:
        self.world, self.person = world, person

    def all(self, channel_id: str | None) -> Drawn:
        """Draw everything the page shows: rooms, the open one, the modal and the home."""
        space, me = self.world.workspace, self.person.id
        direct = space.direct(me).id
        rooms = [channel for channel in space.channels.values() if me in channel.members]
        first = next((channel.id for channel in rooms if channel.kind != "im"), direct)
        here = channel_id if channel_id in {channel.id for channel in rooms} else first
        home, modal = self.world.views.home(me), self.person.modal
        return {
            "people": [
                {"id": user.id, "name": user.name, "rang": self._rang(user.id)}
                for user in space.users.values()
                if not user.is_bot
            ],
            "team": space.team_name,
            "app": space.app.name,
            "commands": sorted(space.app.commands),
            "me": me,
            "seen": self.world.bell.rung,
            "here": here,
            "rooms": [{"id": room.id, "name": self._name(room), "kind": room.kind} for room in rooms],
            "messages": [self.message(message) for message in self.person.messages(here)],
            "shortcuts": self._shortcuts("message"),
            "everywhere": self._shortcuts("global"),
            "modal": self.view(modal) if modal else None,
            "home": self.view(home) if home else None,
            "notice": self.person.notices[-1] if self.person.notices else "",
        }

    def _name(self, room: Channel) -> str:
        return self.world.workspace.app.name if room.kind == "im" else f"# {room.name}"

    def _shortcuts(self, kind: str) -> list[list[str]]:
        app = self.world.workspace.app
        return [
            [callback, app.shortcut_names.get(callback, callback)]
            for callback, one in app.shortcuts.items()
            if one == kind
        ]

    def _rang(self, user_id: str) -> dict[str, int]:
        """Count by room what rang for somebody: what the page has not shown yet, it marks."""
        return Counter(one.channel for one in self.world.board.everything() if user_id in one.rang)

    def message(self, message: Message) -> Drawn:
        """Draw a message."""
        author = self.world.workspace.users[message.author]
        files = [self.world.files.get(file) for file in message.files]
        return {
            "ts": message.ts,
            "author": author.name,
            "bot": author.is_bot,
            "time": self._time(float(message.ts)),
            "thread": message.thread_ts if message.thread_ts != message.ts else None,
            "alone": message.only_for is not None,
            "edited": message.edits > 0,
            "text": self._marked(message.text) if not message.blocks else "",
            "blocks": self.blocks(message.blocks, message.values, {}),
            "files": [{"id": file.id, "title": file.title, "size": file.length} for file in files],
            "reactions": list(message.reactions),
        }

    def _time(self, seconds: float) -> str:
        theirs = timezone(timedelta(seconds=self.person.user.tz_offset))
        return datetime.fromtimestamp(seconds, theirs).strftime("%H:%M")

    def view(self, view: View) -> Drawn:
        """Draw a modal or home."""
        content = view.content
        words = {name: (content.get(name) or {}).get("text") for name in ("title", "submit", "close")}
        return {"id": view.id, **words, "blocks": self.blocks(view.blocks, view.values, view.errors)}

    def blocks(self, blocks: list[Drawn], values: Drawn, errors: dict[str, str]) -> list[Drawn]:
        """Draw blocks."""
        entered = state(blocks, values)
        return [self._block(block, entered.get(block["block_id"], {}), errors) for block in blocks]

    def _block(self, block: Drawn, values: Drawn, errors: dict[str, str]) -> Drawn:
        texts = [block.get("text")]
        inside = [block.get("accessory"), block.get("element"), *block.get("elements", [])]
        parts = [part for part in inside if isinstance(part, dict)]
        texts += [part for part in parts if part.get("type") in {"mrkdwn", "plain_text"}]
        return {
            "type": block["type"],
            "texts": self._texts(texts),
            "fields": self._texts(block.get("fields", [])),
            "image": block.get("alt_text"),
            "label": (block.get("label") or {}).get("text"),
            "hint": (block.get("hint") or {}).get("text"),
            "optional": bool(block.get("optional")),
            "error": errors.get(block["block_id"]),
            "elements": [self._element(block, part, values) for part in parts if "action_id" in part],
        }

    def _element(self, block: Drawn, element: Drawn, values: Drawn) -> Drawn:
        confirm = element.get("confirm")
        value = chosen(values.get(element["action_id"], {}))
        return {
            "type": element["type"],
            "id": place_of(block, element),
            "text": (element.get("text") or {}).get("text"),
            "style": element.get("style"),
            "placeholder": (element.get("placeholder") or {}).get("text", ""),
            "multiline": element.get("multiline", False),
            "confirm": confirm and {part: self._text(confirm.get(part)) for part in CONFIRMED},
            "options": [[option["value"], self._text(option["text"])] for option in offered(element)],
            "value": _plain_value(value),
            "least": element.get("min_query_length", 3),
        }

    def _texts(self, texts: list[Any]) -> list[Any]:
        return [[self._text(text), _is_marked(text)] for text in texts if text]

    def _text(self, value: Any) -> str:
        if isinstance(value, str):
            return self._marked(value)
        if not value:
            return ""
        return self._marked(value["text"]) if value["type"] == "mrkdwn" else str(value["text"])

    def _marked(self, text: str) -> str:
        return read_marks(self.world.workspace, self.person.user, text)


def _is_marked(text: Any) -> bool:
    return isinstance(text, str) or text["type"] == "mrkdwn"


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return [value["value"], value["text"]["text"]]
    if isinstance(value, list):
        return [_plain_value(one) for one in value]
    return value
