"""A person of the workspace: what they can do, from what they see, and nothing else.

Acts wait until the bot has taken, or missed, what they set off; `wait=False` leaves that to the caller. What the bot
does after its ack is waited for with `LocalSlack.until`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from k8sops_local_slack.board import Message
from k8sops_local_slack.delivery.outbox import Delivery
from k8sops_local_slack.people import payloads
from k8sops_local_slack.people.answers import options_answer, slash_answer, submission_answer
from k8sops_local_slack.people.form import check_complete, find, value_of
from k8sops_local_slack.people.seat import FAILED, Seat, Surface, Where
from k8sops_local_slack.refusals import NotVisible
from k8sops_local_slack.workspace import Channel

PLAIN_MENTION = re.compile(r"(?<![\w<])([@#])([\w.-]+)")
TROUBLE = "We had some trouble connecting. Try again?"


class Person(Seat):
    """Somebody with hands."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._offered: dict[tuple[str, str], list[dict[str, Any]]] = {}

    async def slash(self, line: str, channel_id: str | None = None, *, wait: bool = True) -> Delivery:
        """Type a slash command in a channel, never in a thread; without a channel in the direct messages."""
        channel = self.channel(channel_id) if channel_id else self.world.workspace.direct(self.id)
        command, _, text = line.partition(" ")
        app = self.world.workspace.app
        if command not in app.commands:
            raise NotVisible(f"{command} is not a valid command; there is: {', '.join(sorted(app.commands))}")
        if command in app.escaped_commands:
            text = PLAIN_MENTION.sub(self._escape, text)
        payload = payloads.slash(self.world, self.user, self.team_id, channel, command, text)
        delivery = self._deliver(
            "slash_commands",
            payload,
            f"{command} failed",
            lambda said: slash_answer(self.world, self.id, channel.id, said),
        )
        return await self._settled(delivery, wait)

    async def click(
        self, where: Where, name: str, *, confirm: bool = True, wait: bool = True
    ) -> Delivery | None:
        """Press a button, called by action id or by what stands on it; gives None if they say no when asked again."""
        surface = self._surface(where)
        block, element = find(surface.blocks, name)
        if element["type"] != "button":
            raise NotVisible(f"{name!r} is no button but a {element['type']}")
        if element.get("confirm") and not confirm:
            return None
        action: dict[str, Any] = {
            key: element[key] for key in ("text", "value", "style", "url") if key in element
        }
        return await self._act(surface, block, element, action, wait=wait)

    async def choose(self, where: Where, name: str, wanted: Any, *, wait: bool = True) -> Delivery | None:
        """Choose or type something in an element; gives the delivery where Slack tells the app at once."""
        surface = self._surface(where)
        block, element = find(surface.blocks, name)
        await self._offer(where, name, surface, element, wanted)
        # The bot was asked meanwhile, and what stands there may have been drawn anew.
        surface = self._surface(where)
        value = value_of(element, wanted, self._offered.get((surface.key, element["action_id"]), []))
        if element["type"] != "overflow":
            surface.entered[block["block_id"]][element["action_id"]] = value
        if block["type"] == "input" and not block.get("dispatch_action"):
            return None
        return await self._act(self._surface(where), block, element, value, wait=wait)

    async def search(self, where: Where, name: str, query: str) -> list[str]:
        """Type into an external select; gives the texts of what is offered."""
        surface = self._surface(where)
        block, element = find(surface.blocks, name)
        if len(query) < element.get("min_query_length", 3):
            return []
        key = (surface.key, element["action_id"])
        payload = payloads.block_suggestion(
            self._base(), surface.payload, block["block_id"], element["action_id"], query
        )

        def offer(said: Any) -> None:
            self._offered[key] = options_answer(said)

        self._offered[key] = []
        await self._settled(self._deliver("interactive", payload, TROUBLE, offer), wait=True)
        return [option["text"]["text"] for option in self._offered[key]]

    async def fill(self, values: Mapping[str, Any]) -> None:
        """Fill in the open modal, each input called by action id, block id or label."""
        for name, wanted in values.items():
            await self.choose("modal", name, wanted)

    async def submit(self, values: Mapping[str, Any] | None = None, *, wait: bool = True) -> Delivery:
        """Fill in the open modal and send it; Slack's own client first asks for what is missing."""
        await self.fill(values or {})
        view = self._open_modal()
        if not view.content.get("submit"):
            raise NotVisible("this modal has no button to send it")
        self._surface("modal")
        check_complete(view.blocks, view.values)
        view.errors = {}
        delivery = self._deliver(
            "interactive",
            payloads.view_submission(self.world, self._base(), view),
            TROUBLE,
            lambda said: submission_answer(self.world, view, said),
        )
        return await self._settled(delivery, wait)

    async def close_modal(self, *, all_of_them: bool = False, wait: bool = True) -> list[Delivery]:
        """Close the modal on top, or all of them; the app is told where it asked to be."""
        self._open_modal()
        everything = all_of_them or bool(self._open_modal().content.get("clear_on_close"))
        told = []
        for view in self.world.views.close(self.id, all_of_them=everything):
            if view.content.get("notify_on_close"):
                payload = payloads.view_closed(self.world, self._base(), view, cleared=everything)
                told.append(await self._settled(self._deliver("interactive", payload, FAILED), wait))
        return told

    async def say(
        self, text: str, channel_id: str | None = None, *, thread: str | None = None, wait: bool = True
    ) -> Delivery | None:
        """Write a message; the app hears of it where it is mentioned, or in its direct messages."""
        channel = self.channel(channel_id) if channel_id else self.world.workspace.direct(self.id)
        if channel.archived:
            raise NotVisible(f"{channel.name} is archived")
        message = self.world.board.post(channel, self.id, text, thread_ts=thread)
        inner = self._heard(channel, message)
        if inner is None:
            return None
        payload = payloads.event(self.world, self.team_id, inner)
        return await self._settled(self._deliver("events_api", payload, FAILED), wait)

    def written(self, line: str) -> str:
        """Give what Slack makes of a line as it was typed: escapes, and ids for @names and #names it knows."""
        escaped = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return PLAIN_MENTION.sub(
            lambda match: self._escape(match).split("|")[0] + ">" * self._known(match), escaped
        )

    async def mention(
        self, channel_id: str, text: str, *, thread: str | None = None, wait: bool = True
    ) -> Delivery | None:
        """Write a message that mentions the app."""
        mention = f"<@{self.world.workspace.app.bot_user}> {text}"
        return await self.say(mention, channel_id, thread=thread, wait=wait)

    async def open_home(self, *, wait: bool = True) -> Delivery | None:
        """Open the app's home."""
        app, direct = self.world.workspace.app, self.world.workspace.direct(self.id)
        if "app_home_opened" not in app.events:
            return None
        inner = {"type": "app_home_opened", "user": self.id, "channel": direct.id, "tab": "home"}
        inner["event_ts"] = self.world.ids.ts(self.world.clock.now())
        home = self.world.views.home(self.id)
        shown = {"view": payloads.on_view(self.world, home)["view"]} if home else {}
        payload = payloads.event(self.world, self.team_id, inner | shown)
        return await self._settled(self._deliver("events_api", payload, FAILED), wait)

    async def shortcut(self, callback_id: str, *, wait: bool = True) -> Delivery:
        """Use a global shortcut."""
        self._know_shortcut(callback_id, "global")
        payload = payloads.shortcut(self.world, self._base(), callback_id)
        return await self._settled(self._deliver("interactive", payload, FAILED), wait)

    async def message_shortcut(
        self, where: Message | str, callback_id: str, *, wait: bool = True
    ) -> Delivery:
        """Use a shortcut from a message's menu."""
        self._know_shortcut(callback_id, "message")
        message = self._message(where)
        if message.only_for is not None:
            raise NotVisible("ephemeral messages have no shortcuts")
        payload = payloads.message_action(self.world, self._base(), callback_id, message)
        return await self._settled(self._deliver("interactive", payload, FAILED), wait)

    def _know_shortcut(self, callback_id: str, kind: str) -> None:
        if self.world.workspace.app.shortcuts.get(callback_id) != kind:
            raise NotVisible(f"the app has no {kind} shortcut {callback_id}")

    async def _act(
        self,
        surface: Surface,
        block: dict[str, Any],
        element: dict[str, Any],
        value: dict[str, Any],
        *,
        wait: bool,
    ) -> Delivery:
        action = value | {
            "type": element["type"],
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "action_ts": self.world.ids.ts(self.world.clock.now()),
        }
        payload = payloads.block_actions(self.world, self._base(), surface.payload, action)
        return await self._settled(self._deliver("interactive", payload, f"{self._app} {FAILED}"), wait)

    async def _offer(
        self, where: Where, name: str, surface: Surface, element: dict[str, Any], wanted: Any
    ) -> None:
        key = (surface.key, element["action_id"])
        if "external" not in element["type"] or wanted is None:
            return
        known = [
            text
            for option in self._offered.get(key, [])
            for text in (option["value"], option["text"]["text"])
        ]
        missing = [one for one in (wanted if isinstance(wanted, list) else [wanted]) if one not in known]
        for one in missing:
            before = self._offered.get(key, [])
            await self.search(where, name, one)
            self._offered[key] = before + self._offered[key]

    def _heard(self, channel: Channel, message: Message) -> dict[str, Any] | None:
        app = self.world.workspace.app
        inner = {key: value for key, value in self.world.message_fields(message).items() if key != "type"}
        inner |= {"channel": channel.id, "event_ts": message.ts, "client_msg_id": self.world.ids.envelope()}
        if channel.kind == "im":
            heard = "message.im" in app.events and "im:history" in app.scopes
            return {"type": "message", "channel_type": "im", **inner} if heard else None
        mentioned = f"<@{app.bot_user}>" in message.text and app.bot_user in channel.members
        heard = mentioned and "app_mention" in app.events and "app_mentions:read" in app.scopes
        return {"type": "app_mention", **inner} if heard else None

    def _escape(self, match: re.Match[str]) -> str:
        space = self.world.workspace
        sign, name = match.groups()
        if sign == "@":
            user = next((user for user in space.users.values() if user.name == name), None)
            return f"<@{user.id}|{user.name}>" if user else match.group(0)
        channel = next((channel for channel in space.channels.values() if channel.name == name), None)
        return f"<#{channel.id}|{channel.name}>" if channel else match.group(0)

    def _known(self, match: re.Match[str]) -> bool:
        return self._escape(match) != match.group(0)

    @property
    def _app(self) -> str:
        return self.world.workspace.app.name
