"""`Ops` in this process: runs live in memory and end with it; everything is allowed once confirmed.

Doors and actions see only the ports, so that a stored, leased engine takes this one's place without touching them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from k8sops.actions.registry import load_action, load_params, spec_of
from k8sops.core.actor import Actor, Identity
from k8sops.core.clock import Clock, IdSource
from k8sops.core.drift import drift_between
from k8sops.core.errors import BlockedError, DeniedError, DriftedError, UsageError
from k8sops.core.events import Event
from k8sops.core.params import Params
from k8sops.core.plan import ClusterInfo, Decision, JsonObject, Plan
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.run import Approval, Run, RunId, RunState, Vote
from k8sops.core.tables import LiveRows, Table, TableQuery
from k8sops.service.execution import Execution

PREFIX_LENGTH: Final = 6


class LocalOps:
    """The service of one process on one cluster."""

    def __init__(
        self, cluster: Cluster, *, reader: ClusterReader, clock: Clock, ids: IdSource, default_namespace: str
    ) -> None:
        self._cluster = cluster
        self._reader = reader
        self._clock = clock
        self._ids = ids
        self._default_namespace = default_namespace
        self._executions: dict[RunId, Execution] = {}

    @property
    def cluster_info(self) -> ClusterInfo:
        """The cluster every call goes to."""
        return self._cluster.info

    @property
    def default_namespace(self) -> str:
        """Where commands act when no namespace is given."""
        return self._default_namespace

    async def propose(self, action: str, params: Mapping[str, Any], actor: Actor, *, reason: str = "") -> Run:
        """Validate, plan, decide; nothing changes."""
        plan = await self._plan(action, self._validated(action, params))
        plan = msgspec.structs.replace(plan, decision=_decision(plan))
        run = Run(id=self._ids.new(), plan=plan, state=RunState.PROPOSED, actor=actor, reason=reason)
        self._executions[run.id] = Execution(run, self._clock)
        return run

    async def decide(self, run: RunId, vote: Vote, actor: Actor) -> Run:
        """Record a vote; a denial ends the run. Raises UsageError where the digest is of another plan."""
        execution = self._found(run)
        snapshot = execution.run
        if snapshot.state is not RunState.PROPOSED:
            raise UsageError(f"run {snapshot.id} is {snapshot.state} already; it takes no more votes")
        if len(vote.digest) < 12 or not snapshot.plan.digest.startswith(vote.digest):
            raise UsageError(
                f"the vote is on digest {vote.digest[:12]}, the plan's is {snapshot.plan.digest[:12]}",
                hint="look at the plan again and vote on its digest",
            )
        approval = Approval(actor=actor, vote=vote, at=self._clock.now())
        execution.run = msgspec.structs.replace(snapshot, approvals=(*snapshot.approvals, approval))
        if vote.verdict == "deny":
            await execution.end(RunState.DENIED, outcome=f"denied by {actor.name}")
        return execution.run

    async def start(self, run: RunId, actor: Actor) -> Run:
        """Plan again, compare, and execute in the background."""
        execution = self._found(run)
        snapshot = execution.run
        if snapshot.state is RunState.DENIED:
            raise DeniedError(f"run {snapshot.id} was denied", hint="propose it again")
        if snapshot.state is not RunState.PROPOSED:
            raise UsageError(f"run {snapshot.id} is {snapshot.state}; only a proposed run can be started")
        if snapshot.plan.blockers:
            first = snapshot.plan.blockers[0]
            raise BlockedError(first.text, hint=f"{first.override} overrides it" if first.override else "")
        if self._clock.now() > snapshot.plan.expires_at:
            await execution.end(RunState.EXPIRED, outcome="the plan expired before it was started")
            raise DeniedError(f"the plan of run {snapshot.id} has expired", hint="plan again")
        params = load_params(spec_of(snapshot.plan.action)).model_validate(snapshot.plan.params)
        differences = drift_between(snapshot.plan, await self._plan(snapshot.plan.action, params))
        if differences:
            await execution.end(RunState.VOID, outcome=f"void: {differences[0]}")
            raise DriftedError(
                f"the cluster has changed since the plan was made: {'; '.join(differences)}",
                hint="look at a new plan: run the command again",
            )
        await execution.begin(load_action(spec_of(snapshot.plan.action)), self._cluster)
        return execution.run

    async def cancel(self, run: RunId, actor: Actor, why: str) -> Run:
        """Stop the run; it tells what was done and what was not."""
        execution = self._found(run)
        await execution.cancel(f"{actor.name}: {why}" if why else actor.name)
        return execution.run

    async def get_run(self, run: RunId) -> Run:
        """A run as it stands."""
        return self._found(run).run

    def watch(self, run: RunId, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Its events, from any number on, until it ends."""
        return self._found(run).follow(after)

    async def whoami(self) -> Identity:
        """Who the cluster says we are."""
        return await self._reader.whoami()

    async def table(self, query: TableQuery) -> Table:
        """A one-shot table."""
        return await self._reader.table(query)

    async def rows(self, query: TableQuery) -> LiveRows:
        """A live table."""
        return await self._reader.rows(query)

    async def object(self, kind: str, name: str, namespace: str = "") -> JsonObject:
        """One whole object; a namespaced kind without a namespace means the default one."""
        resource = await self._reader.resource(kind)
        where = (namespace or self._default_namespace) if resource.namespaced else ""
        return await self._reader.get(resource, name, where)

    async def objects(self, query: TableQuery) -> AsyncGenerator[JsonObject, None]:
        """Whole objects, as they are listed."""
        resource = await self._reader.resource(query.kind)
        selector = query.field_selector or (f"metadata.name={query.name}" if query.name else "")
        namespace = query.namespace if resource.namespaced else ""
        async for found in self._reader.list(
            resource, namespace, label_selector=query.label_selector, field_selector=selector
        ):
            yield found

    async def aclose(self) -> None:
        """Cancel what still runs and wait until each has said where it stopped."""
        going = [execution for execution in self._executions.values() if execution.going]
        await asyncio.gather(*(execution.cancel("the program is closing") for execution in going))

    def _validated(self, action: str, values: Mapping[str, Any]) -> Params:
        params_class = load_params(spec_of(action))
        given = dict(values)
        if "namespace" in params_class.model_fields and not given.get("namespace"):
            given["namespace"] = self._default_namespace
        try:
            return params_class.model_validate(given)
        except ValidationError as error:
            raise usage_error(action, error) from error

    async def _plan(self, action: str, params: Params) -> Plan:
        return await load_action(spec_of(action)).plan(params, self._reader, self._clock)

    def _found(self, run: RunId) -> Execution:
        if run in self._executions:
            return self._executions[run]
        matches = [
            id_ for id_ in self._executions if len(run) >= PREFIX_LENGTH and id_.startswith(run.upper())
        ]
        if len(matches) == 1:
            return self._executions[matches[0]]
        if matches:
            raise UsageError(f"{run!r} begins {len(matches)} runs", hint="give more characters of the id")
        raise UsageError(f"there is no run {run!r} in this process")


def usage_error(action: str, error: ValidationError) -> UsageError:
    """The first thing wrong with the input, as one sentence that names the flag but not the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return UsageError(f"{action}: {text}", hint=f"`k8sops {action} --help` shows how")
    flag = str(first["loc"][0])
    return UsageError(
        f"{action}: {flag.replace('_', '-')} {_lowered(text)}", hint=f"`k8sops {action} --help` shows how"
    )


def _lowered(text: str) -> str:
    return (text[:1].lower() + text[1:]).replace("input should", "should")


def _decision(plan: Plan) -> Decision:
    if plan.blockers:
        return Decision(effect="deny", why="the plan has blockers")
    if plan.risk is Risk.READ:
        return Decision(effect="allow", why="nothing changes")
    return Decision(
        effect="confirm", why="no policy is configured: every change is confirmed by who asks for it"
    )
