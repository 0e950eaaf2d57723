"""Scale: set `spec.replicas` through the scale subresource and wait until the replicas are ready.

The plan rests on the object's uid and its present replicas; the resourceVersion of a fresh read is only the lock of
the write. The wait watches the object, ends at a deadline, and says when something else changes the replicas back.
"""

from __future__ import annotations

import shlex
from typing import ClassVar, Final

from k8sops.actions.planning import make_plan, walk_steps
from k8sops.actions.rollout_wait import wait_until_ready
from k8sops.actions.workload import parse_target
from k8sops.core.clock import Clock
from k8sops.core.errors import ConflictError, DriftedError
from k8sops.core.journal import Journal
from k8sops.core.params import ObjectName, Params, PlainText, Seconds, option, positional
from k8sops.core.plan import Finding, Forecast, Plan, Requirement, Step, Target
from k8sops.core.ports import Cluster, ClusterReader, Resource, ScaleView
from k8sops.core.risk import Risk

CONFLICT_TRIES: Final = 5
STEEP_FACTOR: Final = 3


class ScaleParams(Params):
    """What to scale, and to how many."""

    target: PlainText = positional("The workload, as KIND/NAME.", metavar="KIND/NAME")
    replicas: int = option("How many replicas to run.", ge=0, le=2**31 - 1, metavar="N")
    namespace: ObjectName = option("Where the workload is.", default="default")
    timeout: Seconds = option(
        "How long to wait for the replicas to be ready, as in 90s or 5m.",
        metavar="DURATION",
        default=300,
        ge=1,
        le=86_400,
    )


class Scale:
    """Sets the replicas of one workload."""

    name: ClassVar[str] = "scale"
    version: ClassVar[int] = 1

    async def plan(self, params: ScaleParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read the scale subresource; scaling up is low risk, down is disruptive: it ends pods that run."""
        kind, name = parse_target(params.target)
        resource = await cluster.resource(kind)
        scale = await cluster.scale_of(resource, name, params.namespace)
        target = Target(kind=resource.qualified, name=scale.name, namespace=scale.namespace, uid=scale.uid)
        if scale.spec_replicas == params.replicas:
            return make_plan(
                self,
                params,
                cluster.info,
                clock,
                summary=f"Nothing to do: {_label(resource, scale)} has {_counted(params.replicas)} already.",
                steps=(),
            )
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(resource, scale, params.replicas),
            steps=[_step(resource, scale, target, params.replicas)],
            findings=_findings(resource, scale, params.replicas),
            requires=[Requirement(target=target, fact="spec.replicas", value=scale.spec_replicas)],
            blast_radius={"pods_now": scale.status_replicas, "pods_after": params.replicas},
            forecast=Forecast(limited_by="how fast pods start or end"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write the replicas, then wait for them. Raises DriftedError, OverruledError, WaitError."""
        params = ScaleParams.model_validate(plan.params)
        resource = await cluster.resource(parse_target(params.target)[0])

        async def set_replicas(step: Step) -> str:
            return await _write(cluster, resource, step, params.replicas)

        await walk_steps(plan, journal, set_replicas)
        for step in plan.steps:
            await wait_until_ready(
                cluster,
                resource,
                step,
                wanted=params.replicas,
                timeout_s=params.timeout,
                emit=journal.tell,
                clock=journal.clock,
            )


async def _write(cluster: Cluster, resource: Resource, step: Step, replicas: int) -> str:
    label = step.target.label
    for _ in range(CONFLICT_TRIES):
        scale = await cluster.scale_of(resource, step.target.name, step.target.namespace)
        if scale.uid != step.target.uid:
            raise DriftedError(
                f"{label} was deleted and made again since the plan was made", hint="plan again"
            )
        if scale.spec_replicas == replicas:
            return f"{label} is set to {_counted(replicas)}"
        if scale.spec_replicas != step.before["spec.replicas"]:
            raise DriftedError(
                f"{label} now has {_counted(scale.spec_replicas)}, not the "
                f"{step.before['spec.replicas']} the plan rests on",
                hint="plan again",
            )
        try:
            await cluster.set_scale(
                resource,
                step.target.name,
                step.target.namespace,
                replicas=replicas,
                uid=scale.uid,
                resource_version=scale.resource_version,
            )
        except ConflictError:
            # A status write moved the resourceVersion; only a changed spec is drift, and the next read tells.
            continue
        return f"{label} is set to {_counted(replicas)}"
    raise ConflictError(
        f"{label} was changed by others {CONFLICT_TRIES} times in a row while being scaled",
        hint="run the command again",
    )


def _step(resource: Resource, scale: ScaleView, target: Target, replicas: int) -> Step:
    goal = f"{resource.plural}/{scale.name}"
    going_down = replicas < scale.spec_replicas
    why = "fewer replicas were asked for; pods end" if going_down else "more replicas were asked for"
    return Step(
        id=f"scale/{resource.qualified}:{scale.namespace}.{scale.name}",
        verb="scale",
        target=target,
        why=why,
        before={"spec.replicas": scale.spec_replicas},
        after={"spec.replicas": replicas},
        risk=Risk.DISRUPTIVE if going_down else Risk.LOW,
        undo={
            "action": "scale",
            "params": {"target": goal, "namespace": scale.namespace, "replicas": scale.spec_replicas},
            "command": shlex.join(
                ["k8sops", "scale", goal, "--replicas", str(scale.spec_replicas), "-n", scale.namespace]
            ),
        },
    )


def _findings(resource: Resource, scale: ScaleView, replicas: int) -> list[Finding]:
    subject = (_label(resource, scale),)
    findings = []
    if replicas == 0:
        text = f"{subject[0]} will run nothing: what it serves is down until it is scaled up again"
        findings.append(Finding(level="warning", code="to_zero", text=text, subjects=subject))
    elif replicas > STEEP_FACTOR * scale.spec_replicas > 0:
        text = f"{subject[0]} grows more than {STEEP_FACTOR}-fold, from {scale.spec_replicas} to {replicas}"
        findings.append(Finding(level="warning", code="steep", text=text, subjects=subject))
    if scale.status_replicas != scale.spec_replicas:
        text = f"{subject[0]} is not settled: {scale.status_replicas} pods exist, {scale.spec_replicas} are wanted"
        findings.append(Finding(level="note", code="unsettled", text=text, subjects=subject))
    return findings


def _summary(resource: Resource, scale: ScaleView, replicas: int) -> str:
    change = f"{_label(resource, scale)} goes from {scale.spec_replicas} to {_counted(replicas)}"
    if replicas == 0:
        return f"Outage: {change}; nothing of it runs afterwards."
    if replicas < scale.spec_replicas:
        ending = scale.spec_replicas - replicas
        return f"Disruptive: {change}; {'1 pod ends' if ending == 1 else f'{ending} pods end'}."
    return f"Safe: {change}; no running pod is touched."


def _label(resource: Resource, scale: ScaleView) -> str:
    return f"{resource.kind.lower()} {scale.namespace}/{scale.name}"


def _counted(replicas: int) -> str:
    return "1 replica" if replicas == 1 else f"{replicas} replicas"
