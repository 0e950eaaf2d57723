"""Grants as doors use them: on the store alone to look, in the name of who the cluster says one is to change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec

from k8sops.actions.registry import spec_of
from k8sops.core.actor import Actor
from k8sops.core.clock import Clock, IdSource, rfc3339
from k8sops.core.errors import UsageError
from k8sops.core.plan import ClusterInfo, JsonObject
from k8sops.core.risk import Risk
from k8sops.core.run import Vote
from k8sops.core.sessions import SESSION_ACTIONS
from k8sops.engine.granting import GrantDesk
from k8sops.engine.grants import Grant, get_grant, grants_matching
from k8sops.policy.grants import GrantSpec
from k8sops.policy.quorum import demands_of, in_words
from k8sops.service.config import Config
from k8sops.service.grant_rules import PolicyGrantRules
from k8sops.service.policies import policy_of
from k8sops.service.signing import Signing
from k8sops.service.storing import Storage
from k8sops.store.grant_rows import GrantState

__all__ = ["Grant", "GrantAsked", "Grants", "Vote", "open_grants"]


class GrantAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks to be allowed for a while."""

    actions: tuple[str, ...]
    namespaces: tuple[str, ...]
    lasts: timedelta
    risk: str = "low"
    most_targets: int = 1
    labels: Mapping[str, str] = {}
    people: tuple[str, ...] = ()
    """Persons of the policy who may use it; neither people nor groups: who asks."""
    groups: tuple[str, ...] = ()
    reason: str = ""


