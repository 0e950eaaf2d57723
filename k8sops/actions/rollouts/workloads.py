"""What the actions on rollouts share: which workloads, how a template is written, and how it is waited for."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from typing import Any

from k8sops.actions.choosing import Chosen, ChosenParams, chosen
from k8sops.actions.locked_patch import patch_locked
from k8sops.actions.rollouts.following import follow
from k8sops.actions.rollouts.progress import KINDS, replaces_by_itself
from k8sops.actions.rollouts.templates import template_hash
from k8sops.actions.together import write_and_wait
from k8sops.core.errors import UsageError
from k8sops.core.events import Emit
from k8sops.core.journal import Journal
from k8sops.core.params import Seconds, option
from k8sops.core.plan import Finding, JsonObject, Plan, Requirement, Step
from k8sops.core.ports import Cluster, ClusterReader

TEMPLATE = "spec.template (sha256)"
"""The fact that says which pod template a workload has."""


class WorkloadParams(ChosenParams):
    """Which workloads, and whether to wait for them."""

    no_wait: bool = option("Do not wait until the rollout is complete.", default=False)
    timeout: Seconds = option(
        "How long to wait for each rollout, as in 90s or 5m.",
        metavar="DURATION",
        default=600,
        ge=1,
        le=86_400,
    )


async def workloads(params: ChosenParams, cluster: ClusterReader, doing: str) -> list[Chosen]:
    """The chosen Deployments, StatefulSets and DaemonSets. Raises UsageError for other kinds."""
    found = await chosen(params, cluster, doing)
    for one in found:
        if one.resource.qualified not in KINDS:
            raise UsageError(
                f"{one.target.label} has no rollouts; nothing was {doing}",
                hint="name deployments, statefulsets or daemonsets",
            )
    return found


def requirement(one: Chosen) -> Requirement:
    """The template the plan rests on."""
    return Requirement(target=one.target, fact=TEMPLATE, value=template_hash(one.object))


def hindrances(one: Chosen) -> list[Finding]:
    """Why a new template would not be rolled out, or how it would hurt."""
    label = one.target.label
    spec: dict[str, Any] = one.object["spec"]
    found = []
    if spec.get("paused"):
        found.append(
            Finding(
                level="blocker",
                code="paused",
                text=f"{label} is paused: `k8sops rollout resume {one.argument} -n {one.target.namespace}` first",
                subjects=(label,),
            )
        )
    if not replaces_by_itself(one.object):
        text = f"{label} is updated OnDelete: its pods keep the old template until somebody deletes them"
        found.append(Finding(level="warning", code="on_delete", text=text, subjects=(label,)))
    if (spec.get("strategy") or {}).get("type") == "Recreate" and spec.get("replicas", 1):
        text = f"{label} is updated by Recreate: all its pods end before the first new one starts"
        found.append(Finding(level="warning", code="recreate", text=text, subjects=(label,)))
    elif spec.get("replicas", 2) == 1 and one.resource.qualified == "statefulsets.apps":
        text = f"{label} has one pod, which ends before the new one starts"
        found.append(Finding(level="warning", code="singleton", text=text, subjects=(label,)))
    if owner := next(
        (o for o in one.object["metadata"].get("ownerReferences") or [] if o.get("controller")), None
    ):
        text = f"{label} belongs to {owner['kind']} {owner['name']}, which may take the change back"
        found.append(Finding(level="warning", code="owned", text=text, subjects=(label,)))
    return found


async def write_template(
    cluster: Cluster, step: Step, body: JsonObject, *, stands: Callable[[JsonObject], bool], done: str
) -> str:
    """Patch the pod template strategically; `stands` says of a fresh read whether that has been done.

    Raises DriftedError where the template is neither the planned one nor the new one.
    """
    resource = await cluster.resource(step.target.kind)

    def facts(found: JsonObject) -> JsonObject:
        if stands(found):
            return step.after
        present = template_hash(found)
        return step.before if step.before.get(TEMPLATE) == present else {TEMPLATE: present}

    return await patch_locked(
        cluster,
        resource,
        step,
        facts=facts,
        body=lambda _: {**body},
        done=done,
        patch_type="strategic",
    )


async def roll_out(
    plan: Plan, cluster: Cluster, journal: Journal, write: Callable[[Step], Awaitable[str]], *, wave: int = 0
) -> None:
    """Write every step's template, `wave` workloads at a time (0: all), each wave complete before the next."""
    params: Any = plan.params

    async def wait(step: Step, emit: Emit) -> str:
        resource = await cluster.resource(step.target.kind)
        await follow(cluster, resource, step, timeout_s=params["timeout"], emit=emit, clock=journal.clock)
        return f"the rollout of {step.target.label} is complete"

    await write_and_wait(plan, journal, write, wait, waits=lambda _: not params["no_wait"], wave=wave)


def back(action: str, one: Chosen, params: JsonObject, *arguments: str) -> JsonObject:
    """The undo of a step: the action, its Params and its command line."""
    namespace = one.target.namespace
    return {
        "action": action,
        "params": {"targets": [one.argument], "namespace": namespace, **params},
        "command": shlex.join(["k8sops", *action.split("-", 1), one.argument, *arguments, "-n", namespace])
        if action.startswith("rollout-")
        else shlex.join(["k8sops", action, one.argument, *arguments, "-n", namespace]),
    }


def pods_of(one: Chosen) -> int:
    """How many pods it runs."""
    status: dict[str, Any] = one.object.get("status") or {}
    return int(status.get("replicas") or status.get("currentNumberScheduled") or 0)
