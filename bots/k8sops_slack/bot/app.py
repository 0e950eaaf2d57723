"""Slack's requests on their way in: what was asked for is kept, Slack hears that it was heard, then it is done.

So a bot that dies in between does it when it is back, or another replica does. What only opens a dialog is not kept:
Slack gives three seconds for it, and whoever wanted it clicks again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError

from k8sops.core.errors import K8sOpsError, ReasonWantedError
from k8sops.core.run import Run
from k8sops.service.chat.opening import ChatService
from k8sops.service.command_line.away import AwayCommand
from k8sops_slack.blocks.gate import Gate
from k8sops_slack.bot.asking import Asking
from k8sops_slack.bot.dialogs import Dialogs
from k8sops_slack.bot.finding import ids_in
from k8sops_slack.bot.forms import Forms
from k8sops_slack.bot.heard import (
    Heard,
    answer_of,
    click_of,
    line_of_command,
    line_of_event,
    line_of_shortcut,
    read_heard,
    run_of_shortcut,
)
from k8sops_slack.bot.posting import AWAY, Poster
from k8sops_slack.bot.pressing import SETTLEMENTS, Pressing
from k8sops_slack.bot.reasons import Reasons
from k8sops_slack.bot.refusing import defect_said, refuse
from k8sops_slack.bot.showing import Showing
from k8sops_slack.bot.telling import Telling
from k8sops_slack.cards import clicks
from k8sops_slack.cards.clicks import read_click
from k8sops_slack.reads.help import FORM
from k8sops_slack.reads.table import FULL, SHARE
from k8sops_slack.refused import is_final, word_of
from k8sops_slack.typed.commands import read_line
from k8sops_slack.views import asking as dialogs
from k8sops_slack.views import details as pages
from k8sops_slack.views.choosing import CHOOSE, FOR_FORM
from k8sops_slack.views.form import CALLBACK as FORM_VIEW
from k8sops_slack.views.form import MORE, NAMES
from k8sops_slack.views.home import REFRESH

Say = Callable[[str], None]
Next = Callable[[], Awaitable[None]]
LEFT_OVER_EVERY_S: Final = 20.0
FINISH_S: Final = 5.0
_NOT_AGAIN: Final = "`runs` shows what had begun by then; whoever runs the bot has more of it on its terminal"
_KEPT_CLICKS: Final = (
    *(clicks.APPROVE, clicks.APPLY, clicks.CANCEL, clicks.UNDO, clicks.AGAIN, clicks.NUDGE),
    *(CHOOSE, SHARE, FULL, *SETTLEMENTS),
)


class Bot:
    """Everything between Slack and the service."""

    def __init__(
        self, chat: ChatService, app: AsyncApp, say: Say, *, left_over_s: float = LEFT_OVER_EVERY_S
    ) -> None:
        self._chat = chat
        self._say = say
        self._left_over_s = left_over_s
        self.poster: Final = Poster(app.client, Gate(chat.redact))
        self.showing: Final = Showing(chat, self.poster)
        self.telling: Final = Telling(chat, self.poster, self.showing, say)
        self.asking: Final = Asking(chat, self.poster, self.showing, self.telling)
        self._forms = Forms(chat)
        self._dialogs = Dialogs(chat, self.poster, self.asking, self._forms)
        self._pressing = Pressing(chat, self.poster, self.showing, self.asking)
        self._reasons = Reasons(chat, self.poster)
        self._working: set[asyncio.Task[None]] = set()
        self._doing: set[str] = set()
        self._beginning = asyncio.Lock()
        self._listen(app)

    def _listen(self, app: AsyncApp) -> None:
        app.command(self._chat.command)(self._on_command)
        # Bolt acks events by itself, once all that stands before the listener is through.
        app.event("app_mention", middleware=[self._on_event])(self._heard)
        app.event("message", middleware=[self._on_message])(self._heard)
        for action in _KEPT_CLICKS:
            app.action(action)(self._on_click)
        app.action(clicks.APPLY_NAMED)(self._dialogs.name)
        app.action(clicks.DENY)(self._dialogs.deny)
        app.action(dialogs.GIVE)(self._dialogs.reason)
        app.action(clicks.DETAILS)(self._dialogs.details)
        app.action(re.compile(f"^{re.escape(pages.PAGE)}"))(self._dialogs.page)
        app.action(FORM)(self._dialogs.form)
        app.action(MORE)(self._dialogs.more)
        app.action(NAMES)(self._dialogs.chosen_name)
        app.options(NAMES)(self._dialogs.search)
        app.action(FOR_FORM)(self._dialogs.cluster_chosen)
        for choosing in (CHOOSE, FOR_FORM):
            app.options(choosing)(self._dialogs.clusters)
        app.view(FORM_VIEW)(self._on_sent)
        app.event("app_home_opened")(self._dialogs.home)
        app.action(REFRESH)(self._dialogs.refresh)
        app.shortcut("shortcut.action")(self._dialogs.actions)
        app.shortcut("shortcut.ask")(self._on_message_shortcut)
        app.shortcut(clicks.SHOW)(self._on_run_shortcut)
        for callback in (dialogs.DENY, dialogs.NAME, dialogs.REASON):
            app.view(callback)(self._on_answer)

    async def _on_command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """A line; one that says nothing of what it is to be done to opens the action's form, while it still may."""
        heard = line_of_command(body, self._chat.ids.new())
        command = self._bare(heard.text)
        if command is None:
            await self._keep(heard, ack)
            return
        await ack()
        await self._dialogs.open_form(heard, command)

    def _bare(self, text: str) -> AwayCommand | None:
        try:
            command = read_line(text, program=self._chat.command)
        except K8sOpsError:
            return None  # said when it is done
        return command if isinstance(command, AwayCommand) and command.bare else None

    async def _on_sent(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        if wrong := self._forms.wrong(body["view"]):
            await ack(response_action="errors", errors=self.poster.gate.errors(wrong))
            return
        await self._keep(self._forms.sent(body, self._chat.ids.new()), ack)

    async def _on_message_shortcut(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """A message read as a command, by whoever chose it."""
        await self._keep(line_of_shortcut(body, self._chat.ids.new()), ack)

    async def _on_run_shortcut(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """A message whose run is wanted, by whoever chose it."""
        await self._keep(run_of_shortcut(body, ids_in(body["message"]), self._chat.ids.new()), ack)

    async def _on_event(self, body: dict[str, Any], next: Next) -> None:  # noqa: A002 - bolt's name for it
        await self._take_in(line_of_event(body, self._chat.ids.new()))
        await next()

    async def _on_message(self, body: dict[str, Any], next: Next) -> None:  # noqa: A002 - likewise
        """Direct messages; those of bots, edits and joins mean nothing here."""
        event = body["event"]
        if event.get("channel_type") == "im" and not event.get("bot_id") and not event.get("subtype"):
            await self._take_in(line_of_event(body, self._chat.ids.new()))
        await next()

    async def _heard(self, ack: AsyncAck) -> None:
        await ack()

    async def _on_click(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._keep(click_of(body, self._chat.ids.new()), ack)

    async def _named(self, heard: Heard) -> Run | None:
        """The run a button means; None where there is none, which is said when it is done."""
        with suppress(K8sOpsError):
            return await self._chat.records.get_run(read_click(heard.value).run)
        return None

    async def _on_answer(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        view = body["view"]
        typed = dialogs.answer(view["state"]["values"])
        heard = answer_of(body, typed, self._chat.ids.new())
        if heard.action == dialogs.NAME:
            run = await self._named(heard)
            if run is not None and (wrong := dialogs.wrong_name(run, typed)):
                await ack(response_action="errors", errors=wrong)
                return
        await self._keep(heard, ack)

    async def _keep(self, heard: Heard, ack: AsyncAck) -> None:
        """Put it on record, tell Slack, and do it."""
        await self._take_in(heard)
        await ack()

    async def _take_in(self, heard: Heard) -> None:
        """Put it on record, then do it in the background; what is on record already is somebody else's to do."""
        if await self._chat.memory.take_in(heard.key, heard.kept):
            task = asyncio.create_task(self._begin(heard), name=heard.key)
            self._working.add(task)
            task.add_done_callback(self._working.discard)

    async def _begin(self, heard: Heard) -> None:
        """Do it in its turn: a hundred that began in one turn of the loop would keep Slack waiting for every ack."""
        async with self._beginning:
            await asyncio.sleep(0)
        await self._work(heard)

    async def _work(self, heard: Heard) -> None:
        """Do it, and let it be known as done; where Slack is away it stays on record, and is done when it is back."""
        self._doing.add(heard.key)
        try:
            try:
                heard = await self._meant(heard)
                await self._do(heard)
            except ReasonWantedError as error:
                await self._reasons.ask(heard, error)
            except K8sOpsError as error:
                await refuse(self.poster, heard, error, self._chat.command)
            except AWAY:
                raise
            except Exception as error:  # noqa: BLE001 - worker boundary: done again, it would end what does the others'
                self._say(f"what {heard.user} asked for failed: {defect_said(error)}: {error}")
                told = K8sOpsError(f"this failed: {defect_said(error)}", hint=_NOT_AGAIN)
                await refuse(self.poster, heard, told, self._chat.command)
            await self._chat.memory.done(heard.key)
        except SlackApiError as error:
            if not is_final(error):
                self._say(f"what {heard.user} asked for is kept, and done later: {error}")
                return
            self._say(f"Slack refused an answer to {heard.user}: {word_of(error)}")
            await self._chat.memory.done(heard.key)
        except (K8sOpsError, *AWAY) as error:
            self._say(f"what {heard.user} asked for is kept, and done later: {error}")
        finally:
            self._doing.discard(heard.key)

    async def _meant(self, heard: Heard) -> Heard:
        """What answers a question is what was asked for before, with the answer."""
        if heard.kind == "click" and heard.action == CHOOSE:
            return await self.asking.chosen(heard)
        if heard.kind == "answer" and heard.action == dialogs.REASON:
            return await self._reasons.given(heard)
        return heard

    async def _do(self, heard: Heard) -> None:
        if heard.kind == "form":
            await self.asking.filled_in(heard)
        elif heard.kind == "line":
            await self.asking.do(heard)
        else:
            try:
                await self._pressing.do(heard)
            finally:
                await self._dialogs.stands(heard)

    async def left_over(self) -> None:
        """Do what was kept by somebody who has been silent since, again and again."""
        while True:
            try:
                for row in await self._chat.memory.left_over():
                    # What takes us a minute, as Slack asks for patience, is not left over.
                    if row.key not in self._doing:
                        await self._work(read_heard(row.value))
            except (K8sOpsError, *AWAY) as error:
                self._say(f"what was left over has to wait: {error}")
            await self._chat.clock.sleep(self._left_over_s)

    async def finish(self) -> None:
        """Wait for what is being done, but not for ever: what is not done then is kept, and done by who is next."""
        if self._working:
            await asyncio.wait(self._working, timeout=FINISH_S)
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
