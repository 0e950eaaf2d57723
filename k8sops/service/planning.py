"""From what was asked for to a plan with policy's decision on it: the same for a person, a preview and a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.params import Params
from k8sops.core.plan import Plan
from k8sops.core.ports import ClusterReader
from k8sops.engine.replanning import plan_again
from k8sops.service.action_book import RegistryBook
from k8sops.service.clusters import OWN
from k8sops.service.rules import PolicyRules


class Planner:
    """Plans on one cluster."""

    def __init__(
        self,
        reader: ClusterReader,
        rules: PolicyRules,
        actions: RegistryBook,
        *,
        clock: Clock,
        default_namespace: str,
        emergency: bool = False,
        pool_labels: Sequence[str] = (),
    ) -> None:
        self._reader = reader
        self._rules = rules
        self._actions = actions
        self._clock = clock
        self._default_namespace = default_namespace
        self._emergency = emergency
        self._pool_labels = tuple(pool_labels)

    async def planned(
        self, action: str, values: Mapping[str, Any], actor: Actor, *, schedule: str = ""
    ) -> Plan:
        """Validate, plan, ask policy. Raises UsageError and what planning raises; changes nothing."""
        params = self.validated(action, values)
        plan = await self._actions.load(action).plan(params, self._reader, self._clock)
        # In an emergency no worker is in reach, who alone could act as somebody else.
        named = "" if self._emergency else self._rules.execute_as(plan, actor, schedule=schedule)
        execute_as = named or f"{OWN}{actor.name}"
        plan = msgspec.structs.replace(plan, execute_as=execute_as)
        return self.decided(plan, actor, schedule=schedule)

    async def again(self, plan: Plan) -> Plan:
        """The same asked for once more, on the cluster as it is now, without a decision.

        What is gone is left out, with a note. Raises DriftedError where nothing is left.
        """
        return (await plan_again(self._actions, plan, self._reader, self._clock)).plan

    def decided(self, plan: Plan, actor: Actor, *, schedule: str = "") -> Plan:
        """The plan with what policy says of it."""
        decision = self._rules.decide(plan, actor, schedule=schedule, emergency=self._emergency)
        return msgspec.structs.replace(plan, decision=decision)

    def validated(self, action: str, values: Mapping[str, Any]) -> Params:
        """Params, with the configuration's namespace and pool labels where none are given. Raises UsageError.

        What the configuration adds becomes part of the Params: approvers see it, carriers plan by it.
        """
        given = dict(values)
        fields = self._actions.fields(action)
        if "namespace" in fields and not given.get("namespace"):
            given["namespace"] = self._default_namespace
        if "pool_label" in fields and given.get("pool") and not given.get("pool_label"):
            given["pool_label"] = self._pool_labels
        return self._actions.params(action, given)
