"""Acting as a person of the chat: from a user's ids to the person, and from the person to a cluster as they see it.

The policy says both; names in the chat prove nothing and are not asked. The policy file is read again when it has
changed, so that somebody who was taken out of it is out at their next word; one that is not valid allows nobody.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.identity import Impersonation
from k8sops.cluster.run_view import view_as
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock, IdSource
from k8sops.core.errors import DeniedError, K8sOpsError, UnreachableError, UsageError
from k8sops.core.persons import Person
from k8sops.core.plan import ClusterInfo
from k8sops.policy.policy import Policy
from k8sops.service.chat.rights import check_may_act_as
from k8sops.service.config import Config
from k8sops.service.offering_policy import refused_anywhere
from k8sops.service.ops import EngineOps
from k8sops.service.policies import policy_of, policy_stamp
from k8sops.service.storing import Storage

if TYPE_CHECKING:
    from k8sops.core.ops import Ops

ASKED_AGAIN_S: Final = 300.0
"""How long the bot's right to act as somebody is taken for granted; one that is gone is told by the next request."""


class ChatUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the chat, by ids that stay."""

    team: str
    """The enterprise or team id."""
    user: str

    @property
    def actor(self) -> Actor:
        """Who asks, as it goes on record."""
        return Actor(name=self.user, team=self.team, surface="slack", auth="slack")


class Acting(msgspec.Struct, frozen=True, kw_only=True):
    """A person on a cluster: whoever holds this can do what they can, and nothing else."""

    actor: Actor
    person: Person
    ops: Ops


class ChatDesk:
    """The clusters that one bot serves, as the persons of one policy see them."""

    def __init__(
        self,
        clusters: Mapping[str, KubeCluster],
        *,
        config: Config,
        storage: Storage,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        """`clusters` are the bot's own connections by cluster uid; whoever made them closes them."""
        self._clusters = dict(clusters)
        self._away: dict[str, str] = {}
        self._config = config
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._policy = policy_of(config)
        self._stamp = policy_stamp(config)
        self._ops: dict[tuple[str, str], EngineOps] = {}
        self._asked: dict[tuple[str, str], float] = {}

    @property
    def clusters(self) -> tuple[ClusterInfo, ...]:
        """Those that can be named, by name."""
        return tuple(
            sorted((one.info for one in self._clusters.values()), key=lambda info: (info.name, info.uid))
        )

    async def policy(self) -> Policy:
        """The policy in force. Raises PolicyError where the file has changed and is not valid any more."""
        stamp = await asyncio.to_thread(policy_stamp, self._config)
        if stamp != self._stamp:
            self._policy = await asyncio.to_thread(policy_of, self._config)
            self._stamp = stamp
            await self._forget()
        return self._policy

    @property
    def away(self) -> Mapping[str, str]:
        """The contexts that have not answered so far, and why not; what answers once is served from then on."""
        return self._away

    def take(self, cluster: KubeCluster) -> None:
        """Serve this one, too."""
        self._clusters[cluster.info.uid] = cluster
        self._away.pop(cluster.info.context, None)

    def miss(self, context: str, why: str) -> None:
        """A context that is to be served does not answer."""
        self._away[context] = why

    async def cluster_named(self, name: str) -> ClusterInfo:
        """A cluster by its name in the policy, else its uid or name, else its context.

        Raises UnreachableError where it may be one that has not answered yet, UsageError naming those there are.
        """
        pin = (await self.policy()).directory.pin_named(name)
        for one in self.clusters:
            if pin is not None and one.uid == pin.uid:
                return one
        for one in self.clusters:
            if pin is None and name in {one.uid, one.name}:
                return one
        for one in self.clusters:
            if pin is None and name == one.context:
                return one
        if self._away and (pin is not None or name in self._away):
            raise self._unreached(name)
        pinned = [one.name for one in self._policy.file.clusters] if self._away else []
        near = difflib.get_close_matches(name, [*self._known, *pinned], n=1)
        raise UsageError(
            f"no cluster {name!r} is served here" + (f"; did you mean {near[0]}?" if near else ""),
            hint=f"there are: {', '.join(self._known)}",
        )

    async def cluster_of_channel(self, team: str, channel: str) -> ClusterInfo | None:
        """The cluster that the policy says a channel means, else the only one there is; None where it must be asked.

        Raises UnreachableError, UsageError where the channel's cluster is not served: another would not be meant.
        """
        pin = (await self.policy()).directory.pin_of_channel(team, channel)
        if pin is not None:
            return await self.cluster_named(pin.name)
        return self.clusters[0] if len(self._known) == 1 else None

    @property
    def _known(self) -> list[str]:
        return [*(info.name for info in self.clusters), *sorted(self._away)]

    def _unreached(self, name: str) -> UnreachableError:
        why = "; ".join(f"context {context}: {told}" for context, told in sorted(self._away.items()))
        return UnreachableError(f"cluster {name} has not answered yet ({why})", hint="the others are served")

    async def person(self, user: ChatUser) -> Person:
        """Who that is. Raises DeniedError where the policy does not know them."""
        person = (await self.policy()).person_of(user.actor, "")
        if not person.mapped:
            raise DeniedError(
                f"the policy does not know who {user.user} of {user.team} is",
                hint=f"an administrator adds `slack: [{{team: {user.team}, user: {user.user}}}]` to your entry under"
                " `people`",
            )
        return person

    async def refused(self, user: ChatUser, channel: str) -> tuple[str, ...]:
        """The actions that policy refuses them whatever they are about, on the cluster that the channel means.

        None where it means none, or one that is not served: it is help that asks, and help must not fail.
        """
        with suppress(K8sOpsError):
            policy, cluster = await self.policy(), await self.cluster_of_channel(user.team, channel)
            if cluster is not None:
                return await asyncio.to_thread(refused_anywhere, policy, cluster, user.actor, self._clock)
        return ()

    async def acting(self, user: ChatUser, cluster_uid: str) -> Acting:
        """The person on that cluster.

        Raises UsageError where the bot does not serve the cluster, DeniedError where the policy does not say who it is
        or as whom the cluster sees them, MayNotActAsError where the bot lacks the right to act as them.
        """
        cluster = self._clusters.get(cluster_uid)
        if cluster is None:
            raise UsageError(
                f"cluster {cluster_uid} is not served here any more", hint="ask whoever runs the bot"
            )
        person = await self.person(user)
        whom = self._whom(person)
        key = (person.name, cluster_uid)
        now = self._clock.monotonic()
        if now - self._asked.get(key, -ASKED_AGAIN_S) >= ASKED_AGAIN_S:
            await check_may_act_as(cluster, whom, person.name)
            self._asked[key] = now
        if key not in self._ops:
            self._ops[key] = EngineOps(
                view_as(cluster, whom),
                config=self._config,
                clock=self._clock,
                ids=self._ids,
                storage=self._storage,
            )
        return Acting(actor=user.actor, person=person, ops=self._ops[key])

    def _whom(self, person: Person) -> Impersonation:
        found = self._policy.file.execute_as.people.get(person.name)
        if found is None:
            raise DeniedError(
                f"the policy does not say as whom the clusters see {person.name}",
                hint=f"an administrator adds `{person.name}: {{user: …, groups: […]}}` under `execute_as.people`",
            )
        return Impersonation(user=found.user, groups=found.groups)

    async def aclose(self) -> None:
        """Let go of what was opened for persons."""
        await self._forget()

    async def _forget(self) -> None:
        opened, self._ops = list(self._ops.values()), {}
        self._asked.clear()
        for ops in opened:
            await ops.aclose()
