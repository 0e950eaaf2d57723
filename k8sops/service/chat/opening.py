"""The chat's side of the composition root: one store, the bot's own connection to each cluster it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import msgspec

from k8sops.cluster.connect import connect
from k8sops.core.clock import Clock, IdSource, SystemClock, UlidSource
from k8sops.core.errors import K8sOpsError, UsageError
from k8sops.service.chat.acting import ChatDesk
from k8sops.service.chat.handing_over import Bundles
from k8sops.service.chat.memory import ChatMemory
from k8sops.service.config import Config
from k8sops.service.policies import names_of_clusters
from k8sops.service.records import Records
from k8sops.service.redactors import text_redactor
from k8sops.service.storing import Storage

AGAIN_S: Final = 10.0
"""How often a cluster that is away is tried again."""


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
    bundles: Bundles
    """Log bundles that may be handed over."""
    workers: tuple[Config, ...]
    """The configuration of a worker for each cluster: what was asked for in the chat has to be carried by somebody."""


@asynccontextmanager
async def open_chat(config: Config, *, again_s: float = AGAIN_S) -> AsyncIterator[ChatService]:
    """Connect to every cluster that is served, and open the store.

    Those that do not answer are tried again every `again_s` seconds, while the others are served. Raises UsageError
    where two contexts are the same cluster or one is not there, what connecting raises where none can be served, and
    what opening the store raises.
    """
    clock, ids = SystemClock(), UlidSource()
    configs = [
        msgspec.structs.replace(config, context=context)
        for context in config.slack.contexts or (config.context,)
    ]
    async with AsyncExitStack() as stack:
        storage = Storage(config, clock, ids)
        stack.push_async_callback(storage.aclose)
        await storage.database()
        desk = ChatDesk({}, config=config, storage=storage, clock=clock, ids=ids)
        connections = await stack.enter_async_context(AsyncExitStack())
        stack.push_async_callback(desk.aclose)
        tried = (_reach(desk, one, connections, clock) for one in configs)
        missed = [error for error in await asyncio.gather(*tried) if error is not None]
        missed.sort(key=lambda error: not isinstance(error, UsageError))
        if missed and (isinstance(missed[0], UsageError) or not desk.clusters):
            raise missed[0]
        reaching = asyncio.create_task(
            _reach_the_rest(desk, configs, connections, clock, again_s), name="away"
        )
        stack.push_async_callback(_ended, reaching)
        yield ChatService(
            desk=desk,
            memory=ChatMemory(storage),
            records=Records(storage, clock),
            clock=clock,
            ids=ids,
            command=config.slack.command,
            redact=(await text_redactor(config, storage)).redact,
            bundles=Bundles(config, storage, clock, ids),
            workers=tuple(configs),
        )


async def _reach(
    desk: ChatDesk, config: Config, connections: AsyncExitStack, clock: Clock
) -> K8sOpsError | None:
    """Serve the cluster, or note why that cannot be done now, and give that."""
    try:
        cluster = await connect(
            context=config.context or None,
            kubeconfig=config.kubeconfig or None,
            impersonate=config.impersonation(),
            clock=clock,
            cluster_names=names_of_clusters(config),
        )
    except K8sOpsError as error:
        desk.miss(config.context, error.message)
        return error
    connections.push_async_callback(cluster.aclose)
    other = next((info for info in desk.clusters if info.uid == cluster.info.uid), None)
    if other is None:
        desk.take(cluster)
        return None
    twice = UsageError(
        f"contexts {other.context} and {cluster.info.context} are the same cluster",
        hint="name one of them under slack.contexts",
    )
    desk.miss(config.context, twice.message)
    return twice


async def _reach_the_rest(
    desk: ChatDesk, configs: Sequence[Config], connections: AsyncExitStack, clock: Clock, again_s: float
) -> None:
    """One that is away at the start must not keep the others from being served."""
    while desk.away:
        await clock.sleep(again_s)
        for one in configs:
            if one.context in desk.away:
                await _reach(desk, one, connections, clock)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