class Grants:
    """The grants of one store, under one policy."""

    def __init__(self, storage: Storage, config: Config, clock: Clock, ids: IdSource) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._rules = PolicyGrantRules(policy_of(config))
        self._identity_key = config.identity_key
        self._emergency = config.emergency

    async def list(self, *, everything: bool = False) -> tuple[Grant, ...]:
        """Grants that wait or are in force, newest first; with `everything`, those that are over as well."""
        states: tuple[GrantState, ...] = () if everything else ("awaiting", "active")
        return tuple(await grants_matching(await self._storage.database(), states))

    async def get(self, wanted: str) -> Grant:
        """One. Raises NoSuchGrantError."""
        return await get_grant(await self._storage.database(), wanted)

    async def request(self, asked: GrantAsked, actor: Actor, cluster: ClusterInfo) -> Grant:
        """Ask for a grant on this cluster. Raises UsageError, in an emergency too."""
        self._check_no_emergency()
        spec = self._spec(asked, actor, cluster.uid)
        desk = await self._desk(cluster)
        return await desk.request(spec, actor, reason=asked.reason, cluster_name=cluster.name)

    async def decide(self, wanted: str, vote: Vote, actor: Actor, cluster: ClusterInfo) -> Grant:
        """Vote. Raises AlreadyDecidedError, DeniedError, UsageError."""
        self._check_no_emergency()
        grant = await self._of_cluster(wanted, cluster)
        return await (await self._desk(cluster)).decide(grant.id, vote, actor)

    async def revoke(self, wanted: str, actor: Actor, cluster: ClusterInfo, *, reason: str = "") -> Grant:
        """Take it back. Raises AlreadyDecidedError, DeniedError, UsageError."""
        self._check_no_emergency()
        grant = await self._of_cluster(wanted, cluster)
        return await (await self._desk(cluster)).revoke(grant.id, actor, reason=reason)

    def _check_no_emergency(self) -> None:
        """Raise UsageError in an emergency: its store is one machine's, where nobody else can vote or take back."""
        if self._emergency:
            raise UsageError(
                "grants are neither given nor taken back in an emergency: they stand in the shared store",
                hint="leave out --emergency once that store is back; until then, each run is answered for by itself",
            )

    async def _of_cluster(self, wanted: str, cluster: ClusterInfo) -> Grant:
        """The grant, which must be for the cluster that says who we are: names mean nothing on another."""
        grant = await self.get(wanted)
        if grant.spec.cluster_uid != cluster.uid:
            raise UsageError(
                f"grant {grant.id} is for cluster {grant.cluster_name}, not for {cluster.name}",
                hint="name that cluster's context with --context",
            )
        return grant

    def _spec(self, asked: GrantAsked, actor: Actor, cluster_uid: str) -> GrantSpec:
        for name in asked.actions:
            if name not in SESSION_ACTIONS:
                spec_of(name)
        person = self._rules.person_of(actor, cluster_uid)
        people = asked.people or (() if asked.groups else (person,) if person else ())
        until = self._clock.now() + asked.lasts
        return GrantSpec(
            actions=asked.actions,
            cluster_uid=cluster_uid,
            namespaces=asked.namespaces,
            labels=dict(asked.labels),
            risk=Risk(asked.risk),
            most_targets=asked.most_targets,
            people=people,
            groups=asked.groups,
            # Digest and signature write milliseconds; what is compared must not be finer.
            valid_until=until.replace(microsecond=until.microsecond // 1000 * 1000),
        )

    async def _desk(self, cluster: ClusterInfo) -> GrantDesk:
        signing = Signing(self._rules.policy, cluster, self._clock, key=self._identity_key)
        signer = await signing.signer()
        return GrantDesk(
            await self._storage.database(), await self._storage.books(), self._rules, self._ids, signer
        )


@asynccontextmanager
async def open_grants(config: Config) -> AsyncIterator[Grants]:
    """The grants of the configured store. Raises PolicyError, and what opening a store raises."""
    from k8sops.core.clock import SystemClock, UlidSource

    clock, ids = SystemClock(), UlidSource()
    storage = Storage(config, clock, ids)
    try:
        yield Grants(storage, config, clock, ids)
    finally:
        await storage.aclose()


def grant_document(grant: Grant) -> JsonObject:
    """A grant as JSON, with its digest."""
    document: JsonObject = _told(msgspec.to_builtins(grant, builtin_types=(datetime,), str_keys=True))
    document["digest"] = grant.digest
    return document


def grant_lines(grant: Grant) -> tuple[str, ...]:
    """All of a grant, as its voters read it."""
    spec = grant.spec
    who = ", ".join((*spec.people, *(f"anybody in {group}" for group in spec.groups)))
    labels = ", ".join(f"{key}={value}" for key, value in spec.labels.items())
    votes = (
        f"vote      {'approved' if one.vote.verdict == 'approve' else 'denied'} by {one.who}"
        f" at {rfc3339(one.at)}" + (f": {one.vote.reason}" if one.vote.reason else "")
        for one in grant.approvals
    )
    return (
        f"grant     {grant.id}",
        f"state     {grant.state}"
        + (f": {grant.decision.why}" if grant.state in {"awaiting", "denied"} else ""),
        f"by        {grant.person or grant.actor.name}" + (f": {grant.reason}" if grant.reason else ""),
        f"allows    {', '.join(spec.actions)} in {', '.join(spec.namespaces)} on {grant.cluster_name}",
        f"at most   risk {spec.risk}, {spec.most_targets} objects in one plan"
        + (f", only those with {labels}" if labels else ""),
        f"for       {who}",
        f"until     {rfc3339(spec.valid_until)}",
        *(
            f"needs     {in_words(demand)}"
            for demand in demands_of(grant.decision)
            if grant.state == "awaiting"
        ),
        f"digest    {grant.digest}",
        *votes,
    )


def in_a_line(grant: Grant) -> str:
    """What it allows, for a list."""
    spec = grant.spec
    who = ", ".join((*spec.people, *spec.groups))
    return f"{', '.join(spec.actions)} in {', '.join(spec.namespaces)} on {grant.cluster_name}, for {who}"


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, dict):
        return {key: _told(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_told(item) for item in value]
    return value
