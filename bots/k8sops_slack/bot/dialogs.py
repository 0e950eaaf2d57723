"""What opens a dialog or a page: it changes nothing, so it is not kept; who gets none in three seconds clicks again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from slack_bolt.async_app import AsyncAck
from slack_sdk.errors import SlackApiError

from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.core.persons import Person
from k8sops.core.run import Run, RunState
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.audience import may_approve
from k8sops.service.chat.opening import ChatService
from k8sops.service.command_line.away import AwayCommand
from k8sops_slack.blocks.building import Block
from k8sops_slack.blocks.sending import home
from k8sops_slack.bot.asking import Asking
from k8sops_slack.bot.forms import Forms, actions_dialog
from k8sops_slack.bot.heard import Heard, click_of, heard_of_shortcut, team_of
from k8sops_slack.bot.homes import home_of
from k8sops_slack.bot.posting import AWAY, Poster
from k8sops_slack.bot.refusing import refusal, refuse
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.cards.clicks import read_click
from k8sops_slack.refused import word_of
from k8sops_slack.thread.telling import asked_below
from k8sops_slack.views import asking as small
from k8sops_slack.views import details as pages
from k8sops_slack.views.choosing import cluster_options
from k8sops_slack.views.form import FormPlace, choices, read_place


class Dialogs:
    """Slack's requests that only show something."""

    def __init__(self, chat: ChatService, poster: Poster, asking: Asking, forms: Forms) -> None:
        self._chat = chat
        self._poster = poster
        self._asking = asking
        self._forms = forms

    async def show(
        self, heard: Heard, making: Callable[[], Awaitable[Block]], *, again: str = "press it again"
    ) -> None:
        """Show it in the dialog in which it was asked for, else in one that opens before anything is looked up.

        Whoever cannot be shown it hears so where they asked: it is not kept.
        """
        try:
            shown = heard.view or await self._poster.open(heard.trigger, pages.loading())
            await self._poster.change(shown, await self._possible(making))
        except AWAY as error:
            await self._not_shown(heard, error, again)

    async def _possible(self, making: Callable[[], Awaitable[Block]]) -> Block:
        try:
            return await making()
        except K8sOpsError as error:
            return pages.refused(refusal(error, self._chat.command).blocks)

    async def _not_shown(self, heard: Heard, error: Exception, again: str = "press it again") -> None:
        why = word_of(error) if isinstance(error, SlackApiError) else type(error).__name__
        late = UsageError(f"this could not be shown: Slack says {why}", hint=again)
        await refuse(self._poster, heard, late, self._chat.command)

    async def open_form(
        self, heard: Heard, command: AwayCommand, *, again: str = "type the command again"
    ) -> None:
        """The form of an action, with what was typed before it."""
        place = self._forms.begun(command, heard)
        await self.show(heard, partial(self._form, heard, place, command.cluster), again=again)

    async def _form(self, heard: Heard, place: FormPlace, named: str = "") -> Block:
        """The form, or what has to be asked before it."""
        cluster = await self._asking.meant(named, heard)
        if cluster is None:
            return self._forms.which_cluster(place)
        acting = await self._chat.desk.acting(heard.who, cluster.uid)
        return await self._forms.opened(place, cluster, acting.actor)

    async def cluster_chosen(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The form on the cluster that was chosen for it."""
        await ack()
        place = read_place(str(body["view"]["private_metadata"]))
        heard = msgspec.structs.replace(click_of(body, ""), channel=place.channel, thread=place.thread)
        await self.show(heard, partial(self._form, heard, place))

    async def clusters(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The clusters to choose from, where they are too many for a list."""
        user = ChatUser(team=team_of(body), user=str(body["user"]["id"]))
        try:
            await self._chat.desk.person(user)
            await ack(options=cluster_options(self._chat.desk.clusters, str(body.get("value") or "")))
        except K8sOpsError:
            await ack(options=[])

    async def deny(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Why not, before anything is denied."""
        await self._of_run(ack, body, small.deny_dialog)

    async def name(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The cluster's name, before what destroys is applied."""
        await self._of_run(ack, body, small.name_dialog)

    async def _of_run(self, ack: AsyncAck, body: dict[str, Any], view: Callable[[Run], Block]) -> None:
        await ack()
        heard = click_of(body, "")

        async def found() -> Block:
            return view((await self._meant(heard))[0])

        await self.show(heard, found)

    async def details(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """All of a run, a page at a time."""
        await ack()
        heard = click_of(body, "")
        await self.show(heard, partial(self._details, heard))

    async def page(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Another page of it."""
        await ack()
        heard = click_of(body, "")
        await self.show(heard, partial(self._details, heard, int(heard.action.removeprefix(pages.PAGE))))

    async def stands(self, heard: Heard) -> None:
        """How the run stands, in the dialog in which something was done with it, if that is still open."""
        if heard.view:
            with suppress(*AWAY):
                view = await self._possible(partial(self._details, heard))
                await self._poster.change(heard.view, view)

    async def _meant(self, heard: Heard) -> tuple[Run, Person]:
        person = await self._chat.desk.person(heard.who)
        return await self._chat.records.get_run(read_click(heard.value).run), person

    async def _details(self, heard: Heard, page: int = 0) -> Block:
        run, person = await self._meant(heard)
        room = await room_of(self._chat, heard.team)
        is_theirs = run.person == person.name
        if is_theirs and run.state is RunState.AWAITING_APPROVAL:
            ways = asked_below(run, await self._chat.memory.asked(run.id))
        else:
            votes = may_approve(run, person, await self._chat.desk.policy())
            ways = pages.ways(run, room, is_theirs=is_theirs, may_approve=votes)
        return pages.details(run, room, page, ways)

    async def form(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The button of help, or an action chosen in the dialog of all of them."""
        await ack()
        heard = click_of(body, "")
        asked = msgspec.structs.replace(heard, cluster="")
        command = AwayCommand(action=heard.cluster or heard.value)
        await self.open_form(asked, command, again="press it again")

    async def reason(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Why, where policy wants to know and the dialog could not be opened by itself."""
        await ack()
        heard = click_of(body, "")

        async def asked() -> Block:
            return small.reason_dialog(small.read_wanted(heard.value))

        await self.show(heard, asked)

    async def more(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """All fields of a form."""
        await ack()

        async def widened() -> Block:
            return self._forms.widened(body["view"])

        await self.show(click_of(body, ""), widened)

    async def chosen_name(self, ack: AsyncAck) -> None:
        """What was chosen comes with the form."""
        await ack()

    async def search(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """What can be chosen in a field, as the person who types may see it."""
        user = ChatUser(team=team_of(body), user=str(body["user"]["id"]))
        place = read_place(str(body["view"]["private_metadata"]))
        try:
            acting = await self._chat.desk.acting(user, place.cluster)
            await ack(options=self._poster.gate.blocks(await self._forms.found(body, acting)))
        except K8sOpsError:
            await ack(options=choices([], str(body.get("value") or "")))

    async def actions(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Every action there is."""
        await ack()

        heard = heard_of_shortcut(body)

        async def all_of_them() -> Block:
            return actions_dialog(await self._chat.desk.refused(heard.who, heard.channel))

        await self.show(heard, all_of_them, again="choose it again")

    async def home(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Somebody looks at their page."""
        await ack()
        await self._publish(ChatUser(team=team_of(body), user=str(body["event"]["user"])))

    async def refresh(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """They look again."""
        await ack()
        heard = click_of(body, "")
        try:
            await self._publish(heard.who)
        except AWAY as error:
            await self._not_shown(heard, error)

    async def _publish(self, user: ChatUser) -> None:
        try:
            view = await home_of(self._chat, user)
        except K8sOpsError as error:
            view = home([*refusal(error, self._chat.command).blocks])
        await self._poster.publish(user.user, view)
