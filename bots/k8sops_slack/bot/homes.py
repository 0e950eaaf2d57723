"""App Home, made for whoever opens it: what waits, what runs, how the clusters are as they see them."""

from __future__ import annotations

import asyncio

from k8sops.core.errors import K8sOpsError
from k8sops.core.overview import Gauge
from k8sops.core.plan import ClusterInfo
from k8sops.core.run import RunFilter, RunState
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.opening import ChatService
from k8sops_slack.blocks.building import Block
from k8sops_slack.bot.reading import settled
from k8sops_slack.reads.status import Health, verdict, worst
from k8sops_slack.views.home import MINE, HomeFacts, home_view


async def home_of(chat: ChatService, user: ChatUser) -> Block:
    """The page. Raises DeniedError for somebody the policy does not know."""
    person = await chat.desk.person(user)
    runs = chat.records.runs
    mine = await runs(RunFilter(person=person.name, limit=MINE))
    names = {info.uid: info.name for info in chat.desk.clusters}
    return home_view(
        HomeFacts(
            now=chat.clock.now(),
            pending=await chat.records.approvals(),
            running=await runs(RunFilter(states=(RunState.RUNNING, RunState.QUEUED))),
            mine=[await chat.records.get_run(one.id) for one in mine],
            clusters=await healths_of(chat, user),
            names=names,
        )
    )


async def healths_of(chat: ChatService, user: ChatUser) -> tuple[Health, ...]:
    """Every cluster in a sentence, those that have not answered yet, too."""
    found = await asyncio.gather(*(_health(chat, user, info) for info in chat.desk.clusters))
    missing = (
        Health(
            cluster=ClusterInfo(context=name, server="", uid="", name=name, environment="unclassified"),
            gauge=Gauge.UNKNOWN,
            text=f"has not answered yet: {why}",
        )
        for name, why in chat.desk.away.items()
    )
    return (*found, *missing)


async def _health(chat: ChatService, user: ChatUser, info: ClusterInfo) -> Health:
    """One cluster in a sentence: why it cannot be told is one, too."""
    try:
        found = await settled((await chat.desk.acting(user, info.uid)).ops)
    except K8sOpsError as error:
        return Health(cluster=info, gauge=Gauge.UNKNOWN, text=error.message)
    return Health(cluster=info, gauge=worst(found), text=verdict(found))
