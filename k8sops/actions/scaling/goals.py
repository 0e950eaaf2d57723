"""One change of a scale: the replicas of a workload, or a few fields of what would otherwise undo it.

A goal is planned into a step and written from that step alone, so that a run taken over needs no more than its plan.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from k8sops.actions.locked_patch import patch_locked
from k8sops.core.errors import ConflictError, DriftedError
from k8sops.core.plan import JsonObject, Step, Target
from k8sops.core.ports import Cluster, Resource, ScaleView
from k8sops.core.risk import Risk
from k8sops.core.text import counted

CONFLICT_TRIES: Final = 5
REPLICAS: Final = "spec.replicas"
PAUSED: Final = "autoscaling.keda.sh/paused"
PAUSED_REPLICAS: Final = "autoscaling.keda.sh/paused-replicas"

FIELDS: Final[Mapping[str, tuple[tuple[str, ...], Any]]] = {
    "spec.minReplicas": (("spec", "minReplicas"), 1),
    "spec.maxReplicas": (("spec", "maxReplicas"), 1),
    "spec.minReplicaCount": (("spec", "minReplicaCount"), 0),
    "spec.maxReplicaCount": (("spec", "maxReplicaCount"), 100),
    "spec.suspend": (("spec", "suspend"), False),
    PAUSED: (("metadata", "annotations", PAUSED), None),
    PAUSED_REPLICAS: (("metadata", "annotations", PAUSED_REPLICAS), None),
}
"""Where each fact stands in its object, and what the API takes where it is not given."""


def field_of(found: JsonObject, fact: str) -> Any:
    """A fact's value, or its default."""
    path, default = FIELDS[fact]
    value: Any = found
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return default if value is None else value


def target_of(resource: Resource, found: JsonObject) -> Target:
    """What a step names."""
    metadata: dict[str, Any] = found["metadata"]
    return Target(
        kind=resource.qualified,
        name=str(metadata["name"]),
        namespace=str(metadata.get("namespace", "")),
        uid=str(metadata["uid"]),
    )


def replicas_step(resource: Resource, scale: ScaleView, replicas: int) -> Step:
    """Set the replicas of one workload."""
    target = Target(kind=resource.qualified, name=scale.name, namespace=scale.namespace, uid=scale.uid)
    goal = f"{resource.plural}/{scale.name}"
    going_down = replicas < scale.spec_replicas
    command = ["k8sops", "scale", goal, "--replicas", str(scale.spec_replicas), "-n", scale.namespace]
    return Step(
        id=f"scale/{resource.qualified}:{scale.namespace}.{scale.name}",
        verb="scale",
        target=target,
        why="fewer replicas were asked for; pods end" if going_down else "more replicas were asked for",
        before={REPLICAS: scale.spec_replicas},
        after={REPLICAS: replicas},
        risk=Risk.DISRUPTIVE if going_down else Risk.LOW,
        undo={
            "action": "scale",
            "params": {
                "targets": [goal],
                "namespace": scale.namespace,
                "replicas": scale.spec_replicas,
                "allow_pending": True,
            },
            "command": shlex.join(command),
        },
    )


def fields_step(
    verb: str, why: str, resource: Resource, found: JsonObject, after: JsonObject, *, recorded: str
) -> Step:
    """Set a few fields; `recorded` is how `--exactly` would write what they are now."""
    target = target_of(resource, found)
    entry = f"{resource.qualified}/{target.name}={recorded}"
    return Step(
        id=f"{verb}/{resource.qualified}:{target.namespace}.{target.name}",
        verb=verb,
        target=target,
        why=why,
        before={fact: field_of(found, fact) for fact in after},
        after=after,
        risk=Risk.LOW,
        undo={
            "action": "scale",
            "params": {"exactly": [entry], "namespace": target.namespace},
            "command": shlex.join(["k8sops", "scale", "--exactly", entry, "-n", target.namespace]),
        },
    )


def as_exactly(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same steps with undos of one form, so that one run takes all of them back, each to its own value."""
    if len(steps) < 2:
        return tuple(steps)
    return tuple(_exactly(step) for step in steps)


def _exactly(step: Step) -> Step:
    if REPLICAS not in step.before or step.undo is None:
        return step
    entry = f"{step.target.kind}/{step.target.name}={step.before[REPLICAS]}"
    params = {"exactly": [entry], "namespace": step.target.namespace}
    return replace(step, undo={**step.undo, "params": params})


async def write_fields(cluster: Cluster, step: Step) -> str:
    """Write a step of `fields_step`. Raises DriftedError, ConflictError."""
    facts = tuple(step.after)

    def body(_: JsonObject) -> JsonObject:
        asked: JsonObject = {}
        for fact in facts:
            path, _default = FIELDS[fact]
            inner = asked
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = step.after[fact]
        return asked

    return await patch_locked(
        cluster,
        await cluster.resource(step.target.kind),
        step,
        facts=lambda found: {fact: field_of(found, fact) for fact in facts},
        body=body,
        done=f"{step.target.label}: {', '.join(f'{fact} is {_said(step.after[fact])}' for fact in facts)}",
    )


def _said(value: Any) -> str:
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)


async def write_replicas(cluster: Cluster, step: Step) -> str:
    """Write a step of `replicas_step` through the scale subresource. Raises DriftedError, ConflictError."""
    label, replicas = step.target.label, int(step.after[REPLICAS])
    resource = await cluster.resource(step.target.kind)
    for _ in range(CONFLICT_TRIES):
        scale = await cluster.scale_of(resource, step.target.name, step.target.namespace)
        if scale.uid != step.target.uid:
            raise DriftedError(
                f"{label} was deleted and made again since the plan was made", hint="plan again"
            )
        if scale.spec_replicas == replicas:
            return f"{label} is set to {counted(replicas, 'replica')}"
        if scale.spec_replicas != step.before[REPLICAS]:
            raise DriftedError(
                f"{label} now has {counted(scale.spec_replicas, 'replica')}, "
                f"not the {step.before[REPLICAS]} the plan rests on",
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
        return f"{label} is set to {counted(replicas, 'replica')}"
    raise ConflictError(
        f"{label} was changed by others {CONFLICT_TRIES} times in a row while being scaled",
        hint="run the command again",
    )
