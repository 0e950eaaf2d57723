"""All the rooms' state in one place, handed to whoever needs more than one of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from k8sops_local_slack.board import Board, Message
from k8sops_local_slack.delivery.outbox import Outbox
from k8sops_local_slack.faults import Faults
from k8sops_local_slack.files import Files
from k8sops_local_slack.journal import Call, Journal
from k8sops_local_slack.timing import Bell, Ids, Time
from k8sops_local_slack.triggers import Tickets
from k8sops_local_slack.views import Views
from k8sops_local_slack.web.tiers import Tiers
from k8sops_local_slack.workspace import Workspace


@dataclass(frozen=True)
class Patience:
    """Slack's deadlines, in seconds; a test on a busy machine may be more patient than Slack."""

    ack: float = 3.0
    trigger: float = 3.0


@dataclass
class World:
    """The state of one local Slack."""

    workspace: Workspace
    clock: Time
    ids: Ids
    patience: Patience
    journal: Journal
    faults: Faults
    bell: Bell = field(default_factory=Bell)
    address: str = ""

    def __post_init__(self) -> None:
        self.board = Board(self.workspace, self.clock, self.ids, self.bell)
        self.views = Views(self.clock, self.ids, self.bell)
        self.tickets = Tickets(self.clock, self.ids, self.patience.trigger)
        self.files = Files(self.clock, self.ids)
        self.tiers = Tiers(self.clock)
        self.outbox = Outbox(self.clock, self.ids, self.journal, self.faults, self.bell, self.patience.ack)

    def note(self, method: str, args: dict[str, Any], status: int, answer: dict[str, Any]) -> None:
        """Put a call on record, as it was at that moment and without its token."""
        clean = {name: value for name, value in args.items() if name != "token"}
        frozen = json.loads(json.dumps([clean, answer], default=str))
        self.journal.calls.append(Call(self.clock.now(), method, frozen[0], status, frozen[1]))
        self.bell.ring()

    def hook_url(
        self, user: str, channel: str, message_ts: str | None = None, thread_ts: str | None = None
    ) -> str:
        """Hand out a response url."""
        return f"{self.address}/hooks/{self.tickets.hook(user, channel, message_ts, thread_ts)}"

    def message_fields(self, message: Message) -> dict[str, Any]:
        """Write a message the way the API shows it."""
        app = self.workspace.app
        fields: dict[str, Any] = {
            "type": "message",
            "user": message.author,
            "text": message.text,
            "ts": message.ts,
            "team": self.workspace.team_id,
        }
        if message.author == app.bot_user:
            fields |= {"bot_id": app.bot_id, "app_id": app.id}
        optional = {
            "blocks": message.blocks,
            "attachments": message.attachments,
            "thread_ts": message.thread_ts,
            "metadata": message.metadata,
            "files": [self.file_fields(file) for file in message.files],
            "reactions": [{"name": n, "users": u, "count": len(u)} for n, u in message.reactions.items()],
        }
        if message.edited_at is not None:
            optional["edited"] = {"user": message.author, "ts": f"{int(message.edited_at)}.000000"}
        return fields | {name: value for name, value in optional.items() if value}

    def file_fields(self, file_id: str) -> dict[str, Any]:
        """Write a file the way the API shows it."""
        file = self.files.get(file_id)
        address = f"{self.address}/files/{file.id}/{file.name}"
        return {
            "id": file.id,
            "created": int(file.made_at),
            "name": file.name,
            "title": file.title,
            "size": file.length,
            "user": file.user,
            "channels": file.channels,
            "mode": "hosted",
            "url_private": address,
            "url_private_download": address,
            "permalink": f"https://{self.workspace.team_domain}.slack.com/files/{file.user}/{file.id}/{file.name}",
        }
