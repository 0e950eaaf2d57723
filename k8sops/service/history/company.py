"""The people of a history at their doors: each with credentials of their own, on one store and one clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import connect
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.service.config import Config, config_of
from k8sops.service.history.place import Place
from k8sops.service.history.times import StoryClock, StoryIds
from k8sops.service.ops import EngineOps
from k8sops.service.policies import names_of_clusters
from k8sops.service.storing import Storage

ADMIN: Final = "admin"


class Door(msgspec.Struct, frozen=True):
    """One person at their door."""

    ops: EngineOps
    actor: Actor


class Company(msgspec.Struct, frozen=True):
    """What the moments of a history have at hand."""

    place: Place
    config: Config
    clock: StoryClock
    ids: StoryIds
    storage: Storage
    doors: dict[str, Door]
    admin: KubeCluster


@asynccontextmanager
async def open_company(
    place: Place, kubeconfigs: Mapping[str, Path], clock: StoryClock
) -> AsyncIterator[Company]:
    """Connect as everybody, to a store at `place`, whose policy is written already. Raises what connecting raises."""
    config = config_at(place)
    ids = StoryIds()
    storage = Storage(config, clock, ids, data=place.data, boundary=clock.committed)
    doors: dict[str, Door] = {}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(storage.aclose)
        clusters: dict[str, KubeCluster] = {}
        for name, kubeconfig in kubeconfigs.items():
            clusters[name] = await cluster_of(kubeconfig, config)
            stack.push_async_callback(clusters[name].aclose)
        for name, cluster in clusters.items():
            ops = EngineOps(cluster, config=config, clock=clock, ids=ids, storage=storage)
            stack.push_async_callback(ops.aclose)
            identity = await ops.whoami()
            doors[name] = Door(
                ops,
                Actor(
                    name=identity.username,
                    groups=identity.groups,
                    surface="cli",
                    os_user=name,
                    auth="self_subject_review",
                ),
            )
        yield Company(place, config, clock, ids, storage, doors, clusters[ADMIN])


def config_at(place: Place) -> Config:
    """What everybody's doors are configured with."""
    return config_of(
        {"database_url": place.database_url, "policy": place.policy, "repositories": [place.repository()]}
    )


async def cluster_of(kubeconfig: Path, config: Config) -> KubeCluster:
    """A connection of this kubeconfig's user."""
    return await connect(
        context=None,
        kubeconfig=[kubeconfig],
        impersonate=None,
        clock=SystemClock(),
        cluster_names=names_of_clusters(config),
    )
