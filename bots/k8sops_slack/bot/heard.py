"""What somebody did in Slack, in as much as the bot acts on it: kept in the store before Slack hears that it was heard.

Ids only: what people and channels are called is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from k8sops.service.chat.acting import ChatUser
from k8sops_slack.cards import clicks

Kind = Literal["line", "click", "answer", "form"]
Body = Mapping[str, Any]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One thing asked for."""

    key: str
    """Tells it from every other; the same when Slack sends it again."""
    kind: Kind
    team: str
    user: str
    channel: str = ""
    thread: str = ""
    text: str = ""
    """The line, or what was typed into a dialog."""
    action: str = ""
    """The button's or the dialog's id."""
    value: str = ""
    """What the button carried: which plan of which run."""
    response_url: str = ""
    """Where a message that only one person sees can be replaced; good for half an hour."""
    run_id: str = ""
    """The id of the run that is proposed for it, if any is: asked again after a crash it is the same."""
    cluster: str = ""
    """A cluster's uid, where it was chosen."""
    params: dict[str, Any] = {}
    """What a form gave."""
    only_plan: bool = False
    hold: bool = False
    """As typed before the form."""
    reason: str = ""
    """What was given when policy asked for a reason; counts before any other."""
    trigger: str = ""
    """With this a dialog may be opened, for three seconds."""
    view: str = ""
    """The dialog in which it was pressed: what follows is shown in it, as a second one would cover it."""

    @property
    def who(self) -> ChatUser:
        """Who did it."""
        return ChatUser(team=self.team, user=self.user)

    @property
    def kept(self) -> str:
        """As the store keeps it."""
        return msgspec.json.encode(self).decode()


_HEARD: Final = msgspec.json.Decoder(Heard)


def read_heard(kept: str) -> Heard:
    """What the store kept."""
    return _HEARD.decode(kept)


def line_of_command(body: Body, run_id: str) -> Heard:
    """What was typed behind the slash command."""
    return Heard(
        key=f"line/{body['trigger_id']}",
        kind="line",
        team=team_of(body),
        user=str(body["user_id"]),
        channel=str(body["channel_id"]),
        text=_text(body),
        response_url=str(body.get("response_url") or ""),
        run_id=run_id,
        trigger=_trigger(body),
    )


def line_of_event(body: Body, run_id: str) -> Heard:
    """What was said to the bot in a channel, a thread or its direct messages."""
    event = body["event"]
    return Heard(
        key=f"event/{body['event_id']}",
        kind="line",
        team=str(body.get("enterprise_id") or body.get("team_id") or ""),
        user=str(event["user"]),
        channel=str(event["channel"]),
        thread=str(event.get("thread_ts") or ""),
        text=_without_mention(_text(event)),
        run_id=run_id,
    )


def line_of_shortcut(body: Body, run_id: str) -> Heard:
    """A message somebody had read as a command."""
    message: Body = body["message"]
    return Heard(
        key=f"shortcut/{body['trigger_id']}",
        kind="line",
        team=team_of(body),
        user=str(body["user"]["id"]),
        channel=str(body["channel"]["id"]),
        thread=str(message.get("thread_ts") or ""),
        text=_without_mention(_text(message)),
        run_id=run_id,
        trigger=_trigger(body),
    )


def heard_of_shortcut(body: Body) -> Heard:
    """A shortcut that was chosen where there is no message."""
    return Heard(
        key=f"shortcut/{body['trigger_id']}",
        kind="click",
        team=team_of(body),
        user=str(body["user"]["id"]),
        trigger=_trigger(body),
    )


def run_of_shortcut(body: Body, ids: Sequence[str], run_id: str) -> Heard:
    """A message whose run somebody wants to see; `ids` are those that may stand in it."""
    message: Body = body["message"]
    # What begins a thread is read in the channel.
    thread = str(message.get("thread_ts") or "")
    return Heard(
        key=f"shortcut/{body['trigger_id']}",
        kind="click",
        team=team_of(body),
        user=str(body["user"]["id"]),
        channel=str(body["channel"]["id"]),
        thread="" if thread == message["ts"] else thread,
        action=clicks.SHOW,
        value=str(message["ts"]),
        text=" ".join(ids),
        run_id=run_id,
    )


def click_of(body: Body, run_id: str) -> Heard:
    """A button that was pressed, in a message, a dialog or on the bot's page."""
    pressed = body["actions"][0]
    view: Body = body.get("view") or {}
    message: Body = body.get("message") or {}
    chosen = (pressed.get("selected_option") or {}).get("value", "")
    return Heard(
        key=f"click/{pressed['action_ts']}/{body['user']['id']}/{pressed['action_id']}",
        kind="click",
        team=team_of(body),
        user=str(body["user"]["id"]),
        channel=str((body.get("channel") or {}).get("id", "")),
        thread=str(message.get("thread_ts") or ""),
        action=str(pressed["action_id"]),
        value=str(pressed.get("value") or pressed.get("block_id") or ""),
        cluster=str(chosen),
        response_url=str(body.get("response_url") or ""),
        run_id=run_id,
        trigger=_trigger(body),
        view=str(view.get("id", "")) if view.get("type") == "modal" else "",
    )


def answer_of(body: Body, text: str, run_id: str) -> Heard:
    """A small dialog that was sent."""
    view = body["view"]
    return Heard(
        key=f"view/{view['id']}",
        kind="answer",
        team=team_of(body),
        user=str(body["user"]["id"]),
        action=str(view["callback_id"]),
        value=str(view.get("private_metadata") or ""),
        text=text,
        run_id=run_id,
        trigger=_trigger(body),
    )


def team_of(body: Body) -> str:
    """The enterprise's id, else the team's: a user of an enterprise is the same in all its teams."""
    enterprise = body.get("enterprise") or {}
    team = body.get("team") or {}
    return str(
        body.get("enterprise_id") or enterprise.get("id") or body.get("team_id") or team.get("id") or ""
    )


def _trigger(body: Body) -> str:
    return str(body.get("trigger_id") or "")


def _text(said: Body) -> str:
    # JSON can carry half a character, which no store and no other program takes.
    return str(said.get("text") or "").encode("utf-8", "replace").decode()


def _without_mention(text: str) -> str:
    words = text.lstrip()
    return words.partition(">")[2].lstrip() if words.startswith("<@") else words
