"""What people only look at: the store's records as they are kept, a cluster as the person who asks may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing, suppress
from typing import Final

from k8sops.core.audit import AuditFilter
from k8sops.core.errors import K8sOpsError, UnreachableError
from k8sops.core.ops import Ops
from k8sops.core.overview import Gauge, Overview
from k8sops.core.plan import ClusterInfo
from k8sops.core.run import Run, RunFilter, RunState
from k8sops.core.tables import TableQuery
from k8sops.service.chat.acting import Acting, ChatUser
from k8sops.service.chat.opening import ChatService
from k8sops.service.chat.rights import MayNotActAsError
from k8sops.service.timing.asking import timeline_wanted
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.rooms import room_of
from k8sops_slack.cards.card import card
from k8sops_slack.reads.help import help_message, help_on
from k8sops_slack.reads.objects import objects_listing
from k8sops_slack.reads.records import audit_listing, backups_listing, runs_listing, schedules_listing
from k8sops_slack.reads.status import status_message
from k8sops_slack.reads.table import Listing
from k8sops_slack.reads.timeline import timeline_listing
from k8sops_slack.reads.whoami import ActsAs, whoami_message
from k8sops_slack.thread.telling import asked_below
from k8sops_slack.typed.commands import Asked

LOOK_S: Final = 5.0
"""How long an overview may take until every part of it has answered; what has not says so."""


class Reading:
    """Answers lines that change nothing."""

    def __init__(self, chat: ChatService) -> None:
        self._chat = chat

    async def without_cluster(self, asked: Asked, heard: Heard) -> Message | None:
        """The answer, where it takes no cluster and is no table."""
        if asked.word == "help":
            if asked.about:
                return help_on(asked.about, self._chat.command)
            refused = await self._chat.desk.refused(heard.who, heard.channel)
            return help_message(self._chat.command, refused)
        if asked.word == "whoami":
            return await self._whoami(asked, heard)
        if asked.word in {"run", "approve", "deny"}:
            person = await self._chat.desk.person(heard.who)
            run = await self._chat.records.get_run(asked.about)
            return await self._shown(run, heard.team, is_theirs=run.person == person.name)
        return None

    async def _shown(self, run: Run, team: str, *, is_theirs: bool) -> Message:
        """Its card; while it waits, with who was asked for whoever asked for it."""
        found = card(run, await room_of(self._chat, team))
        if not is_theirs or run.state is not RunState.AWAITING_APPROVAL:
            return found
        below = asked_below(run, await self._chat.memory.asked(run.id))
        return message(found.text, [*found.blocks, *below])

    async def kept(self, asked: Asked, heard: Heard) -> Listing | None:
        """What the store alone tells. Raises DeniedError: whoever the policy does not know reads nothing."""
        if asked.word not in {"runs", "schedules", "audit"}:
            return None
        desk, records, now = self._chat.desk, self._chat.records, self._chat.clock.now()
        name = (await desk.person(heard.who)).name
        person = name if asked.mine else ""
        uid = (await desk.cluster_named(asked.cluster)).uid if asked.cluster else ""
        if asked.word == "schedules":
            return schedules_listing(await records.schedules(uid), now)
        if asked.word == "audit":
            return await self._audit(AuditFilter(run=asked.about, person=person, cluster_uid=uid))
        states = (RunState(asked.state),) if asked.state else ()
        found = await records.runs(RunFilter(states=states, person=person, cluster_uid=uid))
        return runs_listing(found, {info.uid: info.name for info in desk.clusters}, now)

    async def _audit(self, wanted: AuditFilter) -> Listing:
        """Records of the trail. Raises NoSuchRunError: of a run that is not there, silence would be an answer."""
        found = await self._chat.records.audit(wanted)
        if wanted.run and not found:
            await self._chat.records.get_run(wanted.run)
        return audit_listing(found)

    async def of_cluster(self, asked: Asked, heard: Heard, acting: Acting) -> Listing | Message:
        """What a cluster tells the person who asks."""
        ops = acting.ops
        if asked.word == "status":
            return status_message(await settled(ops), ops.cluster_info, line=heard.text)
        if asked.word == "get":
            place = "" if asked.every_namespace else asked.namespace or ops.default_namespace
            query = TableQuery(
                kind=asked.about, namespace=place, name=asked.name, label_selector=asked.selector
            )
            return objects_listing(await ops.table(query), query=query, cluster=ops.cluster_info.name)
        if asked.word == "timeline":
            return await self._timeline(asked, ops)
        found = await (await ops.records()).backups()
        only = ops.cluster_info.uid if asked.cluster or heard.cluster else ""
        return backups_listing(found, self._chat.clock.now(), only=only)

    async def _timeline(self, asked: Asked, ops: Ops) -> Listing:
        wanted = timeline_wanted(
            (asked.about,) if asked.about else (),
            asked.namespace or ops.default_namespace,
            self._chat.clock.now(),
            every_namespace=asked.every_namespace,
            namespace_is_default=not asked.namespace,
            since=asked.since,
        )
        return timeline_listing(await (await ops.reading()).timeline(wanted, lambda _: None))

    async def _whoami(self, asked: Asked, heard: Heard) -> Message:
        desk = self._chat.desk
        person = (await desk.policy()).person_of(heard.who.actor, "")
        clusters = [await desk.cluster_named(asked.cluster)] if asked.cluster else desk.clusters
        return whoami_message(heard.who.actor, person, await acts_as(self._chat, heard.who, clusters))


async def acts_as(chat: ChatService, who: ChatUser, clusters: Iterable[ClusterInfo]) -> list[ActsAs]:
    """As whom a user acts on each of these clusters, or what is missing for that."""
    acts = []
    for info in clusters:
        try:
            acting = await chat.desk.acting(who, info.uid)
            identity = await acting.ops.whoami()
        except MayNotActAsError as error:
            acts.append(ActsAs(cluster=info, refused=error.message, yaml=error.manifest))
        except K8sOpsError as error:
            acts.append(ActsAs(cluster=info, refused=error.message))
        else:
            acts.append(ActsAs(cluster=info, username=identity.username, groups=identity.groups))
    return acts


async def settled(ops: Ops) -> Overview:
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
