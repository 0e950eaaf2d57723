"""The chat's side of the composition root: one store, the bot's own connection to each cluster it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import connect
from k8sops.core.clock import Clock, IdSource, SystemClock, UlidSource
from k8sops.core.errors import UsageError
from k8sops.service.chat.acting import ChatDesk
from k8sops.service.chat.memory import ChatMemory
from k8sops.service.chat.redacting import text_redactor
from k8sops.service.config import Config
from k8sops.service.policies import names_of_clusters
from k8sops.service.records import Records
from k8sops.service.storing import Storage


class ChatService(msgspec.Struct, frozen=True, kw_only=True):
    """All that the bot holds."""

    desk: ChatDesk
    memory: ChatMemory
    records: Records
    clock: Clock
    ids: IdSource
    command: str
    redact: Callable[[str], str]
    """Takes secrets out of what is about to be read by everybody."""
    workers: tuple[Config, ...]
    """The configuration of a worker for each cluster: what was asked for in the chat has to be carried by somebody."""


@asynccontextmanager
async def open_chat(config: Config) -> AsyncIterator[ChatService]:
    """Connect to every cluster that is served, and open the store.

    Raises UsageError where two contexts are the same cluster, and what connecting and opening the store raise.
    """
    clock, ids = SystemClock(), UlidSource()
    configs = [
        msgspec.structs.replace(config, context=context)
        for context in config.slack.contexts or (config.context,)
    ]
    async with AsyncExitStack() as stack:
        clusters: dict[str, KubeCluster] = {}
        for one in configs:
            cluster = await connect(
                context=one.context or None,
                kubeconfig=one.kubeconfig or None,
                impersonate=one.impersonation(),
                clock=clock,
                cluster_names=names_of_clusters(config),
            )
            stack.push_async_callback(cluster.aclose)
            if (other := clusters.get(cluster.info.uid)) is not None:
                raise UsageError(
                    f"contexts {other.info.context} and {cluster.info.context} are the same cluster",
                    hint="name one of them under slack.contexts",
                )
            clusters[cluster.info.uid] = cluster
        storage = Storage(config, clock, ids)
        stack.push_async_callback(storage.aclose)
        await storage.database()
        desk = ChatDesk(clusters, config=config, storage=storage, clock=clock, ids=ids)
        stack.push_async_callback(desk.aclose)
        yield ChatService(
            desk=desk,
            memory=ChatMemory(storage),
            records=Records(storage, clock),
            clock=clock,
            ids=ids,
            command=config.slack.command,
            redact=await text_redactor(storage),
            workers=tuple(configs),
        )
