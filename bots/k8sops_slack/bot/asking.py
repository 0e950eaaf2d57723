"""A line that was typed: answered, or proposed as the person who typed it. One sentence for what cannot be."""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.core.errors import AlreadyDecidedError, UsageError
from k8sops.core.plan import ClusterInfo
from k8sops.core.run import Run, RunState, Vote
from k8sops.service.chat.opening import ChatService
from k8sops.service.command_line.away import AwayCommand
from k8sops_slack.blocks.markup import user
from k8sops_slack.blocks.sending import Message
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.homes import healths_of
from k8sops_slack.bot.posting import Poster
from k8sops_slack.bot.reading import Reading
from k8sops_slack.bot.showing import Showing
from k8sops_slack.bot.telling import Telling
from k8sops_slack.reads.status import healths_message
from k8sops_slack.reads.table import Listing, shared
from k8sops_slack.typed.commands import Asked, read_line
from k8sops_slack.views.choosing import cluster_message


class Asking:
    """Does what a line says."""

    def __init__(self, chat: ChatService, poster: Poster, showing: Showing, telling: Telling) -> None:
        self._chat = chat
        self._poster = poster
        self._showing = showing
        self.telling: Final = telling
        self._reading = Reading(chat)

    async def do(self, heard: Heard) -> None:
        """Answer or propose. Raises K8sOpsError, whose sentence is for whoever asked."""
        command = read_line(heard.text, program=self._chat.command)
        if isinstance(command, Asked):
            if command.word == "deny" and command.reason:
                await self._denied(command, heard)
            if (said := await self.answer(command, heard)) is not None:
                await self._whisper(heard, said)
            return
        cluster = await self.cluster(command.cluster, heard)
        if cluster is not None:
            await self.propose(command, heard, cluster)

    async def chosen(self, heard: Heard) -> Heard:
        """The line for which a cluster was chosen; from here on it is that which is on record as to be done.

        Raises AlreadyDecidedError where it was chosen already.
        """

        def said(line: str) -> Heard:
            return msgspec.structs.replace(heard, kind="line", text=line)

        line = await self._chat.memory.take_line(heard.value, heard.key, lambda line: said(line).kept)
        if not line:
            raise AlreadyDecidedError("this was chosen already", hint="type the command again")
        return said(line)

    async def filled_in(self, heard: Heard) -> None:
        """A form that was sent: the same as a line."""
        cluster = await self._chat.desk.cluster_named(heard.cluster)
        command = AwayCommand(
            action=heard.action,
            params=heard.params,
            reason=heard.text,
            only_plan=heard.only_plan,
            hold=heard.hold,
        )
        await self.propose(command, heard, cluster)

    async def share(self, heard: Heard) -> None:
        """What was shown to one person, read again as them, for everybody."""
        said = await self.answer(self._line(heard), msgspec.structs.replace(heard, text=heard.value))
        if said is not None:
            await self._poster.post(heard.channel, shared(said, user(heard.user)), to=heard.user)

    async def whole(self, heard: Heard) -> None:
        """All rows, as a file for whoever asked."""
        found = await self.listing(self._line(heard), msgspec.structs.replace(heard, text=heard.value))
        if isinstance(found, Listing):
            channel = await self._poster.direct_channel(heard.user)
            await self._poster.upload("list.txt", found.text(), channel=channel)

    def _line(self, heard: Heard) -> Asked:
        command = read_line(heard.value, program=self._chat.command)
        if not isinstance(command, Asked):
            raise UsageError("this button is not one of ours", hint="type the command again")
        return command

    async def answer(self, asked: Asked, heard: Heard) -> Message | None:
        """What a line that only reads is answered with; None where the cluster had to be asked for first."""
        if (said := await self._reading.without_cluster(asked, heard)) is not None:
            return said
        if asked.word == "status" and await self.meant(asked.cluster, heard) is None:
            healths = await healths_of(self._chat, heard.who)
            return healths_message(healths, self._chat.clock.now(), self._chat.command, line=heard.text)
        found = await self.listing(asked, heard)
        return found.message(heard.text) if isinstance(found, Listing) else found

    async def listing(self, asked: Asked, heard: Heard) -> Listing | Message | None:
        """The rows it is about; a message where it is no table, None where the cluster had to be asked for first."""
        if (kept := await self._reading.kept(asked, heard)) is not None:
            return kept
        cluster = await self.cluster(asked.cluster, heard)
        if cluster is None:
            return None
        acting = await self._chat.desk.acting(heard.who, cluster.uid)
        return await self._reading.of_cluster(asked, heard, acting)

    async def _denied(self, asked: Asked, heard: Heard) -> None:
        run = await self._chat.records.get_run(asked.about)
        acting = await self._chat.desk.acting(heard.who, run.plan.cluster.uid)
        no = Vote(verdict="deny", digest=run.plan.digest, reason=asked.reason)
        await acting.ops.decide(run.id, no, acting.actor)

    async def propose(self, command: AwayCommand, heard: Heard, cluster: ClusterInfo) -> None:
        """Plan it as whoever asked, and show the plan to those whom it concerns."""
        acting = await self._chat.desk.acting(heard.who, cluster.uid)
        reason = heard.reason or command.reason
        if command.only_plan:
            run = await acting.ops.preview(command.action, command.params, acting.actor, reason=reason)
            await self._showing.alone(run, heard, preview=True)
            return
        run = await acting.ops.propose(
            command.action,
            command.params,
            acting.actor,
            reason=reason,
            hold=command.hold,
            run_id=heard.run_id,
        )
        await self.put_forward(run, heard)

    async def put_forward(self, run: Run, heard: Heard) -> None:
        """A run that others decide stands in the channel; one that is its requester's alone is shown to them alone."""
        if run.state is not RunState.AWAITING_APPROVAL:
            await self._showing.alone(run, heard)
            return
        channel = heard.channel or await self._poster.direct_channel(heard.user)
        await self._showing.in_channel(run, heard.team, channel, to=heard.user)
        await self.telling.ask(run, wave=0)
        await self._whisper(heard, await self.telling.told(run, heard.team))

    async def cluster(self, named: str, heard: Heard) -> ClusterInfo | None:
        """The cluster that is meant; None where it has been asked for."""
        found = await self.meant(named, heard)
        if found is None:
            desk = self._chat.desk
            await self._chat.memory.keep_line(heard.key, heard.text)
            await self._whisper(heard, cluster_message(heard.text, desk.clusters, heard.key, desk.away))
        return found

    async def meant(self, named: str, heard: Heard) -> ClusterInfo | None:
        """The cluster that was chosen or named, else the channel's; None where it has to be asked for."""
        desk = self._chat.desk
        await desk.person(heard.who)
        if heard.cluster or named:
            return await desk.cluster_named(heard.cluster or named)
        return await desk.cluster_of_channel(heard.team, heard.channel)

    async def _whisper(self, heard: Heard, said: Message) -> None:
        await self._poster.whisper(heard.channel, heard.user, said, thread=heard.thread)
