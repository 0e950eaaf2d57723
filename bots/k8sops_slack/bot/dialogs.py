"""What opens a dialog or a page: it changes nothing, so it is not kept; who gets none in three seconds clicks again."""

from __future__ import annotations

from typing import Any

import msgspec
from slack_bolt.async_app import AsyncAck
from slack_sdk.errors import SlackApiError

from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.opening import ChatService
from k8sops_slack.blocks.building import Block
from k8sops_slack.blocks.sending import home, modal
from k8sops_slack.bot.asking import Asking
from k8sops_slack.bot.forms import Forms, actions_dialog
from k8sops_slack.bot.heard import Heard, click_of, team_of
from k8sops_slack.bot.homes import home_of
from k8sops_slack.bot.posting import Poster
from k8sops_slack.bot.refusing import refusal, refuse
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.cards.clicks import read_click
from k8sops_slack.refused import word_of
from k8sops_slack.views import asking as small
from k8sops_slack.views import details as pages
from k8sops_slack.views.choosing import cluster_options
from k8sops_slack.views.form import choices, read_place


class Dialogs:
    """Slack's requests that only show something."""

    def __init__(self, chat: ChatService, poster: Poster, asking: Asking, forms: Forms) -> None:
        self._chat = chat
        self._poster = poster
        self._asking = asking
        self._forms = forms

    async def open_form(
        self, heard: Heard, action: str, trigger: str, *, named: str = "", view_id: str = ""
    ) -> None:
        """The form of an action, in a dialog that is open already where `view_id` names one."""
        try:
            view_id = view_id or await self._poster.open(trigger, pages.loading())
        except SlackApiError as error:
            # Three seconds are over, on a slow way to here; nothing is kept, and nothing is open.
            late = UsageError(
                f"Slack did not open the form: {word_of(error)}",
                hint="type the command again",
            )
            await refuse(self._poster, heard, late, self._chat.command)
            return
        await self._poster.change(view_id, await self._form(heard, action, named))

    async def _form(self, heard: Heard, action: str, named: str = "") -> Block:
        """The form, or what has to be asked before it."""
        try:
            cluster = await self._asking.meant(named, heard)
            if cluster is None:
                return self._forms.which_cluster(action, heard)
            await self._chat.desk.acting(heard.who, cluster.uid)
            return self._forms.opened(action, cluster, heard)
        except K8sOpsError as error:
            return modal("Not possible", pages.CALLBACK, [*refusal(error, self._chat.command).blocks])

    async def cluster_chosen(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The form on the cluster that was chosen for it."""
        await ack()
        place = read_place(str(body["view"]["private_metadata"]))
        heard = msgspec.structs.replace(click_of(body, ""), channel=place.channel, thread=place.thread)
        await self._poster.change(str(body["view"]["id"]), await self._form(heard, place.action))

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
        await ack()
        heard = click_of(body, "")
        try:
            await self._chat.desk.person(heard.who)
            run = await self._chat.records.get_run(read_click(heard.value).run)
        except K8sOpsError as error:
            await refuse(self._poster, heard, error, self._chat.command)
            return
        await self._poster.open(body["trigger_id"], small.deny_dialog(run))

    async def details(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """All of a run, a page at a time."""
        await ack()
        heard = click_of(body, "")
        view = await self._poster.open(body["trigger_id"], pages.loading())
        await self._poster.change(view, await self._details(heard))

    async def _details(self, heard: Heard, page: int = 0) -> Block:
        try:
            await self._chat.desk.person(heard.who)
            run = await self._chat.records.get_run(read_click(heard.value).run)
            return pages.details(run, await room_of(self._chat, heard.team), page)
        except K8sOpsError as error:
            return pages.refused(error.message)

    async def page(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Another page of it."""
        await ack()
        heard = click_of(body, "")
        page = int(heard.action.removeprefix(pages.PAGE))
        await self._poster.change(str(body["view"]["id"]), await self._details(heard, page))

    async def form(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The button of help, or an action chosen in the dialog of all of them."""
        await ack()
        heard = click_of(body, "")
        view_id = str((body.get("view") or {}).get("id", ""))
        action = heard.cluster or heard.value
        asked = msgspec.structs.replace(heard, cluster="")
        await self.open_form(asked, action, body["trigger_id"], view_id=view_id)

    async def more(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """All fields of a form."""
        await ack()
        await self._poster.change(str(body["view"]["id"]), self._forms.widened(body["view"]))

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
        await self._poster.open(body["trigger_id"], actions_dialog())

    async def home(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Somebody looks at their page."""
        await ack()
        await self._publish(ChatUser(team=team_of(body), user=str(body["event"]["user"])))

    async def refresh(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """They look again."""
        await ack()
        await self._publish(ChatUser(team=team_of(body), user=str(body["user"]["id"])))

    async def _publish(self, user: ChatUser) -> None:
        try:
            view = await home_of(self._chat, user)
        except K8sOpsError as error:
            view = home([*refusal(error, self._chat.command).blocks])
        await self._poster.publish(user.user, view)
