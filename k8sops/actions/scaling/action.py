"""Scale: set replicas through the scale subresource and wait until they are ready; each target has its own result.

The plan rests on each object's uid and its present values; the resourceVersion of a fresh read is only the lock of the
write. The wait watches the object, ends at a deadline, and says when something else changes the replicas back.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Final

from k8sops.actions.choosing import matches_nothing, named_places, selected
from k8sops.actions.planning import make_plan, no_change, resting_on
from k8sops.actions.rollout_wait import wait_until_ready
from k8sops.actions.scaling.goals import (
    REPLICAS,
    as_exactly,
    replicas_step,
    write_fields,
    write_replicas,
)
from k8sops.actions.scaling.ordinals import blocking_ordinal
from k8sops.actions.scaling.owners import Autoscalers, answer, autoscalers_in, other_owners
from k8sops.actions.scaling.params import ScaleParams, wanted_replicas
from k8sops.actions.scaling.room import Growth, Rooms
from k8sops.actions.scaling.whole import exact_steps, stopping_steps
from k8sops.actions.together import write_and_wait
from k8sops.core.clock import Clock
from k8sops.core.errors import NotFoundError, UsageError
from k8sops.core.events import Emit
from k8sops.core.journal import Journal
from k8sops.core.plan import Finding, Forecast, JsonObject, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader, Resource, ScaleView
from k8sops.core.text import counted

STEEP_FACTOR: Final = 3


class _Draft:
    """A plan in the making."""

    def __init__(self, params: ScaleParams, cluster: ClusterReader) -> None:
        self.params = params
        self.cluster = cluster
        # What is brought back may have been pending before too: that is then how it was.
        self.rooms = Rooms(cluster, allow_pending=params.allow_pending or bool(params.exactly))
        self.steps: list[Step] = []
        self.findings: list[Finding] = []
        self.pods_now = 0
        self.pods_after = 0
        self._autoscalers: dict[str, Autoscalers] = {}

    async def autoscalers(self, namespace: str) -> Autoscalers:
        if namespace not in self._autoscalers:
            self._autoscalers[namespace] = await autoscalers_in(self.cluster, namespace)
            if unread := self._autoscalers[namespace].unread:
                kinds = f"{', '.join(unread)} in {namespace}"
                text = f"{kinds} may not be read: whether one owns the replicas is not known"
                self.findings.append(Finding(level="note", code="autoscaler_unknown", text=text))
        return self._autoscalers[namespace]

    async def scale(self, resource: Resource, scale: ScaleView, wanted: int) -> None:
        """One workload to a number."""
        label = _label(resource, scale)
        if scale.spec_replicas == wanted:
            self.findings.append(no_change(f"{label} has {counted(wanted, 'replica')} already", label))
            return
        owner = (await self.autoscalers(scale.namespace)).of(resource, scale.name)
        if owner is not None:
            steps, findings = answer(owner, label, scale.spec_replicas, wanted, self.params.autoscaler)
            self.steps += steps
            self.findings += findings
        await self.replicas(resource, scale, replicas_step(resource, scale, wanted))

    async def replicas(self, resource: Resource, scale: ScaleView, step: Step) -> None:
        """A step that sets replicas, with what there is to know about it."""
        wanted = int(step.after[REPLICAS])
        workload = await self.cluster.get(resource, scale.name, scale.namespace)
        label = _label(resource, scale)
        self.findings += _findings(label, scale, wanted)
        self.findings += other_owners(workload, label)
        if resource.qualified == "statefulsets.apps":
            self.findings += await blocking_ordinal(self.cluster, workload)
        more = wanted - scale.spec_replicas
        self.findings += await self.rooms.findings(Growth(label=label, workload=workload, more=more))
        self.pods_now += scale.status_replicas
        self.pods_after += wanted
        self.steps.append(step)


class Scale:
    """Sets the replicas of workloads."""

    name: ClassVar[str] = "scale"
    version: ClassVar[int] = 1

    async def plan(self, params: ScaleParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Scaling up is low risk, down is disruptive: it ends pods that run. Raises NotFoundError, UsageError."""
        draft = _Draft(params, cluster)
        if params.restore:
            raise UsageError(
                "--restore takes a run that this store has", hint="`k8sops runs list` shows them"
            )
        if params.to_zero:
            await _to_zero(draft)
        elif params.exactly:
            await _exactly(draft)
        else:
            for resource, scale in await _chosen(params, cluster):
                wanted = wanted_replicas(params.replicas or 0, scale.spec_replicas)
                await draft.scale(resource, scale, wanted)
        steps = as_exactly(draft.steps)
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(params, draft),
            steps=steps,
            findings=draft.findings,
            requires=resting_on(steps),
            blast_radius={"pods_now": draft.pods_now, "pods_after": draft.pods_after},
            forecast=Forecast(limited_by="how fast pods start or end"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write every step and wait for its replicas; one that fails leaves the others their own result.

        Raises the error of an only step, else PartialError listing what was done and what was not.
        """
        timeout_s = ScaleParams.model_validate(plan.params).timeout

        async def wait(step: Step, emit: Emit) -> str:
            wanted = int(step.after[REPLICAS])
            await wait_until_ready(
                cluster,
                await cluster.resource(step.target.kind),
                step,
                wanted=wanted,
                timeout_s=timeout_s,
                emit=emit,
                clock=journal.clock,
            )
            label = step.target.label
            return f"{label}: {counted(wanted, 'replica')} ready" if wanted else f"{label} runs nothing now"

        await write_and_wait(
            plan, journal, partial(_write, cluster), wait, waits=lambda step: REPLICAS in step.after
        )


async def _write(cluster: Cluster, step: Step) -> str:
    return await (write_replicas if REPLICAS in step.after else write_fields)(cluster, step)


async def _chosen(params: ScaleParams, cluster: ClusterReader) -> list[tuple[Resource, ScaleView]]:
    """The workloads that are meant. Raises NotFoundError naming all that are missing."""
    if params.selector:
        places = await _matching(params, cluster)
    else:
        places = await named_places(params.targets, params.namespace, cluster)
    found, missing = [], []
    for resource, name, place in places:
        try:
            found.append((resource, await cluster.scale_of(resource, name, place)))
        except NotFoundError as error:
            missing.append(error)
    if missing:
        if len(params.targets) == 1:
            raise missing[0]
        names = [error.message.removesuffix(" does not exist") for error in missing]
        raise NotFoundError(f"there is no {' and no '.join(names)}; nothing was scaled", hint=missing[0].hint)
    return found


async def _matching(params: ScaleParams, cluster: ClusterReader) -> list[tuple[Resource, str, str]]:
    """What the selector means. Raises UsageError where that is nothing."""
    resources = [await cluster.resource(kind) for kind in dict.fromkeys(params.targets)]
    found = [
        (resource, str(one["metadata"]["name"]), params.namespace)
        for resource in resources
        for one in await selected(cluster, resource, params.namespace, params.selector)
    ]
    if not found:
        kinds = [resource.kind.lower() for resource in resources]
        raise matches_nothing(kinds, params.namespace, params.selector)
    return found


async def _to_zero(draft: _Draft) -> None:
    params = draft.params
    steps, findings = await stopping_steps(
        draft.cluster, params.namespace, await draft.autoscalers(params.namespace)
    )
    draft.findings += findings
    for step in steps:
        if REPLICAS not in step.after:
            draft.steps.append(step)
            continue
        draft.pods_now += int(step.before[REPLICAS])
        draft.steps.append(step)
    if steps:
        text = f"namespace {params.namespace} will run nothing that can be scaled: what it serves is down"
        finding = Finding(level="warning", code="to_zero", text=text, subjects=(params.namespace,))
        draft.findings.append(finding)


async def _exactly(draft: _Draft) -> None:
    params = draft.params
    steps, findings = await exact_steps(draft.cluster, params.namespace, params.exactly)
    draft.findings += findings
    # Replicas first: an autoscaler that wakes up before them would start from nothing.
    for step, found in sorted(steps, key=lambda pair: REPLICAS not in pair[0].after):
        if REPLICAS not in step.after:
            draft.steps.append(step)
            continue
        resource = await draft.cluster.resource(step.target.kind)
        await draft.replicas(resource, _view(found, step), step)


def _view(found: JsonObject, step: Step) -> ScaleView:
    status: dict[str, Any] = found.get("status") or {}
    target = step.target
    return ScaleView(
        name=target.name,
        namespace=target.namespace,
        uid=target.uid,
        resource_version=str(found["metadata"]["resourceVersion"]),
        spec_replicas=int(step.before[REPLICAS]),
        status_replicas=int(status.get("replicas") or 0),
    )


def _findings(label: str, scale: ScaleView, replicas: int) -> list[Finding]:
    subject = (label,)
    findings = []
    if replicas == 0:
        text = f"{label} will run nothing: what it serves is down until it is scaled up again"
        findings.append(Finding(level="warning", code="to_zero", text=text, subjects=subject))
    elif replicas > STEEP_FACTOR * scale.spec_replicas > 0:
        text = f"{label} grows more than {STEEP_FACTOR}-fold, from {scale.spec_replicas} to {replicas}"
        findings.append(Finding(level="warning", code="steep", text=text, subjects=subject))
    if scale.status_replicas != scale.spec_replicas:
        text = (
            f"{label} is not settled: "
            f"{counted(scale.status_replicas, 'pod exists', 'pods exist')}, {scale.spec_replicas} are wanted"
        )
        findings.append(Finding(level="note", code="unsettled", text=text, subjects=subject))
    return findings


def _summary(params: ScaleParams, draft: _Draft) -> str:
    scaled = [step for step in draft.steps if REPLICAS in step.after]
    others = len(draft.steps) - len(scaled)
    if not draft.steps:
        told = next(
            (one.text for one in draft.findings if one.code == "no_change"), "all is as wanted already"
        )
        several = sum(one.code == "no_change" for one in draft.findings) > 1
        return "Nothing to do: all is as wanted already." if several else f"Nothing to do: {told}."
    more = f"; {counted(others, 'other object')} changed with them" if others else ""
    if params.to_zero:
        return f"Outage: namespace {params.namespace}: {len(scaled)} workloads go to zero{more}."
    if len(scaled) != 1:
        falling = sum(step.after[REPLICAS] < step.before[REPLICAS] for step in scaled)
        verdict = "Disruptive" if falling else "Safe"
        present = sum(step.before[REPLICAS] for step in scaled)
        change = f"from {present} to {counted(sum(step.after[REPLICAS] for step in scaled), 'replica')}"
        return f"{verdict}: {len(scaled)} workloads, together {change}{more}."
    return f"{_one_summary(scaled[0]).removesuffix('.')}{more}."


def _one_summary(step: Step) -> str:
    target, present, replicas = step.target, step.before[REPLICAS], step.after[REPLICAS]
    kind = target.kind.split(".", 1)[0].removesuffix("s")
    change = f"{kind} {target.namespace}/{target.name} goes from {present} to {counted(replicas, 'replica')}"
    if replicas == 0:
        return f"Outage: {change}; nothing of it runs afterwards."
    if replicas < present:
        ending = present - replicas
        return f"Disruptive: {change}; {'1 pod ends' if ending == 1 else f'{ending} pods end'}."
    return f"Safe: {change}; no running pod is touched."


def _label(resource: Resource, scale: ScaleView) -> str:
    return f"{resource.kind.lower()} {scale.namespace}/{scale.name}"
