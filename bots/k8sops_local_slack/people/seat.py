"""Where a person sits: their screen, what is on it to use, and the way from there to the bot.

Using what is not on the screen raises `NotVisible`, since no real person could.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from k8sops_local_slack.board import Message
from k8sops_local_slack.delivery.outbox import Delivery, Kind
from k8sops_local_slack.people import payloads
from k8sops_local_slack.people.form import Values, state
from k8sops_local_slack.people.screen import Screen
from k8sops_local_slack.refusals import NotVisible, Refusal
from k8sops_local_slack.views import View
from k8sops_local_slack.workspace import Channel
from k8sops_local_slack.world import World

Where = Message | str | Literal["modal", "home"]
FAILED = "did not respond"


@dataclass
class Surface:
    """Something with blocks on it that a person can use."""

    key: str
    blocks: list[dict[str, Any]]
    entered: Values
    payload: dict[str, Any]


class Seat:
    """What a person sees, and what becomes of what they set off."""

    def __init__(self, world: World, user_id: str) -> None:
        self.world = world
        self.user = world.workspace.users[user_id]
        self.id = user_id
        self.team_id = world.workspace.team_id
        self.notices: list[str] = []
        self._screen = Screen(world, self.user)

    def screen(self, channel_id: str | None = None) -> str:
        """Draw what they see: a channel (or their direct messages with the app), and the modal over it."""
        channel = self.channel(channel_id) if channel_id else self.world.workspace.direct(self.id)
        parts = [self._screen.channel(channel), *self.notices[-1:]]
        return "\n".join([*parts, *([self.modal_screen()] if self.modal else [])])

    def modal_screen(self) -> str:
        """Draw the modal that is open."""
        return self._screen.view(self._open_modal())

    def home_screen(self) -> str:
        """Draw their App Home; empty before the app has published one."""
        home = self.world.views.home(self.id)
        return self._screen.view(home) if home else ""

    def messages(self, channel_id: str | None = None) -> list[Message]:
        """List the messages they see, oldest first."""
        return self._screen.visible(
            self.channel(channel_id) if channel_id else self.world.workspace.direct(self.id)
        )

    def notifications(self) -> list[str]:
        """List what rang on their phone, oldest first: the message's own text, as a lock screen shows it."""
        rang = [m for m in self.world.board.everything() if self.id in m.rang]
        rang.sort(key=lambda message: float(message.ts))
        return ["\n".join(self._screen.mrkdwn(m.earlier[0][0] if m.earlier else m.text)) for m in rang]

    @property
    def modal(self) -> View | None:
        """Give the modal that is open, topmost."""
        return self.world.views.top(self.id)

    def channel(self, channel_id: str) -> Channel:
        """Give a channel they are in."""
        channel = self.world.workspace.channels.get(channel_id)
        if channel is None or self.id not in channel.members:
            raise NotVisible(f"{self.user.name} is not in {channel_id}")
        return channel

    def download(self, file_id: str) -> bytes:
        """Give the bytes of a file that was shown where they can see it."""
        file = self.world.files.get(file_id)
        mine = [c for c in file.channels if self.id in self.world.workspace.channels[c].members]
        if not mine or file.content is None:
            raise NotVisible(f"{self.user.name} sees no file {file_id}")
        return file.content

    def _message(self, where: Message | str) -> Message:
        ts = where.ts if isinstance(where, Message) else where
        for channel in self.world.workspace.channels.values():
            if self.id in channel.members:
                for message in self._screen.visible(channel):
                    if message.ts == ts:
                        return message
        raise NotVisible(f"{self.user.name} sees no message {ts}")

    def _open_modal(self) -> View:
        if self.modal is None:
            raise NotVisible(f"no modal is open for {self.user.name}")
        return self.modal

    def _surface(self, where: Where) -> Surface:
        if isinstance(where, str) and where in {"modal", "home"}:
            view = self._open_modal() if where == "modal" else self.world.views.home(self.id)
            if view is None:
                raise NotVisible(f"{self.user.name} has no home yet")
            view.values = state(view.blocks, view.values)
            return Surface(view.id, view.blocks, view.values, payloads.on_view(self.world, view))
        message = self._message(where)
        inner = [block for attachment in message.attachments for block in attachment.get("blocks", [])]
        blocks = message.blocks + inner
        message.values = state(blocks, message.values)
        on_message = payloads.on_message(self.world, self.user, message, message.values)
        return Surface(message.ts, blocks, message.values, on_message)

    def _base(self) -> dict[str, Any]:
        return payloads.common(self.world, self.user, self.team_id)

    def _deliver(
        self,
        kind: Kind,
        payload: dict[str, Any],
        notice: str,
        answer: Callable[[Any], object] | None = None,
    ) -> Delivery:
        def settled(delivery: Delivery) -> None:
            if not delivery.acked:
                self.notices.append(f"{notice} ({delivery.error})")
            elif answer is not None:
                try:
                    answer(delivery.response)
                except Refusal as refusal:
                    self.notices.append(f"{notice} ({refusal.error})")
                    said = delivery.response if isinstance(delivery.response, dict) else {}
                    self.world.note(f"ack of {payload.get('type', kind)}", said, 200, refusal.answer())

        return self.world.outbox.send(kind, payload, settled)

    async def _settled(self, delivery: Delivery, wait: bool) -> Delivery:
        return await self.world.outbox.settled(delivery) if wait else delivery
