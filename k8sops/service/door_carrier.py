"""The carrier inside a door: it carries what this process started, and nothing somebody else left behind."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from typing import Final

from k8sops import __version__
from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import Clock, IdSource
from k8sops.core.plan import PLAN_FORMAT
from k8sops.core.run import RunId
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.carrying import Tools
from k8sops.service.action_book import RegistryBook
from k8sops.service.clusters import OneCluster, cluster_refused
from k8sops.service.grant_book import GrantBook
from k8sops.service.rules import PolicyRules
from k8sops.service.signing import Signing
from k8sops.service.storing import Storage
from k8sops.store.carriers import CarrierCard
from k8sops.store.leases import Ability
from k8sops.store.roles import may_carry

CLOSING_GRACE_S: Final = 0.0


class DoorCarrier:
    """Starts an embedded carrier when the first run is started here."""

    def __init__(
        self,
        cluster: KubeCluster,
        storage: Storage,
        rules: PolicyRules,
        actions: RegistryBook,
        *,
        clock: Clock,
        ids: IdSource,
        signing: Signing | None = None,
    ) -> None:
        self._cluster = cluster
        self._storage = storage
        self._rules = rules
        self._actions = actions
        self._clock = clock
        self._ids = ids
        self._signing = signing
        self._carrier: EmbeddedCarrier | None = None
        self._serving: asyncio.Task[None] | None = None
        self._only: tuple[RunId, ...] = ()

    @property
    def carrying(self) -> tuple[RunId, ...]:
        """The runs in this process's hands."""
        return self._carrier.carrying if self._carrier else ()

    @property
    def asked_for(self) -> tuple[RunId, ...]:
        """The runs this process was asked to carry, ended or not; one that is parked is in nobody's hands."""
        return tuple(dict.fromkeys(self._only))

    async def may_carry(self, execute_as: str) -> bool:
        """Whether this process, or a worker left behind by it, may carry what goes out as this identity."""
        own = await self._own()
        return execute_as in own and await (await self._storage.database()).read(may_carry)

    async def carry(self, run: RunId) -> None:
        """Carry this run too, if this process may; others are told at once that it is in reach."""
        self._only = (*self._only, run)
        if not await (await self._storage.database()).read(may_carry):
            return  # this role of the store's carries nothing: a worker does
        if self._carrier is None:
            self._carrier = await self._made()
            self._carrier.only(self._only)
            self._serving = asyncio.create_task(self._carrier.serve(), name="carrier")
        else:
            self._carrier.only(self._only)
        self._carrier.wake()
        await self._carrier.announce()

    def cancel_at_once(self, run: RunId, who: str) -> None:
        """Where the run is carried here, need not wait for the next look."""
        if self._carrier is not None:
            self._carrier.cancel(run, who)

    async def leave(self) -> None:
        """Let go of everything at once, so that a worker takes it over; nothing is cancelled."""
        if self._carrier is not None:
            await self._carrier.leave()

    async def aclose(self) -> None:
        """Cancel what is still carried here: a door that closes leaves nothing half done behind unsaid."""
        if self._carrier is None or self._serving is None:
            return
        for run in self._carrier.carrying:
            self._carrier.cancel(run, "the program is closing")
        await self._carrier.aclose(grace_s=CLOSING_GRACE_S)
        await self._serving

    async def _own(self) -> tuple[str, ...]:
        username = (await self._cluster.whoami()).username
        return self._rules.own_identities(username, self._cluster.info.uid)

    async def _made(self) -> EmbeddedCarrier:
        own = await self._own()
        return await make_carrier(
            self._cluster, self._storage, self._rules, self._actions,
            own=own, identities=own, surface="door", resident=False, clock=self._clock, ids=self._ids,
            signing=self._signing,
        )  # fmt: skip


async def make_carrier(
    cluster: KubeCluster,
    storage: Storage,
    rules: PolicyRules,
    actions: RegistryBook,
    *,
    own: tuple[str, ...],
    identities: tuple[str, ...],
    surface: str,
    resident: bool,
    clock: Clock,
    ids: IdSource,
    signing: Signing | None = None,
) -> EmbeddedCarrier:
    """A carrier on this cluster: as itself for `own`, as policy says for the rest of `identities`."""
    refused = cluster_refused(rules.policy, cluster)
    tools = Tools(
        actions=actions,
        clusters=OneCluster(cluster, own, rules.impersonation, refused=refused),
        rules=rules,
        grants=GrantBook(storage, rules.policy, clock),
        witness=await (signing or Signing(rules.policy, cluster.info, clock)).witness(own),
    )
    ability = Ability(
        execute_as=identities,
        cluster_uids=(cluster.info.uid,),
        actions=tuple((action.name, action.version) for action in actions.known()),
        plan_format=PLAN_FORMAT,
    )
    card = CarrierCard(
        id=ids.new(),
        host=socket.gethostname(),
        pid=os.getpid(),
        surface=surface,
        ability=ability,
        resident=resident,
        version=__version__,
        os_user=getpass.getuser(),
    )
    database, books = await storage.database(), await storage.books()
    return EmbeddedCarrier(database, books, tools, ability, card, clock=clock)
