"""A line that was typed: answered, or proposed as the person who typed it. One sentence for what cannot be."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Final

from k8sops.core.audit import AuditFilter
from k8sops.core.errors import DeniedError, K8sOpsError, UnreachableError
from k8sops.core.ops import Ops
from k8sops.core.overview import Gauge, Overview
from k8sops.core.plan import ClusterInfo
from k8sops.core.run import Run, RunFilter, RunState
from k8sops.core.tables import TableQuery
from k8sops.service.chat.acting import Acting
from k8sops.service.chat.audience import approvers_of
from k8sops.service.chat.opening import ChatService
from k8sops.service.chat.rights import MayNotActAsError
from k8sops.service.command_line.away import AwayCommand
from k8sops_slack.blocks.sending import Message
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.posting import Poster
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.bot.showing import Showing
from k8sops_slack.cards.card import card
from k8sops_slack.reads.help import help_message, help_on
from k8sops_slack.reads.objects import objects_message
from k8sops_slack.reads.records import audit_message, backups_message, runs_message, schedules_message
from k8sops_slack.reads.status import status_message
from k8sops_slack.reads.whoami import ActsAs, whoami_message
from k8sops_slack.thread.telling import reminder, told_message
from k8sops_slack.typed.commands import Asked, read_line
from k8sops_slack.views.choosing import cluster_message

LOOK_S: Final = 5.0
"""How long an overview may take until every part of it has answered; what has not says so."""


class Asking:
    """Does what a line says."""

    def __init__(self, chat: ChatService, poster: Poster, showing: Showing) -> None:
        self._chat = chat
        self._poster = poster
        self._showing = showing

    async def do(self, heard: Heard) -> None:
        """Answer or propose. Raises K8sOpsError, whose sentence is for whoever asked."""
        command = read_line(heard.text, program=self._chat.command)
        if isinstance(command, Asked) and (said := await self._without_cluster(command, heard)):
            await self._whisper(heard, said)
            return
        cluster = await self._cluster(command.cluster, heard)
        if cluster is None:
            return
        if isinstance(command, Asked):
            acting = await self._chat.desk.acting(heard.who, cluster.uid)
            await self._whisper(heard, await self._read(command, heard, acting))
            return
        await self.propose(command, heard, cluster)

    async def propose(self, command: AwayCommand, heard: Heard, cluster: ClusterInfo) -> None:
        """Plan it as whoever asked, and show the plan to those whom it concerns."""
        acting = await self._chat.desk.acting(heard.who, cluster.uid)
        if command.only_plan:
            run = await acting.ops.preview(
                command.action, command.params, acting.actor, reason=command.reason
            )
            await self._whisper(heard, card(run, await room_of(self._chat, heard.team, preview=True)))
            return
        run = await acting.ops.propose(
            command.action,
            command.params,
            acting.actor,
            reason=command.reason,
            hold=command.hold,
            run_id=heard.run_id,
        )
        await self.put_forward(run, heard)

    async def put_forward(self, run: Run, heard: Heard) -> None:
        """A run that others decide stands in the channel; one that is its requester's alone is shown to them alone."""
        if run.state is not RunState.AWAITING_APPROVAL:
            await self._whisper(heard, card(run, await room_of(self._chat, heard.team)))
            return
        await self._showing.in_channel(run, heard.team, heard.channel, to=heard.user)
        await self.ask_approvers(run, wave=0)
        await self._whisper(heard, told_message(run, await room_of(self._chat, heard.team, run=run)))

    async def ask_approvers(self, run: Run, *, wave: int) -> None:
        """The card, to everybody of this wave who may approve it."""
        for told in approvers_of(run, await self._chat.desk.policy()):
            if told.wave == wave:
                for user in told.users[:1]:
                    await self._showing.to_person(run, user.team, user.user, "approver")

    async def nudge(self, run: Run, acting: Acting) -> None:
        """Ask those once more who have been asked. Raises DeniedError where somebody else asked for the run."""
        if run.person != acting.person.name:
            raise DeniedError(
                f"run {run.id} is {run.person or run.actor.name}'s: whoever asked for it asks again"
            )
        told = {one.person: one.users[0] for one in approvers_of(run, await self._chat.desk.policy())}
        room = await room_of(self._chat, acting.actor.team, run=run)
        shown = [one for one in await self._chat.memory.shown(run.id) if one.role == "approver"]
        for user in told.values():
            if any(one.user == user.user for one in shown):
                await self._poster.direct(user.user, reminder(run, room))

    async def _without_cluster(self, asked: Asked, heard: Heard) -> Message | None:
        """The answer, where it takes no cluster."""
        records, now = self._chat.records, self._chat.clock.now()
        if asked.word == "help":
            return (
                help_on(asked.about, self._chat.command) if asked.about else help_message(self._chat.command)
            )
        if asked.word == "whoami":
            return await self._whoami(heard)
        # Whoever the policy does not know reads nothing, what is kept included.
        person = await self._chat.desk.person(heard.who)
        if asked.word in {"run", "approve", "deny"}:
            run = await records.get_run(asked.about)
            return card(run, await room_of(self._chat, heard.team, run=run))
        if asked.word == "runs":
            wanted = RunFilter(
                states=(RunState(asked.state),) if asked.state else (),
                person=person.name if asked.mine else "",
            )
            names = {info.uid: info.name for info in self._chat.desk.clusters}
            return runs_message(await records.runs(wanted), names, now, line=heard.text)
        if asked.word == "schedules":
            return schedules_message(await records.schedules(), now, line=heard.text)
        return None

    async def _read(self, asked: Asked, heard: Heard, acting: Acting) -> Message:
        ops = acting.ops
        if asked.word == "status":
            return status_message(await _settled(ops), ops.cluster_info, line=heard.text)
        if asked.word == "get":
            place = "" if asked.every_namespace else asked.namespace or ops.default_namespace
            query = TableQuery(
                kind=asked.about, namespace=place, name=asked.name, label_selector=asked.selector
            )
            return objects_message(
                await ops.table(query), title=f"{asked.about} on {ops.cluster_info.name}", line=heard.text
            )
        records = await ops.records()
        if asked.word == "backups":
            return backups_message(await records.backups(), self._chat.clock.now(), line=heard.text)
        return audit_message(await records.audit(AuditFilter(run=asked.about)), line=heard.text)

    async def _whoami(self, heard: Heard) -> Message:
        person = (await self._chat.desk.policy()).person_of(heard.who.actor, "")
        acts = []
        for info in self._chat.desk.clusters:
            try:
                acting = await self._chat.desk.acting(heard.who, info.uid)
                identity = await acting.ops.whoami()
            except MayNotActAsError as error:
                acts.append(ActsAs(cluster=info, refused=error.message, yaml=error.manifest))
            except K8sOpsError as error:
                acts.append(ActsAs(cluster=info, refused=error.message))
            else:
                acts.append(ActsAs(cluster=info, username=identity.username, groups=identity.groups))
        return whoami_message(heard.who.actor, person, acts)

    async def _cluster(self, named: str, heard: Heard) -> ClusterInfo | None:
        """The cluster that is meant; None where it has been asked for."""
        desk = self._chat.desk
        await desk.person(heard.who)
        if heard.cluster or named:
            return await desk.cluster_named(heard.cluster or named)
        found = await desk.cluster_of_channel(heard.team, heard.channel)
        if found is None:
            await self._chat.memory.keep_line(heard.key, heard.text)
            await self._whisper(heard, cluster_message(heard.text, desk.clusters, heard.key))
        return found

    async def _whisper(self, heard: Heard, said: Message) -> None:
        await self._poster.whisper(heard.channel, heard.user, said, thread=heard.thread)


async def _settled(ops: Ops) -> Overview:
    """The cluster at a glance, once every part has answered or has had its time."""
    seen: list[Overview] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_S), aclosing(ops.overview()) as overviews:
            async for found in overviews:
                seen.append(found)
                if all(tile.gauge is not Gauge.WAITING for tile in found.tiles):
                    break
    if not seen:
        raise UnreachableError(f"cluster {ops.cluster_info.name} did not answer within {LOOK_S:g} s")
    return seen[-1]
